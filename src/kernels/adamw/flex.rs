//! On the CPU: one pass over everything, after one for the norm.

use super::{AdamWOps, AdamWParams};
use crate::kernels::flex::{contiguous, wide};
use burn::backend::{Flex, tensor::FloatTensor};

/// Partial sums of the norm, so that the loop is SIMD.
const LANES: usize = 16;
/// Elements after which they are added up in `f64`.
const BLOCK: usize = 256 * LANES;

impl AdamWOps for Flex {
    fn fused_adamw(
        weights: FloatTensor<Self>,
        first: FloatTensor<Self>,
        second: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        rules: FloatTensor<Self>,
        p: AdamWParams,
    ) -> (
        FloatTensor<Self>,
        FloatTensor<Self>,
        FloatTensor<Self>,
        FloatTensor<Self>,
    ) {
        // Changed in place where nobody else holds them.
        let [mut weights, mut first, mut second, mut ahead] =
            [weights, first, second, grad].map(contiguous);
        let rules = contiguous(rules);
        let grad: &mut [f32] = ahead.storage_mut();
        let (shares, rest) = rules.storage::<f32>().split_at(grad.len());
        let (decays, floors) = rest.split_at(grad.len());
        let [first_corrected, second_corrected] = p.corrections();
        let factor = if p.clip_norm > 0.0 {
            (f64::from(p.clip_norm) / (norm(grad) + 1e-6)).min(1.0) as f32
        } else {
            1.0
        };
        let (w, m, v): (&mut [f32], &mut [f32], &mut [f32]) = (
            weights.storage_mut(),
            first.storage_mut(),
            second.storage_mut(),
        );
        let count = grad.len();
        // Slices of one length, so that no index is checked.
        let (w, m, v) = (&mut w[..count], &mut m[..count], &mut v[..count]);
        wide(
            #[inline(always)]
            || {
                for i in 0..count {
                    let g = grad[i] * factor;
                    m[i] = p.beta_1 * m[i] + (1.0 - p.beta_1) * g;
                    v[i] = p.beta_2 * v[i] + (1.0 - p.beta_2) * g * g;
                    let step =
                        m[i] * first_corrected / ((v[i] * second_corrected).sqrt() + p.epsilon);
                    let decayed = p.weight_decay * decays[i] * w[i];
                    w[i] = (w[i] - p.lr * (decayed + shares[i] * step)).max(floors[i]);
                    grad[i] = p.beta_1 * m[i] + (1.0 - p.beta_1) * g;
                }
            },
        );
        (weights, first, second, ahead)
    }
}

fn norm(values: &[f32]) -> f64 {
    let mut total = 0.0;
    wide(
        #[inline(always)]
        || {
            for block in values.chunks(BLOCK) {
                let mut sums = [0.0f32; LANES];
                let (lines, rest) = block.as_chunks::<LANES>();
                for line in lines {
                    for (sum, value) in sums.iter_mut().zip(line) {
                        *sum += value * value;
                    }
                }
                let rest: f32 = rest.iter().map(|value| value * value).sum();
                total += sums.iter().copied().map(f64::from).sum::<f64>() + f64::from(rest);
            }
        },
    );
    total.sqrt()
}
