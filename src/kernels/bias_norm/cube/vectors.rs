//! Gradients of bias, gamma and beta: sums over rows, those of a few rows by a thread each, then of those sums. Whole rows
//! are read next to each other, and no thread waits for another.

use crate::kernels::cube::{empty, grid};
use crate::kernels::flat::ALIGNMENT;
use burn::backend::TensorMetadata;
use burn::tensor::Shape;
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

/// Rows that a thread adds up at least, and sums of rows that are added up then at most.
const ROWS: usize = 16;
const PARTS: usize = 128;

/// `parts` has for each part the sums for bias, gamma and beta, `room` vectors apart. Rows are `width` vectors long.
#[cube(launch)]
fn parts_kernel<N: Size>(
    x: &[Vector<f32, N>],
    bias: &[Vector<f32, N>],
    moments: &[f32],
    y_grad: &[Vector<f32, N>],
    x_grad: &[Vector<f32, N>],
    parts: &mut [Vector<f32, N>],
    rows: u32,
    width: u32,
    room: u32,
    each: u32,
) {
    let rows = rows as usize;
    let width = width as usize;
    let room = room as usize;
    let part = ABSOLUTE_POS / width;
    if part * 3 * room >= parts.len() {
        terminate!();
    }
    let first = part * each as usize;
    let c = ABSOLUTE_POS % width;
    let own = bias[c];
    let mut shift = Vector::new(0.0f32);
    let mut along = Vector::new(0.0f32);
    let mut plain = Vector::new(0.0f32);
    for row in first..min(first + each as usize, rows) {
        let place = row * width + c;
        let g = y_grad[place];
        let (mean, inv) = (Vector::new(moments[row]), Vector::new(moments[rows + row]));
        shift += x_grad[place];
        along += g * (x[place] + own - mean) * inv;
        plain += g;
    }
    let at = part * 3 * room + c;
    parts[at] = shift;
    parts[at + room] = along;
    parts[at + 2 * room] = plain;
}

#[cube(launch)]
fn sum_kernel<N: Size>(parts: &[Vector<f32, N>], sums: &mut [Vector<f32, N>]) {
    let width = sums.len();
    if ABSOLUTE_POS >= width {
        terminate!();
    }
    let mut sum = Vector::new(0.0f32);
    let mut at = ABSOLUTE_POS;
    while at < parts.len() {
        sum += parts[at];
        at += width;
    }
    sums[ABSOLUTE_POS] = sum;
}

/// What a row's sums are made of.
pub(super) struct Terms {
    /// `[R, C]`.
    pub(super) x: CubeTensor,
    /// `[C]`.
    pub(super) bias: CubeTensor,
    /// `[2, R]`.
    pub(super) moments: CubeTensor,
    /// Gradients of what was normalised and of x, `[R, C]`.
    pub(super) y_grad: CubeTensor,
    pub(super) x_grad: CubeTensor,
}

/// The gradients of bias, gamma and beta behind each other, and the numbers from one to the next; `n` numbers are read at
/// once. One buffer, as WebGPU allows eight to a kernel.
pub(super) fn gradients(terms: Terms, n: usize) -> (CubeTensor, usize) {
    let [rows, channels] = [terms.x.shape()[0], terms.x.shape()[1]];
    let room = channels.next_multiple_of(ALIGNMENT);
    let each = rows.div_ceil(PARTS).max(ROWS);
    let count = rows.div_ceil(each).max(1);
    let parts = empty(&terms.x, Shape::from([count, 3 * room]));
    let client = parts.client.clone();
    let width = channels / n;
    let (cubes, dim) = grid(&parts, count * width);
    parts_kernel::launch(
        &client,
        cubes,
        dim,
        n,
        terms.x.into_buffer_arg(),
        terms.bias.into_buffer_arg(),
        terms.moments.into_buffer_arg(),
        terms.y_grad.into_buffer_arg(),
        terms.x_grad.into_buffer_arg(),
        parts.clone().into_buffer_arg(),
        rows as u32,
        width as u32,
        (room / n) as u32,
        each as u32,
    );
    if count == 1 {
        return (parts, room);
    }
    let sums = empty(&parts, Shape::from([3 * room]));
    let (cubes, dim) = grid(&sums, 3 * room / n);
    sum_kernel::launch(
        &client,
        cubes,
        dim,
        n,
        parts.into_buffer_arg(),
        sums.clone().into_buffer_arg(),
    );
    (sums, room)
}
