//! BatchNorm and ExpG-IF in burn's autodiff graph: one node whose state is BatchNorm's input and statistics.

use super::{NormExpGIfGrad, NormExpGIfOps, NormExpGIfParams};
use burn::backend::{
    Autodiff, AutodiffBackend,
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

#[derive(Debug)]
struct NormExpGIf;

/// Where x, gamma, beta and theta are, and the statistics of x.
#[derive(Debug, Clone)]
struct State<T> {
    inputs: [NodeId; 4],
    mean: T,
    var: T,
    p: NormExpGIfParams,
}

/// The output again.
#[derive(Debug)]
struct Again<B: NormExpGIfGrad>(State<FloatTensor<B>>);

impl<B: NormExpGIfGrad> RetroForward for Again<B> {
    fn forward(&self, states: &mut BackwardStates, out: NodeId) {
        let State {
            inputs,
            mean,
            var,
            p,
        } = self.0.clone();
        let [x, gamma, beta, theta] = inputs.map(|input| states.get_state(&input));
        let y = B::norm_exp_g_if_again(x, gamma, beta, mean, var, theta, p);
        states.save(out, y);
    }
}

impl<B: NormExpGIfGrad> Backward<B, 4> for NormExpGIf {
    type State = State<FloatTensor<B>>;

    fn backward(
        self,
        ops: Ops<Self::State, 4>,
        grads: &mut Gradients,
        checkpointer: &mut Checkpointer,
    ) {
        let State {
            inputs,
            mean,
            var,
            p,
        } = ops.state;
        let [x, gamma, beta, theta] = inputs.map(|input| checkpointer.retrieve_node_output(input));
        let grad = grads.consume::<B>(&ops.node);
        let (x, gamma, beta, theta) =
            B::norm_exp_g_if_backward(x, gamma, beta, mean, var, theta, grad, p);
        for (parent, grad) in ops.parents.into_iter().zip([x, gamma, beta, theta]) {
            if let Some(parent) = parent {
                grads.register::<B>(parent.id, grad);
            }
        }
    }
}

impl<B: NormExpGIfOps + NormExpGIfGrad, C: CheckpointStrategy> NormExpGIfOps for Autodiff<B, C> {
    fn norm_exp_g_if(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        theta: FloatTensor<Self>,
        p: NormExpGIfParams,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        let all = [&x, &gamma, &beta, &theta];
        let [own_x, own_gamma, own_beta, own_theta] = all.map(|input| input.primitive().clone());
        let (y, mean, var) = B::norm_exp_g_if(own_x, own_gamma, own_beta, own_theta, p);
        let state = State {
            inputs: all.map(|input| input.id()),
            mean: mean.clone(),
            var: var.clone(),
            p,
        };
        let prep = NormExpGIf
            .prepare::<C>(all.map(|input| input.node()))
            .memory_bound()
            .retro_forward(Again::<B>(state.clone()))
            .parents(all);
        let y = match prep.stateful() {
            OpsKind::Tracked(mut prep) => {
                for input in all {
                    prep.checkpoint(input);
                }
                prep.finish(state, y)
            }
            OpsKind::UnTracked(prep) => prep.finish(y),
        };
        (y, Self::from_inner(mean), Self::from_inner(var))
    }
}
