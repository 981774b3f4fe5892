//! The network's configuration. `T` time steps, `B` batch, `H×W` tokens (`N = H·W`), `C` channels,
//! `h` heads, `d = C/h`.

use serde::{Deserialize, Serialize};

/// Which network a run trains.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ModelConfig {
    /// The spiking transformer.
    Ge2msT(Ge2msTConfig),
    /// Its dense twin.
    DenseVit(VitConfig),
}

impl ModelConfig {
    /// Number of classes.
    pub fn classes(&self) -> usize {
        match self {
            Self::Ge2msT(model) => model.classes,
            Self::DenseVit(model) => model.classes,
        }
    }

    /// The same network for another number of classes.
    #[must_use]
    pub fn with_classes(mut self, classes: usize) -> Self {
        match &mut self {
            Self::Ge2msT(model) => model.classes = classes,
            Self::DenseVit(model) => model.classes = classes,
        }
        self
    }
}

/// Ge²mS-T: spiking stem, optional spiking convolution blocks, windowed spiking attention blocks.
///
/// ```text
/// image [B,3,S,S] ─ stem conv 0 ─ BN ─ (+ step embedding [T,C0]) ─┬─ conv blocks ─ neuron ─ stem conv 1 ─ BN ─ …
///  tokens [T,B,N,C] ─ depth × { x += attention(neuron(x)) ; x += mlp(neuron(x)) }
///  neuron ─ mean over tokens ─ head ─ read-out over time groups ─ logits [B,classes]
/// ```
///
/// Shortcuts carry membrane potentials (real numbers); a neuron stands at the entry of each branch,
/// so every projection after the first convolution sees spikes only.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ge2msTConfig {
    /// Side of the square input image in pixels.
    pub image_size: usize,
    /// Colour channels of the image.
    pub in_channels: usize,
    /// Number of classes.
    pub classes: usize,
    /// T, time steps a spike train lasts.
    pub time_steps: usize,
    /// The neuron used everywhere.
    pub neuron: NeuronConfig,
    /// How the image becomes input over time.
    pub coding: InputCoding,
    /// Temporal grouping.
    pub temporal: TemporalConfig,
    /// Convolutions from pixels to tokens; the last one's channels are C.
    pub stem: Vec<StemConv>,
    /// Number of transformer blocks.
    pub depth: usize,
    /// h, attention heads; divides C.
    pub heads: usize,
    /// Hidden width of the MLP over C.
    pub mlp_ratio: usize,
    /// Attention and its spatial grouping.
    pub attention: AttentionConfig,
    /// Channel groups g_c of the projections in each block (q, k, v, out, both MLP layers), one entry
    /// per block or a single entry for all. A channel shuffle stands between grouped layers.
    pub channel_groups: Vec<usize>,
    /// Normalisation after each linear or convolution layer.
    pub norm: NormKind,
}

/// The dense twin: a pre-norm ViT with GELU and softmax attention over all tokens.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VitConfig {
    /// Side of the square input image in pixels.
    pub image_size: usize,
    /// Colour channels of the image.
    pub in_channels: usize,
    /// Number of classes.
    pub classes: usize,
    /// Side of a square patch in pixels.
    pub patch: usize,
    /// C, width.
    pub dim: usize,
    /// Number of blocks.
    pub depth: usize,
    /// h, attention heads; divides C.
    pub heads: usize,
    /// Hidden width of the MLP over C.
    pub mlp_ratio: usize,
}

/// The spiking neuron.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum NeuronConfig {
    /// Leaky integrate-and-fire (SpikingJelly's definition; the design card's neuron).
    Lif {
        /// Membrane time constant in steps, greater than 1 (or 1: a plain threshold).
        tau: f32,
        /// Firing threshold; a spike is `H >= v_threshold`.
        v_threshold: f32,
        /// What a spike does to the membrane.
        reset: Reset,
        /// Whether the input decays with the membrane: `H = V + (X - V)/tau`, else `H = V - V/tau + X`.
        decay_input: bool,
        /// No gradient through the reset.
        detach_reset: bool,
        /// Derivative used for the step function.
        surrogate: Surrogate,
    },
    /// Integrate-and-fire: LIF without leak, `H = V + X`.
    If {
        /// Firing threshold.
        v_threshold: f32,
        /// What a spike does to the membrane.
        reset: Reset,
        /// No gradient through the reset.
        detach_reset: bool,
        /// Derivative used for the step function.
        surrogate: Surrogate,
    },
    /// Our reconstruction of the paper's exponential-coding IF neuron: K steps of binary spikes with
    /// weights `2^(K-k)` in each of G groups, trained as one quantiser. `time_steps = steps · groups`.
    ExpGIf {
        /// K, spikes per group, most significant first.
        steps: usize,
        /// G, groups.
        groups: usize,
        /// Initial base threshold theta (learned per layer).
        theta: f32,
    },
}

/// Reset after a spike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reset {
    /// `V = (1 - S) H`.
    Hard,
    /// `V = H - S v_threshold`.
    Soft,
}

/// Surrogate derivative of the Heaviside step at `u = H - v_threshold`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Surrogate {
    /// `(a/2) / (1 + (pi a u / 2)^2)`.
    Atan {
        /// Sharpness; 2 is SpikingJelly's default.
        alpha: f32,
    },
    /// `a s(au) (1 - s(au))` with the logistic `s`.
    Sigmoid {
        /// Sharpness; 4 is SpikingJelly's default.
        alpha: f32,
    },
    /// `1/width` where `|u| < width/2`, else 0.
    Rectangle {
        /// Width of the window.
        width: f32,
    },
    /// `max(0, 1 - |u|/width)/width`.
    Triangle {
        /// Half width of the support.
        width: f32,
    },
}

/// How the image becomes input over time.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InputCoding {
    /// The image itself enters at every step; the first convolution is computed once.
    Direct,
    /// The design card's coding: each step sees the image plus Gaussian noise, clamped to `[0, 1]`.
    Rate {
        /// Standard deviation of the noise; the card uses 0.1.
        noise: f32,
    },
}

/// Temporal grouping: T steps form T/g groups of g.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TemporalConfig {
    /// g, steps per group; divides T. State is carried inside a group only.
    pub group: usize,
    /// What happens to a group.
    pub form: TemporalForm,
    /// How the groups' logits become one answer.
    pub readout: Readout,
}

/// The two forms of temporal grouping.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TemporalForm {
    /// Groups run in parallel, folded into the batch; neurons carry state inside a group.
    Parallel,
    /// The card's `(B,T,C,H,W) -> (B,T/g,C·g,H,W)` before the blocks, whose layers are built for C·g
    /// channels (the card builds them for C, which cannot run).
    FoldIntoChannels,
}

/// Read-out over time groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Readout {
    /// Mean over all steps.
    Mean,
    /// A learned softmax weight per group.
    Weighted,
    /// Attention across the groups' pooled features before the head.
    Attention,
}

/// One convolution of the stem, with the spiking convolution blocks that follow it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StemConv {
    /// Output channels.
    pub channels: usize,
    /// Side of the square kernel. Padding is `(kernel - stride + 1) / 2`, so that the side is divided
    /// by `stride` exactly.
    pub kernel: usize,
    /// Stride.
    pub stride: usize,
    /// Spiking convolution blocks after it: `x += pw(neuron(dw(neuron(x))))` with a 3×3 depth-wise
    /// convolution and a grouped 1×1 one.
    pub blocks: usize,
    /// Groups of the 1×1 convolutions in those blocks.
    pub groups: usize,
}

/// Attention and its spatial grouping.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AttentionConfig {
    /// The formula.
    pub kind: AttentionKind,
    /// Window sides in tokens, one per head group (heads are split evenly, in order); each divides
    /// the token grid's side. The grid's side itself means attention over all tokens.
    pub windows: Vec<usize>,
    /// Shift the windows by half their side in every second block (Swin), with masks at the border.
    pub shift: bool,
}

/// Attention formulas. All act on spikes of q, k and v.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AttentionKind {
    /// The card: `softmax(q kᵀ / √d) v`.
    Card,
    /// Our reconstruction of GW-SSA: `(q kᵀ) v` or `q (kᵀ v)`, whichever has fewer operations,
    /// scaled by a power of two, no softmax, then a neuron.
    GwSsa,
    /// GW-SSA forced to `(q kᵀ) v`.
    GwSsaScores,
    /// GW-SSA forced to `q (kᵀ v)`.
    GwSsaLinear,
    /// Control: no mixing between tokens, `v` passes through.
    Identity,
    /// Control: GW-SSA whose q and k projections are random and frozen.
    FrozenQk,
}

/// Normalisation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NormKind {
    /// BatchNorm over batch, time and tokens; folds into the weights for inference.
    Batch,
    /// LayerNorm over channels (the card's variant).
    Layer,
}

impl Ge2msTConfig {
    /// C, channels of a token: the last stem convolution's.
    pub fn dim(&self) -> usize {
        self.stem.last().map_or(0, |conv| conv.channels)
    }

    /// Side of the token grid after the stem.
    pub fn grid(&self) -> usize {
        self.stem
            .iter()
            .fold(self.image_size, |side, conv| side / conv.stride.max(1))
    }

    /// Channel groups of block `index`.
    pub fn groups_of(&self, index: usize) -> usize {
        match self.channel_groups.as_slice() {
            [] => 1,
            [one] => *one,
            many => many[index.min(many.len() - 1)],
        }
    }

    /// Length of the time axis of the tensors: T for neurons with state, 1 for ExpG-IF, whose K·G
    /// steps live inside one number.
    pub fn tensor_steps(&self) -> usize {
        match self.neuron {
            NeuronConfig::ExpGIf { .. } => 1,
            _ => self.time_steps,
        }
    }
}
