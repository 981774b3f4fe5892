//! LayerNorm on the CPU, row by row.

use super::{LayerNormGrad, LayerNormOps};
use crate::kernels::flex::{contiguous, sum, wide, written};
use burn::backend::{Flex, TensorMetadata, flex::FlexTensor, tensor::FloatTensor};
use burn::tensor::TensorData;
use std::mem::MaybeUninit;

impl LayerNormOps for Flex {
    fn fused_layer_norm(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        epsilon: f32,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        let [x, gamma, beta] = [x, gamma, beta].map(contiguous);
        let [rows, channels] = [x.shape()[0], x.shape()[1]];
        let mut moments = vec![0.0f32; 2 * rows];
        let (values, gamma, beta): (&[f32], &[f32], &[f32]) =
            (x.storage(), gamma.storage(), beta.storage());
        let (means, invs) = moments.split_at_mut(rows);
        // Slices as long as the loops: then no place needs a check, and loops are SIMD.
        let (gamma, beta) = (&gamma[..channels], &beta[..channels]);
        let fill = |y: &mut [MaybeUninit<f32>]| {
            wide(
                #[inline(always)]
                || {
                    let lines = values.chunks_exact(channels.max(1));
                    let lines = lines.zip(y.chunks_exact_mut(channels.max(1)));
                    for (row, (x, y)) in lines.enumerate() {
                        let (x, y) = (&x[..channels], &mut y[..channels]);
                        let plain = sum(
                            [x],
                            #[inline(always)]
                            |[x]| x,
                        );
                        let mean = plain / channels as f32;
                        let squares = sum(
                            [x],
                            #[inline(always)]
                            |[x]| (x - mean) * (x - mean),
                        );
                        let inv = 1.0 / (squares / channels as f32 + epsilon).sqrt();
                        for c in 0..channels {
                            y[c].write((x[c] - mean) * inv * gamma[c] + beta[c]);
                        }
                        (means[row], invs[row]) = (mean, inv);
                    }
                },
            );
        };
        // SAFETY: the lines are all of y.
        let y = unsafe { written(rows * channels, fill) };
        let y = FlexTensor::from_data(TensorData::new(y, [rows, channels]));
        (
            y,
            FlexTensor::from_data(TensorData::new(moments, [2, rows])),
        )
    }
}

impl LayerNormGrad for Flex {
    fn fused_layer_norm_backward(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        moments: FloatTensor<Self>,
        grad: FloatTensor<Self>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        let [x, gamma, moments, mut grad] = [x, gamma, moments, grad].map(contiguous);
        let [rows, channels] = [x.shape()[0], x.shape()[1]];
        let (mut gamma_grad, mut beta_grad) = (vec![0.0f32; channels], vec![0.0f32; channels]);
        let (values, gamma, moments): (&[f32], &[f32], &[f32]) =
            (x.storage(), gamma.storage(), moments.storage());
        // The gradient of x takes the place of that of y.
        let grads: &mut [f32] = grad.storage_mut();
        wide(
            #[inline(always)]
            || {
                let gamma = &gamma[..channels];
                let (gamma_grad, beta_grad) =
                    (&mut gamma_grad[..channels], &mut beta_grad[..channels]);
                let lines = values.chunks_exact(channels.max(1));
                for (row, (x, g)) in lines
                    .zip(grads.chunks_exact_mut(channels.max(1)))
                    .enumerate()
                {
                    let (x, g) = (&x[..channels], &mut g[..channels]);
                    let (mean, inv) = (moments[row], moments[rows + row]);
                    for c in 0..channels {
                        beta_grad[c] += g[c];
                        gamma_grad[c] += g[c] * (x[c] - mean) * inv;
                        g[c] *= gamma[c];
                    }
                    let plain = sum(
                        [g],
                        #[inline(always)]
                        |[h]| h,
                    );
                    let along = sum(
                        [g, x],
                        #[inline(always)]
                        |[h, x]| h * (x - mean) * inv,
                    );
                    let (plain, along) = (plain / channels as f32, along / channels as f32);
                    for c in 0..channels {
                        g[c] = inv * (g[c] - plain - (x[c] - mean) * inv * along);
                    }
                }
            },
        );
        let parameter = |values| FlexTensor::from_data(TensorData::new(values, [channels]));
        (grad, parameter(gamma_grad), parameter(beta_grad))
    }
}
