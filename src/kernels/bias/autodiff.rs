//! Bias with GELU or residual in burn's autodiff graph.

use super::{BiasGrad, BiasOps};
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
struct Gelu;

impl<B: BiasGrad> Backward<B, 2> for Gelu {
    /// x and bias.
    type State = [FloatTensor<B>; 2];

    fn backward(
        self,
        ops: Ops<Self::State, 2>,
        grads: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let [x, bias] = ops.state;
        let grad = grads.consume::<B>(&ops.node);
        let grad = B::fused_bias_gelu_backward(x, bias, grad);
        let [x, bias] = ops.parents;
        if let Some(bias) = bias {
            grads.register::<B>(bias.id, B::fused_column_sums(grad.clone()));
        }
        if let Some(x) = x {
            grads.register::<B>(x.id, grad);
        }
    }
}

#[derive(Debug)]
struct Residual;

impl<B: BiasGrad> Backward<B, 3> for Residual {
    type State = ();

    fn backward(
        self,
        ops: Ops<Self::State, 3>,
        grads: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let grad = grads.consume::<B>(&ops.node);
        let [x, bias, residual] = ops.parents;
        if let Some(bias) = bias {
            grads.register::<B>(bias.id, B::fused_column_sums(grad.clone()));
        }
        for parent in [x, residual].into_iter().flatten() {
            grads.register::<B>(parent.id, grad.clone());
        }
    }
}

impl<B: BiasOps + BiasGrad, C: CheckpointStrategy> BiasOps for Autodiff<B, C> {
    fn fused_bias_gelu(x: FloatTensor<Self>, bias: FloatTensor<Self>) -> FloatTensor<Self> {
        let ((x, x_node), (bias, bias_node)) = (x.into_parts(), bias.into_parts());
        match Gelu
            .prepare::<C>([x_node, bias_node])
            .compute_bound()
            .stateful()
        {
            OpsKind::Tracked(prep) => {
                prep.finish([x.clone(), bias.clone()], B::fused_bias_gelu(x, bias))
            }
            OpsKind::UnTracked(prep) => prep.finish(B::fused_bias_gelu(x, bias)),
        }
    }

    fn fused_bias_residual(
        x: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        residual: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        let (x, x_node) = x.into_parts();
        let (bias, bias_node) = bias.into_parts();
        let (residual, residual_node) = residual.into_parts();
        let nodes = [x_node, bias_node, residual_node];
        let y = B::fused_bias_residual(x, bias, residual);
        match Residual.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prep) => prep.finish((), y),
            OpsKind::UnTracked(prep) => prep.finish(y),
        }
    }
}
