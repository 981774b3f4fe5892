//! LayerNorm on the GPU: one dispatch forward; backward one for x and one for both parameters.

use super::{LayerNormGrad, LayerNormOps};
use crate::kernels::cube::{COLUMNS, SLABS, columns, empty, like, total_of_slabs};
use burn::backend::{TensorMetadata, tensor::FloatTensor};
use burn::tensor::Shape;
use burn_cubecl::{CubeBackend, kernel::into_contiguous};
use cubecl::prelude::*;

/// Threads that share a row.
const LANES: usize = 16;
/// Rows of a workgroup.
const ROWS: usize = 8;

/// Sum over a row's threads, for all of them.
#[cube]
fn row_sum(value: f32, shared: &mut [f32]) -> f32 {
    let row = UNIT_POS_Y as usize * LANES;
    sync_cube();
    shared[row + UNIT_POS_X as usize] = value;
    sync_cube();
    let mut sum = 0.0f32;
    #[unroll]
    for lane in 0..LANES {
        sum += shared[row + lane];
    }
    sum
}

#[cube(launch)]
fn forward_kernel(
    x: &[f32],
    gamma: &[f32],
    beta: &[f32],
    y: &mut [f32],
    moments: &mut [f32],
    rows: u32,
    channels: u32,
    epsilon: f32,
) {
    let mut shared = Shared::new_slice(LANES * ROWS);
    let rows = rows as usize;
    let channels = channels as usize;
    let row = CUBE_POS * ROWS + UNIT_POS_Y as usize;
    // Threads behind the last row keep step with the others and write nothing.
    let end = select(row < rows, channels, 0usize);
    let start = row * channels;
    let mut sum = 0.0f32;
    let mut c = UNIT_POS_X as usize;
    while c < end {
        sum += x[start + c];
        c += LANES;
    }
    let mean = row_sum(sum, &mut shared) / f32::cast_from(channels as u32);
    let mut squares = 0.0f32;
    let mut c = UNIT_POS_X as usize;
    while c < end {
        let d = x[start + c] - mean;
        squares += d * d;
        c += LANES;
    }
    let var = row_sum(squares, &mut shared) / f32::cast_from(channels as u32);
    let inv = 1.0 / (var + epsilon).sqrt();
    let mut c = UNIT_POS_X as usize;
    while c < end {
        y[start + c] = (x[start + c] - mean) * inv * gamma[c] + beta[c];
        c += LANES;
    }
    if row < rows && UNIT_POS_X == 0 {
        moments[row] = mean;
        moments[rows + row] = inv;
    }
}

#[cube(launch)]
fn backward_kernel(
    x: &[f32],
    gamma: &[f32],
    moments: &[f32],
    grad: &[f32],
    x_grad: &mut [f32],
    rows: u32,
    channels: u32,
) {
    let mut shared = Shared::new_slice(LANES * ROWS);
    let rows = rows as usize;
    let channels = channels as usize;
    let row = CUBE_POS * ROWS + UNIT_POS_Y as usize;
    let end = select(row < rows, channels, 0usize);
    let read = min(row, rows - 1);
    let mean = moments[read];
    let inv = moments[rows + read];
    let start = row * channels;
    let mut plain = 0.0f32;
    let mut along = 0.0f32;
    let mut c = UNIT_POS_X as usize;
    while c < end {
        let h = grad[start + c] * gamma[c];
        plain += h;
        along += h * (x[start + c] - mean) * inv;
        c += LANES;
    }
    let plain = row_sum(plain, &mut shared) / f32::cast_from(channels as u32);
    let along = row_sum(along, &mut shared) / f32::cast_from(channels as u32);
    let mut c = UNIT_POS_X as usize;
    while c < end {
        let n = (x[start + c] - mean) * inv;
        x_grad[start + c] = inv * (grad[start + c] * gamma[c] - plain - n * along);
        c += LANES;
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

fn rows_of_groups(rows: usize) -> (CubeCount, CubeDim) {
    (
        CubeCount::new_1d(rows.div_ceil(ROWS) as u32),
        CubeDim::new_2d(LANES as u32, ROWS as u32),
    )
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
        let (count, dim) = rows_of_groups(rows);
        let client = x.client.clone();
        forward_kernel::launch(
            &client,
            count,
            dim,
            x.into_buffer_arg(),
            gamma.into_buffer_arg(),
            beta.into_buffer_arg(),
            y.clone().into_buffer_arg(),
            moments.clone().into_buffer_arg(),
            rows as u32,
            channels as u32,
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
        let (count, dim) = rows_of_groups(rows);
        backward_kernel::launch(
            &client,
            count,
            dim,
            x.clone().into_buffer_arg(),
            gamma.into_buffer_arg(),
            moments.clone().into_buffer_arg(),
            grad.clone().into_buffer_arg(),
            x_grad.clone().into_buffer_arg(),
            rows as u32,
            channels as u32,
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
