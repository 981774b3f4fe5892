//! Softmax attention on the GPU: a thread for one or two tokens of a head, one dispatch each way. A key read serves both
//! of a thread's queries, and a query both of its keys; caches serve the other threads, and no shared memory bounds the
//! number of tokens.

#![allow(clippy::needless_range_loop)] // Kernels index; they have no iterators.

use super::{AttentionGrad, AttentionOps, AttentionShape, scale};
use crate::kernels::cube::{
    empty, grid,
    heads::{Deal, add, dot, read, write},
    like,
};
use burn::backend::{TensorMetadata, tensor::FloatTensor};
use burn::tensor::Shape;
use burn_cubecl::{CubeBackend, kernel::into_contiguous};
use cubecl::prelude::*;

/// Where a thread works: thread `group · heads + head`, so that neighbours read neighbouring channels.
#[derive(CubeType)]
struct Place {
    /// Row of the first of its tokens, and of the first of its picture.
    row: usize,
    picture: usize,
    head: usize,
    /// First channel of the head, and all channels.
    first: usize,
    channels: usize,
}

#[cube]
fn place(tokens: u32, heads: u32, #[comptime] d: usize, #[comptime] each: usize) -> Place {
    let (tokens, heads) = (tokens as usize, heads as usize);
    let row = ABSOLUTE_POS / heads * each;
    let head = ABSOLUTE_POS % heads;
    Place {
        row,
        picture: row / tokens * tokens,
        head,
        first: head * d,
        channels: heads * d,
    }
}

#[cube(launch_unchecked)]
fn forward_kernel<N: Size>(
    qkv: &[Vector<f32, N>],
    bias: &[Vector<f32, N>],
    y: &mut [f32],
    log_sums: &mut [f32],
    units: u32,
    tokens: u32,
    heads: u32,
    scale: f32,
    #[comptime] d: usize,
    #[comptime] each: usize,
) {
    if ABSOLUTE_POS >= units as usize {
        terminate!();
    }
    let n = N::value().comptime();
    let at = place(tokens, heads, d, each);
    let line = 3 * at.channels / n;
    let (first, past) = (at.first / n, at.channels / n);
    let mut q = Array::<f32>::new(comptime!(each * d));
    let mut sums = Array::<f32>::new(comptime!(each * d));
    let mut largest = Array::<f32>::new(each);
    let mut total = Array::<f32>::new(each);
    let q_bias = read(bias, first, d);
    #[unroll]
    for r in 0..each {
        let own = read(qkv, (at.row + r) * line + first, d);
        #[unroll]
        for c in 0..d {
            q[r * d + c] = (own[c] + q_bias[c]) * scale;
            sums[r * d + c] = 0.0;
        }
        largest[r] = f32::new(-1e30);
        total[r] = 0.0;
    }
    // The softmax's sum as it comes, around the largest score so far.
    let mut p = Array::<f32>::new(each);
    for j in at.picture..at.picture + tokens as usize {
        let k_at = j * line + past + first;
        let k = read(qkv, k_at, d);
        #[unroll]
        for r in 0..each {
            let score = dot(&q, &k, r * d, d);
            let now = max(largest[r], score);
            let shrink = (largest[r] - now).exp();
            p[r] = (score - now).exp();
            largest[r] = now;
            total[r] = total[r] * shrink + p[r];
            #[unroll]
            for c in 0..d {
                sums[r * d + c] *= shrink;
            }
        }
        let v = read(qkv, k_at + past, d);
        #[unroll]
        for r in 0..each {
            add(&mut sums, p[r], &v, r * d, d);
        }
    }
    let v_bias = read(bias, 2 * past + first, d);
    #[unroll]
    for r in 0..each {
        let row = at.row + r;
        #[unroll]
        for c in 0..d {
            sums[r * d + c] = sums[r * d + c] / total[r] + v_bias[c];
        }
        write(y, row * at.channels + at.first, &sums, r * d, d);
        log_sums[row * heads as usize + at.head] = largest[r] + total[r].ln();
    }
}

/// As forward; the thread's tokens are queries first and keys then.
#[cube(launch_unchecked)]
fn backward_kernel<N: Size>(
    qkv: &[Vector<f32, N>],
    bias: &[Vector<f32, N>],
    y: &[Vector<f32, N>],
    log_sums: &[f32],
    grad: &[Vector<f32, N>],
    out: &mut [f32],
    units: u32,
    tokens: u32,
    heads: u32,
    scale: f32,
    #[comptime] d: usize,
    #[comptime] each: usize,
) {
    if ABSOLUTE_POS >= units as usize {
        terminate!();
    }
    let n = N::value().comptime();
    let at = place(tokens, heads, d, each);
    let line = 3 * at.channels / n;
    let (first, past) = (at.first / n, at.channels / n);
    let end = at.picture + tokens as usize;
    let q_bias = read(bias, first, d);
    let v_bias = read(bias, 2 * past + first, d);

    // Queries: q and their gradient, the sums of dq, and D.
    let mut own = Array::<f32>::new(comptime!(each * d));
    let mut own_grad = Array::<f32>::new(comptime!(each * d));
    let mut sums = Array::<f32>::new(comptime!(each * d));
    let mut mean = Array::<f32>::new(each);
    let mut log_sum = Array::<f32>::new(each);
    #[unroll]
    for r in 0..each {
        let row = at.row + r;
        let q = read(qkv, row * line + first, d);
        let g = read(grad, row * past + first, d);
        let mixed = read(y, row * past + first, d);
        mean[r] = 0.0;
        #[unroll]
        for c in 0..d {
            own[r * d + c] = (q[c] + q_bias[c]) * scale;
            own_grad[r * d + c] = g[c];
            sums[r * d + c] = 0.0;
            mean[r] += g[c] * (mixed[c] - v_bias[c]);
        }
        log_sum[r] = log_sums[row * heads as usize + at.head];
    }
    for j in at.picture..end {
        let k_at = j * line + past + first;
        let k = read(qkv, k_at, d);
        let v = read(qkv, k_at + past, d);
        #[unroll]
        for r in 0..each {
            let p = (dot(&own, &k, r * d, d) - log_sum[r]).exp();
            let slope = p * (dot(&own_grad, &v, r * d, d) - mean[r]) * scale;
            add(&mut sums, slope, &k, r * d, d);
        }
    }
    #[unroll]
    for r in 0..each {
        let to = (at.row + r) * 3 * at.channels + at.first;
        write(out, to, &sums, r * d, d);
    }

    // Keys: k and v, the sums of dk and dv. A query's bias adds the same to all its scores with a key; in dk it is a
    // multiple of the bias.
    let mut values = Array::<f32>::new(comptime!(each * d));
    let mut value_sums = Array::<f32>::new(comptime!(each * d));
    let mut bias_score = Array::<f32>::new(each);
    let mut slopes = Array::<f32>::new(each);
    #[unroll]
    for r in 0..each {
        let k_at = (at.row + r) * line + past + first;
        let k = read(qkv, k_at, d);
        let v = read(qkv, k_at + past, d);
        bias_score[r] = dot(&k, &q_bias, 0usize, d) * scale;
        slopes[r] = 0.0;
        #[unroll]
        for c in 0..d {
            own[r * d + c] = k[c] * scale;
            values[r * d + c] = v[c] + v_bias[c];
            sums[r * d + c] = 0.0;
            value_sums[r * d + c] = 0.0;
        }
    }
    for i in at.picture..end {
        let q = read(qkv, i * line + first, d);
        let g = read(grad, i * past + first, d);
        let mixed = read(y, i * past + first, d);
        let mean = dot(&g, &mixed, 0usize, d);
        let log_sum = log_sums[i * heads as usize + at.head];
        #[unroll]
        for r in 0..each {
            let p = (dot(&own, &q, r * d, d) + bias_score[r] - log_sum).exp();
            let slope = p * (dot(&values, &g, r * d, d) - mean) * scale;
            slopes[r] += slope;
            add(&mut sums, slope, &q, r * d, d);
            add(&mut value_sums, p, &g, r * d, d);
        }
    }
    #[unroll]
    for r in 0..each {
        add(&mut sums, slopes[r], &q_bias, r * d, d);
        let to = (at.row + r) * 3 * at.channels + at.channels + at.first;
        write(out, to, &sums, r * d, d);
        write(out, to + at.channels, &value_sums, r * d, d);
    }
}

impl AttentionOps for CubeBackend {
    fn fused_attention(
        qkv: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        shape: AttentionShape,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        let [qkv, bias] = [qkv, bias].map(into_contiguous);
        let [rows, channels] = [qkv.shape()[0], qkv.shape()[1] / 3];
        let d = shape.width(channels);
        let y = empty(&qkv, Shape::from([rows, channels]));
        let log_sums = empty(&qkv, Shape::from([rows, shape.heads]));
        let deal = Deal::new(rows, shape.heads, d, shape.tokens.is_multiple_of(2));
        let (count, dim) = grid(&qkv, deal.units);
        // SAFETY: a thread reads and writes the rows of one picture only, and its head's channels there, which the
        // shapes above hold; the vector size divides d, and so every distance.
        unsafe {
            forward_kernel::launch_unchecked(
                &y.client,
                count,
                dim,
                deal.vector,
                qkv.into_buffer_arg(),
                bias.into_buffer_arg(),
                y.clone().into_buffer_arg(),
                log_sums.clone().into_buffer_arg(),
                deal.units as u32,
                shape.tokens as u32,
                shape.heads as u32,
                scale(d),
                d,
                deal.each,
            );
        }
        (y, log_sums)
    }
}

impl AttentionGrad for CubeBackend {
    fn fused_attention_backward(
        qkv: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        y: FloatTensor<Self>,
        log_sums: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        shape: AttentionShape,
    ) -> FloatTensor<Self> {
        let [qkv, bias, y, grad] = [qkv, bias, y, grad].map(into_contiguous);
        let [rows, channels] = [qkv.shape()[0], qkv.shape()[1] / 3];
        let d = shape.width(channels);
        let out = like(&qkv);
        let deal = Deal::new(rows, shape.heads, d, shape.tokens.is_multiple_of(2));
        let (count, dim) = grid(&qkv, deal.units);
        // SAFETY: as forward.
        unsafe {
            backward_kernel::launch_unchecked(
                &out.client,
                count,
                dim,
                deal.vector,
                qkv.into_buffer_arg(),
                bias.into_buffer_arg(),
                y.into_buffer_arg(),
                log_sums.into_buffer_arg(),
                grad.into_buffer_arg(),
                out.clone().into_buffer_arg(),
                deal.units as u32,
                shape.tokens as u32,
                shape.heads as u32,
                scale(d),
                d,
                deal.each,
            );
        }
        out
    }
}
