//! Cross-entropy in burn's autodiff graph.

use super::{CrossEntropyGrad, CrossEntropyOps};
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
struct CrossEntropy;

impl<B: CrossEntropyGrad> Backward<B, 1> for CrossEntropy {
    type State = (FloatTensor<B>, FloatTensor<B>);

    fn backward(
        self,
        ops: Ops<Self::State, 1>,
        grads: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let (logits, targets) = ops.state;
        unary::<B, _>(ops.parents, ops.node, grads, |grad| {
            B::fused_cross_entropy_backward(logits, targets, grad)
        });
    }
}

impl<B: CrossEntropyOps + CrossEntropyGrad, C: CheckpointStrategy> CrossEntropyOps
    for Autodiff<B, C>
{
    fn fused_cross_entropy(
        logits: FloatTensor<Self>,
        targets: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        let ((logits, node), targets) = (logits.into_parts(), targets.into_primitive());
        match CrossEntropy.prepare::<C>([node]).compute_bound().stateful() {
            OpsKind::Tracked(prep) => {
                let state = (logits.clone(), targets.clone());
                prep.finish(state, B::fused_cross_entropy(logits, targets))
            }
            OpsKind::UnTracked(prep) => prep.finish(B::fused_cross_entropy(logits, targets)),
        }
    }
}
