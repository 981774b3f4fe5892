//! The polynomial of a Newton–Schulz step (Muon, `train::muon`), in one pass:
//!
//! ```text
//! P = a I + b G + c G²        X <- P X, with G = X Xᵀ
//! ```
//!
//! In single operations it takes six GPU dispatches, and a training step of `small` has forty such steps.

#[cfg(feature = "cube")]
mod cube;
#[cfg(feature = "cpu")]
mod flex;

use burn::backend::{Backend, Dispatch, backend_extension, tensor::FloatTensor};
use burn::tensor::Tensor;

/// Not differentiable.
#[backend_extension(Cube: cfg(feature = "cube"), Flex: cfg(feature = "cpu"))]
pub(crate) trait NewtonSchulzOps: Backend {
    /// `gram [n, r, r]` and a, b, c to `[n, r, r]`.
    fn gram_polynomial(gram: FloatTensor<Self>, a: f32, b: f32, c: f32) -> FloatTensor<Self>;
}

/// `a I + b G + c G²` of symmetric matrices `G [n, r, r]`.
///
/// # Panics
/// On a device that records gradients: it has none.
pub fn gram_polynomial(gram: Tensor<3>, [a, b, c]: [f32; 3]) -> Tensor<3> {
    Tensor::from_dispatch(Dispatch::gram_polynomial(gram.into_dispatch(), a, b, c))
}
