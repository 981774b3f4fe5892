//! The whole spiking transformer.
//!
//! ```text
//! x0 = stem(image)                         [B, 3, S, S] -> [T·B·N, C]
//! x  = x + attention(x); x = x + mlp(x)    depth times (`block`)
//! f_t = mean over tokens of neuron(x)      [T, B, C]
//! F_j = mean over the g steps of group j   [T/g, B, C]
//! logits = (Σ_j a_j F_j) W + b             [B, classes]
//!
//! a_j = g/T                                mean
//! a   = softmax(w)                         weighted: w [T/g], learned
//! a   = softmax(F q / √C)                  attention across groups: q [C], learned, by picture
//! ```
//!
//! The mean is the field's; learned weights and attention across groups are our reconstruction of the design card's
//! remedy for grouping artefacts. ExpG-IF holds its steps inside one number: T/g is 1.

use super::block::Block;
use super::init::Init;
use super::neuron::Neuron;
use super::stem::Stem;
use super::temporal::fold_time_into_channels;
use super::trace::Trace;
use super::{Output, freeze_front, trained_blocks};
use crate::config::{Freeze, Ge2msTConfig, Readout, TemporalForm};
use crate::kernels::{self, Fired};
use burn::module::{Module, Param};
use burn::tensor::{Tensor, activation::softmax};

/// Ge²mS-T (see [`Ge2msTConfig`] for the picture).
#[derive(Module, Debug)]
pub struct Ge2msT {
    stem: Stem,
    blocks: Vec<Block>,
    last: Neuron,
    head: Head,
    /// Logits of the read-out's time groups: weights `[T/g]` or the query `[C]` of the attention.
    readout: Option<Param<Tensor<1>>>,
    #[module(skip)]
    config: Ge2msTConfig,
    /// Steps of the blocks' time axis.
    steps: usize,
    /// Steps after which the blocks' membranes start anew.
    group: usize,
}

/// Linear classifier.
#[derive(Module, Debug)]
pub struct Head {
    /// `[C, classes]`.
    weight: Param<Tensor<2>>,
    /// `[classes]`.
    bias: Param<Tensor<1>>,
}

impl Head {
    pub(super) fn new(dim: usize, classes: usize, init: &mut Init) -> Self {
        Self {
            weight: init.fan_in([dim, classes], dim),
            bias: init.constant([classes], 0.0),
        }
    }

    /// `[…, C] -> […, classes]`.
    pub(super) fn forward<const D: usize>(&self, x: Tensor<D>) -> Tensor<D> {
        let mut shape = x.dims();
        let rows = shape[..D - 1].iter().product();
        let x = x.reshape([rows, shape[D - 1]]);
        let logits = kernels::dense(x, self.weight.val(), self.bias.val());
        shape[D - 1] = logits.dims()[1];
        logits.reshape(shape)
    }

    /// `[R, C] -> [R, classes]` and GELU.
    pub(super) fn gelu(&self, x: Tensor<2>) -> Tensor<2> {
        kernels::dense_gelu(x, self.weight.val(), self.bias.val())
    }

    /// `[R, C] -> [R, classes]`, added to `residual [R, classes]`.
    pub(super) fn onto(&self, x: Tensor<2>, residual: Tensor<2>) -> Tensor<2> {
        kernels::dense_residual(x, self.weight.val(), self.bias.val(), residual)
    }

    /// `[R, C] -> [R, classes]` without the bias, for those that add it on the way.
    pub(super) fn product(&self, x: Tensor<2>) -> Tensor<2> {
        kernels::linear(x, self.weight.val())
    }

    /// `[classes]`.
    pub(super) fn bias(&self) -> Tensor<1> {
        self.bias.val()
    }
}

impl Ge2msT {
    /// A network with fresh weights. The configuration must be valid
    /// ([`crate::config::RunConfig::validate`]).
    pub fn new(config: &Ge2msTConfig, init: &mut Init) -> Self {
        let steps = config.tensor_steps();
        let group = config.temporal.group.min(steps);
        // Folded groups become channels, so that the blocks see one step per group and carry state across.
        let (dim, steps, group) = match config.temporal.form {
            TemporalForm::FoldIntoChannels => (config.dim() * group, steps / group, steps / group),
            TemporalForm::Parallel => (config.dim(), steps, group),
        };
        let groups = steps / group;
        Self {
            stem: Stem::new(config, init),
            blocks: (0..config.depth)
                .map(|index| Block::new(config, index, dim, steps, group, init))
                .collect(),
            last: Neuron::new(&config.neuron, steps, group, init),
            head: Head::new(dim, config.classes, init),
            readout: match config.temporal.readout {
                Readout::Mean => None,
                Readout::Weighted => Some(init.constant([groups], 0.0)),
                Readout::Attention => Some(init.constant([dim], 0.0)),
            },
            config: config.clone(),
            steps,
            group,
        }
    }

    pub(super) fn folded(mut self) -> Self {
        self.stem = self.stem.folded();
        self.blocks = self.blocks.into_iter().map(Block::folded).collect();
        self
    }

    pub(super) fn frozen(self, policy: Freeze) -> Self {
        let mut network = self.unfreeze();
        let blocks = network.blocks.into_iter();
        network.blocks = blocks.map(Block::freeze_controls).collect();
        if let Some(trained) = trained_blocks(policy, network.blocks.len()) {
            network.stem = network.stem.freeze();
            network.blocks = freeze_front(network.blocks, trained);
            if trained == 0 {
                network.last = network.last.freeze();
            }
        }
        network
    }

    /// Pixels `[B, 3, S, S]` in 0..=1 to the first convolution's output `[T·B, C0, S', S']`, the input of
    /// [`super::event::EventNet`].
    pub fn encode(&self, images: Tensor<4>) -> Tensor<4> {
        self.stem.encoded(images.clone()).unwrap_or(images)
    }

    /// Pixels `[B, 3, S, S]` in 0..=1 to logits `[B, classes]` and the spikes on the way.
    pub fn forward(&self, images: Tensor<4>) -> Output {
        self.traced(images, Trace::default())
    }

    /// The same of one picture, `[1, 3, S, S]`, with everything on the way that [`Trace::inspect`] reads.
    pub fn watch(&self, image: Tensor<4>) -> Output {
        self.traced(image, Trace::watching())
    }

    /// The same with what `trace` remembers of the spikes.
    pub(super) fn traced(&self, images: Tensor<4>, trace: Trace) -> Output {
        let (features, trace) = self.features_into(images, trace);
        Output {
            logits: self.head.forward(features),
            trace,
        }
    }

    /// Pixels `[B, 3, S, S]` in 0..=1 to what the head sees, `[B, C]`, and the spikes on the way.
    pub fn features(&self, images: Tensor<4>) -> (Tensor<2>, Trace) {
        self.features_into(images, Trace::default())
    }

    fn features_into(&self, images: Tensor<4>, mut trace: Trace) -> (Tensor<2>, Trace) {
        let batch = images.dims()[0];
        let neurons = |index: usize| self.blocks.get(index).map_or(&self.last, Block::first);
        let fired = match self.config.temporal.form {
            TemporalForm::FoldIntoChannels => {
                let (steps, group) = (self.config.tensor_steps(), self.config.temporal.group);
                let x = self.stem.forward(images, &mut trace);
                neurons(0).fire(fold_time_into_channels(x, steps, group))
            }
            TemporalForm::Parallel => self.stem.forward_into(images, neurons(0), &mut trace),
        };
        let [rows, tokens, dim] = fired.spikes.dims();
        let whole = |x: Tensor<3>| x.reshape([rows * tokens, dim]);
        let mut fired = Fired {
            potentials: whole(fired.potentials),
            spikes: whole(fired.spikes),
        };
        for (index, block) in self.blocks.iter().enumerate() {
            fired = block.forward(fired, neurons(index + 1), rows, &mut trace);
        }
        let features = fired
            .spikes
            .reshape([self.steps, batch, tokens, dim])
            .mean_dim(2)
            .reshape([self.steps, batch, dim]);
        (self.read_out(features), trace)
    }

    /// Pooled features `[T, B, C]` to `[B, C]`: mean inside each time group, then across.
    fn read_out(&self, features: Tensor<3>) -> Tensor<2> {
        let [_, batch, dim] = features.dims();
        let groups = self.steps / self.group;
        let features = match self.group {
            1 => features,
            group => features
                .reshape([groups, group, batch, dim])
                .mean_dim(1)
                .reshape([groups, batch, dim]),
        };
        if groups == 1 && self.readout.is_none() {
            return features.reshape([batch, dim]);
        }
        let weights = match (&self.readout, self.config.temporal.readout) {
            (Some(weights), Readout::Weighted) => softmax(weights.val(), 0).reshape([groups, 1, 1]),
            (Some(query), Readout::Attention) => {
                let scores = (features.clone() * query.val().reshape([1, 1, dim])).sum_dim(2);
                softmax(scores / (dim as f32).sqrt(), 0)
            }
            _ => Tensor::ones([groups, 1, 1], &features.device()) / groups as f32,
        };
        (features * weights).sum_dim(0).reshape([batch, dim])
    }
}
