//! Synapses: grouped linear layers, convolutions, and the normalisation behind each of them.
//! `R` rows (time steps × batch × tokens), `C` channels, `g` channel groups.
//!
//! ```text
//! y[r, j·g + i] = norm(Σ_c x[r, i·C_in/g + c] W[i, c, j])     [R, C_in] -> [R, C_out]
//! ```
//!
//! Channel grouping is the design card's; the shuffle between grouped layers is the field's (ShuffleNet,
//! arXiv:1707.01083), and is the output's order here, so that it costs nothing.

use super::fold::BATCH_NORM_EPSILON;
use super::init::Init;
use super::neuron::Neuron;
use super::trace::Trace;
use crate::config::NormKind;
use crate::kernels::{
    self, BiasNorm, ConvParams, FusedNorm, batch_norm_layer, batch_norm_onto, conv, learns, linear,
};
use burn::module::{Module, Param};
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::{BatchNorm, BatchNormConfig, LayerNorm, LayerNormConfig, PaddingConfig2d};
use burn::tensor::{Device, Tensor};

/// Scale at which residual branches begin.
const QUIET: f32 = 0.1;
/// Added to the variances of LayerNorm.
const LAYER_NORM_EPSILON: f64 = 1e-5;

/// BatchNorm over rows (and positions) or LayerNorm over channels.
#[derive(Module, Debug)]
pub enum Norm {
    /// BatchNorm; folds into the weights for inference.
    Batch(BatchNorm),
    /// LayerNorm over channels (the design card's variant).
    Layer(LayerNorm),
}

impl Norm {
    fn new(kind: NormKind, channels: usize, init: &mut Init) -> Self {
        match kind {
            NormKind::Batch => Self::Batch(
                BatchNormConfig::new(channels)
                    .with_epsilon(BATCH_NORM_EPSILON)
                    .init(init.device()),
            ),
            NormKind::Layer => Self::Layer(layer_norm(channels, init)),
        }
    }

    /// With the scale of a residual branch that begins.
    fn quiet(self, init: &mut Init) -> Self {
        match self {
            Self::Batch(mut norm) => {
                norm.gamma = init.constant(norm.gamma.dims(), QUIET);
                Self::Batch(norm)
            }
            Self::Layer(mut norm) => {
                norm.gamma = init.constant(norm.gamma.dims(), QUIET);
                Self::Layer(norm)
            }
        }
    }

    /// What a layer without bias can be computed with in one.
    fn fused(&self, biased: bool, device: &Device) -> Option<FusedNorm> {
        match self {
            Self::Batch(norm) if !biased => FusedNorm::new(norm, device),
            _ => None,
        }
    }

    /// `[R, C] -> [R, C]`.
    fn rows(&self, x: Tensor<2>) -> Tensor<2> {
        match self {
            Self::Batch(norm) => batch_norm_layer(norm, x),
            Self::Layer(norm) => normalised(norm, x),
        }
    }

    /// A product `[R, C]` with its bias, normalised.
    fn behind(&self, bias: Option<&Param<Tensor<1>>>, y: Tensor<2>) -> Tensor<2> {
        match (self.with_bias(bias), bias) {
            (Some(norm), _) => norm.rows(y),
            (None, Some(bias)) => self.rows(y + bias.val().unsqueeze()),
            (None, None) => self.rows(y),
        }
    }

    /// Bias and norm in one, where that is a LayerNorm.
    fn with_bias(&self, bias: Option<&Param<Tensor<1>>>) -> Option<BiasNorm> {
        let (Self::Layer(norm), Some(bias)) = (self, bias) else {
            return None;
        };
        Some(BiasNorm {
            bias: bias.val(),
            gamma: norm.gamma.val(),
            beta: norm.beta.as_ref()?.val(),
            epsilon: LAYER_NORM_EPSILON as f32,
        })
    }

    /// `[R, C, H, W] -> [R, C, H, W]`.
    fn maps(&self, x: Tensor<4>) -> Tensor<4> {
        match self {
            Self::Batch(norm) => batch_norm_layer(norm, x),
            Self::Layer(norm) => {
                let [rows, channels, height, width] = x.dims();
                let positions = x
                    .permute([0, 2, 3, 1])
                    .reshape([rows * height * width, channels]);
                normalised(norm, positions)
                    .reshape([rows, height, width, channels])
                    .permute([0, 3, 1, 2])
            }
        }
    }
}

/// A LayerNorm over `channels` that [`normalised`] computes.
pub(super) fn layer_norm(channels: usize, init: &Init) -> LayerNorm {
    LayerNormConfig::new(channels)
        .with_epsilon(LAYER_NORM_EPSILON)
        .init(init.device())
}

/// `[R, C] -> [R, C]`, in one pass each way.
pub(super) fn normalised(norm: &LayerNorm, x: Tensor<2>) -> Tensor<2> {
    match &norm.beta {
        Some(beta) => {
            let epsilon = LAYER_NORM_EPSILON as f32;
            kernels::layer_norm(x, norm.gamma.val(), beta.val(), epsilon)
        }
        None => norm.forward(x),
    }
}

/// Block-diagonal linear layer with normalisation: g groups of `C_in/g -> C_out/g`, whose outputs are
/// interleaved (output `j·g + group`), the channel shuffle that lets the next layer mix groups.
#[derive(Module, Debug)]
pub struct SpikeLinear {
    /// `[g, C_in/g, C_out/g]`.
    weight: Param<Tensor<3>>,
    /// `[C_out]`; absent in front of BatchNorm, whose shift does the same.
    bias: Option<Param<Tensor<1>>>,
    norm: Norm,
}

impl SpikeLinear {
    /// A layer `c_in -> c_out` in `groups` groups.
    pub fn new(c_in: usize, c_out: usize, groups: usize, norm: NormKind, init: &mut Init) -> Self {
        let shape = [groups, c_in / groups, c_out / groups];
        Self {
            weight: init.fan_in(shape, c_in / groups),
            bias: (norm == NormKind::Layer).then(|| init.constant([c_out], 0.0)),
            norm: Norm::new(norm, c_out, init),
        }
    }

    /// The same layer with a small scale behind it: the last one of a residual branch, which then begins as little and
    /// grows where it helps, instead of adding noise of the signal's own size. Goyal et al. 2017 (arXiv:1706.02677,
    /// §5.1) begin at zero.
    pub fn quiet(mut self, init: &mut Init) -> Self {
        self.norm = self.norm.quiet(init);
        self
    }

    /// C_out.
    pub fn outputs(&self) -> usize {
        let [groups, _, c_out] = self.weight.dims();
        groups * c_out
    }

    /// `[R, C_in] -> [R, C_out]`.
    pub fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        self.computed(x, None)
    }

    /// The same, added to `shortcut [R, C_out]`.
    pub fn forward_onto(&self, x: Tensor<2>, shortcut: Tensor<2>) -> Tensor<2> {
        self.computed(x, Some(shortcut))
    }

    /// Spikes `[R, C_out]` of the neurons behind the layer, given its input `[R, C_in]`; what arrives at them too where
    /// the trace watches.
    pub fn forward_into(
        &self,
        x: Tensor<2>,
        neuron: &Neuron,
        trace: &Trace,
    ) -> (Option<Tensor<2>>, Tensor<2>) {
        if !trace.watches() {
            match (&self.norm, self.bias_norm()) {
                (Norm::Batch(norm), _) if self.bias.is_none() && learns(norm, &x.device()) => {
                    let y = linear(x, self.weight.val());
                    return (None, neuron.behind(norm, y));
                }
                (_, Some(norm)) => {
                    let y = linear(x, self.weight.val());
                    return (None, neuron.behind_bias(norm, y));
                }
                _ => {}
            }
        }
        let x = self.forward(x);
        (trace.keep(&x), neuron.forward(x))
    }

    fn computed(&self, x: Tensor<2>, shortcut: Option<Tensor<2>>) -> Tensor<2> {
        match self.norm.fused(self.bias.is_some(), &x.device()) {
            Some(norm) => norm.linear(self.weight.val(), x, shortcut),
            None => {
                let y = linear(x, self.weight.val());
                match (&self.norm, &self.bias, shortcut) {
                    (Norm::Batch(norm), None, Some(shortcut)) => batch_norm_onto(norm, y, shortcut),
                    (norm, bias, shortcut) => added(shortcut, norm.behind(bias.as_ref(), y)),
                }
            }
        }
    }

    /// What follows the product, where that is a bias and a LayerNorm.
    fn bias_norm(&self) -> Option<BiasNorm> {
        self.norm.with_bias(self.bias.as_ref())
    }
}

fn added<const D: usize>(shortcut: Option<Tensor<D>>, y: Tensor<D>) -> Tensor<D> {
    match shortcut {
        Some(shortcut) => shortcut + y,
        None => y,
    }
}

/// Convolution with normalisation.
#[derive(Module, Debug)]
pub struct SpikeConv {
    conv: Conv2d,
    norm: Norm,
    padding: usize,
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
        let pad = shape.padding();
        let mut conv = Conv2dConfig::new([c_in, c_out], [kernel, kernel])
            .with_stride([stride, stride])
            .with_padding(PaddingConfig2d::Explicit(pad, pad, pad, pad))
            .with_groups(groups)
            .with_bias(false)
            .init(init.device());
        let fan_in = c_in / groups * kernel * kernel;
        conv.weight = init.fan_in([c_out, c_in / groups, kernel, kernel], fan_in);
        conv.bias = (norm == NormKind::Layer).then(|| init.constant([c_out], 0.0));
        Self {
            conv,
            norm: Norm::new(norm, c_out, init),
            padding: pad,
        }
    }

    /// See [`SpikeLinear::quiet`].
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

    /// Spikes of the neurons behind the layer, see [`SpikeLinear::forward_into`].
    pub fn forward_into(
        &self,
        x: Tensor<4>,
        neuron: &Neuron,
        trace: &Trace,
    ) -> (Option<Tensor<4>>, Tensor<4>) {
        match &self.norm {
            Norm::Batch(norm)
                if !trace.watches() && self.conv.bias.is_none() && learns(norm, &x.device()) =>
            {
                let y = conv(x, self.conv.weight.val(), self.params());
                (None, neuron.behind_maps(norm, y))
            }
            _ => {
                let x = self.forward(x);
                (trace.keep(&x), neuron.forward(x))
            }
        }
    }

    fn computed(&self, x: Tensor<4>, shortcut: Option<Tensor<4>>) -> Tensor<4> {
        match self.norm.fused(self.conv.bias.is_some(), &x.device()) {
            Some(norm) => norm.conv(self.conv.weight.val(), self.params(), x, shortcut),
            None => {
                let y = conv(x, self.conv.weight.val(), self.params());
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
        let apart = self.conv.stride[0] == kernel && self.padding == 0;
        (apart && self.conv.groups == 1).then_some(kernel)
    }

    /// Patches `[P, C_in·k²]`, as [`kernels::Patches`] cuts them, to `[P, C_out]`.
    pub fn patches(&self, x: Tensor<2>) -> Tensor<2> {
        let weight = self.conv.weight.val();
        let [c_out, c_in, height, width] = weight.dims();
        let weight = weight.reshape([c_out, c_in * height * width]).transpose();
        self.norm.behind(self.conv.bias.as_ref(), linear(x, weight))
    }

    fn params(&self) -> ConvParams {
        ConvParams {
            stride: self.conv.stride[0],
            padding: self.padding,
            groups: self.conv.groups,
        }
    }
}
