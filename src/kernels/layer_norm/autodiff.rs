//! LayerNorm in burn's autodiff graph.

use super::{LayerNormGrad, LayerNormOps};
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

impl<B: LayerNormGrad> Backward<B, 3> for Norm {
    /// x, gamma and the moments.
    type State = [FloatTensor<B>; 3];

    fn backward(
        self,
        ops: Ops<Self::State, 3>,
        grads: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let [x, gamma, moments] = ops.state;
        let grad = grads.consume::<B>(&ops.node);
        let (x, gamma, beta) = B::fused_layer_norm_backward(x, gamma, moments, grad);
        for (parent, grad) in ops.parents.into_iter().zip([x, gamma, beta]) {
            if let Some(parent) = parent {
                grads.register::<B>(parent.id, grad);
            }
        }
    }
}

impl<B: LayerNormOps + LayerNormGrad, C: CheckpointStrategy> LayerNormOps for Autodiff<B, C> {
    fn fused_layer_norm(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        epsilon: f32,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        let (x, x_node) = x.into_parts();
        let (gamma, gamma_node) = gamma.into_parts();
        let (beta, beta_node) = beta.into_parts();
        let nodes = [x_node, gamma_node, beta_node];
        let (y, moments) = match Norm.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prep) => {
                let (y, moments) = B::fused_layer_norm(x.clone(), gamma.clone(), beta, epsilon);
                (prep.finish([x, gamma, moments.clone()], y), moments)
            }
            OpsKind::UnTracked(prep) => {
                let (y, moments) = B::fused_layer_norm(x, gamma, beta, epsilon);
                (prep.finish(y), moments)
            }
        };
        (y, Self::from_inner(moments))
    }
}
