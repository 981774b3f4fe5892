//! Exact counting of spikes on the host.

use super::{Code, FanOut, Meeting, Pair, Site};
use crate::energy::{Activity, LayerActivity};
use burn::tensor::TensorData;

/// Spike counts of one or more forwards; [`SpikeCounts::activity`] is what the energy account takes.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SpikeCounts {
    /// Pictures counted.
    pub images: u64,
    /// Layers in forward order.
    pub layers: Vec<LayerCount>,
}

/// Counts of one synaptic layer's input.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LayerCount {
    /// Name of the synaptic layer.
    pub name: String,
    /// Spikes per step, summed over pictures.
    pub spikes: Vec<u64>,
    /// Elements that could have fired in each step, summed over pictures.
    pub sites: u64,
    /// Accumulates caused.
    pub accumulates: u64,
    /// Spikes of each element, summed over steps and pictures.
    pub fired: Vec<u64>,
}

/// [`Code`] with its threshold on the host.
#[derive(Debug, Clone, Copy)]
pub(super) enum HostCode {
    Binary {
        steps: usize,
    },
    Weighted {
        theta: f32,
        bits: usize,
        groups: usize,
    },
}

impl HostCode {
    pub(super) fn read(code: &Code, data: &mut impl Iterator<Item = TensorData>) -> Self {
        match code {
            Code::Binary { steps } => Self::Binary { steps: *steps },
            Code::Weighted { bits, groups, .. } => Self::Weighted {
                theta: super::floats(data.next()).first().copied().unwrap_or(1.0),
                bits: *bits,
                groups: *groups,
            },
        }
    }

    /// Length of the leading time axis of the tensor.
    pub(super) fn tensor_steps(self) -> usize {
        match self {
            Self::Binary { steps } => steps,
            Self::Weighted { .. } => 1,
        }
    }

    /// Steps of the spike train.
    pub(super) fn steps(self) -> usize {
        match self {
            Self::Binary { steps } => steps,
            Self::Weighted { bits, groups, .. } => bits * groups,
        }
    }

    /// Count the spikes of one number at tensor step `t` into `spikes`; how many there were.
    pub(super) fn spikes(self, value: f32, t: usize, spikes: &mut [u64]) -> u64 {
        match self {
            Self::Binary { .. } => {
                let fired = u64::from(value >= 0.5);
                spikes[t] += fired;
                fired
            }
            Self::Weighted {
                theta,
                bits,
                groups,
            } => {
                let mut rest = (value / theta).round().max(0.0) as u64;
                let full = (1u64 << bits) - 1;
                let mut fired = 0;
                // Groups are filled one after the other; each emits its most significant bit first.
                for group in 0..groups {
                    let code = rest.min(full);
                    rest -= code;
                    for k in 0..bits {
                        let bit = code >> (bits - 1 - k) & 1;
                        spikes[group * bits + k] += bit;
                        fired += bit;
                    }
                }
                fired
            }
        }
    }
}

impl SpikeCounts {
    /// Add the counts of other pictures of the same network.
    pub fn merge(&mut self, other: SpikeCounts) {
        self.images += other.images;
        for layer in other.layers {
            match self
                .layers
                .iter_mut()
                .find(|known| known.name == layer.name)
            {
                Some(known) => known.merge(layer),
                None => self.layers.push(layer),
            }
        }
    }

    /// Mean firing rate over all layers, elements and steps; 0 without any.
    pub fn firing_rate(&self) -> f64 {
        let (mut fired, mut possible) = (0u64, 0u64);
        for layer in &self.layers {
            fired += layer.spikes.iter().sum::<u64>();
            possible += layer.sites * layer.spikes.len() as u64;
        }
        if possible == 0 {
            0.0
        } else {
            fired as f64 / possible as f64
        }
    }

    /// As the energy account takes it.
    pub fn activity(&self) -> Activity {
        let layers = self.layers.iter().map(|layer| {
            let every = self.images * layer.spikes.len() as u64;
            LayerActivity {
                name: layer.name.clone(),
                spikes: layer.spikes.iter().map(|&count| count as f64).collect(),
                sites: layer.sites as f64,
                accumulates: layer.accumulates as f64,
                dead: layer.fired.iter().filter(|&&count| count == 0).count() as u64,
                saturated: layer.fired.iter().filter(|&&count| count == every).count() as u64,
                neurons: layer.fired.len() as u64,
            }
        });
        Activity {
            images: self.images,
            layers: layers.collect(),
        }
    }

    pub(super) fn add_site(
        &mut self,
        site: &Site,
        [rows, features]: [usize; 2],
        code: HostCode,
        values: &[f32],
    ) {
        let batch = rows / code.tensor_steps();
        let fan: Vec<u64> = (0..features).map(|f| site.fan_out.at(f)).collect();
        let mut layer = LayerCount::new(&site.name, code.steps(), features);
        layer.sites = (batch * features) as u64;
        for (row, row_values) in values.chunks_exact(features).enumerate() {
            let t = row / batch;
            for (f, &value) in row_values.iter().enumerate() {
                if value > 0.0 {
                    let fired = code.spikes(value, t, &mut layer.spikes);
                    layer.fired[f] += fired;
                    layer.accumulates += fired * fan[f];
                }
            }
        }
        self.push(batch as u64, layer);
    }

    pub(super) fn add_pair(&mut self, pair: &Pair, code: HostCode, left: &[f32], right: &[f32]) {
        let [windows, heads, tokens, d] = pair.shape;
        let features = windows * heads * tokens * d;
        let rows = left.len() / features;
        let batch = rows / code.tensor_steps();
        let mut layer = LayerCount::new(&pair.name, code.steps(), 2 * features);
        layer.sites = (2 * batch * features) as u64;
        let block = tokens * d;
        let (mut a, mut b) = (vec![0u64; block], vec![0u64; block]);
        for chunk in 0..rows * windows * heads {
            let (row, inside) = (chunk / (windows * heads), chunk % (windows * heads));
            let t = row / batch;
            for (index, slot) in (chunk * block..(chunk + 1) * block).enumerate() {
                a[index] = code.spikes(left[slot], t, &mut layer.spikes);
                b[index] = code.spikes(right[slot], t, &mut layer.spikes);
                layer.fired[inside * block + index] += a[index];
                layer.fired[features + inside * block + index] += b[index];
            }
            layer.accumulates += match &pair.meeting {
                Meeting::Tokens { regions } => {
                    token_coincidences(&a, &b, d, &regions[inside / heads])
                }
                Meeting::Channels => channel_coincidences(&a, &b, d),
            };
        }
        self.push(batch as u64, layer);
    }

    /// Layers of one forward that share a name (head groups) become one; a forward's pictures count once.
    fn push(&mut self, batch: u64, layer: LayerCount) {
        self.images = self.images.max(batch);
        match self
            .layers
            .iter_mut()
            .find(|known| known.name == layer.name)
        {
            Some(known) => {
                known.add_spikes(&layer);
                known.fired.extend(layer.fired);
            }
            None => self.layers.push(layer),
        }
    }
}

impl LayerCount {
    fn new(name: &str, steps: usize, features: usize) -> Self {
        Self {
            name: name.to_owned(),
            spikes: vec![0; steps],
            fired: vec![0; features],
            ..Self::default()
        }
    }

    fn add_spikes(&mut self, other: &Self) {
        for (mine, theirs) in self.spikes.iter_mut().zip(&other.spikes) {
            *mine += theirs;
        }
        self.sites += other.sites;
        self.accumulates += other.accumulates;
    }

    fn merge(&mut self, other: Self) {
        self.add_spikes(&other);
        for (mine, theirs) in self.fired.iter_mut().zip(other.fired) {
            *mine += theirs;
        }
    }
}

/// Σ over token pairs of a region and channels of `a · b`: factorises into per-region channel sums.
fn token_coincidences(a: &[u64], b: &[u64], d: usize, regions: &[usize]) -> u64 {
    let count = regions.iter().max().map_or(0, |max| max + 1);
    let (mut left, mut right) = (vec![0u64; count * d], vec![0u64; count * d]);
    for (token, region) in regions.iter().enumerate() {
        for channel in 0..d {
            left[region * d + channel] += a[token * d + channel];
            right[region * d + channel] += b[token * d + channel];
        }
    }
    left.iter().zip(&right).map(|(l, r)| l * r).sum()
}

/// Σ over tokens of (spikes of a) · (spikes of b).
fn channel_coincidences(a: &[u64], b: &[u64], d: usize) -> u64 {
    a.chunks_exact(d)
        .zip(b.chunks_exact(d))
        .map(|(a, b)| a.iter().sum::<u64>() * b.iter().sum::<u64>())
        .sum()
}

impl FanOut {
    /// Accumulates of a spike of this element.
    pub(super) fn at(&self, feature: usize) -> u64 {
        match *self {
            Self::Every(count) => count as u64,
            Self::Table(ref counts) => counts[feature] as u64,
            Self::Conv {
                side,
                kernel,
                stride,
                padding,
                per_tap,
            } => {
                let place = feature % (side * side);
                let taps = |at| taps(at, side, kernel, stride, padding);
                (taps(place / side) * taps(place % side) * per_tap) as u64
            }
        }
    }

    /// The mean of [`Self::at`] over `features` elements.
    pub(super) fn mean(&self, features: usize) -> f32 {
        match *self {
            Self::Every(count) => count as f32,
            Self::Table(ref counts) => counts.iter().sum::<usize>() as f32 / features as f32,
            Self::Conv {
                side,
                kernel,
                stride,
                padding,
                per_tap,
            } => {
                let line: usize = (0..side)
                    .map(|at| taps(at, side, kernel, stride, padding))
                    .sum();
                (line * line * per_tap) as f32 / (side * side) as f32
            }
        }
    }
}

/// Outputs of a convolution along one side that place `at` of its input reaches.
fn taps(at: usize, side: usize, kernel: usize, stride: usize, padding: usize) -> usize {
    let outputs = (side + 2 * padding - kernel) / stride + 1;
    (0..outputs)
        .filter(|out| (out * stride..out * stride + kernel).contains(&(at + padding)))
        .count()
}
