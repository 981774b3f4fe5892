//! What attention's kernels share: a thread works on one or two tokens of a head, whose channels it keeps in registers,
//! and a token that it reads serves both of them.

#![allow(clippy::needless_range_loop)] // Kernels index; they have no iterators.

use super::vector;
use cubecl::prelude::*;

/// Pairs of tokens that keep a GPU busy; where there are fewer, each token has a thread.
const ENOUGH: usize = 1024;
/// Channels of two tokens that fit into registers, beside as many sums.
const WIDE: usize = 64;

/// How tokens are dealt to threads.
pub(in crate::kernels) struct Deal {
    /// Threads.
    pub units: usize,
    /// Tokens of each.
    pub each: usize,
    /// Numbers read at once; divides d.
    pub vector: usize,
}

impl Deal {
    /// `rows` tokens with `heads` heads of `d` channels; in pairs where `even` says that two neighbours meet the same others.
    pub fn new(rows: usize, heads: usize, d: usize, even: bool) -> Self {
        let pairs = even && rows / 2 * heads >= ENOUGH && 2 * d <= WIDE;
        let each = if pairs { 2 } else { 1 };
        Self {
            units: rows / each * heads,
            each,
            vector: vector(d),
        }
    }
}

/// A head's channels, from vector `at` on.
#[cube]
pub(in crate::kernels) fn read<N: Size>(
    x: &[Vector<f32, N>],
    at: usize,
    #[comptime] d: usize,
) -> Array<f32> {
    let n = N::value().comptime();
    let mut head = Array::<f32>::new(d);
    #[unroll]
    for v in 0..comptime!(d / n) {
        let read = x[at + v];
        #[unroll]
        for i in 0..n {
            head[v * n + i] = read.extract(i);
        }
    }
    head
}

/// `a[from + c] b[c]`, summed over a head's channels.
#[cube]
pub(in crate::kernels) fn dot(
    a: &Array<f32>,
    b: &Array<f32>,
    #[comptime] from: usize,
    #[comptime] d: usize,
) -> f32 {
    let mut sum = 0.0f32;
    #[unroll]
    for c in 0..d {
        sum += a[from + c] * b[c];
    }
    sum
}

/// Adds `factor b[c]` to `sums[from + c]`.
#[cube]
pub(in crate::kernels) fn add(
    sums: &mut Array<f32>,
    factor: f32,
    b: &Array<f32>,
    #[comptime] from: usize,
    #[comptime] d: usize,
) {
    #[unroll]
    for c in 0..d {
        sums[from + c] += factor * b[c];
    }
}

/// Writes `sums[from + c]` from number `at` on.
#[cube]
pub(in crate::kernels) fn write(
    out: &mut [f32],
    at: usize,
    sums: &Array<f32>,
    #[comptime] from: usize,
    #[comptime] d: usize,
) {
    #[unroll]
    for c in 0..d {
        out[at + c] = sums[from + c];
    }
}
