//! LIF in burn's autodiff graph: one node whose only state is the membrane input.

use super::{LifGrad, LifOps, LifParams};
use burn::backend::{
    Autodiff,
    autodiff::{
        checkpoint::{base::Checkpointer, strategy::CheckpointStrategy},
        grads::Gradients,
        ops::{Backward, Ops, OpsKind, unary},
    },
    tensor::FloatTensor,
};

#[derive(Debug)]
struct Lif;

impl<B: LifGrad> Backward<B, 1> for Lif {
    type State = (FloatTensor<B>, LifParams, usize);

    fn backward(
        self,
        ops: Ops<Self::State, 1>,
        grads: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let (x, p, group) = ops.state;
        unary::<B, _>(ops.parents, ops.node, grads, |grad| {
            B::lif_backward(x, grad, p, group)
        });
    }
}

impl<B: LifOps + LifGrad, C: CheckpointStrategy> LifOps for Autodiff<B, C> {
    fn lif_forward(x: FloatTensor<Self>, p: LifParams, group: usize) -> FloatTensor<Self> {
        let (x, node) = x.into_parts();
        match Lif.prepare::<C>([node]).compute_bound().stateful() {
            OpsKind::Tracked(prep) => {
                prep.finish((x.clone(), p, group), B::lif_forward(x, p, group))
            }
            OpsKind::UnTracked(prep) => prep.finish(B::lif_forward(x, p, group)),
        }
    }
}
