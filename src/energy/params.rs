//! Exact number of parameters from the configuration: the one place where the parameterisation is
//! written down as arithmetic.
//!
//! | part | parameters |
//! |---|---|
//! | convolution, linear layer | `C_in/g · C_out · k²` |
//! | its BatchNorm | 2 per channel (and 2 running statistics, which are not trained) |
//! | its LayerNorm | 2 per channel, and a bias in the layer: 3 |
//! | neuron layer | ExpG-IF: 1 (theta); LIF, IF: none |
//! | step embedding | `T · C0`, direct coding of more than one step |
//! | read-out | weighted: one per time group; attention: C |
//! | head | `C · classes + classes` |

use crate::config::{
    AttentionKind, Ge2msTConfig, InputCoding, ModelConfig, NeuronConfig, NormKind, Readout,
    TemporalForm, VitConfig,
};
use serde::{Deserialize, Serialize};

/// Numbers a network stores.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Parameters {
    /// Trained by an optimiser that freezes nothing.
    pub trainable: u64,
    /// Never trained: the projections of q and k of the frozen control.
    pub frozen: u64,
    /// Running means and variances of BatchNorm.
    pub statistics: u64,
}

impl Parameters {
    /// Weights, biases, norms and thresholds, frozen or not; what papers call the number of parameters.
    pub fn count(&self) -> u64 {
        self.trainable + self.frozen
    }
}

/// Parameters of a network.
pub fn parameters(config: &ModelConfig) -> Parameters {
    match config {
        ModelConfig::Ge2msT(config) => ge2mst_parameters(config),
        ModelConfig::DenseVit(config) => vit_parameters(config),
    }
}

/// A layer with normalisation: (trainable, statistics).
fn normalised(norm: NormKind, weights: usize, channels: usize) -> (usize, usize) {
    match norm {
        NormKind::Batch => (weights + 2 * channels, 2 * channels),
        NormKind::Layer => (weights + 3 * channels, 0),
    }
}

pub(super) fn ge2mst_parameters(config: &Ge2msTConfig) -> Parameters {
    let (mut trainable, mut frozen, mut statistics) = (0, 0, 0);
    let theta = usize::from(matches!(config.neuron, NeuronConfig::ExpGIf { .. }));
    let mut layer = |weights: usize, channels: usize, train: bool| {
        let (own, running) = normalised(config.norm, weights, channels);
        *(if train { &mut trainable } else { &mut frozen }) += own;
        statistics += running;
    };

    let mut neurons = 0;
    let mut c_in = config.in_channels;
    for (index, conv) in config.stem.iter().enumerate() {
        let c = conv.channels;
        layer(c_in * c * conv.kernel * conv.kernel, c, true);
        neurons += usize::from(index > 0);
        for _ in 0..conv.blocks {
            layer(9 * c, c, true);
            layer(c * c / conv.groups, c, true);
            neurons += 2;
        }
        c_in = c;
    }

    let dim = block_width(config);
    let hidden = dim * config.mlp_ratio;
    for block in 0..config.depth {
        let groups = config.groups_of(block);
        let mut linear =
            |c_in: usize, c_out: usize, train: bool| layer(c_in * c_out / groups, c_out, train);
        match config.attention.kind {
            AttentionKind::Identity => linear(dim, dim, true),
            AttentionKind::FrozenQk => {
                linear(dim, 2 * dim, false);
                linear(dim, dim, true);
            }
            _ => linear(dim, 3 * dim, true),
        }
        linear(dim, dim, true);
        linear(dim, hidden, true);
        linear(hidden, dim, true);
        // Before q k v, behind them (one threshold for the three), before out (but for the card's attention,
        // whose real means are projected as they are), before and inside the MLP.
        neurons += 4 + usize::from(config.attention.kind != AttentionKind::Card);
    }
    // The last neurons, before pooling.
    neurons += 1;

    let embedding = match config.coding {
        InputCoding::Direct if config.tensor_steps() > 1 => {
            config.tensor_steps() * config.stem.first().map_or(0, |conv| conv.channels)
        }
        _ => 0,
    };
    let readout = match config.temporal.readout {
        Readout::Mean => 0,
        Readout::Weighted => readout_groups(config),
        Readout::Attention => dim,
    };
    let head = dim * config.classes + config.classes;
    Parameters {
        trainable: (trainable + theta * neurons + embedding + readout + head) as u64,
        frozen: frozen as u64,
        statistics: statistics as u64,
    }
}

pub(super) fn vit_parameters(config: &VitConfig) -> Parameters {
    let (dim, hidden) = (config.dim, config.dim * config.mlp_ratio);
    let linear = |c_in: usize, c_out: usize| c_in * c_out + c_out;
    let norm = 2 * dim;
    let tokens = (config.image_size / config.patch).pow(2);
    let embed = linear(config.in_channels * config.patch * config.patch, dim) + tokens * dim;
    let block = 2 * norm
        + linear(dim, 3 * dim)
        + linear(dim, dim)
        + linear(dim, hidden)
        + linear(hidden, dim);
    let head = norm + linear(dim, config.classes);
    Parameters {
        trainable: (embed + config.depth * block + head) as u64,
        frozen: 0,
        statistics: 0,
    }
}

/// C, width of the blocks: the stem's channels, times g where time is folded into channels.
pub(super) fn block_width(config: &Ge2msTConfig) -> usize {
    match config.temporal.form {
        TemporalForm::FoldIntoChannels => {
            config.dim() * config.temporal.group.min(config.tensor_steps())
        }
        TemporalForm::Parallel => config.dim(),
    }
}

/// Time groups that the read-out weighs: T/g, or 1 where the groups were folded into channels or live
/// inside one number (ExpG-IF).
pub(super) fn readout_groups(config: &Ge2msTConfig) -> usize {
    match config.temporal.form {
        TemporalForm::FoldIntoChannels => 1,
        TemporalForm::Parallel => {
            let steps = config.tensor_steps();
            steps / config.temporal.group.min(steps)
        }
    }
}
