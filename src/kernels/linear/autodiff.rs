//! The linear product in burn's autodiff graph.

use super::{LinearGrad, LinearOps};
use burn::backend::{
    Autodiff,
    autodiff::{
        NodeId,
        checkpoint::{base::Checkpointer, strategy::CheckpointStrategy},
        grads::Gradients,
        ops::{Backward, Ops, OpsKind},
    },
    tensor::FloatTensor,
};

#[derive(Debug)]
struct Linear;

impl<B: LinearGrad> Backward<B, 2> for Linear {
    type State = [NodeId; 2];

    fn backward(
        self,
        ops: Ops<Self::State, 2>,
        grads: &mut Gradients,
        checkpointer: &mut Checkpointer,
    ) {
        let [x, w] = ops
            .state
            .map(|input| checkpointer.retrieve_node_output(input));
        let grad = grads.consume::<B>(&ops.node);
        let [x_parent, w_parent] = ops.parents;
        // Frozen weights want no gradient, neither does the first layer's input.
        if let Some(parent) = w_parent {
            let w_grad = B::fused_linear_w_backward(x, w.clone(), grad.clone());
            grads.register::<B>(parent.id, w_grad);
        }
        if let Some(parent) = x_parent {
            grads.register::<B>(parent.id, B::fused_linear_x_backward(w, grad));
        }
    }
}

impl<B: LinearOps + LinearGrad, C: CheckpointStrategy> LinearOps for Autodiff<B, C> {
    fn fused_linear(x: FloatTensor<Self>, w: FloatTensor<Self>) -> FloatTensor<Self> {
        let nodes = [x.node(), w.node()];
        match Linear.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(mut prep) => {
                let inputs = [prep.checkpoint(&x), prep.checkpoint(&w)];
                let [x, w] = [x, w].map(|input| input.into_primitive());
                prep.finish(inputs, B::fused_linear(x, w))
            }
            OpsKind::UnTracked(prep) => {
                let [x, w] = [x, w].map(|input| input.into_primitive());
                prep.finish(B::fused_linear(x, w))
            }
        }
    }
}
