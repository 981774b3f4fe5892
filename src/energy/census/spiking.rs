//! Ge²mS-T. `T` steps of a spike train, `S` side of a map, `N` tokens, `C` block width (channels times g
//! where time is folded into channels), `d = C/h`.

use super::products::products;
use crate::config::{
    AttentionKind, Ge2msTConfig, InputCoding, NeuronConfig, Readout, StemConv, TemporalForm,
};
use crate::energy::counts::{Census, LayerOp, LayerSpec, Signal, UpdateOps};
use crate::energy::params::{block_width, ge2mst_parameters, readout_groups};

pub(super) fn census(config: &Ge2msTConfig) -> Census {
    let mut walk = Walk::new(config);
    walk.stem();
    walk.fold_time();
    for block in 0..config.depth {
        walk.block(block);
    }
    walk.read_out();
    Census {
        layers: walk.layers,
        params: ge2mst_parameters(config).count(),
        time_steps: config.time_steps,
        update: update(&config.neuron),
    }
}

/// LIF: input less leak (add), leak (MAC), comparison, reset. IF: integration, comparison, reset.
/// ExpG-IF, in each emission step: comparison, conditional subtraction.
fn update(neuron: &NeuronConfig) -> UpdateOps {
    match neuron {
        NeuronConfig::Lif { .. } => UpdateOps { adds: 3, macs: 1 },
        NeuronConfig::If { .. } => UpdateOps { adds: 3, macs: 0 },
        NeuronConfig::ExpGIf { .. } => UpdateOps { adds: 2, macs: 0 },
    }
}

/// The layers met so far and what holds in the part of the network being walked through.
struct Walk<'a> {
    config: &'a Ge2msTConfig,
    spikes: Signal,
    /// Steps of the spike trains here: T, or T/g behind temporal folding.
    steps: usize,
    /// Steps of the tensors here: as above, or 1 for ExpG-IF, whose potentials are formed once.
    passes: usize,
    layers: Vec<LayerSpec>,
}

impl<'a> Walk<'a> {
    fn new(config: &'a Ge2msTConfig) -> Self {
        let spikes = match config.neuron {
            NeuronConfig::ExpGIf { steps, .. } => Signal::WeightedSpikes { bits: steps },
            _ => Signal::Spikes,
        };
        Self {
            config,
            spikes,
            steps: config.time_steps,
            passes: config.tensor_steps(),
            layers: Vec::new(),
        }
    }

    /// A layer behind `neurons` neurons whose output takes `adds` additions in each pass.
    fn spiking(&mut self, name: String, op: LayerOp, neurons: usize, adds: u64) {
        self.layers.push(LayerSpec {
            name,
            op,
            input: self.spikes,
            steps: self.steps,
            neurons: neurons as u64,
            updates: (neurons * self.steps) as u64,
            adds: adds * self.passes as u64,
        });
    }

    fn stem(&mut self) {
        let mut side = self.config.image_size;
        let mut c_in = self.config.in_channels;
        let stem = &self.config.stem;
        for (index, conv) in stem.iter().enumerate() {
            let op = LayerOp::Conv {
                c_in,
                c_out: conv.channels,
                kernel: conv.kernel,
                stride: conv.stride,
                padding: (conv.kernel + 1 - conv.stride) / 2,
                groups: 1,
                side_in: side,
            };
            let name = format!("stem.{index}");
            if index == 0 {
                self.first(name, op);
            } else {
                self.spiking(name, op, c_in * side * side, op.outputs());
            }
            side /= conv.stride;
            c_in = conv.channels;
            for block in 0..conv.blocks {
                self.conv_block(&format!("stem.{index}.block.{block}"), conv, side);
            }
        }
    }

    /// The convolution on pixels: a multiply-accumulate each, once or at every step.
    fn first(&mut self, name: String, op: LayerOp) {
        let steps = match self.config.coding {
            InputCoding::Direct => 1,
            InputCoding::Rate { .. } => self.passes,
        };
        let embedding = match self.config.coding {
            InputCoding::Direct if self.passes > 1 => self.passes as u64,
            _ => 0,
        };
        self.layers.push(LayerSpec {
            name,
            op,
            input: Signal::Real,
            steps,
            neurons: 0,
            updates: 0,
            adds: op.outputs() * (steps as u64 + embedding),
        });
    }

    fn conv_block(&mut self, name: &str, conv: &StemConv, side: usize) {
        let channels = conv.channels;
        let conv_op = |kernel: usize, groups: usize| LayerOp::Conv {
            c_in: channels,
            c_out: channels,
            kernel,
            stride: 1,
            padding: kernel / 2,
            groups,
            side_in: side,
        };
        let elements = channels * side * side;
        self.spiking(
            format!("{name}.dw"),
            conv_op(3, channels),
            elements,
            elements as u64,
        );
        // Bias and shortcut.
        self.spiking(
            format!("{name}.pw"),
            conv_op(1, conv.groups),
            elements,
            2 * elements as u64,
        );
    }

    /// Steps that become channels are steps no longer.
    fn fold_time(&mut self) {
        if self.config.temporal.form == TemporalForm::FoldIntoChannels {
            let group = self.config.temporal.group.min(self.passes);
            self.steps /= group;
            self.passes /= group;
        }
    }

    fn block(&mut self, block: usize) {
        let (dim, rows) = (block_width(self.config), self.config.grid().pow(2));
        let groups = self.config.groups_of(block);
        let hidden = dim * self.config.mlp_ratio;
        let linear = |c_in: usize, c_out: usize| LayerOp::Linear {
            rows,
            c_in,
            c_out,
            groups,
        };
        let name = |part: &str| format!("block.{block}.{part}");
        let elements = rows * dim;
        let adds = elements as u64;
        match self.config.attention.kind {
            AttentionKind::Identity => self.spiking(name("v"), linear(dim, dim), elements, adds),
            AttentionKind::FrozenQk => {
                // One site of neurons feeds both.
                self.spiking(name("qk"), linear(dim, 2 * dim), elements, 2 * adds);
                self.spiking(name("v"), linear(dim, dim), elements, adds);
                self.shared_site();
            }
            _ => self.spiking(name("qkv"), linear(dim, 3 * dim), elements, 3 * adds),
        }
        let d = dim / self.config.heads;
        for product in products(self.config, block, d) {
            self.spiking(name(product.part), product.op(d), product.neurons, 0);
        }
        match self.config.attention.kind {
            AttentionKind::Card => self.real_out(name("out"), linear(dim, dim), 2 * adds),
            _ => self.spiking(name("out"), linear(dim, dim), elements, 2 * adds),
        }
        if self.config.attention.kind == AttentionKind::Identity {
            // The neurons of v feed those in front of `out`, with no synapse between them.
            self.more_updates((elements * self.steps) as u64);
        }
        self.spiking(
            name("mlp.0"),
            linear(dim, hidden),
            elements,
            (rows * hidden) as u64,
        );
        self.spiking(name("mlp.1"), linear(hidden, dim), rows * hidden, 2 * adds);
    }

    /// The card projects the means of softmax attention: real numbers, a multiply-accumulate each.
    fn real_out(&mut self, name: String, op: LayerOp, adds: u64) {
        self.layers.push(LayerSpec {
            name,
            op,
            input: Signal::Real,
            steps: self.passes,
            neurons: 0,
            updates: 0,
            adds: adds * self.passes as u64,
        });
    }

    /// The last layer reads neurons that the layer before it has already counted.
    fn shared_site(&mut self) {
        if let Some(layer) = self.layers.last_mut() {
            layer.updates = 0;
        }
    }

    fn more_updates(&mut self, updates: u64) {
        if let Some(layer) = self.layers.last_mut() {
            layer.updates += updates;
        }
    }

    /// Last neurons, mean over tokens, read-out over time groups, head. The head sees the mean of
    /// spikes, a real number, and counts as multiply-accumulates, as in the literature's counters.
    fn read_out(&mut self) {
        let dim = block_width(self.config);
        let elements = dim * self.config.grid().pow(2);
        let mut updates = (elements * self.steps) as u64;
        let mut pooling = (elements * self.passes) as u64;
        let real = |name: &str, op: LayerOp, updates: u64, adds: u64| LayerSpec {
            name: name.into(),
            op,
            input: Signal::Real,
            steps: 1,
            neurons: 0,
            updates,
            adds,
        };
        if self.config.temporal.readout == Readout::Attention {
            // A score and a weighted sum for each group.
            let groups = readout_groups(self.config) as u64;
            let op = LayerOp::Product {
                pairs: 2 * groups,
                length: dim,
                trains: 0,
                inputs: groups * dim as u64,
                outputs: dim as u64,
            };
            self.layers.push(real("readout", op, updates, pooling));
            (updates, pooling) = (0, 0);
        }
        let classes = self.config.classes;
        let op = LayerOp::Linear {
            rows: 1,
            c_in: dim,
            c_out: classes,
            groups: 1,
        };
        self.layers
            .push(real("head", op, updates, pooling + classes as u64));
    }
}
