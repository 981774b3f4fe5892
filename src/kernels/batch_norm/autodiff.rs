//! BatchNorm in burn's autodiff graph.

use super::{BatchNormGrad, BatchNormOps};
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
struct Norm;

#[derive(Debug, Clone)]
struct State<T> {
    x: T,
    gamma: T,
    mean: T,
    var: T,
    epsilon: f32,
}

impl<B: BatchNormGrad> Backward<B, 3> for Norm {
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
            mean,
            var,
            epsilon,
        } = ops.state;
        let grad = grads.consume::<B>(&ops.node);
        let (x, gamma, beta) = B::fused_batch_norm_backward(x, gamma, mean, var, grad, epsilon);
        for (parent, grad) in ops.parents.into_iter().zip([x, gamma, beta]) {
            if let Some(parent) = parent {
                grads.register::<B>(parent.id, grad);
            }
        }
    }
}

impl<B: BatchNormOps + BatchNormGrad, C: CheckpointStrategy> BatchNormOps for Autodiff<B, C> {
    fn fused_batch_norm(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        epsilon: f32,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        let (x, x_node) = x.into_parts();
        let (gamma, gamma_node) = gamma.into_parts();
        let (beta, beta_node) = beta.into_parts();
        let nodes = [x_node, gamma_node, beta_node];
        let (y, mean, var) = match Norm.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prep) => {
                let (y, mean, var) = B::fused_batch_norm(x.clone(), gamma.clone(), beta, epsilon);
                let state = State {
                    x,
                    gamma,
                    mean: mean.clone(),
                    var: var.clone(),
                    epsilon,
                };
                (prep.finish(state, y), mean, var)
            }
            OpsKind::UnTracked(prep) => {
                let (y, mean, var) = B::fused_batch_norm(x, gamma, beta, epsilon);
                (prep.finish(y), mean, var)
            }
        };
        (y, Self::from_inner(mean), Self::from_inner(var))
    }
}
