//! Bias, LayerNorm and neurons in burn's autodiff graph: one node whose state is its inputs and the rows' moments.

use super::{BiasNormGrad, BiasNormOps, BiasNormParams};
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
struct BiasNorm;

#[derive(Debug, Clone)]
struct State<T> {
    x: T,
    bias: T,
    gamma: T,
    beta: T,
    moments: T,
    p: BiasNormParams,
}

impl<B: BiasNormGrad> Backward<B, 4> for BiasNorm {
    type State = State<FloatTensor<B>>;

    fn backward(
        self,
        ops: Ops<Self::State, 4>,
        grads: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let State {
            x,
            bias,
            gamma,
            beta,
            moments,
            p,
        } = ops.state;
        let grad = grads.consume::<B>(&ops.node);
        let (x, bias, gamma, beta) = B::bias_norm_backward(x, bias, gamma, beta, moments, grad, p);
        for (parent, grad) in ops.parents.into_iter().zip([x, bias, gamma, beta]) {
            if let Some(parent) = parent {
                grads.register::<B>(parent.id, grad);
            }
        }
    }
}

impl<B: BiasNormOps + BiasNormGrad, C: CheckpointStrategy> BiasNormOps for Autodiff<B, C> {
    fn bias_norm(
        x: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        p: BiasNormParams,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        let (x, x_node) = x.into_parts();
        let (bias, bias_node) = bias.into_parts();
        let (gamma, gamma_node) = gamma.into_parts();
        let (beta, beta_node) = beta.into_parts();
        let nodes = [x_node, bias_node, gamma_node, beta_node];
        let (y, moments) = match BiasNorm.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prep) => {
                let (y, moments) =
                    B::bias_norm(x.clone(), bias.clone(), gamma.clone(), beta.clone(), p);
                let state = State {
                    x,
                    bias,
                    gamma,
                    beta,
                    moments: moments.clone(),
                    p,
                };
                (prep.finish(state, y), moments)
            }
            OpsKind::UnTracked(prep) => {
                let (y, moments) = B::bias_norm(x, bias, gamma, beta, p);
                (prep.finish(y), moments)
            }
        };
        (y, Self::from_inner(moments))
    }
}
