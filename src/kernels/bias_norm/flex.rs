//! Bias, LayerNorm and neurons on the CPU: moments row by row, then spikes block by block; backward the neurons first, then
//! row by row what they hand back.

use super::{BiasNormGrad, BiasNormOps, BiasNormParams};
use crate::kernels::flex::{contiguous, sum, wide, written};
use crate::kernels::lif::visit;
use burn::backend::{Flex, TensorMetadata, flex::FlexTensor, tensor::FloatTensor};
use burn::tensor::TensorData;
use std::mem::MaybeUninit;
use std::ops::Range;

impl BiasNormOps for Flex {
    fn bias_norm(
        x: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        p: BiasNormParams,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        let [x, bias, gamma, beta] = [x, bias, gamma, beta].map(contiguous);
        let [rows, channels] = [x.shape()[0], x.shape()[1]];
        let mut moments = vec![0.0f32; 2 * rows];
        let vectors: [&[f32]; 3] = [bias.storage(), gamma.storage(), beta.storage()];
        let values: &[f32] = x.storage();
        fill_moments(values, vectors[0], &mut moments, p.epsilon);
        let lines = Lines::new(values, vectors, &moments);
        let count = rows * channels;
        let y = match p.neurons {
            // SAFETY: every place is one of a row.
            None => unsafe {
                written(count, |y| {
                    wide(
                        #[inline(always)]
                        || lines.normalise(0..count, y),
                    )
                })
            },
            // SAFETY: rows are a multiple of the steps, so that blocks and groups cover every neuron and step.
            Some(neurons) => unsafe {
                written(count, |spikes| {
                    visit(
                        neurons.lif,
                        [neurons.steps, count / neurons.steps, neurons.group],
                        #[inline(always)]
                        |block, places| {
                            block.forward(
                                places,
                                #[inline(always)]
                                |at, y| lines.normalise(at, unwritten(y)),
                                spikes,
                            )
                        },
                    )
                })
            },
        };
        (made(y, [rows, channels]), made(moments, [2, rows]))
    }
}

impl BiasNormGrad for Flex {
    fn bias_norm_backward(
        x: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        moments: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        p: BiasNormParams,
    ) -> (
        FloatTensor<Self>,
        FloatTensor<Self>,
        FloatTensor<Self>,
        FloatTensor<Self>,
    ) {
        let [x, bias, gamma, beta, moments, mut grad] =
            [x, bias, gamma, beta, moments, grad].map(contiguous);
        let vectors = [bias.storage(), gamma.storage(), beta.storage()];
        let lines = Lines::new(x.storage(), vectors, moments.storage());
        // The gradient of y takes the place of that of the spikes, and that of x its place.
        let grads = grad.storage_mut();
        if let Some(neurons) = p.neurons {
            let each = grads.len() / neurons.steps;
            visit(
                neurons.lif,
                [neurons.steps, each, neurons.group],
                #[inline(always)]
                |block, places| {
                    block.backward(
                        places,
                        #[inline(always)]
                        |at, y| lines.normalise(at, unwritten(y)),
                        grads,
                    )
                },
            );
        }
        let [bias, gamma, beta] = lines.hand_back(grads);
        let channels = bias.len();
        let [bias, gamma, beta] = [bias, gamma, beta].map(|values| made(values, [channels]));
        (grad, bias, gamma, beta)
    }
}

/// Numbers that are about to be written.
#[inline(always)]
fn unwritten(y: &mut [f32]) -> &mut [MaybeUninit<f32>] {
    // SAFETY: the layout is the same, and [`Lines::normalise`] writes numbers only.
    unsafe { std::slice::from_raw_parts_mut(y.as_mut_ptr().cast(), y.len()) }
}

fn made<const D: usize>(values: Vec<f32>, shape: [usize; D]) -> FlexTensor {
    FlexTensor::from_data(TensorData::new(values, shape))
}

/// Mean and inv of each row of x + bias, `[2, R]`.
fn fill_moments(values: &[f32], bias: &[f32], moments: &mut [f32], epsilon: f32) {
    let (means, invs) = moments.split_at_mut(moments.len() / 2);
    let channels = bias.len();
    wide(
        #[inline(always)]
        || {
            let rows = values.chunks_exact(channels.max(1));
            for (x, (mean, inv)) in rows.zip(means.iter_mut().zip(invs)) {
                let (x, bias) = (&x[..channels], &bias[..channels]);
                let plain = sum(
                    [x, bias],
                    #[inline(always)]
                    |[x, bias]| x + bias,
                );
                let own = plain / channels as f32;
                let squares = sum(
                    [x, bias],
                    #[inline(always)]
                    |[x, bias]| (x + bias - own) * (x + bias - own),
                );
                *mean = own;
                *inv = 1.0 / (squares / channels as f32 + epsilon).sqrt();
            }
        },
    );
}

/// Rows, and what makes y of them.
struct Lines<'a> {
    values: &'a [f32],
    bias: &'a [f32],
    gamma: &'a [f32],
    beta: &'a [f32],
    means: &'a [f32],
    invs: &'a [f32],
}

impl<'a> Lines<'a> {
    fn new(values: &'a [f32], [bias, gamma, beta]: [&'a [f32]; 3], moments: &'a [f32]) -> Self {
        let (means, invs) = moments.split_at(moments.len() / 2);
        Self {
            values,
            bias,
            gamma,
            beta,
            means,
            invs,
        }
    }

    /// y of some places, in whatever rows they are.
    #[inline(always)]
    fn normalise(&self, at: Range<usize>, y: &mut [MaybeUninit<f32>]) {
        let channels = self.bias.len();
        let mut from = 0;
        while from < y.len() {
            let place = at.start + from;
            let (row, first) = (place / channels, place % channels);
            let count = (channels - first).min(y.len() - from);
            let (mean, inv) = (self.means[row], self.invs[row]);
            // Slices as long as the loop: then no place needs a check, and it is SIMD.
            let x = &self.values[place..][..count];
            let [bias, gamma, beta] =
                [self.bias, self.gamma, self.beta].map(|vector| &vector[first..][..count]);
            let y = &mut y[from..][..count];
            for c in 0..count {
                y[c].write((x[c] + bias[c] - mean) * inv * gamma[c] + beta[c]);
            }
            from += count;
        }
    }

    /// Turns the gradient of y into that of x, in place; those of bias, gamma and beta.
    fn hand_back(&self, grads: &mut [f32]) -> [Vec<f32>; 3] {
        let channels = self.bias.len();
        let mut vectors = [(); 3].map(|()| vec![0.0f32; channels]);
        let [bias_grad, gamma_grad, beta_grad] =
            vectors.each_mut().map(|vector| &mut vector[..channels]);
        wide(
            #[inline(always)]
            || {
                let [bias, gamma] = [self.bias, self.gamma].map(|vector| &vector[..channels]);
                let rows = self.values.chunks_exact(channels.max(1));
                let rows = rows.zip(grads.chunks_exact_mut(channels.max(1)));
                for (row, (x, g)) in rows.enumerate() {
                    let (x, g) = (&x[..channels], &mut g[..channels]);
                    let (mean, inv) = (self.means[row], self.invs[row]);
                    for c in 0..channels {
                        beta_grad[c] += g[c];
                        gamma_grad[c] += g[c] * (x[c] + bias[c] - mean) * inv;
                        g[c] *= gamma[c];
                    }
                    let plain = sum(
                        [g],
                        #[inline(always)]
                        |[h]| h,
                    );
                    let along = sum(
                        [g, x, bias],
                        #[inline(always)]
                        |[h, x, bias]| h * (x + bias - mean) * inv,
                    );
                    let (plain, along) = (plain / channels as f32, along / channels as f32);
                    for c in 0..channels {
                        g[c] = inv * (g[c] - plain - (x[c] + bias[c] - mean) * inv * along);
                        bias_grad[c] += g[c];
                    }
                }
            },
        );
        vectors
    }
}
