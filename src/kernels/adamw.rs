//! AdamW (arXiv:1711.05101) on all parameters at once, with clipping by the global norm of the gradient.
//!
//! Per element, with learning rate η, its shares r for the step and d for the decay δ, and t the update's number:
//!
//! ```text
//! g  = gradient · min(1, bound / (‖gradient‖ + 1e-6))        bound 0: as it is
//! m  = β₁ m + (1 - β₁) g              v = β₂ v + (1 - β₂) g²
//! w  = w - η (d δ w + r (m / (1 - β₁ᵗ)) / (√(v / (1 - β₂ᵗ)) + ε))
//! w  = max(w, floor)
//! n  = β₁ m + (1 - β₁) g              Nesterov's look-ahead, for rules that step by it (Muon)
//! ```

#[cfg(feature = "cube")]
mod cube;
#[cfg(feature = "cpu")]
mod flex;

use burn::backend::{Backend, Dispatch, backend_extension, tensor::FloatTensor};
use burn::tensor::Tensor;

/// Numbers of an update.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AdamWParams {
    /// η.
    pub lr: f32,
    /// δ.
    pub weight_decay: f32,
    /// Bound of the gradient's global norm; 0 for none.
    pub clip_norm: f32,
    /// β₁.
    pub beta_1: f32,
    /// β₂.
    pub beta_2: f32,
    /// ε.
    pub epsilon: f32,
    /// t, from 1.
    pub time: usize,
}

impl AdamWParams {
    /// `1 / (1 - βᵗ)` of both moments.
    fn corrections(&self) -> [f32; 2] {
        [self.beta_1, self.beta_2].map(|beta| {
            let kept = f64::from(beta).powi(self.time.min(i32::MAX as usize) as i32);
            (1.0 / (1.0 - kept)) as f32
        })
    }
}

/// On a backend; nothing here is differentiable.
#[backend_extension(Cube: cfg(feature = "cube"), Flex: cfg(feature = "cpu"))]
pub(crate) trait AdamWOps: Backend {
    /// Weights, moments and gradient `[P]`, rules `[3, P]` to weights, moments and look-ahead.
    #[allow(clippy::type_complexity)] // The extension takes no vector of tensors.
    fn fused_adamw(
        weights: FloatTensor<Self>,
        first: FloatTensor<Self>,
        second: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        rules: FloatTensor<Self>,
        p: AdamWParams,
    ) -> (
        FloatTensor<Self>,
        FloatTensor<Self>,
        FloatTensor<Self>,
        FloatTensor<Self>,
    );
}

/// A vector of weights and its moments, each `[P]`.
#[derive(Debug, Clone)]
pub struct AdamWState {
    /// w.
    pub weights: Tensor<1>,
    /// m.
    pub first: Tensor<1>,
    /// v.
    pub second: Tensor<1>,
}

/// One update by `grad [P]`, and n `[P]`. `rules [3, P]` holds each element's shares of the learning rate, r and d, and
/// its least value.
pub fn adamw(
    state: AdamWState,
    grad: Tensor<1>,
    rules: Tensor<2>,
    p: AdamWParams,
) -> (AdamWState, Tensor<1>) {
    let (weights, first, second, ahead) = Dispatch::fused_adamw(
        state.weights.into_dispatch(),
        state.first.into_dispatch(),
        state.second.into_dispatch(),
        grad.into_dispatch(),
        rules.into_dispatch(),
        p,
    );
    let state = AdamWState {
        weights: Tensor::from_dispatch(weights),
        first: Tensor::from_dispatch(first),
        second: Tensor::from_dispatch(second),
    };
    (state, Tensor::from_dispatch(ahead))
}
