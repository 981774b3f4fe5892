//! One layer: its closed form joined with its measured input.

use super::{Buffers, LayerAccount, share};
use crate::energy::assumptions::{Assumptions, FirstConv, MembraneAccess, WeightReads};
use crate::energy::counts::{Census, LayerActivity, LayerOp, LayerSpec, Signal};
use crate::energy::ops::Ops;

/// A layer's closed form and its measured input.
pub(super) struct Joined<'a> {
    pub spec: &'a LayerSpec,
    pub measured: &'a LayerActivity,
    pub images: f64,
    /// Length of the spike trains around this layer.
    pub train: usize,
    pub census: &'a Census,
    pub assumptions: &'a Assumptions,
}

impl Joined<'_> {
    pub fn account(&self, first: bool) -> LayerAccount {
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
