//! The products of GW-SSA, all windows and heads of a layer in one pass each way. Our reconstruction of the paper's
//! grouped-window spiking self-attention, described at `model::attention`.
//!
//! `R` rows (time × batch), `N = S²` tokens, `C` channels in groups of `h` heads of `d` channels, windows of `W`
//! tokens. For every window and head, with `q, k, v [W, d]`, `m` the scale and `M_ij = 1` where tokens i and j may
//! meet:
//!
//! ```text
//! scores  y = m (M ∘ q kᵀ) v      dS = m M ∘ (g vᵀ)    dq = dS k      dk = dSᵀ q    dv = m (M ∘ q kᵀ)ᵀ g
//! linear  y = m q (kᵀ v)          dA = m qᵀ g          dq = m g Aᵀ    dk = v dAᵀ    dv = k dA     A = kᵀ v
//! ```
//!
//! Composed of burn's operations this cuts q, k and v out of their layer, sorts them by window, multiplies many small
//! matrices and sorts back; most of the time goes into moving numbers, in the backward pass above all, where every
//! cut becomes a tensor of zeros with a part filled in.

mod autodiff;
#[cfg(feature = "cube")]
pub(super) mod cube;
#[cfg(feature = "cpu")]
mod flex;
mod reference;

pub use reference::gw_ssa_reference;

use super::Windows;
use burn::backend::{Backend, Dispatch, backend_extension, tensor::FloatTensor};
use burn::tensor::Tensor;
use std::sync::Arc;

/// One head group: its windows and its channels.
#[derive(Debug, Clone, PartialEq)]
pub struct HeadWindows {
    /// How tokens fall into windows; those of different regions do not meet.
    pub windows: Windows,
    /// `q (kᵀ v)` instead of `(q kᵀ) v`; only where all tokens of a window may meet.
    pub linear: bool,
    /// First channel of the group within C.
    pub from: usize,
    /// h, heads of the group.
    pub heads: usize,
    /// d, channels of a head.
    pub d: usize,
    /// m.
    pub scale: f32,
}

/// All head groups of a layer; their channels cover `0..C`.
pub type HeadGroups = Arc<Vec<HeadWindows>>;

/// The forward pass on a backend; over autodiff it records [`GwSsaGrad`].
#[backend_extension(
    Cube: cfg(feature = "cube"),
    Flex: cfg(feature = "cpu"),
    Autodiff
)]
pub(crate) trait GwSsaOps: Backend {
    /// `qkv [R·N, 3C]` to `[R·N, C]`.
    fn gw_ssa_forward(
        qkv: FloatTensor<Self>,
        groups: HeadGroups,
        tokens: usize,
    ) -> FloatTensor<Self>;
}

/// The backward pass; not differentiable itself.
#[backend_extension(Cube: cfg(feature = "cube"), Flex: cfg(feature = "cpu"))]
pub(crate) trait GwSsaGrad: Backend {
    /// Gradient with respect to `qkv`, given that with respect to y.
    fn gw_ssa_backward(
        qkv: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        groups: HeadGroups,
        tokens: usize,
    ) -> FloatTensor<Self>;
}

/// `qkv [R·N, 3C]`, q before k before v, to the mixed potentials `[R·N, C]`; `tokens` is N.
/// Differentiable.
pub fn gw_ssa(qkv: Tensor<2>, groups: HeadGroups, tokens: usize) -> Tensor<2> {
    let y = Dispatch::gw_ssa_forward(qkv.into_dispatch(), groups, tokens);
    Tensor::from_dispatch(y)
}
