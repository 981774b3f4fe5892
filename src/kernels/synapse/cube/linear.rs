//! A linear layer in channel groups.

use super::{Behind, Ending, Outputs, end};
use crate::kernels::cube::{
    block::{Deal, add_slabs, dealt, spread},
    product::{Strides, sums_of},
};
use burn::backend::TensorMetadata;
use burn::tensor::Shape;
use burn_cubecl::{kernel::into_contiguous, tensor::CubeTensor};
use cubecl::prelude::*;

/// `inner` and `columns` are a group's.
#[cube(launch_unchecked)]
fn linear_kernel(
    x: &[f32],
    weight: &[f32],
    affine: &[f32],
    theta: &[f32],
    potentials: &mut [f32],
    spikes: &mut [f32],
    blocks: u32,
    groups: u32,
    rows: u32,
    inner: u32,
    columns: u32,
    top: f32,
    #[comptime] side: usize,
    #[comptime] slabs: usize,
    #[comptime] ending: Ending,
) {
    let (first, every, index) = dealt(slabs);
    let at = spread(min(index, blocks - 1), rows, columns, side);
    // The groups of x lie side by side, those of the output are interleaved.
    let x_strides = Strides {
        matrix: inner,
        row: inner * groups,
        column: 1u32.runtime(),
    };
    let w_strides = Strides {
        matrix: inner * columns,
        row: columns,
        column: 1u32.runtime(),
    };
    let sums = sums_of(
        x, weight, &at, first, every, rows, inner, columns, &x_strides, &w_strides, side,
    );
    if comptime!(slabs > 1) {
        add_slabs(&sums, side, slabs);
    }
    let channels = columns * groups;
    #[unroll]
    for i in 0..side {
        let row = at.top + i as u32 * at.down;
        #[unroll]
        for j in 0..side {
            let column = at.left + j as u32 * at.across;
            if index < blocks && first == 0 && row < rows && column < columns {
                let channel = column * groups + at.matrix;
                end(
                    sums[i * side + j].read(),
                    channel as usize,
                    channels as usize,
                    (row * channels + channel) as usize,
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

/// `[x, weight, affine, theta]`, see `SynapseOps::linear_norm`.
pub(super) fn launch(
    inputs: [CubeTensor; 4],
    shortcut: CubeTensor,
    behind: Behind,
) -> (CubeTensor, CubeTensor) {
    let [x, weight, affine, theta] = inputs.map(into_contiguous);
    let rows = x.shape()[0];
    let [groups, inner, columns] = [0, 1, 2].map(|axis| weight.shape()[axis]);
    let out = Outputs::new(&x, Shape::from([rows, groups * columns]), shortcut, behind);
    let deal = Deal::new(&x, groups, [rows, columns], inner);
    if deal.blocks == 0 {
        return out.finish();
    }
    let client = x.client.clone();
    // SAFETY: rows and columns are clamped to those of x and the weights, whose groups are as many; what is read beside
    // them and written belongs to a row and a channel that are inside.
    unsafe {
        linear_kernel::launch_unchecked(
            &client,
            deal.count,
            deal.dim,
            x.into_buffer_arg(),
            weight.into_buffer_arg(),
            affine.into_buffer_arg(),
            theta.into_buffer_arg(),
            out.potentials.clone().into_buffer_arg(),
            out.spikes.clone().into_buffer_arg(),
            deal.blocks as u32,
            groups as u32,
            rows as u32,
            inner as u32,
            columns as u32,
            behind.top(),
            deal.side,
            deal.slabs,
            out.ending,
        );
    }
    out.finish()
}
