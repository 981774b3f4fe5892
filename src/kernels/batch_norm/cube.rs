//! BatchNorm on the GPU: partial sums, their totals per channel, and the elements; three dispatches each
//! way.

use super::{BatchNormGrad, BatchNormOps, Extent};
use crate::kernels::cube::{empty, grid, like};
use burn::backend::{TensorMetadata, tensor::FloatTensor};
use burn::tensor::Shape;
use burn_cubecl::{CubeBackend, kernel::into_contiguous};
use cubecl::prelude::*;

/// Upper bound of the partial sums of one channel.
const PARTS: usize = 256;
/// Threads side by side on the positions of a map.
const LANES: usize = 32;

/// How the samples of a channel are dealt to threads: `lanes` neighbours share `slabs` slabs of rows.
#[derive(Clone, Copy)]
struct Deal {
    extent: Extent,
    lanes: usize,
    slabs: usize,
}

impl Deal {
    fn new(extent: Extent) -> Self {
        let lanes = extent.positions.min(LANES);
        let slabs = extent.rows.min(PARTS / lanes).max(1);
        Self {
            extent,
            lanes,
            slabs,
        }
    }

    /// Partial sums per channel.
    fn parts(self) -> usize {
        self.lanes * self.slabs
    }

    fn launch(self) -> GeometryLaunch {
        let Extent {
            rows,
            channels,
            positions,
        } = self.extent;
        GeometryLaunch::new(
            rows as u32,
            channels as u32,
            positions as u32,
            self.lanes as u32,
            rows.div_ceil(self.slabs) as u32,
            self.parts() as u32,
        )
    }
}

/// [`Deal`] in a kernel.
#[derive(CubeType, CubeLaunch, Clone, Copy)]
struct Geometry {
    rows: u32,
    channels: u32,
    positions: u32,
    lanes: u32,
    slab: u32,
    parts: u32,
}

/// The channel a partial-sum thread serves; its part is the rest of the division.
#[cube]
fn channel_of(thread: usize, at: &Geometry) -> usize {
    thread / at.lanes as usize % at.channels as usize
}

#[cube]
fn part_of(thread: usize, at: &Geometry) -> usize {
    let lanes = at.lanes as usize;
    thread / (lanes * at.channels as usize) * lanes + thread % lanes
}

/// The channel of an element.
#[cube]
fn channel_at(element: usize, at: &Geometry) -> usize {
    element / at.positions as usize % at.channels as usize
}

/// `sums [2, parts, C]`: of `x - x₀` and its square, with `x₀` the channel's first sample.
#[cube(launch)]
fn moments_kernel(x: &[f32], sums: &mut [f32], at: &Geometry) {
    if ABSOLUTE_POS >= (at.parts * at.channels) as usize {
        terminate!();
    }
    let c = channel_of(ABSOLUTE_POS, at);
    let part = part_of(ABSOLUTE_POS, at);
    let positions = at.positions as usize;
    let channels = at.channels as usize;
    let lanes = at.lanes as usize;
    let around = x[c * positions];
    let first = part / lanes * at.slab as usize;
    let last = min(first + at.slab as usize, at.rows as usize);
    let mut a = 0.0f32;
    let mut b = 0.0f32;
    for row in first..last {
        let start = (row * channels + c) * positions;
        let mut position = part % lanes;
        while position < positions {
            let d = x[start + position] - around;
            a += d;
            b += d * d;
            position += lanes;
        }
    }
    sums[part * channels + c] = a;
    sums[(at.parts as usize + part) * channels + c] = b;
}

/// `sums [2, parts, C]`: of the gradient, and of the gradient times `x - mean`.
#[cube(launch)]
fn gradient_sums_kernel(x: &[f32], grad: &[f32], mean: &[f32], sums: &mut [f32], at: &Geometry) {
    if ABSOLUTE_POS >= (at.parts * at.channels) as usize {
        terminate!();
    }
    let c = channel_of(ABSOLUTE_POS, at);
    let part = part_of(ABSOLUTE_POS, at);
    let positions = at.positions as usize;
    let channels = at.channels as usize;
    let lanes = at.lanes as usize;
    let mean = mean[c];
    let first = part / lanes * at.slab as usize;
    let last = min(first + at.slab as usize, at.rows as usize);
    let mut a = 0.0f32;
    let mut b = 0.0f32;
    for row in first..last {
        let start = (row * channels + c) * positions;
        let mut position = part % lanes;
        while position < positions {
            let g = grad[start + position];
            a += g;
            b += g * (x[start + position] - mean);
            position += lanes;
        }
    }
    sums[part * channels + c] = a;
    sums[(at.parts as usize + part) * channels + c] = b;
}

/// Sum of one channel's parts in half `half` of `sums`.
#[cube]
fn total(sums: &[f32], half: usize, c: usize, at: &Geometry) -> f32 {
    let parts = at.parts as usize;
    let mut sum = 0.0f32;
    for part in 0..parts {
        sum += sums[(half * parts + part) * at.channels as usize + c];
    }
    sum
}

#[cube(launch)]
fn statistics_kernel(x: &[f32], sums: &[f32], mean: &mut [f32], var: &mut [f32], at: &Geometry) {
    let c = ABSOLUTE_POS;
    if c >= at.channels as usize {
        terminate!();
    }
    let samples = f32::cast_from(at.rows * at.positions);
    let offset = total(sums, 0, c, at) / samples;
    mean[c] = x[c * at.positions as usize] + offset;
    var[c] = max(total(sums, 1, c, at) / samples - offset * offset, 0.0);
}

#[cube(launch)]
fn normalise_kernel(
    x: &[f32],
    gamma: &[f32],
    beta: &[f32],
    mean: &[f32],
    var: &[f32],
    y: &mut [f32],
    epsilon: f32,
    at: &Geometry,
) {
    let i = ABSOLUTE_POS;
    if i >= y.len() {
        terminate!();
    }
    let c = channel_at(i, at);
    y[i] = (x[i] - mean[c]) * (gamma[c] / (var[c] + epsilon).sqrt()) + beta[c];
}

/// Gradients of gamma and beta, and the factors `[3, C]` of x's: of the gradient, of `x - mean`, and the
/// constant.
#[cube(launch)]
fn parameter_gradients_kernel(
    sums: &[f32],
    gamma: &[f32],
    var: &[f32],
    gamma_grad: &mut [f32],
    beta_grad: &mut [f32],
    factors: &mut [f32],
    epsilon: f32,
    at: &Geometry,
) {
    let c = ABSOLUTE_POS;
    let channels = at.channels as usize;
    if c >= channels {
        terminate!();
    }
    let samples = f32::cast_from(at.rows * at.positions);
    let inv = 1.0 / (var[c] + epsilon).sqrt();
    let beta = total(sums, 0, c, at);
    let along = inv * total(sums, 1, c, at);
    beta_grad[c] = beta;
    gamma_grad[c] = along;
    let scale = gamma[c] * inv;
    factors[c] = scale;
    factors[channels + c] = -scale * inv * (along / samples);
    factors[2 * channels + c] = -scale * (beta / samples);
}

#[cube(launch)]
fn gradient_kernel(
    x: &[f32],
    grad: &[f32],
    mean: &[f32],
    factors: &[f32],
    x_grad: &mut [f32],
    at: &Geometry,
) {
    let i = ABSOLUTE_POS;
    if i >= x_grad.len() {
        terminate!();
    }
    let c = channel_at(i, at);
    let channels = at.channels as usize;
    x_grad[i] =
        grad[i] * factors[c] + (x[i] - mean[c]) * factors[channels + c] + factors[2 * channels + c];
}

impl BatchNormOps for CubeBackend {
    fn fused_batch_norm(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        epsilon: f32,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        let (x, gamma, beta) = (
            into_contiguous(x),
            into_contiguous(gamma),
            into_contiguous(beta),
        );
        let (y, mean, var) = (like(&x), like(&gamma), like(&gamma));
        let deal = Deal::new(Extent::of(&x.shape()));
        let (parts, channels) = (deal.parts(), deal.extent.channels);
        let sums = empty(&x, Shape::from([2 * parts * channels]));
        let client = x.client.clone();
        let (count, dim) = grid(&x, parts * channels);
        moments_kernel::launch(
            &client,
            count,
            dim,
            x.clone().into_buffer_arg(),
            sums.clone().into_buffer_arg(),
            deal.launch(),
        );
        let (count, dim) = grid(&x, channels);
        statistics_kernel::launch(
            &client,
            count,
            dim,
            x.clone().into_buffer_arg(),
            sums.into_buffer_arg(),
            mean.clone().into_buffer_arg(),
            var.clone().into_buffer_arg(),
            deal.launch(),
        );
        let (count, dim) = grid(&x, x.shape().num_elements());
        normalise_kernel::launch(
            &client,
            count,
            dim,
            x.into_buffer_arg(),
            gamma.into_buffer_arg(),
            beta.into_buffer_arg(),
            mean.clone().into_buffer_arg(),
            var.clone().into_buffer_arg(),
            y.clone().into_buffer_arg(),
            epsilon,
            deal.launch(),
        );
        (y, mean, var)
    }
}

impl BatchNormGrad for CubeBackend {
    fn fused_batch_norm_backward(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        mean: FloatTensor<Self>,
        var: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        epsilon: f32,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        let (x, gamma, grad) = (
            into_contiguous(x),
            into_contiguous(gamma),
            into_contiguous(grad),
        );
        let (x_grad, gamma_grad, beta_grad) = (like(&x), like(&gamma), like(&gamma));
        let deal = Deal::new(Extent::of(&x.shape()));
        let (parts, channels) = (deal.parts(), deal.extent.channels);
        let sums = empty(&x, Shape::from([2 * parts * channels]));
        let factors = empty(&x, Shape::from([3 * channels]));
        let client = x.client.clone();
        let (count, dim) = grid(&x, parts * channels);
        gradient_sums_kernel::launch(
            &client,
            count,
            dim,
            x.clone().into_buffer_arg(),
            grad.clone().into_buffer_arg(),
            mean.clone().into_buffer_arg(),
            sums.clone().into_buffer_arg(),
            deal.launch(),
        );
        let (count, dim) = grid(&x, channels);
        parameter_gradients_kernel::launch(
            &client,
            count,
            dim,
            sums.into_buffer_arg(),
            gamma.into_buffer_arg(),
            var.into_buffer_arg(),
            gamma_grad.clone().into_buffer_arg(),
            beta_grad.clone().into_buffer_arg(),
            factors.clone().into_buffer_arg(),
            epsilon,
            deal.launch(),
        );
        let (count, dim) = grid(&x, x.shape().num_elements());
        gradient_kernel::launch(
            &client,
            count,
            dim,
            x.into_buffer_arg(),
            grad.into_buffer_arg(),
            mean.into_buffer_arg(),
            factors.into_buffer_arg(),
            x_grad.clone().into_buffer_arg(),
            deal.launch(),
        );
        (x_grad, gamma_grad, beta_grad)
    }
}
