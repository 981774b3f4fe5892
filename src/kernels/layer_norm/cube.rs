//! LayerNorm on the GPU: one dispatch forward; backward one for x and one for both parameters. A thread has a row: threads
//! that shared one would meet at barriers more often than they read.

use super::{LayerNormGrad, LayerNormOps};
use crate::kernels::cube::{
    COLUMNS, SLABS, columns, empty, like, row_grid, total_of_slabs, vector,
};
use burn::backend::{TensorMetadata, tensor::FloatTensor};
use burn::tensor::Shape;
use burn_cubecl::{CubeBackend, kernel::into_contiguous};
use cubecl::prelude::*;

#[cube]
pub(in crate::kernels) fn sum<N: Size>(x: Vector<f32, N>) -> f32 {
    let mut sum = 0.0f32;
    #[unroll]
    for i in 0..N::value().comptime() {
        sum += x.extract(i);
    }
    sum
}

/// `width` is that of a row in vectors.
#[cube(launch)]
fn forward_kernel<N: Size>(
    x: &[Vector<f32, N>],
    gamma: &[Vector<f32, N>],
    beta: &[Vector<f32, N>],
    y: &mut [Vector<f32, N>],
    moments: &mut [f32],
    rows: u32,
    width: u32,
    epsilon: f32,
) {
    if ABSOLUTE_POS >= rows as usize {
        terminate!();
    }
    let width = width as usize;
    let channels = f32::cast_from((width * N::value()) as u32);
    let start = ABSOLUTE_POS * width;
    let mut mean = 0.0f32;
    for c in 0..width {
        mean += sum(x[start + c]);
    }
    mean /= channels;
    let mut var = 0.0f32;
    for c in 0..width {
        let d = x[start + c] - Vector::new(mean);
        var += sum(d * d);
    }
    let inv = 1.0 / (var / channels + epsilon).sqrt();
    for c in 0..width {
        let n = (x[start + c] - Vector::new(mean)) * Vector::new(inv);
        y[start + c] = n * gamma[c] + beta[c];
    }
    moments[ABSOLUTE_POS] = mean;
    moments[rows as usize + ABSOLUTE_POS] = inv;
}

#[cube(launch)]
fn backward_kernel<N: Size>(
    x: &[Vector<f32, N>],
    gamma: &[Vector<f32, N>],
    moments: &[f32],
    grad: &[Vector<f32, N>],
    x_grad: &mut [Vector<f32, N>],
    rows: u32,
    width: u32,
) {
    if ABSOLUTE_POS >= rows as usize {
        terminate!();
    }
    let width = width as usize;
    let channels = f32::cast_from((width * N::value()) as u32);
    let start = ABSOLUTE_POS * width;
    let mean = moments[ABSOLUTE_POS];
    let inv = moments[rows as usize + ABSOLUTE_POS];
    let mut plain = 0.0f32;
    let mut along = 0.0f32;
    for c in 0..width {
        let h = grad[start + c] * gamma[c];
        plain += sum(h);
        along += sum(h * (x[start + c] - Vector::new(mean)));
    }
    plain /= channels;
    along *= inv / channels;
    for c in 0..width {
        let n = (x[start + c] - Vector::new(mean)) * Vector::new(inv);
        let h = grad[start + c] * gamma[c];
        x_grad[start + c] = (h - Vector::new(plain) - n * Vector::new(along)) * Vector::new(inv);
    }
}

#[cube(launch)]
fn parameters_kernel(
    x: &[f32],
    moments: &[f32],
    grad: &[f32],
    gamma_grad: &mut [f32],
    beta_grad: &mut [f32],
    rows: u32,
    channels: u32,
) {
    let mut shared = Shared::new_slice(COLUMNS * SLABS);
    let rows = rows as usize;
    let channels = channels as usize;
    let c = CUBE_POS * COLUMNS + UNIT_POS_X as usize;
    let mut plain = 0.0f32;
    let mut along = 0.0f32;
    let mut row = select(c < channels, UNIT_POS_Y as usize, rows);
    while row < rows {
        let g = grad[row * channels + c];
        plain += g;
        along += g * (x[row * channels + c] - moments[row]) * moments[rows + row];
        row += SLABS;
    }
    let plain = total_of_slabs(plain, &mut shared);
    let along = total_of_slabs(along, &mut shared);
    if c < channels && UNIT_POS_Y == 0 {
        gamma_grad[c] = along;
        beta_grad[c] = plain;
    }
}

impl LayerNormOps for CubeBackend {
    fn fused_layer_norm(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        epsilon: f32,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        let [x, gamma, beta] = [x, gamma, beta].map(into_contiguous);
        let [rows, channels] = [x.shape()[0], x.shape()[1]];
        let (y, moments) = (like(&x), empty(&x, Shape::from([2, rows])));
        let (count, dim) = row_grid(&x, rows);
        let client = x.client.clone();
        let n = vector(channels);
        forward_kernel::launch(
            &client,
            count,
            dim,
            n,
            x.into_buffer_arg(),
            gamma.into_buffer_arg(),
            beta.into_buffer_arg(),
            y.clone().into_buffer_arg(),
            moments.clone().into_buffer_arg(),
            rows as u32,
            (channels / n) as u32,
            epsilon,
        );
        (y, moments)
    }
}

impl LayerNormGrad for CubeBackend {
    fn fused_layer_norm_backward(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        moments: FloatTensor<Self>,
        grad: FloatTensor<Self>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        let [x, gamma, grad] = [x, gamma, grad].map(into_contiguous);
        let [rows, channels] = [x.shape()[0], x.shape()[1]];
        let (x_grad, gamma_grad, beta_grad) = (like(&x), like(&gamma), like(&gamma));
        let client = x.client.clone();
        let (count, dim) = row_grid(&x, rows);
        let n = vector(channels);
        backward_kernel::launch(
            &client,
            count,
            dim,
            n,
            x.clone().into_buffer_arg(),
            gamma.into_buffer_arg(),
            moments.clone().into_buffer_arg(),
            grad.clone().into_buffer_arg(),
            x_grad.clone().into_buffer_arg(),
            rows as u32,
            (channels / n) as u32,
        );
        let (count, dim) = columns(channels);
        parameters_kernel::launch(
            &client,
            count,
            dim,
            x.into_buffer_arg(),
            moments.into_buffer_arg(),
            grad.into_buffer_arg(),
            gamma_grad.clone().into_buffer_arg(),
            beta_grad.clone().into_buffer_arg(),
            rows as u32,
            channels as u32,
        );
        (x_grad, gamma_grad, beta_grad)
    }
}
