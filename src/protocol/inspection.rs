//! A look inside the spiking network: plain numbers of one forward of one picture.

use crate::energy::Activity;
use serde::{Deserialize, Serialize};

/// What the spiking network did with one picture, layer by layer.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Inspection {
    /// Step of the spiking run.
    pub step: u64,
    /// Milliseconds of the worker: forward, readback and counting.
    pub ms: f64,
    /// K of ExpG-IF, whose spike of step k weighs `2^(K-k)`; 0 where all spikes weigh the same.
    pub bits: usize,
    /// All spikes, counted.
    pub activity: Activity,
    /// A fixed sample of each layer's neurons, in the order of `activity.layers`.
    pub layers: Vec<LayerSample>,
    /// Attention, by block and head group; empty for a network without windows.
    pub windows: Vec<HeadGroupSpikes>,
}

/// Some neurons of one layer, the same ones for every picture.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct LayerSample {
    /// Which of the layer's neurons, ascending.
    pub neurons: Vec<u32>,
    /// By neuron: bit t is the spike of step t. The network's own.
    pub spikes: Vec<u64>,
    /// Threshold of each step: `v_threshold`, or `theta·2^(K-k)`.
    pub thresholds: Vec<f32>,
    /// Membranes start anew after so many steps.
    pub group: usize,
    /// By neuron and step: the membrane that is held against the threshold. LIF and IF: `H[t]`, after the input.
    /// ExpG-IF: what the emissions before left of the potential. Empty where it is no number.
    pub before: Vec<Vec<f32>>,
    /// By neuron and step: the membrane after the reset (`V[t]`) or the emission.
    pub after: Vec<Vec<f32>>,
}

/// Spikes of the queries, keys and values of heads that share a window side.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct HeadGroupSpikes {
    /// Index of the block.
    pub block: usize,
    /// Heads of the group.
    pub heads: usize,
    /// S, side of the token grid.
    pub side: usize,
    /// w, side of a window in tokens.
    pub window: usize,
    /// Tokens by which the windows are shifted, cyclically.
    pub shift: usize,
    /// Spikes of each token, row by row, summed over q, k, v, heads and steps.
    pub spikes: Vec<u32>,
}
