//! Ge²mS-T. `T` steps of a spike train, `S` side of a map, `N` tokens, `C` block width (channels times g
//! where time is folded into channels), `d = C/h`.

use crate::config::{
    AttentionKind, Ge2msTConfig, InputCoding, NeuronConfig, Readout, StemConv, TemporalForm,
};
use crate::energy::attention::{AttentionOrder, attention_order, window_pairs, window_shift};
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
        params: ge2mst_parameters(config).trainable,
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

/// One product summed over head groups.
#[derive(Clone, Copy, Default)]
struct Sum {
    pairs: u64,
    /// Elements of the spike trains.
    neurons: usize,
    /// Elements of the operand that is no spike train.
    operand: u64,
    outputs: u64,
}

impl Sum {
    fn add(&mut self, pairs: u64, neurons: usize, operand: u64, outputs: u64) {
        self.pairs += pairs;
        self.neurons += neurons;
        self.operand += operand;
        self.outputs += outputs;
    }
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
        self.products(block, dim / self.config.heads);
        self.spiking(name("out"), linear(dim, dim), elements, 2 * adds);
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

    /// The attention's two products, summed over the head groups that chose the same order.
    fn products(&mut self, block: usize, d: usize) {
        let attention = &self.config.attention;
        if attention.kind == AttentionKind::Identity {
            return;
        }
        let grid = self.config.grid();
        let heads = self.config.heads / attention.windows.len();
        let elements = heads * grid * grid * d;
        let shifted = attention.shift && block % 2 == 1;
        let [mut scores, mut kv, mut context] = [Sum::default(); 3];
        for &window in &attention.windows {
            let shift = window_shift(grid, window, shifted);
            let order = attention_order(attention.kind, window * window, d, shift > 0);
            let (pairs, between) = match order {
                AttentionOrder::Scores => {
                    let pairs = heads as u64 * window_pairs(grid, window, shift);
                    scores.add(pairs, 2 * elements, 0, pairs);
                    (pairs, pairs)
                }
                AttentionOrder::Linear => {
                    let between = (heads * (grid / window).pow(2) * d * d) as u64;
                    kv.add(elements as u64, 2 * elements, 0, between);
                    (elements as u64, between)
                }
            };
            context.add(pairs, elements, between, elements as u64);
        }
        for (part, sum, trains) in [
            ("scores", scores, 2),
            ("kv", kv, 2),
            ("context", context, 1),
        ] {
            if sum.pairs > 0 {
                let op = LayerOp::Product {
                    pairs: sum.pairs,
                    length: d,
                    trains,
                    inputs: sum.neurons as u64 + sum.operand,
                    outputs: sum.outputs,
                };
                self.spiking(format!("block.{block}.{part}"), op, sum.neurons, 0);
            }
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
