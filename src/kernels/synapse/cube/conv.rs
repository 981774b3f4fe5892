//! A convolution: the blocks of `kernels::conv` where every input channel reaches every output, and a thread for each
//! output where channels are in groups.

use super::{Behind, Ending, Outputs, end};
use crate::kernels::ConvParams;
use crate::kernels::conv::cube::{Geometry, gathered, geometry};
use crate::kernels::cube::{
    block::{Deal, spread},
    grid,
};
use burn::backend::TensorMetadata;
use burn::tensor::Shape;
use burn_cubecl::{kernel::into_contiguous, tensor::CubeTensor};
use cubecl::prelude::*;

/// Where `position` of a map and its channel lie in the output.
#[cube]
fn place(
    map: u32,
    channel: u32,
    position: u32,
    channels: u32,
    positions: u32,
    #[comptime] tokens: bool,
) -> usize {
    let place = if comptime!(tokens) {
        (map * positions + position) * channels + channel
    } else {
        (map * channels + channel) * positions + position
    };
    place as usize
}

#[cube(launch_unchecked)]
fn blocks_kernel(
    x: &[f32],
    weight: &[f32],
    affine: &[f32],
    theta: &[f32],
    potentials: &mut [f32],
    spikes: &mut [f32],
    rows: u32,
    blocks: u32,
    top: f32,
    g: &Geometry,
    #[comptime] side: usize,
    #[comptime] ending: Ending,
    #[comptime] tokens: bool,
) {
    if ABSOLUTE_POS as u32 >= blocks {
        terminate!();
    }
    let (channels, positions) = (g.to_channels, g.to_height * g.to_width);
    let at = spread(ABSOLUTE_POS as u32, channels, rows * positions, side);
    let sums = gathered(x, weight, &at, rows, g, side, false);
    #[unroll]
    for j in 0..side {
        let there = at.left + j as u32 * at.across < rows * positions;
        let inside = sums.lines[j] * g.to_width + sums.columns[j];
        #[unroll]
        for i in 0..side {
            let channel = at.top + i as u32 * at.down;
            if there && channel < channels {
                end(
                    sums.sums[i * side + j].read(),
                    channel as usize,
                    channels as usize,
                    place(sums.maps[j], channel, inside, channels, positions, tokens),
                    affine,
                    theta,
                    potentials,
                    spikes,
                    top,
                    ending,
                );
            }
        }
    }
}

/// `c_in` are a group's input channels.
#[cube(launch)]
fn outputs_kernel(
    x: &[f32],
    weight: &[f32],
    affine: &[f32],
    theta: &[f32],
    potentials: &mut [f32],
    spikes: &mut [f32],
    units: u32,
    top: f32,
    c_in: u32,
    groups: u32,
    g: &Geometry,
    #[comptime] kernel: u32,
    #[comptime] ending: Ending,
    #[comptime] tokens: bool,
) {
    let own = ABSOLUTE_POS as u32;
    if own >= units {
        terminate!();
    }
    let (channels, positions) = (g.to_channels, g.to_height * g.to_width);
    let inside = own % positions;
    let (line, column) = (inside / g.to_width, inside % g.to_width);
    let channel = own / positions % channels;
    let map = own / positions / channels;
    let first = (map * groups + channel / (channels / groups)) * c_in;
    let taps = comptime!(kernel * kernel);
    let mut sum = 0.0f32;
    for c in 0..c_in {
        let from = (first + c) * g.from_height * g.from_width;
        let factors = (channel * c_in + c) * taps;
        #[unroll]
        for u in 0..kernel {
            // Below zero wraps around and is outside too.
            let i = line * g.stride + u - g.padding;
            #[unroll]
            for v in 0..kernel {
                let j = column * g.stride + v - g.padding;
                if i < g.from_height && j < g.from_width {
                    let factor = weight[(factors + comptime!(u * kernel + v)) as usize];
                    sum += x[(from + i * g.from_width + j) as usize] * factor;
                }
            }
        }
    }
    end(
        sum,
        channel as usize,
        channels as usize,
        place(map, channel, inside, channels, positions, tokens),
        affine,
        theta,
        potentials,
        spikes,
        top,
        ending,
    );
}

/// `[x, weight, affine, theta]`, see `SynapseOps::conv_norm`.
pub(super) fn launch(
    inputs: [CubeTensor; 4],
    shortcut: CubeTensor,
    behind: Behind,
    tokens: bool,
    p: ConvParams,
) -> (CubeTensor, CubeTensor) {
    let [x, weight, affine, theta] = inputs.map(into_contiguous);
    let maps = p.output_shape(&x.shape(), &weight.shape());
    let [rows, channels, positions] = [maps[0], maps[1], maps[2] * maps[3]];
    let g = geometry(&x.shape(), &maps, weight.shape()[2], p);
    let shape = match tokens {
        true => Shape::from([rows * positions, channels]),
        false => maps,
    };
    let out = Outputs::new(&x, shape, shortcut, behind);
    let units = rows * channels * positions;
    if units == 0 {
        return out.finish();
    }
    let client = x.client.clone();
    let [c_in, kernel] = [weight.shape()[1], weight.shape()[2]].map(|x| x as u32);
    let (count, dim) = grid(&x, units);
    let deal = Deal::new(&x, 1, [channels, rows * positions], 0);
    let inputs = [x, weight, affine, theta].map(CubeTensor::into_buffer_arg);
    let [x, weight, affine, theta] = inputs;
    let [potentials, spikes] =
        [&out.potentials, &out.spikes].map(|out| out.clone().into_buffer_arg());
    if p.groups > 1 {
        let groups = p.groups as u32;
        outputs_kernel::launch(
            &client,
            count,
            dim,
            x,
            weight,
            affine,
            theta,
            potentials,
            spikes,
            units as u32,
            behind.top(),
            c_in,
            groups,
            g,
            kernel,
            out.ending,
            tokens,
        );
        return out.finish();
    }
    // SAFETY: positions and channels are clamped to those of the maps, pixels to their map; what is read beside them and
    // written belongs to a position and a channel that are inside.
    unsafe {
        blocks_kernel::launch_unchecked(
            &client,
            deal.count,
            deal.dim,
            x,
            weight,
            affine,
            theta,
            potentials,
            spikes,
            rows as u32,
            deal.blocks as u32,
            behind.top(),
            g,
            deal.side,
            out.ending,
            tokens,
        );
    }
    out.finish()
}
