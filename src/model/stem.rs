//! From pixels to tokens: convolutions with spiking convolution blocks between them, and the coding
//! of a still picture over time.
//!
//! ```text
//! direct  x_t = conv(p) + e_t            e [T, C0], the step embedding (ours; none for T = 1)
//! rate    x_t = conv(clamp(p + n_t, 0, 1)),  n_t ~ N(0, noise²)
//! then    x = conv(neuron(x)), conv blocks     [T·B, C, S, S] -> [T·B, C', S/stride, S/stride]
//! ```
//!
//! A stem of one convolution whose kernel is its stride, the card's, is computed as a linear layer on patches.
//!
//! Direct coding is the field's (the first convolution is analog); rate coding with noise is the design card's.

use super::block::{ConvBlock, record_maps};
use super::conv::{ConvShape, SpikeConv};
use super::init::Init;
use super::neuron::Neuron;
use super::trace::{FanOut, Trace};
use crate::config::{Ge2msTConfig, InputCoding};
use crate::kernels::{Fired, Patches};
use burn::module::{Module, Param};
use burn::tensor::{Distribution, Tensor};

/// Mean and standard deviation of CIFAR's pixels, one number for all channels, on the 0 to 1 scale.
const PIXEL_MEAN: f32 = 0.4734;
const PIXEL_STD: f32 = 0.2516;

/// Patches of that side, of pixels on the 0 to 1 scale brought to zero mean and unit variance.
pub(super) fn standardised(side: usize) -> Patches {
    Patches {
        side,
        mean: PIXEL_MEAN,
        deviation: PIXEL_STD,
    }
}

/// Stem of Ge²mS-T.
#[derive(Module, Debug)]
pub struct Stem {
    stages: Vec<Stage>,
    /// `[T, C0]`: lets steps differ under direct coding, where the picture itself does not change. Without
    /// it parallel time groups would all compute the same.
    step_embedding: Option<Param<Tensor<2>>>,
    steps: usize,
    #[module(skip)]
    coding: InputCoding,
}

#[derive(Module, Debug)]
struct Stage {
    /// In front of every convolution but the first, which sees pixels.
    neuron: Option<Neuron>,
    conv: SpikeConv,
    blocks: Vec<ConvBlock>,
    #[module(skip)]
    shape: ConvShape,
}

impl Stem {
    /// The stem of that configuration.
    pub fn new(config: &Ge2msTConfig, init: &mut Init) -> Self {
        let mut c_in = config.in_channels;
        let mut stages = Vec::new();
        for (index, stem) in config.stem.iter().enumerate() {
            let shape = ConvShape {
                c_in,
                c_out: stem.channels,
                kernel: stem.kernel,
                stride: stem.stride,
                groups: 1,
            };
            c_in = stem.channels;
            stages.push(Stage {
                neuron: (index > 0).then(|| Neuron::stem(config, init)),
                conv: SpikeConv::new(shape, config.norm, init),
                blocks: (0..stem.blocks)
                    .map(|block| {
                        let name = format!("stem.{index}.block.{block}");
                        ConvBlock::new(config, c_in, stem.groups, name, init)
                    })
                    .collect(),
                shape,
            });
        }
        let steps = config.tensor_steps();
        let embedded = steps > 1 && config.coding == InputCoding::Direct;
        let first = config.stem.first().map_or(0, |conv| conv.channels);
        Self {
            stages,
            step_embedding: embedded.then(|| init.uniform([steps, first], 0.5)),
            steps,
            coding: config.coding,
        }
    }

    /// Pixels `[B, 3, S, S]` in 0..=1 to what the first convolution leaves, `[T·B, C0, S', S']`: the last numbers
    /// that are not made of spikes.
    pub(super) fn encoded(&self, images: Tensor<4>) -> Option<Tensor<4>> {
        let first = self.stages.first()?;
        Some(self.encode(images, &first.conv))
    }

    /// See [`super::layer::SpikeLinear::folded`].
    pub(super) fn folded(mut self) -> Self {
        for stage in &mut self.stages {
            stage.conv = stage.conv.clone().folded();
            stage.blocks = stage.blocks.drain(..).map(ConvBlock::folded).collect();
        }
        self
    }

    /// Pixels `[B, 3, S, S]` in 0..=1 to membrane potentials of tokens `[T·B, N, C]`.
    pub fn forward(&self, images: Tensor<4>, trace: &mut Trace) -> Tensor<3> {
        match self.tokens(images, None, trace) {
            Tokens::Potentials(x) => x,
            Tokens::Fired(fired) => fired.potentials,
        }
    }

    /// The same and the spikes of the neurons that the tokens arrive at.
    pub fn forward_into(&self, images: Tensor<4>, neuron: &Neuron, trace: &mut Trace) -> Fired<3> {
        match self.tokens(images, Some(neuron), trace) {
            // Put in the order of tokens before, they are kept for the way back once more: 6 MB for 64 images of `small`.
            Tokens::Potentials(x) => neuron.fire(x),
            Tokens::Fired(fired) => fired,
        }
    }

    /// Tokens, and already the spikes of `behind`, the neurons behind them, where one pass makes both.
    fn tokens(&self, images: Tensor<4>, behind: Option<&Neuron>, trace: &mut Trace) -> Tokens {
        let [batch, _, height, width] = images.dims();
        if let Some((conv, patch)) = self.patches() {
            let x = conv.patches(self.cut(images, patch));
            let (tokens, channels) = (height / patch * (width / patch), x.dims()[1]);
            let x = x.reshape([self.drawn(), batch, tokens, channels]);
            let x = self.over_time(x, [self.steps, 1, 1, channels]);
            return Tokens::Potentials(x.reshape([self.steps * batch, tokens, channels]));
        }
        let mut handed = Handed::Potentials(images);
        for (index, stage) in self.stages.iter().enumerate() {
            handed = match &stage.neuron {
                None => Handed::Potentials(self.encode(handed.potentials(), &stage.conv)),
                Some(neuron) => {
                    let (kept, spikes) = handed.spikes(neuron, trace);
                    record_maps(
                        format!("stem.{index}"),
                        (kept, &spikes),
                        neuron,
                        stage.fan_out(&spikes),
                        trace,
                    );
                    let next = self.stages.get(index + 1);
                    let last = next.is_none() && stage.blocks.is_empty();
                    if let Some(behind) = behind.filter(|_| last)
                        && let Some(fired) = stage.conv.tokens_into(&spikes, behind)
                    {
                        return Tokens::of_rows(fired, spikes.dims()[0]);
                    }
                    stage.hand_on(spikes, next, trace)
                }
            };
            for block in &stage.blocks {
                handed = Handed::Potentials(block.forward(handed.potentials(), trace));
            }
        }
        let x = handed.potentials();
        let [rows, channels, side, _] = x.dims();
        Tokens::Potentials(x.reshape([rows, channels, side * side]).swap_dims(1, 2))
    }

    /// The only convolution and the side of its patches.
    fn patches(&self) -> Option<(&SpikeConv, usize)> {
        match &self.stages[..] {
            [stage] if stage.blocks.is_empty() => Some((&stage.conv, stage.conv.patch()?)),
            _ => None,
        }
    }

    /// The convolution on pixels: once for direct coding, at every step for rate coding.
    fn encode(&self, images: Tensor<4>, conv: &SpikeConv) -> Tensor<4> {
        let [batch, channels, side, _] = images.dims();
        let whole = self.cut(images, side);
        let steps = self.drawn();
        let x = conv.forward(whole.reshape([steps * batch, channels, side, side]));
        let [_, channels, height, width] = x.dims();
        let x = x.reshape([steps, batch, channels, height * width]);
        let x = self.over_time(x, [self.steps, 1, channels, 1]);
        x.reshape([self.steps * batch, channels, height, width])
    }

    /// `[1, B, …]` of a still picture to `[T, B, …]`, the step embedding added, which has that shape.
    fn over_time(&self, x: Tensor<4>, embedding: [usize; 4]) -> Tensor<4> {
        match &self.step_embedding {
            Some(steps) => x + steps.val().reshape(embedding),
            None if x.dims()[0] < self.steps => x.repeat_dim(0, self.steps),
            None => x,
        }
    }

    /// Steps at which the pixels are drawn: those of rate coding.
    fn drawn(&self) -> usize {
        match self.coding {
            InputCoding::Direct => 1,
            InputCoding::Rate { .. } => self.steps,
        }
    }

    /// Pixels `[B, 3, S, S]` of every step at which they are drawn, standardised, in patches of that side.
    fn cut(&self, images: Tensor<4>, side: usize) -> Tensor<2> {
        let patches = standardised(side);
        match self.coding {
            InputCoding::Direct => patches.cut(images),
            InputCoding::Rate { noise } => {
                let [batch, channels, height, width] = images.dims();
                let noise = Tensor::random(
                    [self.steps * batch, channels, height, width],
                    Distribution::Normal(0.0, f64::from(noise)),
                    &images.device(),
                );
                patches.cut_noisy(images, noise)
            }
        }
    }
}

/// What the last stage leaves, `[T·B, N, C]`.
#[allow(clippy::large_enum_variant)] // One at a time; the tensors inside are handles.
enum Tokens {
    Potentials(Tensor<3>),
    Fired(Fired<3>),
}

impl Tokens {
    /// Tokens `[R·N, C]` of R rows.
    fn of_rows(fired: Fired<2>, rows: usize) -> Self {
        let [all, channels] = fired.spikes.dims();
        let split = |x: Tensor<2>| x.reshape([rows, all / rows, channels]);
        Self::Fired(Fired {
            potentials: split(fired.potentials),
            spikes: split(fired.spikes),
        })
    }
}

/// What a stage leaves for the next one.
#[allow(clippy::large_enum_variant)] // One at a time; the tensors inside are handles.
enum Handed {
    /// `[R, C, S, S]`.
    Potentials(Tensor<4>),
    /// Of the next stage's neurons, and what arrived at them where the trace watches.
    Spikes(Option<Tensor<4>>, Tensor<4>),
}

impl Handed {
    fn spikes(self, neuron: &Neuron, trace: &Trace) -> (Option<Tensor<4>>, Tensor<4>) {
        match self {
            Self::Potentials(x) => (trace.keep(&x), neuron.forward(x)),
            Self::Spikes(kept, spikes) => (kept, spikes),
        }
    }

    fn potentials(self) -> Tensor<4> {
        match self {
            Self::Potentials(x) => x,
            Self::Spikes(..) => unreachable!("spikes are handed to a stage with neurons alone"),
        }
    }
}

impl Stage {
    /// The convolution of spikes; with the neurons of the next stage, unless blocks stand between them.
    fn hand_on(&self, spikes: Tensor<4>, next: Option<&Self>, trace: &Trace) -> Handed {
        let neuron = next.and_then(|next| next.neuron.as_ref());
        match neuron.filter(|_| self.blocks.is_empty()) {
            Some(neuron) => {
                let (kept, spikes) = self.conv.forward_into(spikes, neuron, trace);
                Handed::Spikes(kept, spikes)
            }
            None => Handed::Potentials(self.conv.forward(spikes)),
        }
    }

    fn fan_out(&self, spikes: &Tensor<4>) -> FanOut {
        FanOut::Conv {
            side: spikes.dims()[2],
            kernel: self.shape.kernel,
            stride: self.shape.stride,
            padding: self.shape.padding(),
            per_tap: self.shape.c_out,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{DatasetKind, ModelConfig, NormKind, preset};
    use burn::tensor::Device;

    /// Direct coding with a step embedding, with and without a bias: a linear layer on patches against the
    /// convolution.
    #[test]
    fn a_stem_of_patches_is_its_convolution() {
        let device = Device::flex();
        let run = preset("card-tiny", DatasetKind::Cifar10).expect("a preset");
        let ModelConfig::Ge2msT(mut config) = run.model else {
            panic!("card-tiny spikes");
        };
        config.coding = InputCoding::Direct;
        for norm in [NormKind::Layer, NormKind::Batch] {
            config.norm = norm;
            let stem = Stem::new(&config, &mut Init::new(3, &device));
            let images = Tensor::random([2, 3, 32, 32], Distribution::Uniform(0.0, 1.0), &device);
            let tokens = stem.forward(images.clone(), &mut Trace::default());
            let maps = stem.encoded(images).expect("a convolution");
            let [rows, channels, side, _] = maps.dims();
            assert_eq!((rows, tokens.dims()), (8, [8, 64, 64]));
            let maps = maps.reshape([rows, channels, side * side]);
            let [ours, theirs] = [tokens, maps.swap_dims(1, 2)]
                .map(|x| x.into_data().try_to_vec::<f32>().expect("f32 on the CPU"));
            let apart = ours.iter().zip(&theirs).map(|(a, b)| (a - b).abs());
            let worst = apart.fold(0.0, f32::max);
            assert!(worst < 1e-5, "{norm:?}: {worst}");
            let first = &ours[..2 * 64 * 64];
            assert_ne!(first, &ours[2 * 64 * 64..4 * 64 * 64], "steps differ");
        }
    }
}
