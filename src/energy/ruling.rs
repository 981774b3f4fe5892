//! Three ways to price one picture. Each is a table of items per layer; a ruling sums them over both
//! networks.

use super::account::{Account, LayerAccount};
use super::assumptions::{Assumptions, Movement, ZeroSkipping};
use serde::{Deserialize, Serialize};

/// The three rulings, always given together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RulingKind {
    /// (a) Arithmetic alone against the dense twin, the literature's habit.
    ComputeOnly,
    /// (b) With weights, activations, membrane state and addressing, against the dense twin (Lemaire).
    WithMovement,
    /// (c) Against the same network with quantised activations instead of spikes (Yan).
    BitMatched,
}

impl RulingKind {
    /// All three, in the order in which they are given.
    pub const ALL: [Self; 3] = [Self::ComputeOnly, Self::WithMovement, Self::BitMatched];

    /// The letter it goes by: a, b or c.
    pub fn letter(self) -> char {
        match self {
            Self::ComputeOnly => 'a',
            Self::WithMovement => 'b',
            Self::BitMatched => 'c',
        }
    }

    /// For a heading.
    pub fn title(self) -> &'static str {
        match self {
            Self::ComputeOnly => "Compute only",
            Self::WithMovement => "With memory, addressing and state",
            Self::BitMatched => "Against a quantised network of the same bits",
        }
    }
}

/// One item of a ruling, summed over layers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Item {
    /// What it pays for.
    pub name: String,
    /// In the spiking network.
    pub spiking_pj: f64,
    /// In its rival.
    pub dense_pj: f64,
}

/// Energy of one layer under a ruling.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LayerEnergy {
    /// Name of the layer.
    pub name: String,
    /// All items together.
    pub pj: f64,
}

/// Both networks under one ruling.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Priced {
    pub items: Vec<Item>,
    pub spiking_layers: Vec<LayerEnergy>,
    pub dense_layers: Vec<LayerEnergy>,
}

impl Priced {
    pub fn spiking_pj(&self) -> f64 {
        self.items.iter().map(|item| item.spiking_pj).sum()
    }

    pub fn dense_pj(&self) -> f64 {
        self.items.iter().map(|item| item.dense_pj).sum()
    }
}

/// Price both accounts. The rival of the bit-matched ruling is made from the spiking account itself.
pub(super) fn price(
    kind: RulingKind,
    spiking: &Account,
    dense: &Account,
    with: &Assumptions,
) -> Priced {
    match kind {
        RulingKind::ComputeOnly => sum(
            ["multiply-accumulates", "accumulates", "shifts"],
            (spiking, |layer| compute(layer, with)),
            (dense, |layer| compute(layer, with)),
        ),
        RulingKind::WithMovement => sum(
            [
                "multiply-accumulates",
                "accumulates",
                "shifts",
                "neuron updates, biases, shortcuts",
                "addressing",
                "weights",
                "activations",
                "membrane potentials",
            ],
            (spiking, |layer| with_movement(layer, with)),
            (dense, |layer| with_movement(layer, with)),
        ),
        RulingKind::BitMatched => sum(
            [
                "arithmetic",
                "neuron updates",
                "movement",
                "weights from DRAM",
            ],
            (spiking, |layer| event_driven(layer, with)),
            (spiking, |layer| quantised(layer, with)),
        ),
    }
}

type Side<'a, F> = (&'a Account, F);

fn sum<const N: usize>(
    names: [&str; N],
    (spiking, price_spiking): Side<impl Fn(&LayerAccount) -> [f64; N]>,
    (dense, price_dense): Side<impl Fn(&LayerAccount) -> [f64; N]>,
) -> Priced {
    let (spiking_pj, spiking_layers) = side(spiking, price_spiking);
    let (dense_pj, dense_layers) = side(dense, price_dense);
    let items = names.iter().zip(spiking_pj).zip(dense_pj);
    Priced {
        items: items
            .map(|((name, spiking_pj), dense_pj)| Item {
                name: (*name).to_owned(),
                spiking_pj,
                dense_pj,
            })
            .collect(),
        spiking_layers,
        dense_layers,
    }
}

fn side<const N: usize>(
    account: &Account,
    price: impl Fn(&LayerAccount) -> [f64; N],
) -> ([f64; N], Vec<LayerEnergy>) {
    let mut total = [0.0; N];
    let layers = account.layers.iter().map(|layer| {
        let items = price(layer);
        for (total, item) in total.iter_mut().zip(items) {
            *total += item;
        }
        LayerEnergy {
            name: layer.name.clone(),
            pj: items.iter().sum(),
        }
    });
    let layers = layers.collect();
    (total, layers)
}

fn compute(layer: &LayerAccount, with: &Assumptions) -> [f64; 3] {
    let (ops, price) = (&layer.ops, &with.compute);
    [
        ops.macs * price.mac_pj,
        ops.acs * price.ac_pj,
        ops.shifts * price.shift_pj,
    ]
}

fn with_movement(layer: &LayerAccount, with: &Assumptions) -> [f64; 8] {
    let (ops, price, buffers) = (&layer.ops, &with.memory, &layer.buffers);
    let memory = |moved: f64, buffer: f64| moved * price.curve.pj_per_byte(buffer);
    [
        ops.macs * price.mac_pj(),
        ops.acs * price.add_pj,
        ops.shifts * price.shift_pj,
        (ops.update_adds + ops.adds) * price.add_pj + ops.update_macs * price.mac_pj(),
        ops.addressing_adds * price.add_pj + ops.addressing_macs * price.mac_pj(),
        memory(ops.weight_bytes, buffers.weight_bytes),
        memory(ops.activation_bytes, buffers.activation_bytes),
        memory(ops.membrane_bytes, buffers.membrane_bytes),
    ]
}

/// The spiking network on the 22 nm chip.
fn event_driven(layer: &LayerAccount, with: &Assumptions) -> [f64; 4] {
    let (ops, chip) = (&layer.ops, &with.quantised);
    let real = real_input(layer, ops.macs, with);
    let travelling = match with.movement {
        Movement::PerOperation => ops.acs,
        Movement::Multicast => ops.spikes,
    };
    [
        // A shift costs no more than an addition of the same width.
        (ops.acs + ops.shifts) * chip.accumulate_pj + real[0],
        ops.updates * chip.compare_pj
            + ops.spikes * chip.subtract_pj
            + ops.update_macs * chip.accumulate_pj,
        travelling * chip.sparse_move_pj_per_bit + real[1],
        dram(layer, with),
    ]
}

/// The same network with activations of [`LayerAccount::bits`] bits, every layer run once.
fn quantised(layer: &LayerAccount, with: &Assumptions) -> [f64; 4] {
    let (ops, chip) = (&layer.ops, &with.quantised);
    let bits = f64::from(layer.bits);
    if layer.bits == 0 {
        let real = real_input(layer, ops.dense_macs, with);
        return [real[0], 0.0, real[1], dram(layer, with)];
    }
    let spikes = layer.firing_rate.unwrap_or(0.0) * layer.rate_per_step.len() as f64;
    let multiplied = match with.zero_skipping {
        ZeroSkipping::Off => 1.0,
        ZeroSkipping::On => spikes.min(1.0),
    };
    let travelling = match with.movement {
        Movement::PerOperation => ops.dense_macs,
        Movement::Multicast => ops.inputs,
    };
    [
        ops.dense_macs * multiplied * bits * chip.accumulate_pj,
        // Rounding to b bits, once per activation.
        ops.inputs * chip.compare_pj,
        travelling * bits * chip.dense_move_pj_per_bit,
        dram(layer, with),
    ]
}

/// Arithmetic and movement of pixels and pooled features, the same on both sides.
fn real_input(layer: &LayerAccount, macs: f64, with: &Assumptions) -> [f64; 2] {
    if layer.bits > 0 {
        return [0.0; 2];
    }
    let bits = f64::from(with.quantised_input_bits);
    let travelling = match with.movement {
        Movement::PerOperation => macs,
        Movement::Multicast => layer.ops.inputs,
    };
    [
        macs * bits * with.quantised.accumulate_pj,
        travelling * bits * with.quantised.dense_move_pj_per_bit,
    ]
}

fn dram(layer: &LayerAccount, with: &Assumptions) -> f64 {
    if with.weights_from_dram {
        layer.ops.weights * f64::from(with.quantised_weight_bits) * with.quantised.dram_pj_per_bit
    } else {
        0.0
    }
}
