//! LayerNorm (Ba, Kiros & Hinton 2016) over the channels of each row, in one pass forward and two backward.
//!
//! Per row r of `x [R, C]`, `inv = 1/sqrt(var + epsilon)`:
//!
//! ```text
//! mean = Σ_c x / C     var = Σ_c (x - mean)² / C     n = (x - mean) inv     y = gamma n + beta
//!
//! dbeta = Σ_r g        dgamma = Σ_r g n
//! dx    = inv (h - Σ_c h / C - n Σ_c h n / C)        h = gamma g
//! ```

mod autodiff;
#[cfg(feature = "cube")]
pub(super) mod cube;
#[cfg(feature = "cpu")]
mod flex;

use burn::backend::{Backend, Dispatch, backend_extension, tensor::FloatTensor};
use burn::tensor::Tensor;

/// The forward pass on a backend; over autodiff it records [`LayerNormGrad`].
#[backend_extension(
    Cube: cfg(feature = "cube"),
    Flex: cfg(feature = "cpu"),
    Autodiff
)]
pub(crate) trait LayerNormOps: Backend {
    /// `x [R, C]`, `gamma [C]`, `beta [C]` to y of x's shape, and mean and inv of each row, `[2, R]`.
    fn fused_layer_norm(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        epsilon: f32,
    ) -> (FloatTensor<Self>, FloatTensor<Self>);
}

/// The backward pass; not differentiable itself.
#[backend_extension(
    Cube: cfg(feature = "cube"),
    Flex: cfg(feature = "cpu")
)]
pub(crate) trait LayerNormGrad: Backend {
    /// Gradients with respect to `x`, `gamma` and `beta`, given that with respect to y and the forward's `[2, R]`.
    fn fused_layer_norm_backward(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        moments: FloatTensor<Self>,
        grad: FloatTensor<Self>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>);
}

/// LayerNorm of `x [R, C]` over its channels; `gamma [C]`, `beta [C]`. Differentiable in all three.
pub fn layer_norm(x: Tensor<2>, gamma: Tensor<1>, beta: Tensor<1>, epsilon: f32) -> Tensor<2> {
    let (y, _) = Dispatch::fused_layer_norm(
        x.into_dispatch(),
        gamma.into_dispatch(),
        beta.into_dispatch(),
        epsilon,
    );
    Tensor::from_dispatch(y)
}

/// [`layer_norm`] in burn's own differentiable operations.
pub fn layer_norm_reference(
    x: Tensor<2>,
    gamma: Tensor<1>,
    beta: Tensor<1>,
    epsilon: f32,
) -> Tensor<2> {
    let centred = x.clone() - x.mean_dim(1);
    let var = centred.clone().square().mean_dim(1);
    centred / (var + epsilon).sqrt() * gamma.unsqueeze() + beta.unsqueeze()
}
