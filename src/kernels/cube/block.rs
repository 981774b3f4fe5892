//! A block of sums for each thread: what the matrix product and the convolutions have in common.

#![allow(clippy::needless_range_loop)] // Kernels index; they have no iterators.

use super::grid;
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

/// Rows and columns of a thread's block: where blocks are many, and where they are few.
const LARGE: usize = 8;
const SMALL: usize = 4;
/// Large blocks that keep a GPU busy.
const MANY: usize = 1024;
/// Threads that share a small block where even those are few and sums are long, and blocks of such a workgroup.
const SLABS: usize = 8;
const TILES: usize = 16;
/// Small blocks that keep a GPU busy without sharing.
const ENOUGH: usize = 2048;
/// Sums worth sharing.
const LONG: usize = 256;

/// How a batch of `[rows, columns]` sums is dealt to threads.
pub(in crate::kernels) struct Deal {
    /// Rows and columns of a block.
    pub side: usize,
    pub blocks: usize,
    /// Whether threads share them.
    pub shared: bool,
    pub count: CubeCount,
    pub dim: CubeDim,
}

impl Deal {
    /// Of `count` such matrices of sums with `terms` terms.
    pub fn new(on: &CubeTensor, count: usize, [rows, columns]: [usize; 2], terms: usize) -> Self {
        let blocks_of = |side: usize| count * rows.div_ceil(side) * columns.div_ceil(side);
        let side = if blocks_of(LARGE) >= MANY {
            LARGE
        } else {
            SMALL
        };
        let blocks = blocks_of(side);
        let shared = side == SMALL && blocks < ENOUGH && terms >= LONG;
        let (count, dim) = if shared {
            (
                CubeCount::new_1d(blocks.div_ceil(TILES) as u32),
                CubeDim::new_2d(TILES as u32, SLABS as u32),
            )
        } else {
            grid(on, blocks)
        };
        Self {
            side,
            blocks,
            shared,
            count,
            dim,
        }
    }
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
pub(in crate::kernels) fn dealt(#[comptime] shared: bool) -> (u32, u32, u32) {
    if comptime!(shared) {
        let index = CUBE_POS as u32 * comptime!(TILES as u32) + UNIT_POS_X;
        (UNIT_POS_Y, comptime!(SLABS as u32).runtime(), index)
    } else {
        (0u32.runtime(), 1u32.runtime(), ABSOLUTE_POS as u32)
    }
}

/// The sums of all threads of a block, in the first of them. One sum of the block after the other through a small shared
/// memory: browsers clear all of it before a workgroup begins, which takes SwiftShader longer than some barriers do.
#[cube]
pub(in crate::kernels) fn add_slabs(sums: &Sequence<RuntimeCell<f32>>) {
    let mut parts = Shared::<[f32]>::new_slice(comptime!(SLABS * TILES));
    #[unroll]
    for i in 0..SMALL * SMALL {
        parts[UNIT_POS as usize] = sums[i].read();
        sync_cube();
        if UNIT_POS_Y == 0 {
            let mut sum = 0.0f32;
            #[unroll]
            for slab in 0..SLABS {
                sum += parts[slab * TILES + UNIT_POS_X as usize];
            }
            sums[i].store(sum);
        }
        sync_cube();
    }
}
