//! The linear product in burn's autodiff graph.

use super::{LinearGrad, LinearOps};
use burn::backend::{
    Autodiff,
    autodiff::{
        checkpoint::{base::Checkpointer, strategy::CheckpointStrategy},
        grads::Gradients,
        ops::{Backward, Ops, OpsKind},
    },
    tensor::FloatTensor,
};

#[derive(Debug)]
struct Linear;

impl<B: LinearGrad> Backward<B, 2> for Linear {
    type State = [FloatTensor<B>; 2];

    fn backward(
        self,
        ops: Ops<Self::State, 2>,
        grads: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let [x, w] = ops.state;
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
        let ((x, x_node), (w, w_node)) = (x.into_parts(), w.into_parts());
        match Linear
            .prepare::<C>([x_node, w_node])
            .compute_bound()
            .stateful()
        {
            OpsKind::Tracked(prep) => prep.finish([x.clone(), w.clone()], B::fused_linear(x, w)),
            OpsKind::UnTracked(prep) => prep.finish(B::fused_linear(x, w)),
        }
    }
}
