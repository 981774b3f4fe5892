//! Transformer block on events: attention over spikes, then the spiking MLP, with shortcuts of potentials.

use super::{EventNeuron, HeadGroup, Reader, Record, SpikeTrain, Synapses, shortcut};
use crate::config::{AttentionKind, Ge2msTConfig};
use crate::energy::attention_order;
use crate::kernels::Windows;
use crate::model::attention::product_scale;
use crate::model::fold::NotConvertible;

#[derive(Debug, Clone)]
pub(super) struct Block {
    entry: EventNeuron,
    projections: Vec<Synapses>,
    qkv: EventNeuron,
    heads: Vec<HeadGroup>,
    /// In units of theta³, by head group.
    scales: Vec<f64>,
    out: (EventNeuron, Synapses),
    mlp: [(EventNeuron, Synapses); 2],
}

impl Block {
    pub(super) fn new(
        config: &Ge2msTConfig,
        index: usize,
        reader: &Reader<'_>,
    ) -> Result<Self, NotConvertible> {
        let path = |part: &str| format!("blocks.{index}.{part}");
        let (entry, first) = reader.linear(&path("attention_in"), &path("attention.qkv"))?;
        let mut projections = vec![first];
        if config.attention.kind == AttentionKind::FrozenQk {
            projections.push(
                reader
                    .linear(&path("attention_in"), &path("attention.v"))?
                    .1,
            );
        }
        let qkv = reader.neuron(&path("attention.neuron"))?;
        let scales = config.attention.windows.len();
        let (heads, width) = (config.heads / scales, config.dim() / scales);
        let shifted = config.attention.shift && index % 2 == 1;
        let group = |(at, &window): (usize, &usize)| {
            let windows = Windows::new(config.grid(), window, shifted);
            let (d, masked) = (width / heads, windows.shift > 0);
            HeadGroup {
                order: attention_order(config.attention.kind, windows.tokens(), d, masked),
                windows,
                from: at * width,
                heads,
                d,
            }
        };
        let groups: Vec<HeadGroup> = match config.attention.kind {
            AttentionKind::Identity => Vec::new(),
            _ => config
                .attention
                .windows
                .iter()
                .enumerate()
                .map(group)
                .collect(),
        };
        let scale =
            |group: &HeadGroup| f64::from(product_scale(group.windows.tokens(), group.d, true));
        Ok(Self {
            entry,
            projections,
            scales: groups.iter().map(scale).collect(),
            heads: groups,
            qkv,
            out: reader.linear(&path("attention_out"), &path("out"))?,
            mlp: [
                reader.linear(&path("mlp_in"), &path("fc1"))?,
                reader.linear(&path("mlp_hidden"), &path("fc2"))?,
            ],
        })
    }

    pub(super) fn forward(
        &self,
        x: &mut [f64],
        index: usize,
        dim: usize,
        side: usize,
        record: &mut Record,
    ) {
        let name = |part: &str| format!("block.{index}.{part}");
        let spikes = self.entry.emit(x);
        let parts: Vec<Vec<f64>> = self
            .projections
            .iter()
            .map(|projection| projection.integrate(&spikes, side))
            .collect();
        let first = if self.heads.is_empty() { "v" } else { "qkv" };
        record.layer(name(first), &self.entry, x.to_vec(), spikes, side);
        let potentials = beside(&parts, side * side);
        let train = self.qkv.emit(&potentials);
        let (z, spikes) = self.mix(&train, dim, side);
        record.layer(name("q,k,v"), &self.qkv, potentials, train, side);
        let (neuron, out) = &self.out;
        let branch = out.integrate(&spikes, side);
        record.layer(name("out"), neuron, z, spikes, side);
        shortcut(x, &branch);
        let [fc1, fc2] = &self.mlp;
        record.branch(x, [fc1, fc2], [name("mlp.0"), name("mlp.1")], side);
    }

    /// Potentials and spikes of the neurons behind the attention.
    fn mix(&self, train: &SpikeTrain, dim: usize, side: usize) -> (Vec<f64>, SpikeTrain) {
        let neuron = &self.out.0;
        if self.heads.is_empty() {
            // Identity: the level of v is the next neuron's potential.
            let levels = train.codes().into_iter().map(|code| self.qkv.level(code));
            let z: Vec<f64> = levels.map(f64::from).collect();
            let spikes = neuron.emit(&z);
            return (z, spikes);
        }
        let mut sums = vec![0i64; side * side * dim];
        for group in &self.heads {
            group.mix(train, dim, &mut sums);
        }
        let cube = f64::from(self.qkv.theta()).powi(3);
        let width = dim / self.scales.len();
        let units: Vec<f64> = self.scales.iter().map(|scale| scale * cube).collect();
        let spikes = neuron.emit_counts(&sums, &units, |index| index % dim / width);
        // For the record only: the neurons compared the counts themselves.
        let z = sums.iter().enumerate();
        let z = z.map(|(index, &sum)| sum as f64 * units[index % dim / width]);
        (z.collect(), spikes)
    }
}

/// `[N, a]` and `[N, b]` to `[N, a + b]`.
fn beside(parts: &[Vec<f64>], tokens: usize) -> Vec<f64> {
    let widths: Vec<usize> = parts.iter().map(|part| part.len() / tokens).collect();
    let mut joined = Vec::with_capacity(parts.iter().map(Vec::len).sum());
    for token in 0..tokens {
        for (part, &width) in parts.iter().zip(&widths) {
            joined.extend_from_slice(&part[token * width..][..width]);
        }
    }
    joined
}
