//! Bias with GELU or residual on the GPU: a thread an element; the bias' gradient in one dispatch.

use super::{BiasGrad, BiasOps, DENSITY, ERF_A, ERF_P};
use crate::kernels::cube::{COLUMNS, SLABS, columns, empty, grid, like, total_of_slabs};
use burn::backend::{TensorMetadata, tensor::FloatTensor};
use burn::tensor::Shape;
use burn_cubecl::{CubeBackend, kernel::into_contiguous};
use cubecl::prelude::*;

const A_1: f32 = ERF_A[0];
const A_2: f32 = ERF_A[1];
const A_3: f32 = ERF_A[2];
const A_4: f32 = ERF_A[3];
const A_5: f32 = ERF_A[4];

/// exp(-u²/2), which Φ and φ share.
#[cube]
fn bell(u: f32) -> f32 {
    let x = u * u * f32::new(-0.5);
    x.exp()
}

/// Φ(u), given [`bell`] of u.
#[cube]
fn phi(u: f32, e: f32) -> f32 {
    let t = 1.0 / (1.0 + ERF_P * (u.abs() * std::f32::consts::FRAC_1_SQRT_2));
    let tail = 0.5 * t * (A_1 + t * (A_2 + t * (A_3 + t * (A_4 + t * A_5)))) * e;
    select(u >= 0.0, 1.0 - tail, tail)
}

/// u Φ(u).
#[cube]
pub(in crate::kernels) fn gelu(u: f32) -> f32 {
    u * phi(u, bell(u))
}

#[cube(launch)]
fn gelu_kernel(x: &[f32], bias: &[f32], y: &mut [f32]) {
    if ABSOLUTE_POS >= y.len() {
        terminate!();
    }
    y[ABSOLUTE_POS] = gelu(x[ABSOLUTE_POS] + bias[ABSOLUTE_POS % bias.len()]);
}

#[cube(launch)]
fn gelu_backward_kernel(x: &[f32], bias: &[f32], grad: &[f32], out: &mut [f32]) {
    if ABSOLUTE_POS >= out.len() {
        terminate!();
    }
    let u = x[ABSOLUTE_POS] + bias[ABSOLUTE_POS % bias.len()];
    let e = bell(u);
    out[ABSOLUTE_POS] = grad[ABSOLUTE_POS] * (phi(u, e) + u * DENSITY * e);
}

#[cube(launch)]
fn residual_kernel(x: &[f32], bias: &[f32], residual: &[f32], y: &mut [f32]) {
    if ABSOLUTE_POS >= y.len() {
        terminate!();
    }
    y[ABSOLUTE_POS] = x[ABSOLUTE_POS] + bias[ABSOLUTE_POS % bias.len()] + residual[ABSOLUTE_POS];
}

#[cube(launch)]
fn column_sums_kernel(grad: &[f32], sums: &mut [f32], rows: u32) {
    let mut shared = Shared::new_slice(COLUMNS * SLABS);
    let rows = rows as usize;
    let channels = sums.len();
    let c = CUBE_POS * COLUMNS + UNIT_POS_X as usize;
    let mut sum = 0.0f32;
    let mut row = select(c < channels, UNIT_POS_Y as usize, rows);
    while row < rows {
        sum += grad[row * channels + c];
        row += SLABS;
    }
    let sum = total_of_slabs(sum, &mut shared);
    if c < channels && UNIT_POS_Y == 0 {
        sums[c] = sum;
    }
}

impl BiasOps for CubeBackend {
    fn fused_bias_gelu(x: FloatTensor<Self>, bias: FloatTensor<Self>) -> FloatTensor<Self> {
        let [x, bias] = [x, bias].map(into_contiguous);
        let y = like(&x);
        let (count, dim) = grid(&x, x.shape().num_elements());
        gelu_kernel::launch(
            &y.client,
            count,
            dim,
            x.into_buffer_arg(),
            bias.into_buffer_arg(),
            y.clone().into_buffer_arg(),
        );
        y
    }

    fn fused_bias_residual(
        x: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        residual: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        let [x, bias, residual] = [x, bias, residual].map(into_contiguous);
        let y = like(&x);
        let (count, dim) = grid(&x, x.shape().num_elements());
        residual_kernel::launch(
            &y.client,
            count,
            dim,
            x.into_buffer_arg(),
            bias.into_buffer_arg(),
            residual.into_buffer_arg(),
            y.clone().into_buffer_arg(),
        );
        y
    }
}

impl BiasGrad for CubeBackend {
    fn fused_bias_gelu_backward(
        x: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        grad: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        let [x, bias, grad] = [x, bias, grad].map(into_contiguous);
        let out = like(&x);
        let (count, dim) = grid(&x, x.shape().num_elements());
        gelu_backward_kernel::launch(
            &out.client,
            count,
            dim,
            x.into_buffer_arg(),
            bias.into_buffer_arg(),
            grad.into_buffer_arg(),
            out.clone().into_buffer_arg(),
        );
        out
    }

    fn fused_column_sums(grad: FloatTensor<Self>) -> FloatTensor<Self> {
        let grad = into_contiguous(grad);
        let [rows, channels] = [grad.shape()[0], grad.shape()[1]];
        let sums = empty(&grad, Shape::from([channels]));
        let (count, dim) = columns(channels);
        column_sums_kernel::launch(
            &sums.client,
            count,
            dim,
            grad.into_buffer_arg(),
            sums.clone().into_buffer_arg(),
            rows as u32,
        );
        sums
    }
}
