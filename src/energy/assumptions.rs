//! Every choice that a modelled energy rests on. Whatever can be chosen is a field, and
//! [`Assumptions::listed`] says each of them in words.

use super::price::{MemoryPrices, PriceRow, PriceTable, QuantisedPrices};
use serde::{Deserialize, Serialize};

/// How often the first convolution of a directly coded picture is charged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FirstConv {
    /// Once: the picture is the same at every step.
    Once,
    /// T times, as counters that run the unrolled network do.
    EveryStep,
}

/// How often dense layers read their weights, or the second operand of a product.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WeightReads {
    /// For every multiply-accumulate, as spiking layers do for every accumulate: no reuse on either side.
    PerOperation,
    /// Once per picture: a dense accelerator that keeps each weight until it is used up.
    OncePerPicture,
}

/// When a membrane potential is read and written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MembraneAccess {
    /// Once per neuron and step; inputs of a step gather in a register.
    PerStep,
    /// For every accumulate too: each event goes to memory.
    PerEvent,
}

/// How far spikes and activations travel on the 22 nm chip.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Movement {
    /// To each synapse by itself.
    PerOperation,
    /// Once per spike or activation, to all of its synapses.
    Multicast,
}

/// Whether the quantised network skips activations that are zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ZeroSkipping {
    /// Every activation is multiplied.
    Off,
    /// At most as many activations are non-zero as there were spikes, which bounds its operations.
    On,
}

/// Everything chosen by whoever reads the figure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Assumptions {
    /// Prices of the compute-only ruling.
    pub compute: PriceRow,
    /// Prices of the ruling with movement.
    pub memory: MemoryPrices,
    /// Prices of the bit-matched ruling.
    pub quantised: QuantisedPrices,
    /// First convolution.
    pub first_conv: FirstConv,
    /// Weights of dense layers.
    pub dense_weights: WeightReads,
    /// Membrane potentials.
    pub membrane: MembraneAccess,
    /// Movement on the 22 nm chip.
    pub movement: Movement,
    /// Zeros of the quantised network.
    pub zero_skipping: ZeroSkipping,
    /// Whether both sides of the bit-matched ruling fetch every weight from DRAM once per picture.
    pub weights_from_dram: bool,
    /// Bits of a weight in memory (ruling with movement).
    pub weight_bits: u32,
    /// Bits of a real activation.
    pub activation_bits: u32,
    /// Bits of a spike event: the address of its neuron.
    pub event_bits: u32,
    /// Bits of a membrane potential.
    pub membrane_bits: u32,
    /// Bits of a weight in the bit-matched ruling.
    pub quantised_weight_bits: u32,
    /// Bits of pixels and pooled features in the bit-matched ruling, on both sides.
    pub quantised_input_bits: u32,
}

impl Default for Assumptions {
    fn default() -> Self {
        Self {
            compute: PriceTable::default().rows.swap_remove(0),
            memory: MemoryPrices::default(),
            quantised: QuantisedPrices::default(),
            first_conv: FirstConv::Once,
            dense_weights: WeightReads::PerOperation,
            membrane: MembraneAccess::PerStep,
            movement: Movement::PerOperation,
            zero_skipping: ZeroSkipping::Off,
            weights_from_dram: false,
            weight_bits: 32,
            activation_bits: 32,
            event_bits: 32,
            membrane_bits: 32,
            quantised_weight_bits: 4,
            quantised_input_bits: 8,
        }
    }
}

impl Assumptions {
    /// Each assumption as a sentence, those of the model first, then the prices.
    pub fn listed(&self) -> Vec<String> {
        let first_conv = match self.first_conv {
            FirstConv::Once => "The first convolution of a still picture is charged once",
            FirstConv::EveryStep => {
                "The first convolution is charged at every time step (ExpG-IF runs it once)"
            }
        };
        let weights = match self.dense_weights {
            WeightReads::PerOperation => {
                "Every operation reads its weight from memory, on both sides (Lemaire: no reuse)"
            }
            WeightReads::OncePerPicture => {
                "Dense layers read each weight once per picture, spiking layers one per accumulate"
            }
        };
        let membrane = match self.membrane {
            MembraneAccess::PerStep => {
                "A membrane potential is read and written once per neuron and step"
            }
            MembraneAccess::PerEvent => {
                "A membrane potential is read and written once per neuron and step and once per accumulate"
            }
        };
        let movement = match self.movement {
            Movement::PerOperation => {
                "At 22 nm, every operation's spike or activation travels one hop"
            }
            Movement::Multicast => {
                "At 22 nm, every spike or activation travels one hop, once for all its synapses"
            }
        };
        let skipping = match self.zero_skipping {
            ZeroSkipping::Off => "The quantised network multiplies zeros too",
            ZeroSkipping::On => {
                "The quantised network skips zeros; at most as many activations are non-zero as spikes were fired"
            }
        };
        let dram = if self.weights_from_dram {
            "At 22 nm, both sides fetch every weight from DRAM once per picture"
        } else {
            "At 22 nm, weights stay on the chip"
        };
        let mut list: Vec<String> = [
            "Modelled for event-driven hardware from published constants; nothing here is this device's power",
            "Operations are counted per picture: spikes times fan-out, connections to padding left out",
            "The head (and `out` behind the card's softmax) sees means of spikes, real numbers, and counts as \
             multiply-accumulates",
            "Static power, control, softmax, GELU, LayerNorm, division by the number of tokens and the weighting of \
             time groups are not counted on either side; BatchNorm is folded into the weights",
            "Compute only: neuron updates, biases and shortcuts are free, as in the literature",
            first_conv,
            weights,
            membrane,
            "A spike is written once and read once by each layer behind it; dense inputs are read and outputs \
             written once per layer; shortcuts are added where they lie",
            "Memory is priced by the size of each layer's own buffer of weights, activations (room for every \
             neuron's event) and potentials",
            movement,
            skipping,
            dram,
            "A spike of ExpG-IF is an accumulate and a shift at every connection; the price of a shift is our reading, \
             none of the cited works gives one",
            "Ruling (c) is our reading of Yan et al.: the rival has this network's own layers, run once, with \
             activations of as many bits as a spike train has levels; it is not a network that was trained",
            "The bits of a weight change the price of moving it and nothing else: spikes and accuracy are of the weights in \
             force",
        ]
        .map(str::to_owned)
        .into();
        list.push(format!(
            "In memory a weight has {} bits, an activation {}, a spike event {}, a potential {}; on the 22 nm chip a \
             weight has {} and a pixel or pooled feature {}",
            self.weight_bits,
            self.activation_bits,
            self.event_bits,
            self.membrane_bits,
            self.quantised_weight_bits,
            self.quantised_input_bits
        ));
        let PriceRow {
            name,
            mac_pj,
            ac_pj,
            shift_pj,
            citation,
        } = &self.compute;
        list.push(format!(
            "Compute only, {name}: MAC {mac_pj} pJ, accumulate {ac_pj} pJ, shift {shift_pj} pJ. {citation}"
        ));
        let memory = &self.memory;
        list.push(format!(
            "With movement: addition {} pJ, multiplication {} pJ, shift {} pJ; memory {}. {}",
            memory.add_pj,
            memory.mul_pj,
            memory.shift_pj,
            curve(&memory.curve.points),
            memory.citation
        ));
        let chip = &self.quantised;
        list.push(format!(
            "Bit-matched: accumulate {} pJ, comparison {} pJ, subtraction {} pJ, moving a bit {} pJ as a spike and \
             {} pJ as an activation, DRAM {} pJ per bit. {}",
            chip.accumulate_pj,
            chip.compare_pj,
            chip.subtract_pj,
            chip.sparse_move_pj_per_bit,
            chip.dense_move_pj_per_bit,
            chip.dram_pj_per_bit,
            chip.citation
        ));
        list
    }
}

fn curve(points: &[(f64, f64)]) -> String {
    let points: Vec<String> = points
        .iter()
        .map(|(bytes, pj)| format!("{pj} pJ/B at {} KiB", bytes / 1024.0))
        .collect();
    points.join(", ")
}
