//! A synaptic layer and the BatchNorm behind it in one pass, for inference on a GPU, where a picture costs what its
//! dispatches cost. With BatchNorm's running statistics and g channel groups:
//!
//! ```text
//! linear  y[r, j g + i] = norm(Σ_c x[r, i C_in/g + c] W[i, c, j])
//! conv    y[r, o, ·]    = norm(Σ_c w[o, c] ⋆ x[r, c])
//! norm(s) = gamma (s - mean) / √(var + ε) + beta          and the shortcut added, where there is one
//! ```
//!
//! In training, and on the CPU, the product and BatchNorm stay apart: the batch's statistics need all of the product
//! first, and a processor's matrix product is faster than a sum for each element. (Adding a row of the weights for each
//! spike, and none for silence, was tried there: a fifth slower than the product at a firing rate of 8 %.)

// Without a GPU's backend there is nothing to hand the arguments to.
#![cfg_attr(not(feature = "cube"), allow(unused_variables))]

#[cfg(feature = "cube")]
mod cube;

use super::{ConvParams, batch_norm::Statistics, is_processor};
use burn::backend::{Backend, Dispatch, backend_extension, tensor::FloatTensor};
use burn::nn::BatchNorm;
use burn::tensor::{Device, Tensor};

/// Not differentiable.
#[backend_extension(Cube: cfg(feature = "cube"))]
pub(crate) trait SynapseOps: Backend {
    /// `x [R, C_in]`, `weight [g, C_in/g, C_out/g]` and BatchNorm's four vectors to `[R, C_out]`.
    #[allow(clippy::too_many_arguments)] // The extension takes no vector of tensors.
    fn linear_norm(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        mean: FloatTensor<Self>,
        var: FloatTensor<Self>,
        epsilon: f32,
    ) -> FloatTensor<Self>;

    /// The same added to `shortcut [R, C_out]`.
    #[allow(clippy::too_many_arguments)]
    fn linear_norm_onto(
        shortcut: FloatTensor<Self>,
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        mean: FloatTensor<Self>,
        var: FloatTensor<Self>,
        epsilon: f32,
    ) -> FloatTensor<Self>;

    /// `x [R, C_in, H, W]`, `weight [C_out, C_in/g, k, k]` and BatchNorm's four vectors to `[R, C_out, H', W']`.
    #[allow(clippy::too_many_arguments)]
    fn conv_norm(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        mean: FloatTensor<Self>,
        var: FloatTensor<Self>,
        epsilon: f32,
        p: ConvParams,
    ) -> FloatTensor<Self>;

    /// The same added to `shortcut [R, C_out, H', W']`.
    #[allow(clippy::too_many_arguments)]
    fn conv_norm_onto(
        shortcut: FloatTensor<Self>,
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        mean: FloatTensor<Self>,
        var: FloatTensor<Self>,
        epsilon: f32,
        p: ConvParams,
    ) -> FloatTensor<Self>;
}

/// A synaptic layer's BatchNorm, where the two are computed in one.
pub struct FusedNorm(Statistics);

impl FusedNorm {
    /// `None` in training, and on the CPU.
    pub fn new(norm: &BatchNorm, device: &Device) -> Option<Self> {
        if is_processor(device) {
            return None;
        }
        Statistics::running(norm, device).map(Self)
    }

    /// `norm(x W)`, added to `shortcut` where there is one: `x [R, C_in]`, `weight [g, C_in/g, C_out/g]` to
    /// `[R, C_out]`.
    pub fn linear(self, weight: Tensor<3>, x: Tensor<2>, shortcut: Option<Tensor<2>>) -> Tensor<2> {
        let Statistics { vectors, epsilon } = self.0;
        let [gamma, beta, mean, var] = vectors.map(Tensor::into_dispatch);
        let (x, weight) = (x.into_dispatch(), weight.into_dispatch());
        Tensor::from_dispatch(match shortcut {
            None => Dispatch::linear_norm(x, weight, gamma, beta, mean, var, epsilon),
            Some(shortcut) => {
                let shortcut = shortcut.into_dispatch();
                Dispatch::linear_norm_onto(shortcut, x, weight, gamma, beta, mean, var, epsilon)
            }
        })
    }

    /// `norm(conv(x))`, added to `shortcut` where there is one: `x [R, C_in, H, W]`, `weight [C_out, C_in/g, k, k]` to
    /// `[R, C_out, H', W']`.
    pub fn conv(
        self,
        weight: Tensor<4>,
        p: ConvParams,
        x: Tensor<4>,
        shortcut: Option<Tensor<4>>,
    ) -> Tensor<4> {
        let Statistics { vectors, epsilon } = self.0;
        let [gamma, beta, mean, var] = vectors.map(Tensor::into_dispatch);
        let (x, weight) = (x.into_dispatch(), weight.into_dispatch());
        Tensor::from_dispatch(match shortcut {
            None => Dispatch::conv_norm(x, weight, gamma, beta, mean, var, epsilon, p),
            Some(shortcut) => {
                let shortcut = shortcut.into_dispatch();
                Dispatch::conv_norm_onto(shortcut, x, weight, gamma, beta, mean, var, epsilon, p)
            }
        })
    }
}
