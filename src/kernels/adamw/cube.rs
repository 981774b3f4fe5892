//! On the GPU: one dispatch, and one more for the norm.

#![allow(clippy::needless_range_loop)] // Kernels index; they have no iterators.

use super::{AdamWOps, AdamWParams};
use crate::kernels::cube::{THREADS, empty, grid, like, own, total_of_threads};
use burn::backend::{TensorMetadata, tensor::FloatTensor};
use burn::tensor::Shape;
use burn_cubecl::{CubeBackend, kernel::into_contiguous};
use cubecl::prelude::*;

/// Partial sums of the norm.
const PARTS: usize = 64;
/// Parameters of a thread.
const EACH: usize = 8;

/// [`AdamWParams`] in a kernel.
#[derive(CubeType, CubeLaunch, Clone, Copy)]
struct Numbers {
    lr: f32,
    weight_decay: f32,
    clip_norm: f32,
    beta_1: f32,
    beta_2: f32,
    epsilon: f32,
    first_corrected: f32,
    second_corrected: f32,
}

impl NumbersLaunch {
    fn of(p: &AdamWParams) -> Self {
        let [first_corrected, second_corrected] = p.corrections();
        Self::new(
            p.lr,
            p.weight_decay,
            p.clip_norm,
            p.beta_1,
            p.beta_2,
            p.epsilon,
            first_corrected,
            second_corrected,
        )
    }
}

/// Workgroup i adds up every [`PARTS`]th stretch of squares.
#[cube(launch)]
fn squares_kernel(grad: &[f32], sums: &mut [f32]) {
    let threads = comptime!(THREADS as usize);
    let mut sum = 0.0f32;
    let mut at = CUBE_POS * threads + UNIT_POS as usize;
    while at < grad.len() {
        sum += grad[at] * grad[at];
        at += threads * PARTS;
    }
    let total = total_of_threads(sum);
    if UNIT_POS == 0 {
        sums[CUBE_POS] = total;
    }
}

/// A thread moves [`EACH`] parameters, as many threads apart as there are: it adds up the norm's parts once for them.
/// Look-aheads take the gradients' place.
#[cube(launch)]
fn update_kernel(
    weights: &[f32],
    first: &mut [f32],
    second: &mut [f32],
    grad: &mut [f32],
    rules: &[f32],
    sums: &[f32],
    moved: &mut [f32],
    p: &Numbers,
) {
    let count = moved.len();
    let threads = count.div_ceil(EACH);
    if ABSOLUTE_POS >= threads {
        terminate!();
    }
    let mut factor = 1.0f32;
    if p.clip_norm > 0.0 {
        let mut total = 0.0f32;
        for part in 0..PARTS {
            total += sums[part];
        }
        factor = min(p.clip_norm / (total.sqrt() + 1e-6), 1.0);
    }
    for turn in 0..EACH {
        let i = ABSOLUTE_POS + turn * threads;
        if i < count {
            let g = grad[i] * factor;
            let m = p.beta_1 * first[i] + (1.0 - p.beta_1) * g;
            let v = p.beta_2 * second[i] + (1.0 - p.beta_2) * g * g;
            first[i] = m;
            second[i] = v;
            let step = m * p.first_corrected / ((v * p.second_corrected).sqrt() + p.epsilon);
            let w = weights[i];
            let decayed = p.weight_decay * rules[count + i] * w;
            moved[i] = max(w - p.lr * (decayed + rules[i] * step), rules[2 * count + i]);
            grad[i] = p.beta_1 * m + (1.0 - p.beta_1) * g;
        }
    }
}

impl AdamWOps for CubeBackend {
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
        let [weights, rules] = [weights, rules].map(into_contiguous);
        let [first, second, grad] = [first, second, grad].map(own);
        let sums = empty(&grad, Shape::from([PARTS]));
        let client = grad.client.clone();
        if p.clip_norm > 0.0 {
            squares_kernel::launch(
                &client,
                CubeCount::new_1d(PARTS as u32),
                CubeDim::new_1d(THREADS),
                grad.clone().into_buffer_arg(),
                sums.clone().into_buffer_arg(),
            );
        }
        // Not in place: the network's tensors are windows into the old weights.
        let moved = like(&weights);
        let threads = weights.shape().num_elements().div_ceil(EACH);
        let (count, dim) = grid(&weights, threads);
        update_kernel::launch(
            &client,
            count,
            dim,
            weights.into_buffer_arg(),
            first.clone().into_buffer_arg(),
            second.clone().into_buffer_arg(),
            grad.clone().into_buffer_arg(),
            rules.into_buffer_arg(),
            sums.into_buffer_arg(),
            moved.clone().into_buffer_arg(),
            NumbersLaunch::of(&p),
        );
        (moved, first, second, grad)
    }
}
