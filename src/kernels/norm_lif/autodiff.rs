//! BatchNorm and LIF in burn's autodiff graph: one node whose state is BatchNorm's input and statistics.

use super::{NormLifGrad, NormLifOps, NormLifParams};
use burn::backend::{
    Autodiff, AutodiffBackend,
    autodiff::{
        checkpoint::{base::Checkpointer, strategy::CheckpointStrategy},
        grads::Gradients,
        ops::{Backward, Ops, OpsKind},
    },
    tensor::FloatTensor,
};

#[derive(Debug)]
struct NormLif;

#[derive(Debug, Clone)]
struct State<T> {
    x: T,
    gamma: T,
    beta: T,
    mean: T,
    var: T,
    p: NormLifParams,
}

impl<B: NormLifGrad> Backward<B, 3> for NormLif {
    type State = State<FloatTensor<B>>;

    fn backward(
        self,
        ops: Ops<Self::State, 3>,
        grads: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let State {
            x,
            gamma,
            beta,
            mean,
            var,
            p,
        } = ops.state;
        let grad = grads.consume::<B>(&ops.node);
        let (x, gamma, beta) = B::norm_lif_backward(x, gamma, beta, mean, var, grad, p);
        for (parent, grad) in ops.parents.into_iter().zip([x, gamma, beta]) {
            if let Some(parent) = parent {
                grads.register::<B>(parent.id, grad);
            }
        }
    }
}

impl<B: NormLifOps + NormLifGrad, C: CheckpointStrategy> NormLifOps for Autodiff<B, C> {
    fn norm_lif(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        p: NormLifParams,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        let (x, x_node) = x.into_parts();
        let (gamma, gamma_node) = gamma.into_parts();
        let (beta, beta_node) = beta.into_parts();
        let nodes = [x_node, gamma_node, beta_node];
        let (spikes, mean, var) = match NormLif.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prep) => {
                let (spikes, mean, var) = B::norm_lif(x.clone(), gamma.clone(), beta.clone(), p);
                let state = State {
                    x,
                    gamma,
                    beta,
                    mean: mean.clone(),
                    var: var.clone(),
                    p,
                };
                (prep.finish(state, spikes), mean, var)
            }
            OpsKind::UnTracked(prep) => {
                let (spikes, mean, var) = B::norm_lif(x, gamma, beta, p);
                (prep.finish(spikes), mean, var)
            }
        };
        (spikes, Self::from_inner(mean), Self::from_inner(var))
    }
}
