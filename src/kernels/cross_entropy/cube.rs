//! Cross-entropy on the GPU: one thread per row, and one workgroup for their sum.

#![allow(clippy::needless_range_loop)] // Kernels index; they have no iterators.

use super::{CrossEntropyGrad, CrossEntropyOps};
use crate::kernels::cube::{empty, grid, like, total};
use burn::backend::{TensorMetadata, tensor::FloatTensor};
use burn::tensor::Shape;
use burn_cubecl::{CubeBackend, kernel::into_contiguous};
use cubecl::prelude::*;

#[cube]
fn largest(logits: &[f32], start: usize, classes: usize) -> f32 {
    let mut largest = logits[start];
    for k in 1..classes {
        largest = max(largest, logits[start + k]);
    }
    largest
}

/// The logarithm of the sum around `largest`: apart from it, so that large logits keep their digits.
#[cube]
fn log_sum_exp(logits: &[f32], start: usize, classes: usize, largest: f32) -> f32 {
    let mut sum = 0.0f32;
    for k in start..start + classes {
        sum += (logits[k] - largest).exp();
    }
    sum.ln()
}

/// Each row's share of the mean.
#[cube(launch)]
fn forward_kernel(logits: &[f32], targets: &[f32], losses: &mut [f32], classes: u32) {
    if ABSOLUTE_POS >= losses.len() {
        terminate!();
    }
    let classes = classes as usize;
    let start = ABSOLUTE_POS * classes;
    let peak = largest(logits, start, classes);
    let log_sum = log_sum_exp(logits, start, classes, peak);
    let mut loss = 0.0f32;
    for k in start..start + classes {
        loss += targets[k] * (log_sum - (logits[k] - peak));
    }
    losses[ABSOLUTE_POS] = loss / f32::cast_from(losses.len() as u32);
}

#[cube(launch)]
fn backward_kernel(
    logits: &[f32],
    targets: &[f32],
    grad: &[f32],
    out: &mut [f32],
    batch: u32,
    classes: u32,
) {
    if ABSOLUTE_POS >= batch as usize {
        terminate!();
    }
    let classes = classes as usize;
    let start = ABSOLUTE_POS * classes;
    let peak = largest(logits, start, classes);
    let log_sum = log_sum_exp(logits, start, classes, peak);
    let mut mass = 0.0f32;
    for k in start..start + classes {
        mass += targets[k];
    }
    let factor = grad[0] / f32::cast_from(batch);
    for k in start..start + classes {
        out[k] = factor * ((logits[k] - peak - log_sum).exp() * mass - targets[k]);
    }
}

impl CrossEntropyOps for CubeBackend {
    fn fused_cross_entropy(
        logits: FloatTensor<Self>,
        targets: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        let (logits, targets) = (into_contiguous(logits), into_contiguous(targets));
        let [batch, classes] = [logits.shape()[0], logits.shape()[1]];
        let losses = empty(&logits, Shape::from([batch]));
        let (count, dim) = grid(&logits, batch);
        forward_kernel::launch(
            &losses.client,
            count,
            dim,
            logits.into_buffer_arg(),
            targets.into_buffer_arg(),
            losses.clone().into_buffer_arg(),
            classes as u32,
        );
        total(losses)
    }
}

impl CrossEntropyGrad for CubeBackend {
    fn fused_cross_entropy_backward(
        logits: FloatTensor<Self>,
        targets: FloatTensor<Self>,
        grad: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        let (logits, targets) = (into_contiguous(logits), into_contiguous(targets));
        let [batch, classes] = [logits.shape()[0], logits.shape()[1]];
        let out = like(&logits);
        let (count, dim) = grid(&logits, batch);
        backward_kernel::launch(
            &out.client,
            count,
            dim,
            logits.into_buffer_arg(),
            targets.into_buffer_arg(),
            into_contiguous(grad).into_buffer_arg(),
            out.clone().into_buffer_arg(),
            batch as u32,
            classes as u32,
        );
        out
    }
}
