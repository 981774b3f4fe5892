//! Convolution in burn's autodiff graph.

use super::{ConvGrad, ConvOps, ConvParams};
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
struct Conv;

impl<B: ConvGrad> Backward<B, 2> for Conv {
    type State = (FloatTensor<B>, FloatTensor<B>, ConvParams);

    fn backward(
        self,
        ops: Ops<Self::State, 2>,
        grads: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let (x, w, p) = ops.state;
        let grad = grads.consume::<B>(&ops.node);
        let [x_parent, w_parent] = ops.parents;
        // Pixels want no gradient, frozen weights neither.
        if let Some(parent) = w_parent {
            let w_grad = B::conv_w_backward(x.clone(), w.clone(), grad.clone(), p);
            grads.register::<B>(parent.id, w_grad);
        }
        if let Some(parent) = x_parent {
            grads.register::<B>(parent.id, B::conv_x_backward(x, w, grad, p));
        }
    }
}

impl<B: ConvOps + ConvGrad, C: CheckpointStrategy> ConvOps for Autodiff<B, C> {
    fn conv_forward(
        x: FloatTensor<Self>,
        w: FloatTensor<Self>,
        p: ConvParams,
    ) -> FloatTensor<Self> {
        let ((x, x_node), (w, w_node)) = (x.into_parts(), w.into_parts());
        match Conv
            .prepare::<C>([x_node, w_node])
            .compute_bound()
            .stateful()
        {
            OpsKind::Tracked(prep) => {
                prep.finish((x.clone(), w.clone(), p), B::conv_forward(x, w, p))
            }
            OpsKind::UnTracked(prep) => prep.finish(B::conv_forward(x, w, p)),
        }
    }
}
