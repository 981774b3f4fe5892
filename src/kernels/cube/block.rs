//! A block of sums for each thread: what the matrix product and the convolutions have in common.

#![allow(clippy::needless_range_loop)] // Kernels index; they have no iterators.

use super::{THREADS, grid};
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

/// Rows and columns of a thread's block: where blocks are many or sums very long, and elsewhere.
const LARGE: usize = 8;
const SMALL: usize = 4;
/// Large blocks that keep a GPU busy.
const MANY: usize = 1024;
/// Small blocks that keep a GPU busy without sharing.
const ENOUGH: usize = 2048;
/// Sums worth sharing, and those in which even the sums of a large block are added up in little of the time.
const LONG: usize = 512;
const VERY_LONG: usize = 1024;

/// How a batch of `[rows, columns]` sums is dealt to threads.
pub(in crate::kernels) struct Deal {
    /// Rows and columns of a block.
    pub side: usize,
    pub blocks: usize,
    /// Threads that share a block; 1 for a thread of its own.
    pub slabs: usize,
    pub count: CubeCount,
    pub dim: CubeDim,
}

impl Deal {
    /// Of `count` such matrices of sums with `terms` terms.
    pub fn new(on: &CubeTensor, count: usize, [rows, columns]: [usize; 2], terms: usize) -> Self {
        let (side, slabs) = dealing(count, [rows, columns], terms);
        let blocks = count * blocks_of([rows, columns], side);
        let (count, dim) = if slabs > 1 {
            let tiles = tiles(slabs);
            (
                CubeCount::new_1d(blocks.div_ceil(tiles) as u32),
                CubeDim::new_2d(tiles as u32, slabs as u32),
            )
        } else {
            grid(on, blocks)
        };
        Self {
            side,
            blocks,
            slabs,
            count,
            dim,
        }
    }
}

fn blocks_of([rows, columns]: [usize; 2], side: usize) -> usize {
    rows.div_ceil(side) * columns.div_ceil(side)
}

/// Side of a block, and threads that share one, for `count` matrices of `[rows, columns]` sums with `terms` terms.
pub(in crate::kernels) fn dealing(count: usize, sums: [usize; 2], terms: usize) -> (usize, usize) {
    let blocks = |side: usize| count * blocks_of(sums, side);
    if blocks(LARGE) >= MANY {
        (LARGE, 1)
    } else if terms >= VERY_LONG {
        (LARGE, 16)
    } else if terms >= LONG && blocks(SMALL) < ENOUGH {
        (SMALL, 8)
    } else {
        (SMALL, 1)
    }
}

/// Blocks of a workgroup whose threads share them.
pub(in crate::kernels) const fn tiles(slabs: usize) -> usize {
    THREADS as usize / slabs
}

/// Where a thread's block lies: it has every `down`th row of a matrix from `top` on and every `across`th column from `left`
/// on, so that neighbouring threads read neighbouring numbers.
#[derive(CubeType)]
pub(in crate::kernels) struct Spread {
    pub matrix: u32,
    pub top: u32,
    pub down: u32,
    pub left: u32,
    pub across: u32,
}

/// Block `block` of matrices of `rows` and `columns`.
#[cube]
pub(in crate::kernels) fn spread(
    block: u32,
    rows: u32,
    columns: u32,
    #[comptime] side: usize,
) -> Spread {
    let across = columns.div_ceil(comptime!(side as u32));
    let down = rows.div_ceil(comptime!(side as u32));
    Spread {
        matrix: block / across / down,
        top: block / across % down,
        down,
        left: block % across,
        across,
    }
}

/// A block of `side`² sums, one register each.
#[cube]
pub(in crate::kernels) fn zeros(#[comptime] side: usize) -> Sequence<RuntimeCell<f32>> {
    let mut sums = Sequence::<RuntimeCell<f32>>::new();
    #[unroll]
    for _ in 0..side * side {
        sums.push(RuntimeCell::new(0.0f32));
    }
    sums
}

/// Adds `factor` times `line` to a row of the block.
#[cube]
pub(in crate::kernels) fn add_line(
    sums: &Sequence<RuntimeCell<f32>>,
    factor: f32,
    line: &Array<f32>,
    #[comptime] row: usize,
    #[comptime] side: usize,
) {
    #[unroll]
    for j in 0..side {
        let sum = &sums[row * side + j];
        sum.store(sum.read() + factor * line[j]);
    }
}

/// The first term of a thread's sums, how many it goes on by, and its block.
#[cube]
pub(in crate::kernels) fn dealt(#[comptime] slabs: usize) -> (u32, u32, u32) {
    if comptime!(slabs > 1) {
        let index = CUBE_POS as u32 * comptime!(tiles(slabs) as u32) + UNIT_POS_X;
        (UNIT_POS_Y, comptime!(slabs as u32).runtime(), index)
    } else {
        (0u32.runtime(), 1u32.runtime(), ABSOLUTE_POS as u32)
    }
}

/// Sums that threads add up between two barriers.
const AT_ONCE: usize = 4;

/// The sums of all threads of a block, in the first of them. A few sums of the block after the other through a small
/// shared memory: browsers clear all of it before a workgroup begins, and a processor (SwiftShader) pays both for that
/// and for every barrier.
#[cube]
pub(in crate::kernels) fn add_slabs(
    sums: &Sequence<RuntimeCell<f32>>,
    #[comptime] side: usize,
    #[comptime] slabs: usize,
) {
    let mut parts = Shared::<[f32]>::new_slice(comptime!(AT_ONCE * THREADS as usize));
    #[unroll]
    for first in 0..comptime!(side * side / AT_ONCE) {
        #[unroll]
        for i in 0..AT_ONCE {
            let part = &sums[first * AT_ONCE + i];
            parts[i * comptime!(THREADS as usize) + UNIT_POS as usize] = part.read();
        }
        sync_cube();
        if UNIT_POS_Y == 0 {
            #[unroll]
            for i in 0..AT_ONCE {
                let mut sum = 0.0f32;
                for slab in 0..comptime!(slabs) {
                    let place = i * comptime!(THREADS as usize) + slab * comptime!(tiles(slabs));
                    sum += parts[place + UNIT_POS_X as usize];
                }
                sums[first * AT_ONCE + i].store(sum);
            }
        }
        sync_cube();
    }
}
