//! Synapses: grouped linear layers, and the normalisation behind them and behind convolutions (`conv`).
//! `R` rows (time steps × batch × tokens), `C` channels, `g` channel groups.
//!
//! ```text
//! y[r, j·g + i] = norm(Σ_c x[r, i·C_in/g + c] W[i, c, j])     [R, C_in] -> [R, C_out]
//! ```
//!
//! Channel grouping is the design card's; the shuffle between grouped layers is the field's (ShuffleNet,
//! arXiv:1707.01083), and is the output's order here, so that it costs nothing.

use super::attention::Products;
use super::fold::BATCH_NORM_EPSILON;
use super::init::Init;
use super::neuron::Neuron;
use super::trace::Trace;
use crate::config::NormKind;
use crate::kernels::{
    self, Attending, BiasNorm, Fired, FusedNorm, batch_norm_layer, batch_norm_onto, learns, linear,
};
use burn::module::{Module, Param, RunningState};
use burn::nn::BatchNorm;
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
    pub(super) fn new(kind: NormKind, channels: usize, init: &mut Init) -> Self {
        match kind {
            NormKind::Batch => Self::Batch(batch_norm(channels, init)),
            NormKind::Layer => Self::Layer(LayerNorm::new(channels, init)),
        }
    }

    /// With the scale of a residual branch that begins.
    pub(super) fn quiet(self, init: &mut Init) -> Self {
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
    pub(super) fn fused(&self, biased: bool, device: &Device) -> Option<FusedNorm> {
        match self {
            Self::Batch(norm) if !biased => FusedNorm::new(norm, device),
            _ => None,
        }
    }

    /// `[R, C] -> [R, C]`.
    fn rows(&self, x: Tensor<2>) -> Tensor<2> {
        match self {
            Self::Batch(norm) => batch_norm_layer(norm, x),
            Self::Layer(norm) => norm.forward(x),
        }
    }

    /// A product `[R, C]` with its bias, normalised.
    pub(super) fn behind(&self, bias: Option<&Param<Tensor<1>>>, y: Tensor<2>) -> Tensor<2> {
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
            beta: norm.beta.val(),
            epsilon: LAYER_NORM_EPSILON as f32,
        })
    }

    /// `[R, C, H, W] -> [R, C, H, W]`.
    pub(super) fn maps(&self, x: Tensor<4>) -> Tensor<4> {
        match self {
            Self::Batch(norm) => batch_norm_layer(norm, x),
            Self::Layer(norm) => {
                let [rows, channels, height, width] = x.dims();
                let positions = x
                    .permute([0, 2, 3, 1])
                    .reshape([rows * height * width, channels]);
                norm.forward(positions)
                    .reshape([rows, height, width, channels])
                    .permute([0, 3, 1, 2])
            }
        }
    }
}

/// As burn's config makes it, which has burn's initialisers behind it, and they all its matrix products for the
/// orthogonal one: a seventh of the WebGPU engine.
fn batch_norm(channels: usize, init: &Init) -> BatchNorm {
    let running = |value| RunningState::new(Tensor::full([channels], value, init.device()));
    BatchNorm {
        gamma: init.constant([channels], 1.0),
        beta: init.constant([channels], 0.0),
        training: Param::from_bool(true),
        running_mean: running(0.0),
        running_var: running(1.0),
        momentum: 0.1,
        epsilon: BATCH_NORM_EPSILON,
    }
}

/// LayerNorm over channels, in one pass each way.
#[derive(Module, Debug)]
pub struct LayerNorm {
    /// Scale, `[C]`.
    gamma: Param<Tensor<1>>,
    /// Shift, `[C]`.
    beta: Param<Tensor<1>>,
}

impl LayerNorm {
    /// Of `channels` channels, which changes nothing but their mean and variance.
    pub(super) fn new(channels: usize, init: &Init) -> Self {
        Self {
            gamma: init.constant([channels], 1.0),
            beta: init.constant([channels], 0.0),
        }
    }

    /// `[R, C] -> [R, C]`.
    pub(super) fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        let epsilon = LAYER_NORM_EPSILON as f32;
        kernels::layer_norm(x, self.gamma.val(), self.beta.val(), epsilon)
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
    /// The norm as inference on a GPU has it, once it is kept.
    #[module(skip)]
    folded: Option<FusedNorm>,
}

impl SpikeLinear {
    /// A layer `c_in -> c_out` in `groups` groups.
    pub fn new(c_in: usize, c_out: usize, groups: usize, norm: NormKind, init: &mut Init) -> Self {
        let shape = [groups, c_in / groups, c_out / groups];
        Self {
            weight: init.fan_in(shape, c_in / groups),
            bias: (norm == NormKind::Layer).then(|| init.constant([c_out], 0.0)),
            norm: Norm::new(norm, c_out, init),
            folded: None,
        }
    }

    /// The same layer, its norm ready for inference where that is kept ready: on a GPU. Its weights must stay.
    pub fn folded(mut self) -> Self {
        self.folded = self.fused(&self.weight.val().device());
        self
    }

    fn fused(&self, device: &Device) -> Option<FusedNorm> {
        let kept = self.folded.clone();
        kept.or_else(|| self.norm.fused(self.bias.is_some(), device))
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

    /// The same added to `shortcut [R, C_out]`, and the spikes of the neurons that it arrives at.
    pub fn forward_onto(&self, x: Tensor<2>, shortcut: Tensor<2>, neuron: &Neuron) -> Fired<2> {
        match (self.fused(&x.device()), neuron.coded()) {
            (Some(norm), Some(neurons)) => {
                norm.linear_fired(self.weight.val(), x, shortcut, neurons)
            }
            _ => neuron.fire(self.computed(x, Some(shortcut))),
        }
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
            if let (Some(norm), Some(neurons)) = (self.fused(&x.device()), neuron.coded()) {
                return (None, norm.linear_spikes(self.weight.val(), x, neurons));
            }
        }
        let x = self.forward(x);
        (trace.keep(&x), neuron.forward(x))
    }

    /// The layer behind attention, with the products in front of it, where one pass makes all of it: `between` is the
    /// neurons that the products arrive at, `behind` those that the layer's output does.
    pub fn attending(
        &self,
        products: &Products,
        between: &Neuron,
        behind: &Neuron,
    ) -> Option<Attending> {
        let (qkv, groups) = products.of_windows()?;
        let norm = self.fused(&qkv.device())?;
        let neurons = [between.coded()?, behind.coded()?];
        Attending::new(norm, self.weight.val(), qkv, groups, neurons)
    }

    fn computed(&self, x: Tensor<2>, shortcut: Option<Tensor<2>>) -> Tensor<2> {
        match self.fused(&x.device()) {
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

pub(super) fn added<const D: usize>(shortcut: Option<Tensor<D>>, y: Tensor<D>) -> Tensor<D> {
    match shortcut {
        Some(shortcut) => shortcut + y,
        None => y,
    }
}
