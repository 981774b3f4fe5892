//! From pixels to tokens: convolutions with spiking convolution blocks between them, and the coding
//! of a still picture over time.
//!
//! ```text
//! direct  x_t = conv(p) + e_t            e [T, C0], the step embedding (ours; none for T = 1)
//! rate    x_t = conv(clamp(p + n_t, 0, 1)),  n_t ~ N(0, noise²)
//! then    x = conv(neuron(x)), conv blocks     [T·B, C, S, S] -> [T·B, C', S/stride, S/stride]
//! ```
//!
//! Direct coding is the field's (the first convolution is analog); rate coding with noise is the design card's.

use super::block::{ConvBlock, record_maps};
use super::init::Init;
use super::layer::{ConvShape, SpikeConv};
use super::neuron::Neuron;
use super::trace::{FanOut, Trace};
use crate::config::{Ge2msTConfig, InputCoding};
use crate::kernels::Patches;
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

/// Pixels `[B, 3, S, S]` on the 0 to 1 scale to zero mean and unit variance.
fn standardise(images: Tensor<4>) -> Tensor<4> {
    let shape = images.dims();
    standardised(shape[3]).cut(images).reshape(shape)
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

    /// Pixels `[B, 3, S, S]` in 0..=1 to membrane potentials `[T·B, C, S', S']`.
    pub fn forward(&self, images: Tensor<4>, trace: &mut Trace) -> Tensor<4> {
        let mut x = images;
        for (index, stage) in self.stages.iter().enumerate() {
            x = match &stage.neuron {
                None => self.encode(x, &stage.conv),
                Some(neuron) => {
                    let kept = trace.keep(&x);
                    let spikes = neuron.forward(x);
                    record_maps(
                        format!("stem.{index}"),
                        (kept, &spikes),
                        neuron,
                        stage.fan_out(&spikes),
                        trace,
                    );
                    stage.conv.forward(spikes)
                }
            };
            for block in &stage.blocks {
                x = block.forward(x, trace);
            }
        }
        x
    }

    /// The convolution on pixels: once for direct coding, at every step for rate coding.
    fn encode(&self, images: Tensor<4>, conv: &SpikeConv) -> Tensor<4> {
        match self.coding {
            InputCoding::Direct => {
                let x = conv.forward(standardise(images));
                match &self.step_embedding {
                    None => repeat_steps(x, self.steps),
                    Some(embedding) => {
                        let [batch, channels, side, _] = x.dims();
                        let embedding = embedding.val().reshape([self.steps, 1, channels, 1, 1]);
                        let x = x.reshape([1, batch, channels, side, side]);
                        (x + embedding).reshape([self.steps * batch, channels, side, side])
                    }
                }
            }
            InputCoding::Rate { noise } => {
                let x = repeat_steps(images, self.steps);
                let jitter = x.random_like(Distribution::Normal(0.0, f64::from(noise)));
                conv.forward(standardise((x + jitter).clamp(0.0, 1.0)))
            }
        }
    }
}

impl Stage {
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

/// `[B, …] -> [T·B, …]`, the same picture at every step.
fn repeat_steps(x: Tensor<4>, steps: usize) -> Tensor<4> {
    if steps == 1 {
        x
    } else {
        x.repeat_dim(0, steps)
    }
}
