//! ExpG-IF in burn's autodiff graph.

use super::{ExpGIfGrad, ExpGIfOps, ExpGIfParams, THETA_MIN};
use burn::backend::{
    Autodiff, Backend, TensorMetadata,
    autodiff::{
        checkpoint::{base::Checkpointer, strategy::CheckpointStrategy},
        grads::Gradients,
        ops::{Backward, Ops, OpsKind},
    },
    tensor::FloatTensor,
};
use burn::tensor::Shape;

#[derive(Debug)]
struct ExpGIf;

impl<B: ExpGIfGrad> Backward<B, 2> for ExpGIf {
    type State = (FloatTensor<B>, FloatTensor<B>, ExpGIfParams);

    fn backward(
        self,
        ops: Ops<Self::State, 2>,
        grads: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let (z, theta, p) = ops.state;
        let grad = grads.consume::<B>(&ops.node);
        let (z_grad, theta_grad) = B::exp_g_if_backward(z, theta, grad, p);
        for (parent, grad) in ops.parents.into_iter().zip([z_grad, theta_grad]) {
            if let Some(parent) = parent {
                grads.register::<B>(parent.id, grad);
            }
        }
    }
}

/// The count's proxy gradient: that of `chord · y / theta`.
#[derive(Debug)]
struct Count;

impl<B: Backend> Backward<B, 2> for Count {
    type State = (FloatTensor<B>, FloatTensor<B>, ExpGIfParams);

    fn backward(
        self,
        ops: Ops<Self::State, 2>,
        grads: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let (y, theta, p) = ops.state;
        let grad = grads.consume::<B>(&ops.node);
        let [y_parent, theta_parent] = ops.parents;
        let inverse = B::float_recip(B::float_clamp_min(theta, THETA_MIN.into()));
        let chord = p.steps as f32 / p.full() as f32;
        let slope = B::float_mul_scalar(inverse.clone(), chord.into());
        if let Some(parent) = theta_parent {
            let scale = p.theta_scale(y.shape().num_elements());
            let sum = B::float_sum(B::float_mul(grad.clone(), y));
            let by_theta = B::float_mul(slope.clone(), inverse);
            let by_theta = B::float_mul_scalar(by_theta, (-scale).into());
            grads.register::<B>(parent.id, B::float_mul(sum, by_theta));
        }
        if let Some(parent) = y_parent {
            let slope = B::float_reshape(slope, Shape::from(vec![1; grad.rank()]));
            grads.register::<B>(parent.id, B::float_mul(grad, slope));
        }
    }
}

impl<B: ExpGIfOps + ExpGIfGrad, C: CheckpointStrategy> ExpGIfOps for Autodiff<B, C> {
    fn exp_g_if_forward(
        z: FloatTensor<Self>,
        theta: FloatTensor<Self>,
        p: ExpGIfParams,
    ) -> FloatTensor<Self> {
        let ((z, z_node), (theta, theta_node)) = (z.into_parts(), theta.into_parts());
        let nodes = [z_node, theta_node];
        match ExpGIf.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prep) => {
                let state = (z.clone(), theta.clone(), p);
                prep.finish(state, B::exp_g_if_forward(z, theta, p))
            }
            OpsKind::UnTracked(prep) => prep.finish(B::exp_g_if_forward(z, theta, p)),
        }
    }

    fn exp_g_if_count(
        y: FloatTensor<Self>,
        theta: FloatTensor<Self>,
        p: ExpGIfParams,
    ) -> FloatTensor<Self> {
        let ((y, y_node), (theta, theta_node)) = (y.into_parts(), theta.into_parts());
        let nodes = [y_node, theta_node];
        match Count.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prep) => {
                let state = (y.clone(), theta.clone(), p);
                prep.finish(state, B::exp_g_if_count(y, theta, p))
            }
            OpsKind::UnTracked(prep) => prep.finish(B::exp_g_if_count(y, theta, p)),
        }
    }
}
