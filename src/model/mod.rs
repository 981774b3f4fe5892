//! Ge²mS-T, its dense twin and its form on events. One mechanism per file; shapes with named dimensions everywhere.
//!
//! Nothing of the paper but its abstract was available to us (arXiv:2604.08894, which has no equation): what stands in
//! its column are the abstract's words, and every term marked **R** is our reconstruction of them. **C** is the design
//! card's, **F** the field's (its source stands in the module).
//!
//! | here | origin | the paper's abstract | the design card |
//! |---|---|---|---|
//! | `T` steps, `g` steps of a group, `T/g` groups: [`temporal`], `Parallel` | R | temporal grouping | `temporal_group` |
//! | `FoldIntoChannels`: `(B,T,C,H,W) -> (B,T/g,C·g,H,W)` | C | – | the same, built for C |
//! | `Readout::{Mean, Weighted, Attention}` over groups: [`ge2mst`] | R | – | "cross-group" remedy |
//! | `w` window side, `W = w²` tokens, shifted by `w/2`: [`crate::kernels::Windows`] | F | spatial grouping | `window_size` |
//! | one window side per head group: [`attention`] | R | multi-scale token grouping | – |
//! | `g_c` channel groups, shuffle: [`layer`], [`conv`] | C, F | – | `channel_groups` |
//! | stem and convolution blocks, then attention blocks: [`stem`], [`block`] | R | network-structure grouping, hybrid attention-convolution framework | one patch convolution |
//! | [`neuron`] with `ExpGIf`: K steps of weight `2^(K-k)`, G groups, theta | R | ExpG-IF | – |
//! | `spike_penalty` times [`trace::Regulation::mean_rate`] | R | precise regulation for spike patterns | – |
//! | `operation_penalty` times [`trace::Regulation::operations`] | R | the same, by what a spike costs | – |
//! | [`event`], [`fold`] | R | lossless conversion | – |
//! | [`neuron`] with `Lif`, `If` | C, F | – | LIF: tau 2, threshold 1, ATan surrogate |
//! | [`attention`] with `GwSsa`, `GwSsaScores`, `GwSsaLinear` | R | GW-SSA, multiplication-free operations | – |
//! | [`attention`] with `Card` | C | – | softmax attention on spikes |
//! | [`attention`] with `Identity`, `FrozenQk` | F | controls | – |
//! | membrane shortcuts: [`block`] | F | – | – |
//! | `InputCoding::Direct`, `Rate`: [`stem`] | F, C | – | noise 0.1, clamped to 0..=1 |
//! | [`vit`] | F | – | ViT-B/16 |
//! | `h` heads, `d = C/h`, `N` tokens, `B` batch, `R = T·B` rows | | | `num_heads`, `head_dim` |
//!
//! **The K-bit quantised twin** is the training form of an ExpG-IF network: the same weights and layers with
//! `theta clip(floor(z/theta + 1/2), 0, G (2^K - 1))` as activation, one number per neuron, no time axis. [`event`]
//! turns it into spikes; [`crate::train::Conversion`] compares the two.

pub mod attention;
pub mod block;
pub mod conv;
pub mod event;
pub mod fold;
pub mod ge2mst;
pub mod init;
pub mod layer;
pub mod neuron;
pub mod stem;
pub mod temporal;
pub mod trace;
pub mod vit;

use crate::config::{Freeze, ModelConfig};
use burn::module::Module;
use burn::tensor::{Device, Tensor};
use trace::Trace;

/// What a forward returns.
#[derive(Debug, Clone)]
pub struct Output {
    /// `[B, classes]`.
    pub logits: Tensor<2>,
    /// Spikes in front of each synaptic layer; empty for a dense network.
    pub trace: Trace,
}

/// Either network.
#[derive(Module, Debug)]
#[allow(clippy::large_enum_variant)] // One per run; boxing would only add a hop.
pub enum Network {
    /// The spiking transformer.
    Spiking(ge2mst::Ge2msT),
    /// The dense twin.
    Dense(vit::DenseVit),
}

impl Network {
    /// A network with weights drawn from `seed`. The configuration must be valid.
    pub fn new(config: &ModelConfig, seed: u64, device: &Device) -> Self {
        let mut init = init::Init::new(seed, device);
        match config {
            ModelConfig::Ge2msT(config) => Self::Spiking(ge2mst::Ge2msT::new(config, &mut init)),
            ModelConfig::DenseVit(config) => Self::Dense(vit::DenseVit::new(config, &mut init)),
        }
    }

    /// The same network with the tensors of `policy` frozen and all others trained. Frozen BatchNorms use their
    /// running statistics.
    pub fn frozen(self, policy: Freeze) -> Self {
        match self {
            Self::Spiking(network) => Self::Spiking(network.frozen(policy)),
            Self::Dense(network) => Self::Dense(network.frozen(policy)),
        }
    }

    /// The same network, off the autodiff graph, for pictures from now on: what depends on its weights alone is computed
    /// once, so they must stay.
    pub fn folded(self) -> Self {
        match self {
            Self::Spiking(network) => Self::Spiking(network.folded()),
            dense @ Self::Dense(_) => dense,
        }
    }

    /// Pixels `[B, 3, S, S]` in 0..=1 to logits `[B, classes]` and a trace.
    pub fn forward(&self, images: Tensor<4>) -> Output {
        match self {
            Self::Spiking(network) => network.forward(images),
            Self::Dense(network) => network.forward(images),
        }
    }

    /// The same with what `trace` remembers of the spikes; a dense network's has none.
    pub fn traced(&self, images: Tensor<4>, trace: Trace) -> Output {
        match self {
            Self::Spiking(network) => network.traced(images, trace),
            Self::Dense(network) => network.forward(images),
        }
    }

    /// Pixels `[B, 3, S, S]` in 0..=1 to what the classifier sees, `[B, C]`.
    pub fn features(&self, images: Tensor<4>) -> Tensor<2> {
        match self {
            Self::Spiking(network) => network.features(images).0,
            Self::Dense(network) => network.features(images),
        }
    }
}

/// Freeze all blocks but the last `trained`.
fn freeze_front<M: Module>(blocks: Vec<M>, trained: usize) -> Vec<M> {
    let frozen = blocks.len().saturating_sub(trained);
    let freeze = |(index, block): (usize, M)| {
        if index < frozen {
            block.freeze()
        } else {
            block
        }
    };
    blocks.into_iter().enumerate().map(freeze).collect()
}

/// Number of trailing blocks that a policy trains, of `depth`; `None` if the stem is trained too.
fn trained_blocks(policy: Freeze, depth: usize) -> Option<usize> {
    match policy {
        Freeze::Nothing => None,
        Freeze::AllButHead => Some(0),
        Freeze::AllButLast { blocks } => Some(blocks.min(depth)),
    }
}
