//! Convolution on the GPU: a thread keeps a block of sums in registers, as the matrix product does
//! (`kernels::cube::product`), and finds the pixels where they are. A convolution with channel groups is burn's.

// Kernels index; they have no iterators, and no `is_multiple_of`.
#![allow(clippy::needless_range_loop, clippy::manual_is_multiple_of)]

mod weights;

use super::{ConvGrad, ConvOps, ConvParams};
use crate::kernels::cube::{
    block::{Deal, Spread, add_line, spread, zeros},
    empty,
};
use burn::backend::{TensorMetadata, ops::ModuleOps, tensor::FloatTensor};
use burn::tensor::{Shape, ops::ConvOptions};
use burn_cubecl::{CubeBackend, kernel::into_contiguous, tensor::CubeTensor};
use cubecl::prelude::*;

/// Sides of the kernel and of the maps, and the channels: of what is read and of what is written.
#[derive(CubeType, CubeLaunch, Clone, Copy)]
pub(in crate::kernels) struct Geometry {
    pub kernel: u32,
    pub stride: u32,
    pub padding: u32,
    pub from_channels: u32,
    pub from_height: u32,
    pub from_width: u32,
    pub to_channels: u32,
    pub to_height: u32,
    pub to_width: u32,
}

/// A thread's block of sums, channels by positions, and where its positions are.
#[derive(CubeType)]
pub(in crate::kernels) struct Gathered {
    pub sums: Sequence<RuntimeCell<f32>>,
    pub maps: Array<u32>,
    pub lines: Array<u32>,
    pub columns: Array<u32>,
}

/// Each position the sum over `from [R, C_from, H_from, W_from]` under the kernel: forward, or back to the inputs, where a
/// position is under those outputs that are a multiple of the stride away. There the positions of a block leave the same
/// remainders when divided by the stride, so that a tap reaches all of them or none. What of the block lies outside is
/// clamped to the last channel and position.
#[cube]
pub(in crate::kernels) fn gathered(
    from: &[f32],
    w: &[f32],
    own: &Spread,
    rows: u32,
    g: &Geometry,
    #[comptime] side: usize,
    #[comptime] backward: bool,
) -> Gathered {
    let apart = if comptime!(backward) {
        g.stride
    } else {
        1u32.runtime()
    };
    let (height, width) = (g.to_height.div_ceil(apart), g.to_width.div_ceil(apart));
    let positions = rows * height * width;
    let (first_line, first_column) = (own.matrix / apart, own.matrix % apart);

    let from_size = g.from_height * g.from_width;
    let taps = g.kernel * g.kernel;
    // Distances in the weights, `[C_out, C_in, k, k]`, between channels read and between channels written.
    let (w_from, w_to) = if comptime!(backward) {
        (g.to_channels * taps, taps)
    } else {
        (taps, g.from_channels * taps)
    };
    let mut channels_at = Array::<u32>::new(side);
    let mut maps = Array::<u32>::new(side);
    let mut lines = Array::<u32>::new(side);
    let mut columns = Array::<u32>::new(side);
    let sums = zeros(side);
    #[unroll]
    for i in 0..side {
        channels_at[i] = min(own.top + i as u32 * own.down, g.to_channels - 1) * w_to;
    }
    #[unroll]
    for j in 0..side {
        let position = min(own.left + j as u32 * own.across, positions - 1);
        maps[j] = position / (height * width);
        lines[j] = position / width % height * apart + first_line;
        columns[j] = position % width * apart + first_column;
    }
    let mut pixels_at = Array::<u32>::new(side);
    let mut inside = Array::<bool>::new(side);
    let mut pixels = Array::<f32>::new(side);
    for u in 0..g.kernel {
        for v in 0..g.kernel {
            let mut any = false.runtime();
            #[unroll]
            for j in 0..side {
                // Below zero wraps around and is outside too.
                let mut line = lines[j];
                let mut column = columns[j];
                let mut hit = true.runtime();
                if comptime!(backward) {
                    line = line + g.padding - u;
                    column = column + g.padding - v;
                    hit = line % g.stride == 0 && column % g.stride == 0;
                    line /= g.stride;
                    column /= g.stride;
                } else {
                    line = line * g.stride + u - g.padding;
                    column = column * g.stride + v - g.padding;
                }
                hit = hit && line < g.from_height && column < g.from_width;
                inside[j] = hit;
                any = any || hit;
                let map_at = maps[j] * g.from_channels * from_size;
                pixels_at[j] = map_at + select(hit, line * g.from_width + column, 0u32);
            }
            if any {
                let mut w_at = u * g.kernel + v;
                let mut from_at = 0u32.runtime();
                for _ in 0..g.from_channels {
                    #[unroll]
                    for j in 0..side {
                        let pixel = from[(pixels_at[j] + from_at) as usize];
                        pixels[j] = select(inside[j], pixel, 0.0f32);
                    }
                    #[unroll]
                    for i in 0..side {
                        let factor = w[(channels_at[i] + w_at) as usize];
                        add_line(&sums, factor, &pixels, i, side);
                    }
                    w_at += w_from;
                    from_at += from_size;
                }
            }
        }
    }
    Gathered {
        sums,
        maps,
        lines,
        columns,
    }
}

/// `to [R, C_to, H_to, W_to]` of the sums.
#[cube(launch_unchecked)]
fn gather_kernel(
    from: &[f32],
    w: &[f32],
    to: &mut [f32],
    rows: u32,
    blocks: u32,
    positions: u32,
    g: &Geometry,
    #[comptime] side: usize,
    #[comptime] backward: bool,
) {
    if ABSOLUTE_POS as u32 >= blocks {
        terminate!();
    }
    let own = spread(ABSOLUTE_POS as u32, g.to_channels, positions, side);
    let sums = gathered(from, w, &own, rows, g, side, backward);
    let to_size = g.to_height * g.to_width;
    #[unroll]
    for j in 0..side {
        let (line, column) = (sums.lines[j], sums.columns[j]);
        let there = own.left + j as u32 * own.across < positions;
        let inside = there && line < g.to_height && column < g.to_width;
        let at = sums.maps[j] * g.to_channels * to_size + line * g.to_width + column;
        #[unroll]
        for i in 0..side {
            let channel = own.top + i as u32 * own.down;
            if inside && channel < g.to_channels {
                to[(at + channel * to_size) as usize] = sums.sums[i * side + j].read();
            }
        }
    }
}

/// A map's channels, height and width.
fn map(shape: &Shape) -> [u32; 3] {
    [shape[1] as u32, shape[2] as u32, shape[3] as u32]
}

pub(in crate::kernels) fn geometry(
    from: &Shape,
    to: &Shape,
    kernel: usize,
    p: ConvParams,
) -> GeometryLaunch {
    let ([c, h, w], [to_c, to_h, to_w]) = (map(from), map(to));
    let [kernel, stride, padding] = [kernel, p.stride, p.padding].map(|x| x as u32);
    GeometryLaunch::new(kernel, stride, padding, c, h, w, to_c, to_h, to_w)
}

fn gather(
    from: CubeTensor,
    w: CubeTensor,
    shape: Shape,
    p: ConvParams,
    backward: bool,
) -> CubeTensor {
    let [from, w] = [from, w].map(into_contiguous);
    let apart = if backward { p.stride } else { 1 };
    let positions = shape[0] * shape[2].div_ceil(apart) * shape[3].div_ceil(apart);
    let channels = shape[1];
    let g = geometry(&from.shape(), &shape, w.shape()[2], p);
    let rows = shape[0] as u32;
    let to = empty(&from, shape);
    // Never shared: channels under a kernel are no long sum.
    let deal = Deal::new(&to, apart * apart, [channels, positions], 0);
    if deal.blocks == 0 {
        return to;
    }
    let client = to.client.clone();
    // SAFETY: positions and channels are clamped to those of the maps, pixels to their map.
    unsafe {
        gather_kernel::launch_unchecked(
            &client,
            deal.count,
            deal.dim,
            from.into_buffer_arg(),
            w.into_buffer_arg(),
            to.clone().into_buffer_arg(),
            rows,
            deal.blocks as u32,
            positions as u32,
            g,
            deal.side,
            backward,
        );
    }
    to
}

fn options(p: ConvParams) -> ConvOptions<2> {
    ConvOptions::new([p.stride; 2], [p.padding; 2], [1, 1], p.groups)
}

impl ConvOps for CubeBackend {
    fn conv_forward(
        x: FloatTensor<Self>,
        w: FloatTensor<Self>,
        p: ConvParams,
    ) -> FloatTensor<Self> {
        if p.groups > 1 {
            return Self::conv2d(x, w, None, options(p));
        }
        let shape = p.output_shape(&x.shape(), &w.shape());
        gather(x, w, shape, p, false)
    }
}

impl ConvGrad for CubeBackend {
    fn conv_x_backward(
        x: FloatTensor<Self>,
        w: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        p: ConvParams,
    ) -> FloatTensor<Self> {
        if p.groups > 1 {
            return Self::conv2d_x_backward(x, w, grad, options(p));
        }
        gather(grad, w, x.shape(), p, true)
    }

    fn conv_w_backward(
        x: FloatTensor<Self>,
        w: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        p: ConvParams,
    ) -> FloatTensor<Self> {
        if p.groups > 1 {
            return Self::conv2d_weight_backward(x, w, grad, options(p));
        }
        weights::backward(x, w.shape(), grad, p)
    }
}
