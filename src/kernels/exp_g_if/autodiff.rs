//! ExpG-IF in burn's autodiff graph.

use super::{ExpGIfGrad, ExpGIfOps, ExpGIfParams, THETA_MIN};
use burn::backend::{
    Autodiff, Backend, TensorMetadata,
    autodiff::{
        checkpoint::{base::Checkpointer, strategy::CheckpointStrategy},
        grads::Gradients,
        ops::{Backward, Ops, OpsKind, unary},
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

/// The count's proxy gradient needs theta only.
#[derive(Debug)]
struct Count;

impl<B: Backend> Backward<B, 1> for Count {
    type State = (FloatTensor<B>, ExpGIfParams);

    fn backward(
        self,
        ops: Ops<Self::State, 1>,
        grads: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let (theta, p) = ops.state;
        unary::<B, _>(ops.parents, ops.node, grads, |grad| {
            let theta = B::float_clamp_min(theta, THETA_MIN.into());
            let chord = p.steps as f32 / p.full() as f32;
            let slope = B::float_mul_scalar(B::float_recip(theta), chord.into());
            let slope = B::float_reshape(slope, Shape::from(vec![1; grad.rank()]));
            B::float_mul(grad, slope)
        });
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
        let ((y, node), theta) = (y.into_parts(), theta.into_primitive());
        match Count.prepare::<C>([node]).compute_bound().stateful() {
            OpsKind::Tracked(prep) => {
                prep.finish((theta.clone(), p), B::exp_g_if_count(y, theta, p))
            }
            OpsKind::UnTracked(prep) => prep.finish(B::exp_g_if_count(y, theta, p)),
        }
    }
}
