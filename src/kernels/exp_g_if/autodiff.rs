//! ExpG-IF in burn's autodiff graph. Under gradient checkpointing its output is made again on the way back.

use super::{ExpGIfGrad, ExpGIfOps, ExpGIfParams, THETA_MIN};
use burn::backend::{
    Autodiff, Backend, TensorMetadata,
    autodiff::{
        NodeId,
        checkpoint::{
            base::Checkpointer, retro_forward::RetroForward, state::BackwardStates,
            strategy::CheckpointStrategy,
        },
        grads::Gradients,
        ops::{Backward, Ops, OpsKind},
    },
    tensor::FloatTensor,
};
use burn::tensor::Shape;
use std::marker::PhantomData;

#[derive(Debug)]
struct ExpGIf;

/// Where z and theta are.
type Inputs = [NodeId; 2];

#[derive(Debug)]
struct Again<B> {
    inputs: Inputs,
    p: ExpGIfParams,
    backend: PhantomData<B>,
}

impl<B: ExpGIfOps> RetroForward for Again<B> {
    fn forward(&self, states: &mut BackwardStates, out: NodeId) {
        let [z, theta] = self.inputs.map(|input| states.get_state(&input));
        states.save(out, B::exp_g_if_forward(z, theta, self.p));
    }
}

impl<B: ExpGIfGrad> Backward<B, 2> for ExpGIf {
    type State = (Inputs, ExpGIfParams);

    fn backward(
        self,
        ops: Ops<Self::State, 2>,
        grads: &mut Gradients,
        checkpointer: &mut Checkpointer,
    ) {
        let (inputs, p) = ops.state;
        let [z, theta] = inputs.map(|input| checkpointer.retrieve_node_output(input));
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
    type State = (Inputs, ExpGIfParams);

    fn backward(
        self,
        ops: Ops<Self::State, 2>,
        grads: &mut Gradients,
        checkpointer: &mut Checkpointer,
    ) {
        let (inputs, p) = ops.state;
        let [y, theta] =
            inputs.map(|input| checkpointer.retrieve_node_output::<FloatTensor<B>>(input));
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
        let again = Again::<B> {
            inputs: [z.id(), theta.id()],
            p,
            backend: PhantomData,
        };
        let prep = ExpGIf
            .prepare::<C>([z.node(), theta.node()])
            .memory_bound()
            .retro_forward(again)
            .parents([&z, &theta]);
        match prep.stateful() {
            OpsKind::Tracked(mut prep) => {
                let inputs = [prep.checkpoint(&z), prep.checkpoint(&theta)];
                let [z, theta] = [z, theta].map(|input| input.into_primitive());
                prep.finish((inputs, p), B::exp_g_if_forward(z, theta, p))
            }
            OpsKind::UnTracked(prep) => {
                let [z, theta] = [z, theta].map(|input| input.into_primitive());
                prep.finish(B::exp_g_if_forward(z, theta, p))
            }
        }
    }

    fn exp_g_if_count(
        y: FloatTensor<Self>,
        theta: FloatTensor<Self>,
        p: ExpGIfParams,
    ) -> FloatTensor<Self> {
        let nodes = [y.node(), theta.node()];
        match Count.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(mut prep) => {
                let inputs = [prep.checkpoint(&y), prep.checkpoint(&theta)];
                let [y, theta] = [y, theta].map(|input| input.into_primitive());
                prep.finish((inputs, p), B::exp_g_if_count(y, theta, p))
            }
            OpsKind::UnTracked(prep) => {
                let [y, theta] = [y, theta].map(|input| input.into_primitive());
                prep.finish(B::exp_g_if_count(y, theta, p))
            }
        }
    }
}
