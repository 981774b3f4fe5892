//! What one picture cost in operations and bytes: the closed form of a [`Census`] joined with the spikes
//! of an [`Activity`]. No prices here; the assumptions say what is read how often and how wide it is.

use super::assumptions::{Assumptions, FirstConv, MembraneAccess, WeightReads};
use super::counts::{Activity, Census, LayerActivity, LayerOp, LayerSpec, Signal};
use super::ops::Ops;
use serde::{Deserialize, Serialize};

/// Operations, bytes and spikes of a network, per picture.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Account {
    /// Pictures behind the means.
    pub images: u64,
    /// Synaptic layers in forward order.
    pub layers: Vec<LayerAccount>,
    /// Sum over the layers.
    pub total: Ops,
    /// Spikes per neuron and step over all spiking layers, each neuron counting the same.
    pub firing_rate: Option<f64>,
    /// The same for each time step (for ExpG-IF, each emission step).
    pub rate_per_step: Vec<f64>,
    /// Accumulates per connection of the spiking layers and inference.
    pub spikes_per_synapse: Option<f64>,
    /// Neurons that never fired.
    pub dead: u64,
    /// Neurons that fired at every step.
    pub saturated: u64,
    /// Neurons behind `dead` and `saturated`.
    pub neurons: u64,
    /// Where census and activity do not fit together, in words.
    pub warnings: Vec<String>,
}

/// One synaptic layer of an [`Account`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LayerAccount {
    /// Name ([`LayerSpec::name`]).
    pub name: String,
    /// What arrives.
    pub input: Signal,
    /// Bits of an activation that tells as much as the input's spike train: `ceil(log2(T+1))` for T binary
    /// spikes, K for K weighted ones; 0 for a real input.
    pub bits: u32,
    /// Operations and bytes per picture.
    pub ops: Ops,
    /// Sizes of the layer's memories.
    pub buffers: Buffers,
    /// Spikes per neuron and step of the layer's input.
    pub firing_rate: Option<f64>,
    /// The same for each step.
    pub rate_per_step: Vec<f64>,
    /// Accumulates per connection and inference.
    pub spikes_per_synapse: Option<f64>,
    /// Neurons that never fired.
    pub dead: u64,
    /// Neurons that fired at every step.
    pub saturated: u64,
    /// Neurons behind `dead` and `saturated`.
    pub neurons: u64,
}

/// Sizes in bytes of the memories beside a layer.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Buffers {
    /// Weights.
    pub weight_bytes: f64,
    /// Activations: the larger of input and output, or room for an event of every neuron.
    pub activation_bytes: f64,
    /// Membrane potentials.
    pub membrane_bytes: f64,
}

/// Join a census with measured activity. A spiking layer without activity counts as silent and is named
/// in the warnings.
pub fn account(census: &Census, activity: &Activity, assumptions: &Assumptions) -> Account {
    let mut account = Account {
        images: activity.images,
        ..Account::default()
    };
    let images = activity.images.max(1) as f64;
    let (mut connections, mut train) = (0.0, census.time_steps);
    let mut possible: Vec<f64> = Vec::new();
    let mut fired: Vec<f64> = Vec::new();
    for (index, spec) in census.layers.iter().enumerate() {
        let silent = LayerActivity::default();
        let found = activity.layers.iter().find(|layer| layer.name == spec.name);
        if spec.is_spiking() {
            train = spec.steps;
            check(spec, found, activity.images, &mut account.warnings);
        }
        let measured = found.filter(|_| spec.is_spiking()).unwrap_or(&silent);
        let joined = Joined {
            spec,
            measured,
            images,
            train,
            census,
            assumptions,
        };
        let layer = joined.account(index == 0);
        if spec.is_spiking() {
            connections += layer.ops.dense_macs;
            fired.resize(fired.len().max(measured.spikes.len()), 0.0);
            possible.resize(fired.len(), 0.0);
            for (t, spikes) in measured.spikes.iter().enumerate() {
                fired[t] += spikes;
                possible[t] += measured.sites;
            }
        }
        account.total += layer.ops;
        account.dead += layer.dead;
        account.saturated += layer.saturated;
        account.neurons += layer.neurons;
        account.layers.push(layer);
    }
    for layer in &activity.layers {
        if !census.layers.iter().any(|spec| spec.name == layer.name) {
            account.warnings.push(format!(
                "activity of {} is of no layer of this network and was left out",
                layer.name
            ));
        }
    }
    account.rate_per_step = fired
        .iter()
        .zip(&possible)
        .map(|(f, p)| share(*f, *p).unwrap_or(0.0))
        .collect();
    account.firing_rate = share(fired.iter().sum(), possible.iter().sum());
    account.spikes_per_synapse = share(account.total.acs, connections);
    account
}

/// Say what is wrong between a spiking layer and its trace.
fn check(spec: &LayerSpec, found: Option<&LayerActivity>, images: u64, warnings: &mut Vec<String>) {
    let Some(layer) = found else {
        if images > 0 {
            warnings.push(format!("no activity for {}: counted as silent", spec.name));
        }
        return;
    };
    if layer.spikes.len() != spec.steps {
        warnings.push(format!(
            "{} has spikes of {} steps, the configuration says {}",
            spec.name,
            layer.spikes.len(),
            spec.steps
        ));
    }
    let most = spec.dense_ops() as f64 * images as f64;
    if layer.accumulates > most {
        warnings.push(format!(
            "{} counted {} accumulates, its connections allow {most}: trace and configuration disagree",
            spec.name, layer.accumulates
        ));
    }
}

/// A layer's closed form and its measured input.
struct Joined<'a> {
    spec: &'a LayerSpec,
    measured: &'a LayerActivity,
    images: f64,
    /// Length of the spike trains around this layer.
    train: usize,
    census: &'a Census,
    assumptions: &'a Assumptions,
}

impl Joined<'_> {
    fn account(&self, first: bool) -> LayerAccount {
        let LayerActivity {
            spikes,
            sites,
            dead,
            saturated,
            neurons,
            ..
        } = self.measured;
        let ops = if self.spec.is_spiking() {
            self.spiking()
        } else {
            self.real(first)
        };
        LayerAccount {
            name: self.spec.name.clone(),
            input: self.spec.input,
            bits: self.spec.bits(),
            ops,
            buffers: self.buffers(),
            firing_rate: share(spikes.iter().sum(), sites * spikes.len() as f64),
            rate_per_step: spikes
                .iter()
                .map(|count| share(*count, *sites).unwrap_or(0.0))
                .collect(),
            spikes_per_synapse: share(ops.acs, ops.dense_macs).filter(|_| self.spec.is_spiking()),
            dead: *dead,
            saturated: *saturated,
            neurons: *neurons,
        }
    }

    /// What a layer costs whatever arrives.
    fn fixed(&self) -> Ops {
        let (spec, update) = (self.spec, self.census.update);
        let updates = spec.updates as f64;
        Ops {
            dense_macs: spec.op.macs() as f64,
            inputs: spec.op.inputs() as f64,
            weights: spec.op.weights() as f64,
            dense_ops: spec.dense_ops() as f64,
            adds: spec.adds as f64,
            updates,
            update_adds: updates * f64::from(update.adds),
            update_macs: updates * f64::from(update.macs),
            membrane_reads: updates,
            membrane_writes: updates,
            ..Ops::default()
        }
    }

    /// Multiply-accumulates on real numbers.
    fn real(&self, first: bool) -> Ops {
        let (spec, op) = (self.spec, self.spec.op);
        let steps = (spec.steps * if first { self.repeats() } else { 1 }) as f64;
        let macs = op.macs() as f64 * steps;
        let moved = (op.inputs() + op.outputs()) as f64 * steps;
        let kernel = match op {
            LayerOp::Conv { c_out, kernel, .. } => (c_out * kernel * kernel) as f64 * steps,
            _ => 0.0,
        };
        // The second operand of a product is an activation, read like a weight.
        let reads = match self.assumptions.dense_weights {
            WeightReads::PerOperation => macs,
            WeightReads::OncePerPicture => op.weights() as f64,
        };
        let (weights, operands) = match op {
            LayerOp::Product { .. }
                if self.assumptions.dense_weights == WeightReads::PerOperation =>
            {
                (0.0, reads)
            }
            _ => (reads, 0.0),
        };
        let mut ops = Ops {
            macs,
            rate_macs: op.nominal_macs() as f64 * steps,
            weight_bytes: weights * bytes(self.assumptions.weight_bits),
            activation_bytes: (moved + operands) * bytes(self.assumptions.activation_bits),
            addressing_adds: moved + kernel,
            ..self.fixed()
        };
        self.membrane(&mut ops);
        ops
    }

    /// Accumulates caused by spikes.
    fn spiking(&self) -> Ops {
        let (spec, op, measured) = (self.spec, self.spec.op, self.measured);
        let acs = measured.accumulates / self.images;
        let spikes = measured.spikes.iter().sum::<f64>() / self.images;
        let steps = measured.spikes.len() as f64;
        let rate = share(measured.spikes.iter().sum(), measured.sites * steps).unwrap_or(0.0);
        let weighted = matches!(spec.input, Signal::WeightedSpikes { .. });
        let event = bytes(self.assumptions.event_bits);
        let activation = bytes(self.assumptions.activation_bits);
        let mut ops = Ops {
            acs,
            rate_acs: rate * (op.nominal_macs() * spec.runs()) as f64,
            shifts: if weighted { acs } else { 0.0 },
            spikes,
            // Written by the neuron, read by the layer.
            activation_bytes: 2.0 * spikes * event,
            addressing_adds: acs,
            ..self.fixed()
        };
        match op {
            LayerOp::Conv { .. } => {
                ops.weight_bytes = acs * bytes(self.assumptions.weight_bits);
                // A spike's place in the map becomes its place in the output.
                ops.addressing_macs = 2.0 * spikes;
            }
            LayerOp::Linear { .. } => ops.weight_bytes = acs * bytes(self.assumptions.weight_bits),
            LayerOp::Product { trains, .. } => {
                // Instead of a weight, the other operand; the result between the two products is stored,
                // where anything fell on it.
                let passes = if weighted { 1 } else { spec.steps } as f64;
                let (operand, written) = match trains {
                    2 => (event, (op.outputs() as f64 * passes).min(acs)),
                    _ => (activation, 0.0),
                };
                ops.activation_bytes += acs * operand + written * activation;
            }
        }
        self.membrane(&mut ops);
        ops
    }

    fn membrane(&self, ops: &mut Ops) {
        if self.assumptions.membrane == MembraneAccess::PerEvent {
            ops.membrane_reads += ops.acs;
            ops.membrane_writes += ops.acs;
        }
        ops.membrane_bytes =
            (ops.membrane_reads + ops.membrane_writes) * bytes(self.assumptions.membrane_bits);
    }

    /// How often the first convolution's one pass is charged.
    fn repeats(&self) -> usize {
        let binary = self
            .census
            .layers
            .iter()
            .all(|spec| !matches!(spec.input, Signal::WeightedSpikes { .. }));
        match self.assumptions.first_conv {
            FirstConv::EveryStep if binary && self.spec.steps == 1 => self.census.time_steps,
            _ => 1,
        }
    }

    fn buffers(&self) -> Buffers {
        let (spec, op) = (self.spec, self.spec.op);
        let activation = bytes(self.assumptions.activation_bits);
        let held = op.inputs().max(op.outputs()) as f64 * activation;
        let events = spec.neurons as f64 * bytes(self.assumptions.event_bits);
        let between = op.outputs() as f64 * activation;
        Buffers {
            weight_bytes: op.weights() as f64 * bytes(self.assumptions.weight_bits),
            activation_bytes: match op {
                _ if !spec.is_spiking() => held,
                LayerOp::Product { .. } => events.max(between),
                _ => events,
            },
            membrane_bytes: spec.updates as f64 / self.train.max(1) as f64
                * bytes(self.assumptions.membrane_bits),
        }
    }
}

fn bytes(bits: u32) -> f64 {
    f64::from(bits) / 8.0
}

/// `part / whole`, or `None` without a whole.
pub(super) fn share(part: f64, whole: f64) -> Option<f64> {
    (whole > 0.0).then(|| part / whole)
}
