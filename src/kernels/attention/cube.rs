//! Softmax attention on the GPU: a thread for one or two tokens of a head, one dispatch each way. A key read serves both
//! of a thread's queries, and a query both of its keys; caches serve the other threads, and no shared memory bounds the
//! number of tokens. In windows, the others are those of the window; a kernel is made for either form.

#![allow(clippy::needless_range_loop)] // Kernels index; they have no iterators.

use super::{AttentionGrad, AttentionOps, AttentionShape, SILENT, scale};
use crate::kernels::Windows;
use crate::kernels::cube::{
    empty, grid,
    heads::{Deal, add, dot, read, write},
    like,
    windows::{self, Geometry, GeometryLaunch, meets, member},
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
    /// Tokens of the picture.
    tokens: usize,
    window: windows::Place,
}

#[cube]
fn place(geometry: &Geometry, tokens: u32, #[comptime] d: usize, #[comptime] each: usize) -> Place {
    let (tokens, heads) = (tokens as usize, geometry.heads as usize);
    let nothing = Geometry {
        side: geometry.side,
        window: geometry.window,
        shift: geometry.shift,
        from: geometry.from,
        heads: 0u32,
        scale: geometry.scale,
    };
    let window = windows::place(geometry, &nothing, d, each);
    Place {
        row: window.row,
        picture: window.row / tokens * tokens,
        head: ABSOLUTE_POS % heads,
        first: window.first,
        channels: heads * d,
        tokens,
        window,
    }
}

/// Tokens that a thread looks at: of its window, or of the picture.
#[cube]
fn others(at: &Place, #[comptime] windowed: bool) -> u32 {
    if comptime!(windowed) {
        at.window.geometry.window * at.window.geometry.window
    } else {
        at.tokens as u32
    }
}

/// Row of one of them.
#[cube]
fn other(inside: u32, at: &Place, #[comptime] windowed: bool) -> usize {
    if comptime!(windowed) {
        at.picture + member(inside, &at.window) as usize
    } else {
        at.picture + inside as usize
    }
}

/// `value` where the thread's tokens meet it, `apart` elsewhere. Selected, not branched on: what is not met is rare, and with
/// a branch these loops take 1.1 to 1.2 times as long on SwiftShader.
#[cube]
fn where_met(value: f32, apart: f32, inside: u32, at: &Place, #[comptime] windowed: bool) -> f32 {
    if comptime!(windowed) {
        select(meets(inside, &at.window), value, apart)
    } else {
        value
    }
}

/// Whether the thread's window, if it has one, holds no number of q and k other than 0.
#[cube]
fn is_silent<N: Size>(
    qkv: &[Vector<f32, N>],
    at: &Place,
    #[comptime] d: usize,
    #[comptime] windowed: bool,
) -> bool {
    if comptime!(windowed) {
        let n = N::value().comptime();
        let (line, past) = (3 * at.channels / n, at.channels / n);
        let mut most = 0.0f32;
        for inside in 0..others(at, windowed) {
            let row = other(inside, at, windowed);
            let q = read(qkv, row * line + at.first / n, d);
            let k = read(qkv, row * line + past + at.first / n, d);
            #[unroll]
            for c in 0..d {
                most = max(most, max(q[c].abs(), k[c].abs()));
            }
        }
        most == 0.0
    } else {
        false.runtime()
    }
}

#[cube(launch_unchecked)]
fn forward_kernel<N: Size>(
    qkv: &[Vector<f32, N>],
    bias: &[Vector<f32, N>],
    y: &mut [f32],
    log_sums: &mut [f32],
    geometry: &Geometry,
    units: u32,
    tokens: u32,
    #[comptime] d: usize,
    #[comptime] each: usize,
    #[comptime] windowed: bool,
) {
    if ABSOLUTE_POS >= units as usize {
        terminate!();
    }
    let n = N::value().comptime();
    let at = place(geometry, tokens, d, each);
    let scale = geometry.scale;
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
        largest[r] = f32::new(-SILENT);
        total[r] = 0.0;
    }
    // The softmax's sum as it comes, around the largest score so far.
    let mut p = Array::<f32>::new(each);
    for inside in 0..others(&at, windowed) {
        let k_at = other(inside, &at, windowed) * line + past + first;
        let k = read(qkv, k_at, d);
        #[unroll]
        for r in 0..each {
            let score = dot(&q, &k, r * d, d);
            // Less than the largest score before the first one, so that its exponential is 0 there too.
            let score = where_met(score, -2.0 * SILENT, inside, &at, windowed);
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
    let silent = is_silent(qkv, &at, d, windowed);
    let v_bias = read(bias, 2 * past + first, d);
    #[unroll]
    for r in 0..each {
        let row = at.row + r;
        #[unroll]
        for c in 0..d {
            let mixed = sums[r * d + c] / total[r] + v_bias[c];
            sums[r * d + c] = select(silent, 0.0, mixed);
        }
        write(y, row * at.channels + at.first, &sums, r * d, d);
        let log_sum = largest[r] + total[r].ln();
        log_sums[row * geometry.heads as usize + at.head] = select(silent, SILENT, log_sum);
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
    geometry: &Geometry,
    units: u32,
    tokens: u32,
    #[comptime] d: usize,
    #[comptime] each: usize,
    #[comptime] windowed: bool,
) {
    if ABSOLUTE_POS >= units as usize {
        terminate!();
    }
    let n = N::value().comptime();
    let at = place(geometry, tokens, d, each);
    let scale = geometry.scale;
    let line = 3 * at.channels / n;
    let (first, past) = (at.first / n, at.channels / n);
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
        log_sum[r] = log_sums[row * geometry.heads as usize + at.head];
    }
    for inside in 0..others(&at, windowed) {
        let k_at = other(inside, &at, windowed) * line + past + first;
        let k = read(qkv, k_at, d);
        let v = read(qkv, k_at + past, d);
        #[unroll]
        for r in 0..each {
            let p = (dot(&own, &k, r * d, d) - log_sum[r]).exp();
            let p = where_met(p, 0.0, inside, &at, windowed);
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
    for inside in 0..others(&at, windowed) {
        let i = other(inside, &at, windowed);
        let q = read(qkv, i * line + first, d);
        let g = read(grad, i * past + first, d);
        let mixed = read(y, i * past + first, d);
        let mean = dot(&g, &mixed, 0usize, d);
        let log_sum = log_sums[i * geometry.heads as usize + at.head];
        #[unroll]
        for r in 0..each {
            let p = (dot(&own, &q, r * d, d) + bias_score[r] - log_sum).exp();
            let p = where_met(p, 0.0, inside, &at, windowed);
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

/// What a kernel is told of where tokens attend; without windows, of the heads alone.
fn geometry(shape: AttentionShape, d: usize) -> GeometryLaunch {
    let windows = shape.windows.unwrap_or(Windows::new(1, 1, false));
    windows.launch(0, shape.heads, scale(d))
}

/// Whether two neighbours meet the same others.
fn in_pairs(shape: AttentionShape) -> bool {
    match shape.windows {
        None => shape.tokens.is_multiple_of(2),
        Some(windows) => windows.in_pairs(),
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
        let deal = Deal::new(rows, shape.heads, d, in_pairs(shape));
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
                geometry(shape, d),
                deal.units as u32,
                shape.tokens as u32,
                d,
                deal.each,
                shape.windows.is_some(),
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
        let deal = Deal::new(rows, shape.heads, d, in_pairs(shape));
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
                geometry(shape, d),
                deal.units as u32,
                shape.tokens as u32,
                d,
                deal.each,
                shape.windows.is_some(),
            );
        }
        out
    }
}
