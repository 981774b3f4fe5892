//! Pixels as a network's first layer takes them: standardised and cut into patches, in one pass. No gradient goes back to
//! pixels.
//!
//! ```text
//! y[b n² + i n + j, (c p + u) p + v] = (x[b, c, i p + u, j p + v] - mean) / deviation       n = S/p
//! noisy                        x[b, …] = clamp(x[b mod B, …] + noise[b, …], 0, 1) of noise [T·B, C, S, S], step after step
//! ```
//!
//! A patch as large as the picture leaves every pixel where it is.

#[cfg(feature = "cube")]
mod cube;
#[cfg(feature = "cpu")]
mod flex;

use burn::backend::{
    Autodiff, AutodiffBackend, Backend, Dispatch,
    autodiff::checkpoint::strategy::CheckpointStrategy, backend_extension, tensor::FloatTensor,
};
use burn::tensor::{Shape, Tensor};

/// Side of a patch, and what is taken from a pixel and what it is divided by then.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Patches {
    /// p; divides the picture's side S.
    pub side: usize,
    /// Mean of the pixels.
    pub mean: f32,
    /// Their standard deviation.
    pub deviation: f32,
}

impl Patches {
    /// `[B·n², C·p²]` of `[B, C, S, S]`.
    fn shape(self, pixels: &Shape) -> Shape {
        let n = pixels[3] / self.side;
        Shape::from([pixels[0] * n * n, pixels[1] * self.side * self.side])
    }

    /// Pixels `[B, C, S, S]` to patches `[B·n², C·p²]`.
    pub fn cut(self, pixels: Tensor<4>) -> Tensor<2> {
        Tensor::from_dispatch(Dispatch::cut_patches(pixels.into_dispatch(), self))
    }

    /// Pixels `[B, C, S, S]` in 0..=1 under `noise [T·B, C, S, S]` to patches `[T·B·n², C·p²]`: rate coding.
    pub fn cut_noisy(self, pixels: Tensor<4>, noise: Tensor<4>) -> Tensor<2> {
        let (pixels, noise) = (pixels.into_dispatch(), noise.into_dispatch());
        Tensor::from_dispatch(Dispatch::cut_noisy_patches(pixels, noise, self))
    }
}

/// Not differentiable.
#[backend_extension(
    Cube: cfg(feature = "cube"),
    Flex: cfg(feature = "cpu"),
    Autodiff
)]
pub(crate) trait PatchOps: Backend {
    /// See [`Patches::cut`].
    fn cut_patches(pixels: FloatTensor<Self>, p: Patches) -> FloatTensor<Self>;

    /// See [`Patches::cut_noisy`].
    fn cut_noisy_patches(
        pixels: FloatTensor<Self>,
        noise: FloatTensor<Self>,
        p: Patches,
    ) -> FloatTensor<Self>;
}

impl<B: PatchOps, C: CheckpointStrategy> PatchOps for Autodiff<B, C> {
    fn cut_patches(pixels: FloatTensor<Self>, p: Patches) -> FloatTensor<Self> {
        Self::from_inner(B::cut_patches(Self::inner(pixels), p))
    }

    fn cut_noisy_patches(
        pixels: FloatTensor<Self>,
        noise: FloatTensor<Self>,
        p: Patches,
    ) -> FloatTensor<Self> {
        let (pixels, noise) = (Self::inner(pixels), Self::inner(noise));
        Self::from_inner(B::cut_noisy_patches(pixels, noise, p))
    }
}
