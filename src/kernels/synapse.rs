//! A synaptic layer and all that stands behind it in one pass, for inference on a GPU, where a picture costs what its
//! dispatches cost: BatchNorm by its running statistics, the shortcut, and ExpG-IF neurons. In g channel groups:
//!
//! ```text
//! scale   = gamma / √(var + ε)           shift = beta - mean scale        [C_out] each
//! linear  z[r, j g + i] = scale Σ_c x[r, i C_in/g + c] W[i, c, j] + shift + shortcut
//! conv    z[r, o, ·]    = scale Σ_c w[o, c] ⋆ x[r, c] + shift + shortcut
//! spikes  y = ExpG-IF(z), of the neurons that z arrives at
//! ```
//!
//! In training, and on the CPU, these stay apart: the batch's statistics need all of the product first, and a processor's
//! matrix product is faster than one with an end of its own. (Adding a row of the weights for each spike, and none for
//! silence, was tried there: a fifth slower than the product at a firing rate of 8 %.) LIF neurons, whose steps lie far
//! apart, stay apart too.

// Without a GPU's backend there is nothing to hand the arguments to.
#![cfg_attr(not(feature = "cube"), allow(unused_variables))]

#[cfg(feature = "cube")]
mod cube;

use super::{ConvParams, ExpGIfParams, batch_norm::Statistics, is_processor};
use burn::backend::{Backend, Dispatch, backend_extension, tensor::FloatTensor};
use burn::nn::BatchNorm;
use burn::tensor::{Device, Tensor};

/// What stands behind a layer's norm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Behind {
    /// Whether there is a shortcut to add.
    shortcut: bool,
    /// The neurons, where there are some.
    neurons: Option<ExpGIfParams>,
    /// Whether potentials are wanted although there are neurons.
    potentials: bool,
}

/// Not differentiable. `affine [2, C_out]` is scale before shift. What is not there, shortcut or theta, is given as any
/// tensor and not looked at; what is not wanted, potentials or spikes, comes back as the other of the two.
#[backend_extension(Cube: cfg(feature = "cube"))]
pub(crate) trait SynapseOps: Backend {
    /// BatchNorm's four vectors `[C]` to `[2, C]`.
    fn norm_folded(
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        mean: FloatTensor<Self>,
        var: FloatTensor<Self>,
        epsilon: f32,
    ) -> FloatTensor<Self>;

    /// `x [R, C_in]`, `weight [g, C_in/g, C_out/g]`, `shortcut [R, C_out]` and `theta [1]` to potentials and spikes
    /// `[R, C_out]`.
    fn linear_norm(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        affine: FloatTensor<Self>,
        shortcut: FloatTensor<Self>,
        theta: FloatTensor<Self>,
        behind: Behind,
    ) -> (FloatTensor<Self>, FloatTensor<Self>);

    /// `x [R, C_in, H, W]`, `weight [C_out, C_in/g, k, k]`, `shortcut [R, C_out, H', W']` and `theta [1]` to potentials
    /// and spikes `[R, C_out, H', W']`; as `tokens`, `[R H' W', C_out]`.
    #[allow(clippy::too_many_arguments)] // The extension takes no vector of tensors.
    fn conv_norm(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        affine: FloatTensor<Self>,
        shortcut: FloatTensor<Self>,
        theta: FloatTensor<Self>,
        behind: Behind,
        tokens: bool,
        p: ConvParams,
    ) -> (FloatTensor<Self>, FloatTensor<Self>);
}

/// A synaptic layer's BatchNorm at inference on a GPU.
#[derive(Debug, Clone)]
pub struct FusedNorm {
    /// `[2, C]`, scale and shift.
    pub(super) affine: Tensor<2>,
}

/// Neurons behind a layer: theta `[1]`, and their code.
pub type Neurons = (Tensor<1>, ExpGIfParams);

/// What arrives at neurons and what they make of it.
#[derive(Debug, Clone)]
pub struct Fired<const D: usize> {
    /// Membrane potentials.
    pub potentials: Tensor<D>,
    /// Spikes.
    pub spikes: Tensor<D>,
}

impl FusedNorm {
    /// `None` in training, and on the CPU. One dispatch: keep it as long as the weights stay.
    pub fn new(norm: &BatchNorm, device: &Device) -> Option<Self> {
        if is_processor(device) {
            return None;
        }
        let Statistics { vectors, epsilon } = Statistics::running(norm, device)?;
        let [gamma, beta, mean, var] = vectors.map(Tensor::into_dispatch);
        let affine = Dispatch::norm_folded(gamma, beta, mean, var, epsilon);
        Some(Self {
            affine: Tensor::from_dispatch(affine),
        })
    }

    /// `norm(x W)`, added to `shortcut` where there is one: `x [R, C_in]`, `weight [g, C_in/g, C_out/g]` to
    /// `[R, C_out]`.
    pub fn linear(self, weight: Tensor<3>, x: Tensor<2>, shortcut: Option<Tensor<2>>) -> Tensor<2> {
        let behind = Behind::potentials(shortcut.is_some());
        self.linear_then(weight, x, shortcut, None, behind)
            .potentials
    }

    /// The spikes of neurons behind that; only they are made.
    pub fn linear_spikes(self, weight: Tensor<3>, x: Tensor<2>, neurons: Neurons) -> Tensor<2> {
        let behind = Behind::spikes(&neurons);
        self.linear_then(weight, x, None, Some(neurons), behind)
            .spikes
    }

    /// Potentials, `norm(x W)` added to `shortcut`, and the spikes of neurons behind them.
    pub fn linear_fired(
        self,
        weight: Tensor<3>,
        x: Tensor<2>,
        shortcut: Tensor<2>,
        neurons: Neurons,
    ) -> Fired<2> {
        let behind = Behind::both(true, &neurons);
        self.linear_then(weight, x, Some(shortcut), Some(neurons), behind)
    }

    fn linear_then(
        self,
        weight: Tensor<3>,
        x: Tensor<2>,
        shortcut: Option<Tensor<2>>,
        neurons: Option<Neurons>,
        behind: Behind,
    ) -> Fired<2> {
        let affine = self.affine.into_dispatch();
        let (potentials, spikes) = Dispatch::linear_norm(
            x.into_dispatch(),
            weight.into_dispatch(),
            affine.clone(),
            shortcut.map_or_else(|| affine.clone(), Tensor::into_dispatch),
            neurons.map_or_else(|| affine.clone(), |(theta, _)| theta.into_dispatch()),
            behind,
        );
        Fired {
            potentials: Tensor::from_dispatch(potentials),
            spikes: Tensor::from_dispatch(spikes),
        }
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
        let behind = Behind::potentials(shortcut.is_some());
        self.conv_then::<4>((weight, p), x, shortcut, None, behind)
            .potentials
    }

    /// The spikes of neurons behind that; only they are made.
    pub fn conv_spikes(
        self,
        weight: Tensor<4>,
        p: ConvParams,
        x: Tensor<4>,
        neurons: Neurons,
    ) -> Tensor<4> {
        let behind = Behind::spikes(&neurons);
        self.conv_then((weight, p), x, None, Some(neurons), behind)
            .spikes
    }

    /// `norm(conv(x))` and the spikes of neurons behind it, both as tokens, `[R H' W', C_out]`.
    pub fn conv_tokens(
        self,
        weight: Tensor<4>,
        p: ConvParams,
        x: Tensor<4>,
        neurons: Neurons,
    ) -> Fired<2> {
        let behind = Behind::both(false, &neurons);
        self.conv_then((weight, p), x, None, Some(neurons), behind)
    }

    /// As maps, `D = 4`, or as tokens, `D = 2`.
    fn conv_then<const D: usize>(
        self,
        (weight, p): (Tensor<4>, ConvParams),
        x: Tensor<4>,
        shortcut: Option<Tensor<4>>,
        neurons: Option<Neurons>,
        behind: Behind,
    ) -> Fired<D> {
        let affine = self.affine.into_dispatch();
        let (potentials, spikes) = Dispatch::conv_norm(
            x.into_dispatch(),
            weight.into_dispatch(),
            affine.clone(),
            shortcut.map_or_else(|| affine.clone(), Tensor::into_dispatch),
            neurons.map_or_else(|| affine.clone(), |(theta, _)| theta.into_dispatch()),
            behind,
            D == 2,
            p,
        );
        Fired {
            potentials: Tensor::from_dispatch(potentials),
            spikes: Tensor::from_dispatch(spikes),
        }
    }
}

impl Behind {
    fn potentials(shortcut: bool) -> Self {
        Self {
            shortcut,
            neurons: None,
            potentials: true,
        }
    }

    fn spikes((_, code): &Neurons) -> Self {
        Self {
            shortcut: false,
            neurons: Some(*code),
            potentials: false,
        }
    }

    fn both(shortcut: bool, (_, code): &Neurons) -> Self {
        Self {
            shortcut,
            neurons: Some(*code),
            potentials: true,
        }
    }
}
