//! What follows a matrix product in a transformer, in one pass: its bias, and then GELU (Hendrycks & Gimpel 2016) or
//! the residual.
//!
//! ```text
//! bias_gelu     y = u Φ(u)         dx = g (Φ(u) + u φ(u))     dbias = Σ_r dx       u = x + bias
//! bias_residual y = x + bias + r   dx = dr = g                dbias = Σ_r g
//! ```
//!
//! Φ and φ are the normal distribution and its density: the exact GELU, with
//! `Φ(u) = (1 + erf(u/√2)) / 2` and erf after Abramowitz & Stegun 7.1.26, whose error is below 1.5e-7. It needs the
//! same exponential as φ, so a backward pass takes one exponential an element.

mod autodiff;
#[cfg(feature = "cube")]
pub(super) mod cube;
#[cfg(feature = "cpu")]
mod flex;

use burn::backend::{Backend, Dispatch, backend_extension, tensor::FloatTensor};
use burn::tensor::{Tensor, activation::gelu};

/// Abramowitz & Stegun 7.1.26: `erf x = 1 - t (a₁ + t (a₂ + …)) exp(-x²)`, `t = 1/(1 + p x)`, for x ≥ 0.
const ERF_P: f32 = 0.327_591_1;
const ERF_A: [f32; 5] = [
    0.254_829_6,
    -0.284_496_72,
    1.421_413_8,
    -1.453_152_1,
    1.061_405_4,
];
/// φ(0).
const DENSITY: f32 = 0.398_942_3;

/// The forward passes on a backend; over autodiff they record [`BiasGrad`].
#[backend_extension(
    Cube: cfg(feature = "cube"),
    Flex: cfg(feature = "cpu"),
    Autodiff
)]
pub(crate) trait BiasOps: Backend {
    /// `x [R, C]`, `bias [C]` to `gelu(x + bias)`, `[R, C]`.
    fn fused_bias_gelu(x: FloatTensor<Self>, bias: FloatTensor<Self>) -> FloatTensor<Self>;

    /// `x [R, C]`, `bias [C]`, `residual [R, C]` to their sum, `[R, C]`.
    fn fused_bias_residual(
        x: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        residual: FloatTensor<Self>,
    ) -> FloatTensor<Self>;
}

/// The backward passes; not differentiable themselves.
#[backend_extension(Cube: cfg(feature = "cube"), Flex: cfg(feature = "cpu"))]
pub(crate) trait BiasGrad: Backend {
    /// Gradient with respect to `x`, given that with respect to y.
    fn fused_bias_gelu_backward(
        x: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        grad: FloatTensor<Self>,
    ) -> FloatTensor<Self>;

    /// `[R, C]` to its sum over rows, `[C]`.
    fn fused_column_sums(grad: FloatTensor<Self>) -> FloatTensor<Self>;
}

/// `gelu(x + bias)` of `x [R, C]` and `bias [C]`. Differentiable in both.
pub fn bias_gelu(x: Tensor<2>, bias: Tensor<1>) -> Tensor<2> {
    Tensor::from_dispatch(Dispatch::fused_bias_gelu(
        x.into_dispatch(),
        bias.into_dispatch(),
    ))
}

/// `x + bias + residual` of `x [R, C]`, `bias [C]` and `residual [R, C]`. Differentiable in all three.
pub fn bias_residual(x: Tensor<2>, bias: Tensor<1>, residual: Tensor<2>) -> Tensor<2> {
    Tensor::from_dispatch(Dispatch::fused_bias_residual(
        x.into_dispatch(),
        bias.into_dispatch(),
        residual.into_dispatch(),
    ))
}

/// [`bias_gelu`] in burn's own differentiable operations.
pub fn bias_gelu_reference(x: Tensor<2>, bias: Tensor<1>) -> Tensor<2> {
    gelu(x + bias.unsqueeze())
}

/// [`bias_residual`] in burn's own differentiable operations.
pub fn bias_residual_reference(x: Tensor<2>, bias: Tensor<1>, residual: Tensor<2>) -> Tensor<2> {
    x + bias.unsqueeze() + residual
}
