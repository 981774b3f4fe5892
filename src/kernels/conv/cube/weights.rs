//! The gradient of a convolution's weights: a block of output channels and of weights of each, whose sums go
//! over all pictures and positions.

#![allow(clippy::needless_range_loop)] // Kernels index; they have no iterators.

use super::{Geometry, geometry};
use crate::kernels::ConvParams;
use crate::kernels::cube::{
    block::{Deal, add_line, add_slabs, dealt, spread, zeros},
    empty,
};
use burn::backend::TensorMetadata;
use burn::tensor::Shape;
use burn_cubecl::{kernel::into_contiguous, tensor::CubeTensor};
use cubecl::prelude::*;

/// `dw [C_out, C_in · k²]` of `x [R, C_in, H, W]` and `grad [R, C_out, H', W']`. Where blocks are few, threads share
/// one, each with some lines of all pictures' outputs.
#[cube(launch_unchecked)]
fn weights_kernel(
    x: &[f32],
    grad: &[f32],
    dw: &mut [f32],
    rows: u32,
    blocks: u32,
    g: &Geometry,
    #[comptime] side: usize,
    #[comptime] slabs: usize,
) {
    let (first, every, index) = dealt(slabs);
    let taps = g.kernel * g.kernel;
    let width = g.from_channels * taps;
    let own = spread(min(index, blocks - 1), g.to_channels, width, side);
    let (x_size, y_size) = (g.from_height * g.from_width, g.to_height * g.to_width);

    let mut maps_at = Array::<u32>::new(side);
    let mut pixels_at = Array::<u32>::new(side);
    let mut lines = Array::<u32>::new(side);
    let mut columns = Array::<u32>::new(side);
    let sums = zeros(side);
    #[unroll]
    for i in 0..side {
        maps_at[i] = min(own.top + i as u32 * own.down, g.to_channels - 1) * y_size;
        let weight = min(own.left + i as u32 * own.across, width - 1);
        pixels_at[i] = weight / taps * x_size;
        // Less the padding: below zero wraps around and is outside too.
        lines[i] = weight % taps / g.kernel - g.padding;
        columns[i] = weight % g.kernel - g.padding;
    }
    let mut starts = Array::<u32>::new(side);
    let mut inside = Array::<bool>::new(side);
    let mut pixels = Array::<f32>::new(side);
    let mut at = first;
    while at < rows * g.to_height {
        let row = at / g.to_height;
        let line = at % g.to_height;
        #[unroll]
        for j in 0..side {
            let from = line * g.stride + lines[j];
            inside[j] = from < g.from_height;
            let first = row * g.from_channels * x_size + pixels_at[j];
            starts[j] = first + select(inside[j], from * g.from_width, 0u32);
        }
        let y_at = row * g.to_channels * y_size + line * g.to_width;
        let mut step = 0u32.runtime();
        for position in 0..g.to_width {
            #[unroll]
            for j in 0..side {
                let column = step + columns[j];
                let hit = inside[j] && column < g.from_width;
                let pixel = x[(starts[j] + select(hit, column, 0u32)) as usize];
                pixels[j] = select(hit, pixel, 0.0f32);
            }
            #[unroll]
            for i in 0..side {
                let slope = grad[(maps_at[i] + y_at + position) as usize];
                add_line(&sums, slope, &pixels, i, side);
            }
            step += g.stride;
        }
        at += every;
    }
    if comptime!(slabs > 1) {
        add_slabs(&sums, side, slabs);
    }
    #[unroll]
    for i in 0..side {
        let channel = own.top + i as u32 * own.down;
        #[unroll]
        for j in 0..side {
            let weight = own.left + j as u32 * own.across;
            if index < blocks && first == 0 && channel < g.to_channels && weight < width {
                dw[(channel * width + weight) as usize] = sums[i * side + j].read();
            }
        }
    }
}

/// The gradient in the weights' shape.
pub(super) fn backward(x: CubeTensor, w: Shape, grad: CubeTensor, p: ConvParams) -> CubeTensor {
    let [x, grad] = [x, grad].map(into_contiguous);
    let sums = [w[0], w[1] * w[2] * w[3]];
    let g = geometry(&x.shape(), &grad.shape(), w[2], p);
    let rows = x.shape()[0] as u32;
    let lines = grad.shape()[0] * grad.shape()[2];
    let dw = empty(&x, w);
    let client = dw.client.clone();
    let deal = Deal::new(&dw, 1, sums, lines * grad.shape()[3]);
    if deal.blocks == 0 {
        return dw;
    }
    // SAFETY: channels and weights are clamped to those there are, pixels to their line.
    unsafe {
        weights_kernel::launch_unchecked(
            &client,
            deal.count,
            deal.dim,
            x.into_buffer_arg(),
            grad.into_buffer_arg(),
            dw.clone().into_buffer_arg(),
            rows,
            deal.blocks as u32,
            g,
            deal.side,
            deal.slabs,
        );
    }
    dw
}
