//! Convolution in burn's autodiff graph.

use super::{ConvGrad, ConvOps, ConvParams};
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
struct Conv;

impl<B: ConvGrad> Backward<B, 2> for Conv {
    type State = ([NodeId; 2], ConvParams);

    fn backward(
        self,
        ops: Ops<Self::State, 2>,
        grads: &mut Gradients,
        checkpointer: &mut Checkpointer,
    ) {
        let (inputs, p) = ops.state;
        let [x, w] = inputs.map(|input| checkpointer.retrieve_node_output::<FloatTensor<B>>(input));
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
        let nodes = [x.node(), w.node()];
        match Conv.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(mut prep) => {
                let inputs = [prep.checkpoint(&x), prep.checkpoint(&w)];
                let [x, w] = [x, w].map(|input| input.into_primitive());
                prep.finish((inputs, p), B::conv_forward(x, w, p))
            }
            OpsKind::UnTracked(prep) => {
                let [x, w] = [x, w].map(|input| input.into_primitive());
                prep.finish(B::conv_forward(x, w, p))
            }
        }
    }
}
