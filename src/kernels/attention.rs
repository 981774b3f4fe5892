//! Softmax attention (Vaswani et al. 2017), all pictures and heads in one pass each way: the dense twin's over all tokens
//! of a picture, the design card's in windows.
//!
//! `B` pictures of `N` tokens, `h` heads of `d` channels, `C = h d`. For every picture and head, with `q, k, v [N, d]`
//! and `m = 1/√d`:
//!
//! ```text
//! s_ij = m q_i·k_j      L_i = log Σ_j exp s_ij      p_ij = exp(s_ij - L_i)      y_i = Σ_j p_ij v_j
//!
//! D_i = g_i·y_i         ds_ij = m p_ij (g_i·v_j - D_i)
//! dq_i = Σ_j ds_ij k_j  dk_j = Σ_i ds_ij q_i        dv_j = Σ_i p_ij g_i
//! ```
//!
//! The projection's bias is added here. That of k is not: it adds the same to all scores of a query, which the softmax
//! takes away again; its gradient is zero up to rounding. Scores are made again in the backward pass instead of kept
//! (as in FlashAttention, arXiv:2205.14135).
//!
//! In windows, i and j run over the tokens of a window that may meet (see [`Windows`]), and a window and head without a
//! spike of q or k gives 0 instead of the mean that equal scores would: there `L = ∞`, and so `p = 0`.

mod autodiff;
#[cfg(feature = "cube")]
mod cube;
#[cfg(feature = "cpu")]
mod flex;

use super::Windows;
use burn::backend::{Backend, Dispatch, backend_extension, tensor::FloatTensor};
use burn::tensor::{Tensor, activation::softmax};

/// Tokens of a picture and heads of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AttentionShape {
    /// N; divides the rows.
    pub tokens: usize,
    /// h; divides C.
    pub heads: usize,
    /// The design card's form: tokens attend in windows, and a window and head whose q and k, without their bias, are 0
    /// gives 0. Their grid holds the tokens of a picture.
    pub windows: Option<Windows>,
}

/// L of a window without spikes: large enough that no exponential of a score less it is more than 0.
const SILENT: f32 = 1e30;

impl AttentionShape {
    /// d, for `channels` = C.
    fn width(self, channels: usize) -> usize {
        channels / self.heads
    }
}

/// m.
fn scale(width: usize) -> f32 {
    1.0 / (width as f32).sqrt()
}

/// The forward pass on a backend; over autodiff it records [`AttentionGrad`].
#[backend_extension(
    Cube: cfg(feature = "cube"),
    Flex: cfg(feature = "cpu"),
    Autodiff
)]
pub(crate) trait AttentionOps: Backend {
    /// `qkv [B·N, 3C]`, `bias [3C]` to y `[B·N, C]` and L `[B·N, h]`.
    fn fused_attention(
        qkv: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        shape: AttentionShape,
    ) -> (FloatTensor<Self>, FloatTensor<Self>);
}

/// The backward pass; not differentiable itself.
#[backend_extension(Cube: cfg(feature = "cube"), Flex: cfg(feature = "cpu"))]
pub(crate) trait AttentionGrad: Backend {
    /// Gradient with respect to `qkv`, given that with respect to y, and the forward's y and L.
    fn fused_attention_backward(
        qkv: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        y: FloatTensor<Self>,
        log_sums: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        shape: AttentionShape,
    ) -> FloatTensor<Self>;
}

/// `qkv [B·N, 3C]`, q before k before v and each head by head, with `bias [3C]`, to the mixed values `[B·N, C]`.
/// Differentiable in both.
pub fn attention(qkv: Tensor<2>, bias: Tensor<1>, shape: AttentionShape) -> Tensor<2> {
    let (y, _) = Dispatch::fused_attention(qkv.into_dispatch(), bias.into_dispatch(), shape);
    Tensor::from_dispatch(y)
}

/// [`attention`] in burn's own differentiable operations.
pub fn attention_reference(qkv: Tensor<2>, bias: Tensor<1>, shape: AttentionShape) -> Tensor<2> {
    let [rows, dim] = qkv.dims();
    let AttentionShape {
        tokens,
        heads,
        windows,
    } = shape;
    let (batch, channels) = (rows / tokens, dim / 3);
    let d = channels / heads;
    let biased = qkv.clone() + bias.unsqueeze();
    if let Some(windows) = windows {
        let part = |x: &Tensor<2>, index: usize| {
            let x = x.clone().narrow(1, index * channels, channels);
            windows.partition(x.reshape([batch, tokens, channels]), heads)
        };
        // 0 for a window and head without any number of q and k, 1 otherwise; it has no gradient.
        let spikes = part(&qkv, 0).abs() + part(&qkv, 1).abs();
        let active = spikes.detach().sum_dim(4).sum_dim(3).greater_elem(0.0);
        let [q, k, v] = [0, 1, 2].map(|index| part(&biased, index));
        let scores = q.matmul(k.swap_dims(3, 4)) * scale(d);
        let scores = match windows.mask(&scores.device()) {
            Some(mask) => scores + (mask - 1.0) * 1e9,
            None => scores,
        };
        let mixed = softmax(scores, 4).matmul(v) * active.float();
        return windows.reverse(mixed).reshape([rows, channels]);
    }
    let qkv = biased
        .reshape([batch, tokens, 3, heads, d])
        .permute([2, 0, 3, 1, 4]);
    let part = |index| qkv.clone().narrow(0, index, 1).squeeze_dim::<4>(0);
    let scores = part(0).matmul(part(1).swap_dims(2, 3)) * scale(d);
    softmax(scores, 3)
        .matmul(part(2))
        .swap_dims(1, 2)
        .reshape([rows, channels])
}
