//! Softmax attention in burn's autodiff graph.

use super::{AttentionGrad, AttentionOps, AttentionShape};
use crate::kernels::bias::BiasGrad;
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
struct Attention;

#[derive(Debug, Clone)]
struct State<T> {
    qkv: T,
    bias: T,
    y: T,
    log_sums: T,
    shape: AttentionShape,
}

impl<B: AttentionGrad + BiasGrad> Backward<B, 2> for Attention {
    type State = State<FloatTensor<B>>;

    fn backward(
        self,
        ops: Ops<Self::State, 2>,
        grads: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let State {
            qkv,
            bias,
            y,
            log_sums,
            shape,
        } = ops.state;
        let grad = grads.consume::<B>(&ops.node);
        let grad = B::fused_attention_backward(qkv, bias, y, log_sums, grad, shape);
        let [qkv, bias] = ops.parents;
        if let Some(bias) = bias {
            grads.register::<B>(bias.id, B::fused_column_sums(grad.clone()));
        }
        if let Some(qkv) = qkv {
            grads.register::<B>(qkv.id, grad);
        }
    }
}

impl<B: AttentionOps + AttentionGrad + BiasGrad, C: CheckpointStrategy> AttentionOps
    for Autodiff<B, C>
{
    fn fused_attention(
        qkv: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        shape: AttentionShape,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        let ((qkv, qkv_node), (bias, bias_node)) = (qkv.into_parts(), bias.into_parts());
        let nodes = [qkv_node, bias_node];
        let (y, log_sums) = match Attention.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prep) => {
                let (y, log_sums) = B::fused_attention(qkv.clone(), bias.clone(), shape);
                let state = State {
                    qkv,
                    bias,
                    y: y.clone(),
                    log_sums: log_sums.clone(),
                    shape,
                };
                (prep.finish(state, y), log_sums)
            }
            OpsKind::UnTracked(prep) => {
                let (y, log_sums) = B::fused_attention(qkv, bias, shape);
                (prep.finish(y), log_sums)
            }
        };
        (y, Self::from_inner(log_sums))
    }
}
