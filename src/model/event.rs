//! Event-domain inference for ExpG-IF (our reconstruction of the abstract's "lossless conversion"): the trained
//! network run spike by spike, on plain numbers of the host.
//!
//! The network in training is the K-bit quantised twin: one number `theta n` per neuron. Here the same weights,
//! BatchNorm and thresholds folded in ([`super::fold`]), are run on the spikes themselves:
//!
//! | layer | here |
//! |---|---|
//! | first convolution | analog, on pixels; its result is this network's input ([`super::ge2mst::Ge2msT::encode`]) |
//! | neuron ([`EventNeuron`]) | K·G steps of comparisons against a table of levels |
//! | linear, convolution, head ([`Synapses`]) | each spike adds a row of weights; sums double from step to step |
//! | GW-SSA ([`HeadGroup`]) | AND, popcount and shift; spikes of the third train add counts |
//! | shortcut | addition of potentials |
//!
//! No activation is multiplied anywhere. Neurons emit the training quantiser's code to the last bit. With
//! [`super::fold::eight_bit`] weights every sum is exact and the logits are the training form's to the last bit.
//! With `f32` weights the training form's sums are rounded, to some 1e-6 theta; ours are not (they are `f64`).
//! Potentials are rounded to `f32` in the same places in both: behind a layer's shift, and behind a shortcut. A picture
//! has tens of thousands of neurons whose potentials lie anywhere between two borders, so that in a few pictures in a
//! hundred one of them lies within that rounding of a border and emits the neighbouring code in one form and not in the
//! other. `train convert` counts these pictures, and names the layer and the distance from the border where each begins
//! to differ.

mod attention;
mod block;
mod neuron;
mod synapses;

pub use attention::HeadGroup;
pub use neuron::{EventNeuron, SpikeTrain};
pub use synapses::Synapses;

use super::fold::{NotConvertible, tensor};
use crate::config::{AttentionKind, Ge2msTConfig, NeuronConfig, NormKind};
use crate::train::params::NamedTensors;
use block::Block;

/// Ge²mS-T on events. One picture at a time; potentials are token-major, `[S·S, C]`.
#[derive(Debug, Clone)]
pub struct EventNet {
    stem: Vec<Stage>,
    blocks: Vec<Block>,
    last: EventNeuron,
    head: Synapses,
    /// Side and channels of the map that the first convolution leaves.
    input: (usize, usize),
    dim: usize,
    grid: usize,
}

/// What one picture caused.
#[derive(Debug, Clone)]
pub struct EventOutput {
    /// `[classes]`.
    pub logits: Vec<f32>,
    /// Neurons in forward order, named after the synapses behind them (as in a trace); `q,k,v` share one entry.
    pub layers: Vec<EventLayer>,
}

/// One layer of neurons and its spikes.
#[derive(Debug, Clone)]
pub struct EventLayer {
    /// Name of the synaptic layer behind the neurons.
    pub name: String,
    /// Membrane input, `[S·S, C]`.
    pub potentials: Vec<f64>,
    /// theta.
    pub theta: f32,
    /// Spikes, `[S·S, C]`.
    pub spikes: SpikeTrain,
    /// S·S.
    pub positions: usize,
}

impl EventLayer {
    /// Distance of a neuron's potential from the border between two codes, in units of theta: 0 to 1/2.
    pub fn margin(&self, neuron: usize) -> f32 {
        let at = self.potentials[neuron] / f64::from(self.theta) + 0.5;
        (at - at.round()).abs() as f32
    }
}

#[derive(Debug, Clone)]
struct Stage {
    /// Neurons and convolution; the first stage's convolution is analog and not part of this network.
    front: Option<(EventNeuron, Synapses)>,
    blocks: Vec<[(EventNeuron, Synapses); 2]>,
    /// Side of the stage's input and output.
    sides: (usize, usize),
}

/// Reads layers by name.
struct Reader<'a> {
    tensors: &'a NamedTensors,
    steps: usize,
    groups: usize,
}

impl Reader<'_> {
    fn neuron(&self, path: &str) -> Result<EventNeuron, NotConvertible> {
        let (_, theta) = tensor(self.tensors, &format!("Spiking.{path}.theta"))?;
        Ok(EventNeuron::new(theta[0], self.steps, self.groups))
    }

    fn linear(&self, neuron: &str, layer: &str) -> Result<(EventNeuron, Synapses), NotConvertible> {
        let neuron = self.neuron(neuron)?;
        let layer = Synapses::linear(self.tensors, &format!("Spiking.{layer}"), neuron.theta())?;
        Ok((neuron, layer))
    }

    fn conv(
        &self,
        neuron: &str,
        layer: &str,
        stride: usize,
        groups: usize,
    ) -> Result<(EventNeuron, Synapses), NotConvertible> {
        let neuron = self.neuron(neuron)?;
        let layer = format!("Spiking.{layer}");
        let layer = Synapses::conv(self.tensors, &layer, neuron.theta(), stride, groups)?;
        Ok((neuron, layer))
    }
}

impl EventNet {
    /// The network of `config` with the weights of a training form ([`crate::train::Session::save`]).
    ///
    /// # Errors
    /// What has no event form: neurons that are not ExpG-IF, softmax attention, LayerNorm.
    pub fn new(config: &Ge2msTConfig, tensors: &NamedTensors) -> Result<Self, NotConvertible> {
        let NeuronConfig::ExpGIf { steps, groups, .. } = config.neuron else {
            return Err(NotConvertible("its neurons are not ExpG-IF".into()));
        };
        if config.attention.kind == AttentionKind::Card {
            return Err(NotConvertible(
                "softmax attention multiplies activations".into(),
            ));
        }
        if config.norm != NormKind::Batch {
            return Err(NotConvertible(
                "LayerNorm does not fold into weights".into(),
            ));
        }
        let reader = Reader {
            tensors,
            steps,
            groups,
        };
        let mut side = config.image_size;
        let mut stem = Vec::new();
        for (index, conv) in config.stem.iter().enumerate() {
            let at = format!("stem.stages.{index}");
            let front = match index {
                0 => None,
                _ => {
                    let (neuron, layer) = (format!("{at}.neuron"), format!("{at}.conv"));
                    Some(reader.conv(&neuron, &layer, conv.stride, 1)?)
                }
            };
            let sides = (side, side / conv.stride);
            side = sides.1;
            let block = |block: usize| {
                let at = format!("{at}.blocks.{block}");
                let (dw_in, dw) = (format!("{at}.dw_in"), format!("{at}.dw"));
                let (pw_in, pw) = (format!("{at}.pw_in"), format!("{at}.pw"));
                Ok([
                    reader.conv(&dw_in, &dw, 1, conv.channels)?,
                    reader.conv(&pw_in, &pw, 1, conv.groups)?,
                ])
            };
            let blocks = (0..conv.blocks).map(block).collect::<Result<_, _>>()?;
            stem.push(Stage {
                front,
                blocks,
                sides,
            });
        }
        let blocks = (0..config.depth).map(|index| Block::new(config, index, &reader));
        let blocks = blocks.collect::<Result<_, _>>()?;
        let last = reader.neuron("last")?;
        let head = Synapses::head(tensors, "Spiking.head", last.theta(), side * side)?;
        let first = config.stem.first().map_or(0, |conv| conv.channels);
        Ok(Self {
            input: (stem.first().map_or(0, |stage| stage.sides.1), first),
            stem,
            blocks,
            last,
            head,
            dim: config.dim(),
            grid: side,
        })
    }

    /// Numbers of one encoded picture, `C·S·S`.
    pub fn input_len(&self) -> usize {
        self.input.0 * self.input.0 * self.input.1
    }

    /// One picture, encoded by the first convolution as `[C, S, S]`, to logits and spikes.
    pub fn forward(&self, encoded: &[f32]) -> EventOutput {
        let (side, channels) = self.input;
        let positions = side * side;
        let mut x: Vec<f64> = (0..positions * channels)
            .map(|index| f64::from(encoded[index % channels * positions + index / channels]))
            .collect();
        let mut record = Record::default();
        for (index, stage) in self.stem.iter().enumerate() {
            if let Some((neuron, conv)) = &stage.front {
                let spikes = neuron.emit(&x);
                let y = conv.integrate(&spikes, stage.sides.0);
                record.layer(format!("stem.{index}"), neuron, x, spikes, stage.sides.0);
                x = y;
            }
            for (block, [dw, pw]) in stage.blocks.iter().enumerate() {
                let name = format!("stem.{index}.block.{block}");
                let names = [format!("{name}.dw"), format!("{name}.pw")];
                record.branch(&mut x, [dw, pw], names, stage.sides.1);
            }
        }
        for (index, block) in self.blocks.iter().enumerate() {
            block.forward(&mut x, index, self.dim, self.grid, &mut record);
        }
        let spikes = self.last.emit(&x);
        let logits = self.head.pool(&spikes).into_iter();
        let logits = logits.map(|logit| logit as f32).collect();
        record.layer("head".into(), &self.last, x, spikes, self.grid);
        EventOutput {
            logits,
            layers: record.layers,
        }
    }
}

/// Layers met so far.
#[derive(Default)]
struct Record {
    layers: Vec<EventLayer>,
}

impl Record {
    fn layer(
        &mut self,
        name: String,
        neuron: &EventNeuron,
        z: Vec<f64>,
        spikes: SpikeTrain,
        side: usize,
    ) {
        self.layers.push(EventLayer {
            name,
            positions: side * side,
            potentials: z,
            theta: neuron.theta(),
            spikes,
        });
    }

    /// `x += second(neuron(first(neuron(x))))`.
    fn branch(
        &mut self,
        x: &mut [f64],
        layers: [&(EventNeuron, Synapses); 2],
        names: [String; 2],
        side: usize,
    ) {
        let mut z = x.to_vec();
        for ((neuron, synapses), name) in layers.into_iter().zip(names) {
            let spikes = neuron.emit(&z);
            let next = synapses.integrate(&spikes, side);
            self.layer(name, neuron, z, spikes, side);
            z = next;
        }
        shortcut(x, &z);
    }
}

fn shortcut(x: &mut [f64], branch: &[f64]) {
    x.iter_mut()
        .zip(branch)
        .for_each(|(x, branch)| *x = rounded(*x + branch));
}

/// A potential as the training form keeps it. Without this a shortcut's sum has digits here that it has not there, and
/// a neuron at a border may see them: even 8-bit networks have shifts and pixels that are no multiples of a unit.
fn rounded(potential: f64) -> f64 {
    f64::from(potential as f32)
}
