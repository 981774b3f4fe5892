//! What a network does for one picture: the closed form from its configuration ([`Census`]) and
//! what a trace measured ([`Activity`]). Both name synaptic layers alike.
//!
//! # Names, in forward order
//! `stem.{i}` (convolution i), `stem.{i}.block.{j}.dw`, `stem.{i}.block.{j}.pw`,
//! `block.{l}.qkv` (`block.{l}.v` for identity attention; `block.{l}.qk` and `block.{l}.v` for frozen q, k),
//! `block.{l}.scores` and `block.{l}.context` for `(q kᵀ) v`, `block.{l}.kv` and `block.{l}.context` for
//! `q (kᵀ v)`, `block.{l}.out`, `block.{l}.mlp.0`, `block.{l}.mlp.1`, `readout` (attention across
//! groups only), `head`. The dense twin: `embed`, `block.{l}.qkv`, `.scores`, `.context`, `.out`, `.mlp.0`,
//! `.mlp.1`, `head`.
//!
//! Where head groups choose different orders, a block has `scores` and `kv`, each the sum over its groups, in the
//! order of their first occurrence, and then one `context`. The card's softmax attention hands real numbers to
//! `out`; everywhere else a neuron stands between.

use serde::{Deserialize, Serialize};

/// Closed-form operation counts of one network for one picture.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Census {
    /// Synaptic layers in forward order.
    pub layers: Vec<LayerSpec>,
    /// Parameters, running statistics excluded ([`Parameters::count`](super::Parameters::count)).
    pub params: u64,
    /// T, time steps a spike train lasts (1 for the dense twin).
    pub time_steps: usize,
    /// Arithmetic of one neuron update (zero for the dense twin).
    pub update: UpdateOps,
}

/// Arithmetic of one neuron in one step, beside the accumulates that brought its input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct UpdateOps {
    /// Additions, subtractions and comparisons.
    pub adds: u32,
    /// Multiply-accumulates (the leak).
    pub macs: u32,
}

/// One synaptic layer: what it multiplies, and what its input is made of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LayerSpec {
    /// See the module's list of names.
    pub name: String,
    /// Geometry; sizes are of one time step of one picture.
    pub op: LayerOp,
    /// What arrives.
    pub input: Signal,
    /// How often the layer runs per picture: T for a spiking layer, 1 where time is not unrolled (a
    /// direct-coded first convolution, the dense twin).
    pub steps: usize,
    /// Neurons fed by this layer's input site (elements of the input per time step), 0 if the input
    /// comes from no neuron.
    pub neurons: u64,
    /// Neuron updates per picture, all steps, of every neuron between the previous synaptic layer and
    /// this one (for `head` the last neurons, whose spikes are pooled before it).
    pub updates: u64,
    /// Element-wise additions per picture at this layer's output: bias (a folded BatchNorm), shortcut,
    /// step or position embedding; for `head` also the pooling over tokens.
    pub adds: u64,
}

/// Geometry of a synaptic layer, for one time step of one picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LayerOp {
    /// Square convolution on a square map.
    Conv {
        /// Input channels.
        c_in: usize,
        /// Output channels.
        c_out: usize,
        /// Side of the kernel.
        kernel: usize,
        /// Stride.
        stride: usize,
        /// Zero padding on each side.
        padding: usize,
        /// Channel groups (`c_in` for depth-wise).
        groups: usize,
        /// Side of the input map.
        side_in: usize,
    },
    /// Linear layer on each of `rows` rows.
    Linear {
        /// Rows (tokens).
        rows: usize,
        /// Input channels.
        c_in: usize,
        /// Output channels.
        c_out: usize,
        /// Channel groups.
        groups: usize,
    },
    /// Product of two activations, e.g. `q kᵀ`: `pairs · length` multiply-accumulates.
    Product {
        /// Number of inner products (or of rank-one terms), masked pairs excluded.
        pairs: u64,
        /// Length of each.
        length: usize,
        /// Operands that are spike trains: 2 for `scores` and `kv`, 1 for `context`, 0 where both are
        /// real. Every step of one weighted train meets every step of the other ([`LayerSpec::runs`]).
        trains: usize,
        /// Elements of both operands together.
        inputs: u64,
        /// Elements of the result.
        outputs: u64,
    },
}

/// What a synaptic layer's input is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Signal {
    /// Real numbers: every connection is a multiply-accumulate.
    Real,
    /// Binary spikes: every spike is an accumulate per connection.
    Spikes,
    /// Spikes of weight `2^(K-k)` (ExpG-IF): an accumulate and a shift per spike and connection.
    WeightedSpikes {
        /// K, spikes per group.
        bits: usize,
    },
}

/// Measured activity, summed over `images` pictures.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Activity {
    /// Pictures in the sums.
    pub images: u64,
    /// Spiking synaptic layers in forward order (layers with a real input are absent).
    pub layers: Vec<LayerActivity>,
}

/// Measured activity of one synaptic layer's input, summed over pictures.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct LayerActivity {
    /// Name of the synaptic layer ([`LayerSpec::name`]).
    pub name: String,
    /// Spikes per time step (length T); for ExpG-IF one entry per emission step k, group after group.
    /// For a product of two spike trains: of both together.
    pub spikes: Vec<f64>,
    /// Elements that could have spiked in each step, summed over pictures.
    pub sites: f64,
    /// Accumulates that these spikes caused: non-zero fan-out, padding excluded. For `scores` and
    /// `kv` the exact coincidences of the two spike trains; for `context`, spikes times fan-out.
    pub accumulates: f64,
    /// Elements that never fired in any picture or step.
    pub dead: u64,
    /// Elements that fired at every step of every picture.
    pub saturated: u64,
    /// Distinct elements behind `dead` and `saturated`.
    pub neurons: u64,
}
