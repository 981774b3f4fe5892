//! Softmax attention on the GPU: a thread for each token of each head, one dispatch each way. Threads of a head read
//! the same keys at the same time, which caches serve; no shared memory bounds the number of tokens.

use super::{AttentionGrad, AttentionOps, AttentionShape, scale};
use crate::kernels::cube::{dot, empty, grid, like};
use burn::backend::{TensorMetadata, tensor::FloatTensor};
use burn::tensor::Shape;
use burn_cubecl::{CubeBackend, kernel::into_contiguous};
use cubecl::prelude::*;

/// Thread `row · heads + head`, so that neighbours read neighbouring channels.
#[cube(launch)]
fn forward_kernel(
    qkv: &[f32],
    bias: &[f32],
    y: &mut [f32],
    log_sums: &mut [f32],
    tokens: u32,
    heads: u32,
    scale: f32,
    #[comptime] d: usize,
) {
    if ABSOLUTE_POS >= log_sums.len() {
        terminate!();
    }
    let tokens = tokens as usize;
    let heads = heads as usize;
    let channels = heads * d;
    let row = ABSOLUTE_POS / heads;
    let first = ABSOLUTE_POS % heads * d;
    let mut q = Array::<f32>::new(d);
    let mut sums = Array::<f32>::new(d);
    #[unroll]
    for c in 0..d {
        q[c] = (qkv[row * 3 * channels + first + c] + bias[first + c]) * scale;
        sums[c] = 0.0;
    }
    let picture = row / tokens * tokens;
    // The softmax's sum as it comes, around the largest score so far.
    let mut largest = f32::new(-1e30);
    let mut total = 0.0f32;
    for j in picture..picture + tokens {
        let k = j * 3 * channels + channels + first;
        let score = dot(&q, qkv, k, d);
        let now = max(largest, score);
        let shrink = (largest - now).exp();
        let p = (score - now).exp();
        largest = now;
        total = total * shrink + p;
        #[unroll]
        for c in 0..d {
            sums[c] = sums[c] * shrink + p * qkv[k + channels + c];
        }
    }
    #[unroll]
    for c in 0..d {
        y[row * channels + first + c] = sums[c] / total + bias[2 * channels + first + c];
    }
    log_sums[ABSOLUTE_POS] = largest + total.ln();
}

/// As forward; the thread's token is a query first and a key then.
#[cube(launch)]
fn backward_kernel(
    qkv: &[f32],
    bias: &[f32],
    y: &[f32],
    log_sums: &[f32],
    grad: &[f32],
    out: &mut [f32],
    tokens: u32,
    heads: u32,
    scale: f32,
    #[comptime] d: usize,
) {
    if ABSOLUTE_POS >= log_sums.len() {
        terminate!();
    }
    let tokens = tokens as usize;
    let heads = heads as usize;
    let channels = heads * d;
    let row = ABSOLUTE_POS / heads;
    let head = ABSOLUTE_POS % heads;
    let first = head * d;
    let own = row * 3 * channels + first;
    let picture = row / tokens * tokens;

    let mut q = Array::<f32>::new(d);
    let mut g = Array::<f32>::new(d);
    let mut sums = Array::<f32>::new(d);
    let mut mean = 0.0f32;
    #[unroll]
    for c in 0..d {
        q[c] = (qkv[own + c] + bias[first + c]) * scale;
        g[c] = grad[row * channels + first + c];
        mean += g[c] * (y[row * channels + first + c] - bias[2 * channels + first + c]);
        sums[c] = 0.0;
    }
    let log_sum = log_sums[ABSOLUTE_POS];
    for j in picture..picture + tokens {
        let k = j * 3 * channels + channels + first;
        let p = (dot(&q, qkv, k, d) - log_sum).exp();
        let slope = p * (dot(&g, qkv, k + channels, d) - mean) * scale;
        #[unroll]
        for c in 0..d {
            sums[c] += slope * qkv[k + c];
        }
    }
    #[unroll]
    for c in 0..d {
        out[own + c] = sums[c];
    }

    let mut k = Array::<f32>::new(d);
    let mut v = Array::<f32>::new(d);
    let mut k_sums = Array::<f32>::new(d);
    #[unroll]
    for c in 0..d {
        k[c] = qkv[own + channels + c] * scale;
        v[c] = qkv[own + 2 * channels + c];
        k_sums[c] = 0.0;
        sums[c] = 0.0;
    }
    for i in picture..picture + tokens {
        let query = i * 3 * channels + first;
        let line = i * channels + first;
        let mut score = 0.0f32;
        let mut along = 0.0f32;
        #[unroll]
        for c in 0..d {
            score += (qkv[query + c] + bias[first + c]) * k[c];
            let unbiased = y[line + c] - bias[2 * channels + first + c];
            along += grad[line + c] * (v[c] - unbiased);
        }
        let p = (score - log_sums[i * heads + head]).exp();
        let slope = p * along * scale;
        #[unroll]
        for c in 0..d {
            k_sums[c] += slope * (qkv[query + c] + bias[first + c]);
            sums[c] += p * grad[line + c];
        }
    }
    #[unroll]
    for c in 0..d {
        out[own + channels + c] = k_sums[c];
        out[own + 2 * channels + c] = sums[c];
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
        let (count, dim) = grid(&qkv, rows * shape.heads);
        forward_kernel::launch(
            &y.client,
            count,
            dim,
            qkv.into_buffer_arg(),
            bias.into_buffer_arg(),
            y.clone().into_buffer_arg(),
            log_sums.clone().into_buffer_arg(),
            shape.tokens as u32,
            shape.heads as u32,
            scale(d),
            d,
        );
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
        let [qkv, bias, grad] = [qkv, bias, grad].map(into_contiguous);
        let [rows, channels] = [qkv.shape()[0], qkv.shape()[1] / 3];
        let d = shape.width(channels);
        let out = like(&qkv);
        let (count, dim) = grid(&qkv, rows * shape.heads);
        backward_kernel::launch(
            &out.client,
            count,
            dim,
            qkv.into_buffer_arg(),
            bias.into_buffer_arg(),
            y.into_buffer_arg(),
            log_sums.into_buffer_arg(),
            grad.into_buffer_arg(),
            out.clone().into_buffer_arg(),
            shape.tokens as u32,
            shape.heads as u32,
            scale(d),
            d,
        );
        out
    }
}
