//! GW-SSA in burn's autodiff graph: one node whose only state is the spikes.

use super::{GwSsaGrad, GwSsaOps, HeadGroups};
use burn::backend::{
    Autodiff,
    autodiff::{
        NodeId,
        checkpoint::{base::Checkpointer, strategy::CheckpointStrategy},
        grads::Gradients,
        ops::{Backward, Ops, OpsKind, unary},
    },
    tensor::FloatTensor,
};

#[derive(Debug)]
struct GwSsa;

impl<B: GwSsaGrad> Backward<B, 1> for GwSsa {
    type State = (NodeId, HeadGroups, usize);

    fn backward(
        self,
        ops: Ops<Self::State, 1>,
        grads: &mut Gradients,
        checkpointer: &mut Checkpointer,
    ) {
        let (qkv, groups, tokens) = ops.state;
        let qkv = checkpointer.retrieve_node_output(qkv);
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
        let nodes = [qkv.node()];
        match GwSsa.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(mut prep) => {
                let state = (prep.checkpoint(&qkv), groups.clone(), tokens);
                prep.finish(
                    state,
                    B::gw_ssa_forward(qkv.into_primitive(), groups, tokens),
                )
            }
            OpsKind::UnTracked(prep) => {
                prep.finish(B::gw_ssa_forward(qkv.into_primitive(), groups, tokens))
            }
        }
    }
}
