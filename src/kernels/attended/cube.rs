//! GW-SSA's threads, each going on to its head's channel group of the layer behind.

#![allow(clippy::needless_range_loop)] // Kernels index; they have no iterators.

use super::AttendedOps;
use crate::kernels::cube::{
    empty, grid,
    heads::{Deal, add, read},
    own,
    windows::{Geometry, place},
};
use crate::kernels::exp_g_if::cube::output;
use crate::kernels::flat::FlatOps;
use crate::kernels::gw_ssa::cube::{launches, mixed};
use crate::kernels::{ExpGIfParams, HeadGroups};
use burn::backend::{TensorMetadata, tensor::FloatTensor};
use burn::tensor::Shape;
use burn_cubecl::{CubeBackend, kernel::into_contiguous};
use cubecl::prelude::*;

/// `spikes [2, R·N, C]` are those between and those behind: a dispatch binds eight buffers at most.
#[cube(launch_unchecked)]
fn attended_kernel<N: Size>(
    qkv: &[Vector<f32, N>],
    weight: &[Vector<f32, N>],
    affine: &[f32],
    theta_between: &[f32],
    theta_behind: &[f32],
    potentials: &mut [f32],
    spikes: &mut [f32],
    first: &Geometry,
    second: &Geometry,
    units: u32,
    channels: u32,
    behind: u32,
    top_between: f32,
    top_behind: f32,
    #[comptime] d: usize,
    #[comptime] each: usize,
) {
    if ABSOLUTE_POS >= units as usize {
        terminate!();
    }
    let n = N::value().comptime();
    let channels = channels as usize;
    let at = place(first, second, d, each);
    let potentials_between = mixed(qkv, &at, channels, d, each);
    let mut sums = Array::<f32>::new(comptime!(each * d));
    #[unroll]
    for r in 0..each {
        let to = (at.row + r) * channels + at.first;
        #[unroll]
        for c in 0..d {
            spikes[to + c] = output(potentials_between[r * d + c], theta_between[0], top_between);
            sums[r * d + c] = 0.0;
        }
    }
    // Spikes are read again where the thread has written them: registers know no index that is counted.
    for c in 0..d {
        let line = read(weight, (at.first + c) * comptime!(d / n), d);
        #[unroll]
        for r in 0..each {
            let spike = spikes[(at.row + r) * channels + at.first + c];
            add(&mut sums, spike, &line, r * d, d);
        }
    }
    let groups = channels / d;
    #[unroll]
    for r in 0..each {
        #[unroll]
        for j in 0..d {
            let channel = j * groups + at.first / d;
            let to = (at.row + r) * channels + channel;
            let z = sums[r * d + j] * affine[channel] + affine[channels + channel] + potentials[to];
            potentials[to] = z;
            spikes[behind as usize + to] = output(z, theta_behind[0], top_behind);
        }
    }
}

impl AttendedOps for CubeBackend {
    fn attended(
        qkv: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        affine: FloatTensor<Self>,
        shortcut: FloatTensor<Self>,
        theta_between: FloatTensor<Self>,
        theta_behind: FloatTensor<Self>,
        groups: HeadGroups,
        between: ExpGIfParams,
        behind: ExpGIfParams,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        let [qkv, weight, affine] = [qkv, weight, affine].map(into_contiguous);
        let [theta_between, theta_behind] = [theta_between, theta_behind].map(into_contiguous);
        let [rows, channels] = [qkv.shape()[0], qkv.shape()[1] / 3];
        let potentials = own(shortcut);
        let numbers = rows * channels;
        let spikes = empty(&qkv, Shape::from([2 * numbers]));
        // One: the caller has looked.
        for launch in launches(&groups) {
            let deal = Deal::new(rows, launch.heads, launch.d, launch.even);
            let (count, dim) = grid(&qkv, deal.units);
            // SAFETY: threads stay in the rows of one picture, and in their head's channels there; the vector size
            // divides d, and so every distance; the weights have a matrix `[d, d]` for each head.
            unsafe {
                attended_kernel::launch_unchecked(
                    &spikes.client,
                    count,
                    dim,
                    deal.vector,
                    qkv.clone().into_buffer_arg(),
                    weight.clone().into_buffer_arg(),
                    affine.clone().into_buffer_arg(),
                    theta_between.clone().into_buffer_arg(),
                    theta_behind.clone().into_buffer_arg(),
                    potentials.clone().into_buffer_arg(),
                    spikes.clone().into_buffer_arg(),
                    launch.first,
                    launch.second,
                    deal.units as u32,
                    channels as u32,
                    numbers as u32,
                    between.top() as f32,
                    behind.top() as f32,
                    launch.d,
                    deal.each,
                );
            }
        }
        let part = |from: usize| Self::flat_view(spikes.clone(), from, vec![rows, channels]);
        (part(0), potentials, part(numbers))
    }
}
