//! A look inside: all spikes counted, a fixed sample of every layer's neurons followed step by step, and the spikes
//! of every attention window. Of one picture; read back once.

use super::count::HostCode;
use super::watch::{Attended, Membrane};
use super::{Entry, SpikeCounts, Trace, floats};
use crate::kernels::{ExpGIfParams, exp_g_if_trace, lif_trace};
use crate::protocol::{HeadGroupSpikes, LayerSample};
use burn::tensor::{ExecutionError, Int, Tensor, TensorData, Transaction};
use std::collections::BTreeSet;

/// Neurons of a layer that are followed, if it has as many.
pub const SAMPLE: usize = 32;

/// What [`Trace::inspect`] reads.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Inspected {
    /// All spikes; layers in forward order.
    pub counts: SpikeCounts,
    /// A sample of each of these layers.
    pub samples: Vec<LayerSample>,
    /// Windows, by block and head group.
    pub windows: Vec<HeadGroupSpikes>,
    /// K of ExpG-IF, else 0.
    pub bits: usize,
}

/// Entries of one name, whose neurons are numbered one after the other.
struct Layer {
    name: String,
    /// Entry and the number of its first neuron.
    parts: Vec<(usize, usize)>,
    /// Number of neurons.
    total: usize,
}

/// The neurons of one entry that are followed.
struct Pick {
    layer: usize,
    /// Within the entry.
    neurons: Vec<usize>,
}

impl Trace {
    /// Read everything back once. The forward must have been of one picture and watched
    /// ([`crate::model::ge2mst::Ge2msT::watch`]); of a trace that did not watch there are no membranes and no windows.
    ///
    /// # Errors
    /// When the device fails to deliver the numbers.
    pub async fn inspect(self) -> Result<Inspected, ExecutionError> {
        let layers = self.layers();
        let mut samples: Vec<LayerSample> = Vec::new();
        let mut picks: Vec<Option<Pick>> = self.order.iter().map(|_| None).collect();
        for (index, layer) in layers.iter().enumerate() {
            let neurons = sample(layer.total, SAMPLE);
            for (part, &(entry, from)) in layer.parts.iter().enumerate() {
                let end = layer.parts.get(part + 1).map_or(layer.total, |next| next.1);
                let own = neurons.iter().filter(|at| (from..end).contains(*at));
                picks[entry] = Some(Pick {
                    layer: index,
                    neurons: own.map(|at| at - from).collect(),
                });
            }
            samples.push(LayerSample {
                neurons: neurons.into_iter().map(|at| at as u32).collect(),
                ..LayerSample::default()
            });
        }
        let mut reads = self.register_mixed(Transaction::default());
        for (entry, pick) in picks.iter().enumerate() {
            reads = self.register(&self.order[entry], reads);
            if let Some((membrane, pick)) = self.followed(entry, pick.as_ref()) {
                reads = reads.register(chosen(&membrane.input, &pick.neurons));
            }
        }
        let mut data = reads.execute_async().await?.into_iter();
        let mixed = self.read_mixed(&mut data);
        let mut inspected = Inspected {
            windows: self.empty_windows(),
            ..Inspected::default()
        };
        for (entry, pick) in picks.iter().enumerate() {
            let place = &self.order[entry];
            let (code, trains) = self.count_entry(place, &mixed, &mut data, &mut inspected.counts);
            if let HostCode::Weighted { bits, .. } = code {
                inspected.bits = bits;
            }
            self.add_windows(entry, code, &trains, &mut inspected.windows);
            let Some(pick) = pick else { continue };
            let follow = Follow { code, pick };
            follow.spikes(&trains, &mut samples[pick.layer]);
            if let Some((membrane, _)) = self.followed(entry, Some(pick)) {
                let input = floats(data.next());
                follow.membranes(membrane, &input, &mut samples[pick.layer]);
            }
        }
        debug_assert!(
            layers
                .iter()
                .zip(&inspected.counts.layers)
                .all(|(layer, count)| layer.name == count.name)
        );
        inspected.samples = samples;
        Ok(inspected)
    }

    /// Entries by name, in the order that [`SpikeCounts`] has.
    fn layers(&self) -> Vec<Layer> {
        let mut layers: Vec<Layer> = Vec::new();
        for (entry, place) in self.order.iter().enumerate() {
            let (name, neurons) = match *place {
                Entry::Site(index) => {
                    let site = &self.sites[index];
                    (&site.name, self.dims(&site.spikes)[1])
                }
                Entry::Pair(index) => {
                    let pair = &self.pairs[index];
                    (&pair.name, 2 * pair.shape.iter().product::<usize>())
                }
            };
            match layers.iter_mut().find(|layer| layer.name == *name) {
                Some(layer) => {
                    layer.parts.push((entry, layer.total));
                    layer.total += neurons;
                }
                None => layers.push(Layer {
                    name: name.clone(),
                    parts: vec![(entry, 0)],
                    total: neurons,
                }),
            }
        }
        layers
    }

    /// What arrived at the neurons of `pick`, if there are any and the trace watched.
    fn followed<'a>(
        &'a self,
        entry: usize,
        pick: Option<&'a Pick>,
    ) -> Option<(&'a Membrane, &'a Pick)> {
        let pick = pick.filter(|pick| !pick.neurons.is_empty())?;
        Some((self.membrane_of(entry)?, pick))
    }

    fn attention(&self) -> &[Attended] {
        self.watched
            .as_ref()
            .map_or(&[], |watched| &watched.attended)
    }

    fn empty_windows(&self) -> Vec<HeadGroupSpikes> {
        let group = |group: &Attended| HeadGroupSpikes {
            block: group.block,
            heads: group.heads,
            side: group.windows.side,
            window: group.windows.window,
            shift: group.windows.shift,
            spikes: vec![0; group.windows.side.pow(2)],
        };
        self.attention().iter().map(group).collect()
    }

    /// Add the spikes of trains `[T, windows, h, W, d]` to the tokens they belong to.
    fn add_windows(
        &self,
        entry: usize,
        code: HostCode,
        trains: &[Vec<f32>],
        groups: &mut [HeadGroupSpikes],
    ) {
        let mut own = self.attention().iter().zip(groups);
        let Some((of, group)) = own.find(|(of, _)| of.entries.contains(&entry)) else {
            return;
        };
        let members = of.windows.members();
        let mut steps = vec![0; code.steps()];
        for train in trains {
            let row = train.len() / code.tensor_steps();
            // A token's channels of one head lie together, then its window's other tokens.
            let d = row / (of.windows.side.pow(2) * of.heads).max(1);
            for (index, channels) in train.chunks_exact(d.max(1)).enumerate() {
                let t = index * d / row;
                let place = index % (row / d.max(1));
                let token = place % of.windows.tokens();
                let window = place / of.windows.tokens() / of.heads;
                let fired = channels.iter().filter(|value| **value > 0.0);
                let fired: u64 = fired.map(|value| code.spikes(*value, t, &mut steps)).sum();
                group.spikes[members[window][token]] += fired as u32;
            }
        }
    }
}

/// Columns of `[T, F]`.
fn chosen(input: &Tensor<2>, neurons: &[usize]) -> Tensor<2> {
    let input = input.clone().inner();
    let indices: Vec<i32> = neurons.iter().map(|&neuron| neuron as i32).collect();
    let indices = TensorData::new(indices, [neurons.len()]);
    let indices = Tensor::<1, Int>::from_data(indices, &input.device());
    input.select(1, indices)
}

/// Neurons followed in one entry.
struct Follow<'a> {
    code: HostCode,
    pick: &'a Pick,
}

impl Follow<'_> {
    fn spikes(&self, trains: &[Vec<f32>], sample: &mut LayerSample) {
        for &neuron in &self.pick.neurons {
            let mut at = neuron;
            let mut steps = vec![0; self.code.steps()];
            for train in trains {
                let row = train.len() / self.code.tensor_steps();
                if at < row {
                    for (t, values) in train.chunks_exact(row).enumerate() {
                        if values[at] > 0.0 {
                            self.code.spikes(values[at], t, &mut steps);
                        }
                    }
                    break;
                }
                at -= row;
            }
            let bits = steps.iter().enumerate();
            let bits = bits.map(|(t, fired)| (fired & 1) << t);
            sample.spikes.push(bits.sum());
        }
    }

    fn membranes(&self, membrane: &Membrane, input: &[f32], sample: &mut LayerSample) {
        let width = self.pick.neurons.len();
        for neuron in 0..width {
            let x: Vec<f32> = input.iter().skip(neuron).step_by(width).copied().collect();
            let (before, after) = match self.code {
                HostCode::Binary { steps } => {
                    let trace = lif_trace(&x, 0.0, &membrane.params, membrane.group);
                    sample.thresholds = vec![membrane.params.v_threshold; steps];
                    sample.group = membrane.group;
                    (trace.h, trace.v)
                }
                HostCode::Weighted {
                    theta,
                    bits,
                    groups,
                } => {
                    let p = ExpGIfParams {
                        steps: bits,
                        groups,
                        lsq_scale: false,
                    };
                    let z = x.first().copied().unwrap_or(f32::NAN);
                    let trace = exp_g_if_trace(z, theta, &p);
                    sample.thresholds = trace.threshold;
                    // Groups divide one potential between them.
                    sample.group = bits * groups;
                    (trace.before, trace.after)
                }
            };
            // JSON has no NaN.
            let sound = before.iter().chain(&after).all(|value| value.is_finite());
            sample.before.push(if sound { before } else { Vec::new() });
            sample.after.push(if sound { after } else { Vec::new() });
        }
    }
}

/// `count` of `total`, ascending: the same for every picture, and scattered by the golden ratio, so that no regular
/// layout of channels and places is met at one of them only.
fn sample(total: usize, count: usize) -> Vec<usize> {
    if total <= count {
        return (0..total).collect();
    }
    let mut chosen = BTreeSet::new();
    let mut at = 0.5f64;
    while chosen.len() < count {
        at = (at + 0.618_033_988_749_895).fract();
        chosen.insert((at * total as f64) as usize);
    }
    chosen.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_is_ascending_distinct_and_reaches_both_ends() {
        for (total, count) in [(1, 32), (32, 32), (33, 32), (8192, 32), (100_000, 32)] {
            let sample = sample(total, count);
            assert_eq!(sample.len(), count.min(total));
            assert!(sample.windows(2).all(|pair| pair[0] < pair[1]));
            assert!(sample.last().is_some_and(|last| *last < total));
            let widest = sample.windows(2).map(|pair| pair[1] - pair[0]).max();
            assert!(widest.is_none_or(|gap| gap <= total.div_ceil(count) * 3));
        }
    }
}
