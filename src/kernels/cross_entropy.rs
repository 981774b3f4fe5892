//! Softmax cross-entropy against soft targets, which is where label smoothing and mixup live.
//!
//! For B rows of logits `l` and targets `t` (a distribution over K classes):
//!
//! ```text
//! loss  = 1/B Σ_rows Σ_k t_k (log Σ_j exp l_j - l_k)
//! dl_k  = g/B (softmax(l)_k Σ_j t_j - t_k)
//! ```
//!
//! The logarithm of the sum is taken around the row's maximum. Targets receive no gradient.

mod autodiff;
#[cfg(feature = "cube")]
mod cube;
#[cfg(feature = "cpu")]
mod flex;

use burn::backend::{Backend, Dispatch, backend_extension, tensor::FloatTensor};
use burn::tensor::{Tensor, activation::log_softmax};

/// The forward pass on a backend; over autodiff it records [`CrossEntropyGrad`].
#[backend_extension(
    Cube: cfg(feature = "cube"),
    Flex: cfg(feature = "cpu"),
    Autodiff
)]
pub(crate) trait CrossEntropyOps: Backend {
    /// `logits [B, K]`, `targets [B, K]` to the mean loss `[1]`.
    fn fused_cross_entropy(
        logits: FloatTensor<Self>,
        targets: FloatTensor<Self>,
    ) -> FloatTensor<Self>;
}

/// The backward pass; not differentiable itself.
#[backend_extension(
    Cube: cfg(feature = "cube"),
    Flex: cfg(feature = "cpu")
)]
pub(crate) trait CrossEntropyGrad: Backend {
    /// Gradient with respect to the logits, given that with respect to the loss, `[1]`.
    fn fused_cross_entropy_backward(
        logits: FloatTensor<Self>,
        targets: FloatTensor<Self>,
        grad: FloatTensor<Self>,
    ) -> FloatTensor<Self>;
}

/// Mean cross-entropy of `logits [B, K]` against the distributions `targets [B, K]`, `[1]`.
pub fn softmax_cross_entropy(logits: Tensor<2>, targets: Tensor<2>) -> Tensor<1> {
    let loss = Dispatch::fused_cross_entropy(logits.into_dispatch(), targets.into_dispatch());
    Tensor::from_dispatch(loss)
}

/// [`softmax_cross_entropy`] in burn's own differentiable operations.
pub fn softmax_cross_entropy_reference(logits: Tensor<2>, targets: Tensor<2>) -> Tensor<1> {
    let batch = logits.dims()[0] as f32;
    (log_softmax(logits, 1) * targets).sum() / -batch
}
