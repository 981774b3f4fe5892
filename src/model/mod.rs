//! Ge²mS-T and its dense twin. One equation per file; shapes with named dimensions everywhere.
//!
//! | here | the paper's abstract (arXiv:2604.08894) | the design card |
//! |---|---|---|
//! | `T`, time steps; `g`, steps of a group ([`temporal`]) | temporal grouping | `temporal_group` |
//! | `w`, window side; `W = w²` tokens ([`window`]) | spatial grouping, multi-scale token grouping | `window_size` |
//! | `g_c`, channel groups ([`layer`]) | – | `channel_groups` |
//! | stem and convolution blocks before attention blocks ([`stem`], [`block`]) | network-structure grouping, hybrid attention-convolution framework | one patch convolution |
//! | [`neuron`] with `NeuronConfig::ExpGIf`, K steps of weight `2^(K-k)` | ExpG-IF (**our reconstruction**: the abstract gives no equation) | – |
//! | [`neuron`] with `NeuronConfig::Lif` | – | LIF, tau 2, threshold 1, ATan surrogate |
//! | [`attention`] with `AttentionKind::GwSsa` | GW-SSA (**our reconstruction**) | – |
//! | [`attention`] with `AttentionKind::Card` | – | softmax attention on spikes |
//! | `h` heads, `d = C/h`, `N` tokens, `B` batch, `R = T·B` rows | | `num_heads`, `head_dim` |

pub mod attention;
pub mod block;
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
pub mod window;

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

    /// Pixels `[B, 3, S, S]` in 0..=1 to logits `[B, classes]` and a trace.
    pub fn forward(&self, images: Tensor<4>) -> Output {
        match self {
            Self::Spiking(network) => network.forward(images),
            Self::Dense(network) => network.forward(images),
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
