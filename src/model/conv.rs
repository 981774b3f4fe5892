//! Convolutional synapses, with the normalisation behind them.

use super::init::Init;
use super::layer::{Norm, added};
use super::neuron::Neuron;
use super::trace::Trace;
use crate::config::NormKind;
use crate::kernels::{ConvParams, Fired, FusedNorm, batch_norm_onto, conv, learns, linear};
use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor};

/// Convolution with normalisation.
#[derive(Module, Debug)]
pub struct SpikeConv {
    conv: Taps,
    norm: Norm,
    #[module(skip)]
    params: ConvParams,
    /// See [`super::layer::SpikeLinear::folded`].
    #[module(skip)]
    folded: Option<FusedNorm>,
}

/// What a convolution learns, by the names that files know it by (`conv.weight`).
#[derive(Module, Debug)]
struct Taps {
    /// `[C_out, C_in/g, k, k]`.
    weight: Param<Tensor<4>>,
    /// `[C_out]`; absent in front of BatchNorm, whose shift does the same.
    bias: Option<Param<Tensor<1>>>,
}

/// Geometry of a [`SpikeConv`].
#[derive(Debug, Clone, Copy)]
pub struct ConvShape {
    /// Input channels.
    pub c_in: usize,
    /// Output channels.
    pub c_out: usize,
    /// Side of the kernel.
    pub kernel: usize,
    /// Stride.
    pub stride: usize,
    /// Channel groups.
    pub groups: usize,
}

impl ConvShape {
    /// Zero padding that divides the side by the stride exactly.
    pub fn padding(&self) -> usize {
        (self.kernel + 1 - self.stride) / 2
    }
}

impl SpikeConv {
    /// A convolution of that shape.
    pub fn new(shape: ConvShape, norm: NormKind, init: &mut Init) -> Self {
        let ConvShape {
            c_in,
            c_out,
            kernel,
            stride,
            groups,
        } = shape;
        let fan_in = c_in / groups * kernel * kernel;
        let weight = init.fan_in([c_out, c_in / groups, kernel, kernel], fan_in);
        let bias = (norm == NormKind::Layer).then(|| init.constant([c_out], 0.0));
        Self {
            conv: Taps { weight, bias },
            norm: Norm::new(norm, c_out, init),
            params: ConvParams {
                stride,
                padding: shape.padding(),
                groups,
            },
            folded: None,
        }
    }

    /// See [`super::layer::SpikeLinear::folded`].
    pub fn folded(mut self) -> Self {
        self.folded = self.fused(&self.conv.weight.val().device());
        self
    }

    fn fused(&self, device: &Device) -> Option<FusedNorm> {
        let kept = self.folded.clone();
        kept.or_else(|| self.norm.fused(self.conv.bias.is_some(), device))
    }

    /// See [`super::layer::SpikeLinear::quiet`].
    pub fn quiet(mut self, init: &mut Init) -> Self {
        self.norm = self.norm.quiet(init);
        self
    }

    /// `[R, C_in, S, S] -> [R, C_out, S/stride, S/stride]`.
    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        self.computed(x, None)
    }

    /// The same, added to `shortcut [R, C_out, S/stride, S/stride]`.
    pub fn forward_onto(&self, x: Tensor<4>, shortcut: Tensor<4>) -> Tensor<4> {
        self.computed(x, Some(shortcut))
    }

    /// Spikes of the neurons behind the layer, see [`super::layer::SpikeLinear::forward_into`].
    pub fn forward_into(
        &self,
        x: Tensor<4>,
        neuron: &Neuron,
        trace: &Trace,
    ) -> (Option<Tensor<4>>, Tensor<4>) {
        if !trace.watches() {
            let weight = self.conv.weight.val();
            if let Norm::Batch(norm) = &self.norm
                && self.conv.bias.is_none()
                && learns(norm, &x.device())
            {
                let y = conv(x, weight, self.params);
                return (None, neuron.behind_maps(norm, y));
            }
            if let (Some(norm), Some(neurons)) = (self.fused(&x.device()), neuron.coded()) {
                return (None, norm.conv_spikes(weight, self.params, x, neurons));
            }
        }
        let x = self.forward(x);
        (trace.keep(&x), neuron.forward(x))
    }

    /// Tokens `[R·N, C_out]` and the spikes of the neurons that they arrive at, where one pass makes both.
    pub fn tokens_into(&self, x: &Tensor<4>, neuron: &Neuron) -> Option<Fired<2>> {
        let (norm, neurons) = (self.fused(&x.device())?, neuron.coded()?);
        let weight = self.conv.weight.val();
        Some(norm.conv_tokens(weight, self.params, x.clone(), neurons))
    }

    fn computed(&self, x: Tensor<4>, shortcut: Option<Tensor<4>>) -> Tensor<4> {
        match self.fused(&x.device()) {
            Some(norm) => norm.conv(self.conv.weight.val(), self.params, x, shortcut),
            None => {
                let y = conv(x, self.conv.weight.val(), self.params);
                match (&self.norm, &self.conv.bias, shortcut) {
                    (Norm::Batch(norm), None, Some(shortcut)) => batch_norm_onto(norm, y, shortcut),
                    (norm, None, shortcut) => added(shortcut, norm.maps(y)),
                    (norm, Some(bias), shortcut) => {
                        let y = y + bias.val().reshape([1, -1, 1, 1]);
                        added(shortcut, norm.maps(y))
                    }
                }
            }
        }
    }

    /// Side of the patches that the images fall into, where each position sees a patch of its own: the layer is a linear
    /// one then.
    pub fn patch(&self) -> Option<usize> {
        let [_, _, kernel, _] = self.conv.weight.dims();
        let apart = self.params.stride == kernel && self.params.padding == 0;
        (apart && self.params.groups == 1).then_some(kernel)
    }

    /// Patches `[P, C_in·k²]`, as [`crate::kernels::Patches`] cuts them, to `[P, C_out]`.
    pub fn patches(&self, x: Tensor<2>) -> Tensor<2> {
        let weight = self.conv.weight.val();
        let [c_out, c_in, height, width] = weight.dims();
        let weight = weight.reshape([c_out, c_in * height * width]).transpose();
        self.norm.behind(self.conv.bias.as_ref(), linear(x, weight))
    }
}
