//! GW-SSA in burn's autodiff graph: one node whose only state is the spikes.

use super::{GwSsaGrad, GwSsaOps, HeadGroups};
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
struct GwSsa;

impl<B: GwSsaGrad> Backward<B, 1> for GwSsa {
    type State = (FloatTensor<B>, HeadGroups, usize);

    fn backward(
        self,
        ops: Ops<Self::State, 1>,
        grads: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let (qkv, groups, tokens) = ops.state;
        unary::<B, _>(ops.parents, ops.node, grads, |grad| {
            B::gw_ssa_backward(qkv, grad, groups, tokens)
        });
    }
}

impl<B: GwSsaOps + GwSsaGrad, C: CheckpointStrategy> GwSsaOps for Autodiff<B, C> {
    fn gw_ssa_forward(
        qkv: FloatTensor<Self>,
        groups: HeadGroups,
        tokens: usize,
    ) -> FloatTensor<Self> {
        let (qkv, node) = qkv.into_parts();
        match GwSsa.prepare::<C>([node]).compute_bound().stateful() {
            OpsKind::Tracked(prep) => prep.finish(
                (qkv.clone(), groups.clone(), tokens),
                B::gw_ssa_forward(qkv, groups, tokens),
            ),
            OpsKind::UnTracked(prep) => prep.finish(B::gw_ssa_forward(qkv, groups, tokens)),
        }
    }
}
