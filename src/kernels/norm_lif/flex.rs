//! BatchNorm and LIF on the CPU: one pass for the moments and one for the spikes; backward one for the gradient of
//! BatchNorm's output with its sums, and one for that of its input.

use super::{NormLifGrad, NormLifOps, NormLifParams};
use crate::kernels::batch_norm::{Back, Extent, moments, pass_back, scale};
use crate::kernels::flex::{contiguous, written};
use crate::kernels::lif::{BLOCK, Places, visit};
use burn::backend::{Flex, TensorMetadata, flex::FlexTensor, tensor::FloatTensor};
use burn::tensor::TensorData;

/// Blocks after which partial sums are added up in `f64`.
const BLOCKS: usize = 64;

impl NormLifOps for Flex {
    fn norm_lif(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        p: NormLifParams,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        let [x, gamma, beta] = [x, gamma, beta].map(contiguous);
        let values: &[f32] = x.storage();
        let extent = Extent::of(&x.shape());
        let (mean, var) = moments(values, extent);
        let scale = scale(gamma.storage(), &var, p.epsilon);
        let affine = Affine::new([&mean, &scale, beta.storage()]);
        // SAFETY: rows are a multiple of the steps, so that blocks and groups cover every neuron and step.
        let spikes = unsafe {
            written(values.len(), |spikes| {
                visit(
                    p.lif,
                    blocks(extent, p),
                    #[inline(always)]
                    |block, places| {
                        let k = affine.of(places, extent.channels);
                        block.forward(
                            places,
                            #[inline(always)]
                            |at, y| normalise(&values[at], k, y),
                            spikes,
                        )
                    },
                )
            })
        };
        let per_channel = |values| FlexTensor::from_data(TensorData::new(values, gamma.shape()));
        let spikes = FlexTensor::from_data(TensorData::new(spikes, x.shape()));
        (spikes, per_channel(mean), per_channel(var))
    }
}

impl NormLifGrad for Flex {
    fn norm_lif_backward(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        mean: FloatTensor<Self>,
        var: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        p: NormLifParams,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        let [x, gamma, beta, mut grad] = [x, gamma, beta, grad].map(contiguous);
        let extent = Extent::of(&x.shape());
        let values: &[f32] = x.storage();
        let (mean, var): (&[f32], &[f32]) = (mean.storage(), var.storage());
        let scale = scale(gamma.storage(), var, p.epsilon);
        let affine = Affine::new([mean, &scale, beta.storage()]);
        let mut sums = Sums::new(extent.channels);
        // The gradient of y takes the place of that of the spikes, and that of x its place.
        let grads = grad.storage_mut();
        visit(
            p.lif,
            blocks(extent, p),
            #[inline(always)]
            |block, places| {
                let k = affine.of(places, extent.channels);
                block.backward(
                    places,
                    #[inline(always)]
                    |at, y| normalise(&values[at], k, y),
                    grads,
                );
                let first = places.neuron() % extent.channels;
                for at in (0..places.length).map(|t| places.at(t)) {
                    sums.add(first, &values[at.clone()], &grads[at], k[0]);
                }
                sums.end();
            },
        );
        let [along_beta, along_gamma] = sums.totals();
        let back = Back::new(
            [mean, var, gamma.storage()],
            [&along_beta, &along_gamma],
            extent,
            p.epsilon,
        );
        pass_back(values, grads, &back.coefficients, extent);
        let per_channel = |values| FlexTensor::from_data(TensorData::new(values, gamma.shape()));
        (grad, per_channel(back.gamma), per_channel(back.beta))
    }
}

/// What [`visit`] needs.
fn blocks(extent: Extent, p: NormLifParams) -> [usize; 3] {
    let n = extent.rows / p.steps.max(1) * extent.channels;
    [p.steps, n, p.group]
}

/// `(x - mean) scale + beta` for the neurons of a block.
#[inline(always)]
fn normalise(x: &[f32], [mean, scale, beta]: [&[f32]; 3], y: &mut [f32]) {
    let k = mean.iter().zip(scale).zip(beta);
    for ((y, x), ((mean, scale), beta)) in y.iter_mut().zip(x).zip(k) {
        *y = (x - mean) * scale + beta;
    }
}

/// Mean, scale and beta, the channels over and over: the neurons of any block find their own side by side.
struct Affine([Vec<f32>; 3]);

impl Affine {
    fn new(channels: [&[f32]; 3]) -> Self {
        let lanes = |k: &[f32]| k.iter().copied().cycle().take(k.len() + BLOCK).collect();
        Self(channels.map(lanes))
    }

    #[inline(always)]
    fn of(&self, places: Places, channels: usize) -> [&[f32]; 3] {
        let first = places.neuron() % channels;
        self.0.each_ref().map(|k| &k[first..][..places.size])
    }
}

/// `Σ g` and `Σ g (x - mean)` of each channel.
struct Sums {
    totals: [Vec<f64>; 2],
    /// Partial sums, laid out as [`Affine`] is.
    parts: [Vec<f32>; 2],
    /// Blocks in them.
    blocks: usize,
}

impl Sums {
    fn new(channels: usize) -> Self {
        Self {
            totals: [(); 2].map(|()| vec![0.0; channels]),
            parts: [(); 2].map(|()| vec![0.0; channels + BLOCK]),
            blocks: 0,
        }
    }

    /// A block's numbers of one step; `first` is its first neuron's channel.
    #[inline(always)]
    fn add(&mut self, first: usize, x: &[f32], g: &[f32], mean: &[f32]) {
        let parts = self.parts.each_mut();
        let [beta, along] = parts.map(|part| &mut part[first..][..x.len()]);
        let lanes = x.iter().zip(g).zip(mean).zip(beta.iter_mut().zip(along));
        for (((x, g), mean), (beta, along)) in lanes {
            *beta += g;
            *along += g * (x - mean);
        }
    }

    /// A block's last step is in.
    #[inline(always)]
    fn end(&mut self) {
        self.blocks += 1;
        if self.blocks == BLOCKS {
            self.gather();
        }
    }

    fn gather(&mut self) {
        self.blocks = 0;
        for (total, part) in self.totals.iter_mut().zip(&mut self.parts) {
            for part in part.chunks_mut(total.len().max(1)) {
                for (total, part) in total.iter_mut().zip(part) {
                    *total += f64::from(std::mem::take(part));
                }
            }
        }
    }

    fn totals(mut self) -> [Vec<f64>; 2] {
        self.gather();
        self.totals
    }
}
