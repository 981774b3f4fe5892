//! The two kinds of block: windowed spiking attention with a grouped spiking MLP, and the spiking
//! convolution block of the earlier stages. Shortcuts carry membrane potentials (membrane shortcut), so every
//! projection sees spikes only. The shortcut is the field's (MS-ResNet, arXiv:2112.08954), the 3×3 depth-wise and 1×1
//! convolutions are MobileNet's (arXiv:1704.04861); the hybrid of both kinds is our reconstruction of the abstract's
//! "hybrid attention-convolution framework". Equations stand at [`Block`] and [`ConvBlock`].

use super::attention::{Attention, AttentionShape, Products};
use super::conv::{ConvShape, SpikeConv};
use super::init::Init;
use super::layer::SpikeLinear;
use super::neuron::Neuron;
use super::trace::{FanOut, Site, Trace, Train};
use crate::config::{AttentionKind, Ge2msTConfig, NormKind};
use crate::kernels::{Attended, Fired};
use burn::module::Module;
use burn::tensor::Tensor;

/// `x += out(neuron(attention(neuron(x)))); x += fc2(neuron(fc1(neuron(x))))`.
#[derive(Module, Debug)]
pub struct Block {
    attention_in: Neuron,
    attention: Attention,
    /// Absent for the card's softmax attention, whose means of spikes never reach a threshold: it projects real
    /// numbers, as the card does, and the energy account counts them as such.
    attention_out: Option<Neuron>,
    out: SpikeLinear,
    mlp_in: Neuron,
    fc1: SpikeLinear,
    mlp_hidden: Neuron,
    fc2: SpikeLinear,
    groups: usize,
    index: usize,
}

impl Block {
    /// Block `index` of width `dim` whose neurons run `steps` steps in groups of `group`.
    pub fn new(
        config: &Ge2msTConfig,
        index: usize,
        dim: usize,
        steps: usize,
        group: usize,
        init: &mut Init,
    ) -> Self {
        let groups = config.groups_of(index);
        let hidden = dim * config.mlp_ratio;
        let norm = config.norm;
        let neuron = |init: &mut Init| Neuron::new(&config.neuron, steps, group, init);
        let linear =
            |c_in, c_out, init: &mut Init| SpikeLinear::new(c_in, c_out, groups, norm, init);
        let shape = AttentionShape {
            dim,
            heads: config.heads,
            side: config.grid(),
            groups,
            shifted: config.attention.shift && index % 2 == 1,
            block: index,
        };
        let qkv_neuron = neuron(init);
        Self {
            attention_in: neuron(init),
            attention: Attention::new(&config.attention, shape, qkv_neuron, norm, init),
            attention_out: (config.attention.kind != AttentionKind::Card).then(|| neuron(init)),
            out: linear(dim, dim, init).quiet(init),
            mlp_in: neuron(init),
            fc1: linear(dim, hidden, init),
            mlp_hidden: neuron(init),
            fc2: linear(hidden, dim, init).quiet(init),
            groups,
            index,
        }
    }

    /// Freeze what the attention's control variants never train.
    pub(super) fn freeze_controls(mut self) -> Self {
        self.attention = self.attention.freeze_controls();
        self
    }

    /// The same block, its norms ready for inference ([`SpikeLinear::folded`]).
    pub(super) fn folded(mut self) -> Self {
        self.attention = self.attention.folded();
        self.out = self.out.folded();
        self.fc1 = self.fc1.folded();
        self.fc2 = self.fc2.folded();
        self
    }

    /// The neurons that the block's input arrives at.
    pub(super) fn first(&self) -> &Neuron {
        &self.attention_in
    }

    /// Membrane potentials `[R·N, C]` and the spikes of the block's first neurons to those of `next`, whose neurons come
    /// behind the block; `R = T·B` rows.
    pub fn forward(
        &self,
        Fired {
            potentials: x,
            spikes,
        }: Fired<2>,
        next: &Neuron,
        rows: usize,
        trace: &mut Trace,
    ) -> Fired<2> {
        let first = trace.len();
        let kept = trace.keep(&x);
        let products = self
            .attention
            .products(spikes, rows, self.attention_in.code(), trace);
        // The projections come first in the attention's trace, and all take these spikes.
        for entry in first..first + self.attention.projections() {
            let kept = kept.clone();
            trace.membrane(entry, kept.map(|x| self.attention_in.membrane(x, rows)));
        }
        let Fired {
            potentials: x,
            spikes,
        } = self.attended(products, x, rows, trace);

        let neuron = &self.mlp_in;
        let kept = trace.keep(&x);
        self.record("mlp.0", (kept, &spikes), neuron, &self.fc1, rows, trace);
        let neuron = &self.mlp_hidden;
        let (kept, spikes) = self.fc1.forward_into(spikes, neuron, trace);
        self.record("mlp.1", (kept, &spikes), neuron, &self.fc2, rows, trace);
        self.fc2.forward_onto(spikes, x, next)
    }

    /// Membrane potentials `x` with what comes of the attention's products, and the spikes in front of the MLP.
    fn attended(
        &self,
        products: Products,
        x: Tensor<2>,
        rows: usize,
        trace: &mut Trace,
    ) -> Fired<2> {
        let Some(neuron) = &self.attention_out else {
            return self.out.forward_onto(products.mixed(), x, &self.mlp_in);
        };
        if !trace.watches()
            && let Some(layer) = self.out.attending(&products, neuron, &self.mlp_in)
        {
            let Attended { mixed, fired } = layer.onto(x);
            self.record("out", (None, &mixed), neuron, &self.out, rows, trace);
            return fired;
        }
        let mixed = products.mixed();
        let kept = trace.keep(&mixed);
        let spikes = neuron.forward(mixed);
        self.record("out", (kept, &spikes), neuron, &self.out, rows, trace);
        self.out.forward_onto(spikes, x, &self.mlp_in)
    }

    /// Remember spikes, and what made the neurons emit them where the trace watches.
    fn record(
        &self,
        part: &str,
        (input, spikes): (Option<Tensor<2>>, &Tensor<2>),
        neuron: &Neuron,
        layer: &SpikeLinear,
        rows: usize,
        trace: &mut Trace,
    ) {
        let [all, channels] = spikes.dims();
        let entry = trace.site(Site {
            name: format!("block.{}.{part}", self.index),
            spikes: Train::Whole(spikes.clone().reshape([rows, all / rows * channels])),
            code: neuron.code(),
            fan_out: FanOut::Every(layer.outputs() / self.groups),
        });
        trace.membrane(entry, input.map(|x| neuron.membrane(x, rows)));
    }
}

/// `x += pw(neuron(dw(neuron(x))))`: 3×3 depth-wise, then grouped 1×1.
#[derive(Module, Debug)]
pub struct ConvBlock {
    dw_in: Neuron,
    dw: SpikeConv,
    pw_in: Neuron,
    pw: SpikeConv,
    #[module(skip)]
    name: String,
    groups: usize,
}

impl ConvBlock {
    /// A block on `channels` channels named `name` in the trace.
    pub fn new(
        config: &Ge2msTConfig,
        channels: usize,
        groups: usize,
        name: String,
        init: &mut Init,
    ) -> Self {
        let conv = |kernel, groups, norm: NormKind, init: &mut Init| {
            SpikeConv::new(
                ConvShape {
                    c_in: channels,
                    c_out: channels,
                    kernel,
                    stride: 1,
                    groups,
                },
                norm,
                init,
            )
        };
        Self {
            dw_in: Neuron::stem(config, init),
            dw: conv(3, channels, config.norm, init),
            pw_in: Neuron::stem(config, init),
            pw: conv(1, groups, config.norm, init).quiet(init),
            name,
            groups,
        }
    }

    /// See [`SpikeLinear::folded`].
    pub(super) fn folded(mut self) -> Self {
        self.dw = self.dw.folded();
        self.pw = self.pw.folded();
        self
    }

    /// Membrane potentials `[R, C, S, S] -> [R, C, S, S]`.
    pub fn forward(&self, x: Tensor<4>, trace: &mut Trace) -> Tensor<4> {
        let [_, channels, side, _] = x.dims();
        let kept = trace.keep(&x);
        let spikes = self.dw_in.forward(x.clone());
        let fan = FanOut::Conv {
            side,
            kernel: 3,
            stride: 1,
            padding: 1,
            per_tap: 1,
        };
        record_maps(
            format!("{}.dw", self.name),
            (kept, &spikes),
            &self.dw_in,
            fan,
            trace,
        );
        let (kept, spikes) = self.dw.forward_into(spikes, &self.pw_in, trace);
        let fan = FanOut::Every(channels / self.groups);
        record_maps(
            format!("{}.pw", self.name),
            (kept, &spikes),
            &self.pw_in,
            fan,
            trace,
        );
        self.pw.forward_onto(spikes, x)
    }
}

/// Remember the spikes `[R, C, S, S]` in front of a convolution, and what made the neurons emit them where the trace
/// watches.
pub(super) fn record_maps(
    name: String,
    (input, spikes): (Option<Tensor<4>>, &Tensor<4>),
    neuron: &Neuron,
    fan_out: FanOut,
    trace: &mut Trace,
) {
    let [rows, channels, side, _] = spikes.dims();
    let entry = trace.site(Site {
        name,
        spikes: Train::Whole(spikes.clone().reshape([rows, channels * side * side])),
        code: neuron.code(),
        fan_out,
    });
    trace.membrane(entry, input.map(|x| neuron.membrane(x, rows)));
}
