//! GW-SSA on the GPU: a thread for one or two tokens of a head, one dispatch for two head groups each way. Threads of a
//! window read the same keys at the same time, which caches serve. Both orders are computed as `(q kᵀ) v`: the numbers
//! are the same up to rounding, and no product has to wait for another.

#![allow(clippy::needless_range_loop)] // Kernels index; they have no iterators.

use super::{GwSsaGrad, GwSsaOps, HeadGroups, HeadWindows};
use crate::kernels::cube::{
    empty, grid,
    heads::{Deal, add, dot, read, write},
    like,
    windows::{Geometry, GeometryLaunch, Place, partner, place},
};
use burn::backend::{TensorMetadata, tensor::FloatTensor};
use burn::tensor::Shape;
use burn_cubecl::{CubeBackend, kernel::into_contiguous, tensor::CubeTensor};
use cubecl::prelude::*;

/// What the thread's tokens mix, a head's channels of the one after the other.
#[cube]
pub(in crate::kernels) fn mixed<N: Size>(
    qkv: &[Vector<f32, N>],
    at: &Place,
    channels: usize,
    #[comptime] d: usize,
    #[comptime] each: usize,
) -> Array<f32> {
    let n = N::value().comptime();
    let (line, past, first) = (3 * channels / n, channels / n, at.first / n);
    let tokens = at.geometry.side * at.geometry.side;
    let mut q = Array::<f32>::new(comptime!(each * d));
    let mut sums = Array::<f32>::new(comptime!(each * d));
    #[unroll]
    for r in 0..each {
        let own = read(qkv, (at.row + r) * line + first, d);
        #[unroll]
        for c in 0..d {
            q[r * d + c] = own[c];
            sums[r * d + c] = 0.0;
        }
    }
    for inside in 0..at.geometry.window * at.geometry.window {
        let other = partner(inside, at, tokens);
        if other < tokens {
            let k_at = (at.picture + other as usize) * line + past + first;
            let k = read(qkv, k_at, d);
            let v = read(qkv, k_at + past, d);
            #[unroll]
            for r in 0..each {
                let score = dot(&q, &k, r * d, d);
                add(&mut sums, score, &v, r * d, d);
            }
        }
    }
    #[unroll]
    for c in 0..comptime!(each * d) {
        sums[c] *= at.geometry.scale;
    }
    sums
}

/// A thread for each [`Place`].
#[cube(launch_unchecked)]
fn forward_kernel<N: Size>(
    qkv: &[Vector<f32, N>],
    y: &mut [f32],
    first: &Geometry,
    second: &Geometry,
    units: u32,
    channels: u32,
    #[comptime] d: usize,
    #[comptime] each: usize,
) {
    if ABSOLUTE_POS >= units as usize {
        terminate!();
    }
    let channels = channels as usize;
    let at = place(first, second, d, each);
    let sums = mixed(qkv, &at, channels, d, each);
    #[unroll]
    for r in 0..each {
        write(y, (at.row + r) * channels + at.first, &sums, r * d, d);
    }
}

/// As forward; the thread's tokens are queries and keys at once, since tokens meet both ways.
#[cube(launch_unchecked)]
fn backward_kernel<N: Size>(
    qkv: &[Vector<f32, N>],
    grad: &[Vector<f32, N>],
    out: &mut [f32],
    first: &Geometry,
    second: &Geometry,
    units: u32,
    channels: u32,
    #[comptime] d: usize,
    #[comptime] each: usize,
) {
    if ABSOLUTE_POS >= units as usize {
        terminate!();
    }
    let n = N::value().comptime();
    let channels = channels as usize;
    let at = place(first, second, d, each);
    let (line, past, first) = (3 * channels / n, channels / n, at.first / n);
    let tokens = at.geometry.side * at.geometry.side;
    let mut own_k = Array::<f32>::new(comptime!(each * d));
    let mut own_v = Array::<f32>::new(comptime!(each * d));
    let mut own_g = Array::<f32>::new(comptime!(each * d));
    let mut dq = Array::<f32>::new(comptime!(each * d));
    let mut dk = Array::<f32>::new(comptime!(each * d));
    let mut dv = Array::<f32>::new(comptime!(each * d));
    #[unroll]
    for r in 0..each {
        let row = at.row + r;
        let k = read(qkv, row * line + past + first, d);
        let v = read(qkv, row * line + 2 * past + first, d);
        let g = read(grad, row * past + first, d);
        // The scale is the same for all sums.
        #[unroll]
        for c in 0..d {
            own_k[r * d + c] = k[c] * at.geometry.scale;
            own_v[r * d + c] = v[c] * at.geometry.scale;
            own_g[r * d + c] = g[c] * at.geometry.scale;
            dq[r * d + c] = 0.0;
            dk[r * d + c] = 0.0;
            dv[r * d + c] = 0.0;
        }
    }
    for inside in 0..at.geometry.window * at.geometry.window {
        let other = partner(inside, &at, tokens);
        if other < tokens {
            let other = at.picture + other as usize;
            let q_at = other * line + first;
            let q = read(qkv, q_at, d);
            let k = read(qkv, q_at + past, d);
            let v = read(qkv, q_at + 2 * past, d);
            let g = read(grad, other * past + first, d);
            #[unroll]
            for r in 0..each {
                let as_query = dot(&own_g, &v, r * d, d);
                let as_key = dot(&own_v, &g, r * d, d);
                let score = dot(&own_k, &q, r * d, d);
                add(&mut dq, as_query, &k, r * d, d);
                add(&mut dk, as_key, &q, r * d, d);
                add(&mut dv, score, &g, r * d, d);
            }
        }
    }
    #[unroll]
    for r in 0..each {
        let to = (at.row + r) * 3 * channels + at.first;
        write(out, to, &dq, r * d, d);
        write(out, to + channels, &dk, r * d, d);
        write(out, to + 2 * channels, &dv, r * d, d);
    }
}

/// Groups that one launch serves: two, or one and nothing.
pub(in crate::kernels) struct Launch {
    pub first: GeometryLaunch,
    pub second: GeometryLaunch,
    pub heads: usize,
    pub d: usize,
    /// Whether two tokens side by side, the first in an even column, are in the same region of a window in every group.
    pub even: bool,
}

pub(in crate::kernels) fn launches(groups: &HeadGroups) -> impl Iterator<Item = Launch> {
    let alike = groups.chunk_by(|a, b| a.d == b.d);
    alike
        .flat_map(|groups| groups.chunks(2))
        .map(|pair| Launch {
            first: geometry(&pair[0], pair[0].heads),
            second: match pair.get(1) {
                Some(second) => geometry(second, second.heads),
                None => geometry(&pair[0], 0),
            },
            heads: pair.iter().map(|group| group.heads).sum(),
            d: pair[0].d,
            even: pair.iter().all(|group| group.windows.in_pairs()),
        })
}

fn geometry(group: &HeadWindows, heads: usize) -> GeometryLaunch {
    group.windows.launch(group.from, heads, group.scale)
}

/// Rows `R·N` and C of `qkv [R·N, 3C]`.
fn extent(qkv: &CubeTensor) -> [usize; 2] {
    [qkv.shape()[0], qkv.shape()[1] / 3]
}

impl GwSsaOps for CubeBackend {
    fn gw_ssa_forward(
        qkv: FloatTensor<Self>,
        groups: HeadGroups,
        _tokens: usize,
    ) -> FloatTensor<Self> {
        let qkv = into_contiguous(qkv);
        let [rows, channels] = extent(&qkv);
        let y = empty(&qkv, Shape::from([rows, channels]));
        for launch in launches(&groups) {
            let deal = Deal::new(rows, launch.heads, launch.d, launch.even);
            let (count, dim) = grid(&qkv, deal.units);
            // SAFETY: threads stay in the rows of one picture, and in their head's channels there; the vector size divides
            // d, and so every distance.
            unsafe {
                forward_kernel::launch_unchecked(
                    &y.client,
                    count,
                    dim,
                    deal.vector,
                    qkv.clone().into_buffer_arg(),
                    y.clone().into_buffer_arg(),
                    launch.first,
                    launch.second,
                    deal.units as u32,
                    channels as u32,
                    launch.d,
                    deal.each,
                );
            }
        }
        y
    }
}

impl GwSsaGrad for CubeBackend {
    fn gw_ssa_backward(
        qkv: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        groups: HeadGroups,
        _tokens: usize,
    ) -> FloatTensor<Self> {
        let [qkv, grad] = [qkv, grad].map(into_contiguous);
        let [rows, channels] = extent(&qkv);
        let out = like(&qkv);
        for launch in launches(&groups) {
            let deal = Deal::new(rows, launch.heads, launch.d, launch.even);
            let (count, dim) = grid(&qkv, deal.units);
            // SAFETY: threads stay in the rows of one picture, and in their head's channels there; the vector size divides
            // d, and so every distance.
            unsafe {
                backward_kernel::launch_unchecked(
                    &out.client,
                    count,
                    dim,
                    deal.vector,
                    qkv.clone().into_buffer_arg(),
                    grad.clone().into_buffer_arg(),
                    out.clone().into_buffer_arg(),
                    launch.first,
                    launch.second,
                    deal.units as u32,
                    channels as u32,
                    launch.d,
                    deal.each,
                );
            }
        }
        out
    }
}
