//! Sums of columns in one dispatch: a workgroup has some columns, side by side in vectors, and its threads share the rows.

use cubecl::prelude::*;

/// Vectors that a workgroup adds up, and the threads that share each of them.
pub(in crate::kernels) const COLUMNS: usize = 4;
pub(in crate::kernels) const SLABS: usize = 64;
/// Threads that add up other threads' sums before one adds up theirs.
const STRIPES: usize = 8;

/// Workgroups that add up columns `width` vectors wide: thread `(x, y)` every [`SLABS`]th row from y of the x-th vector.
pub(in crate::kernels) fn columns(width: usize) -> (CubeCount, CubeDim) {
    (
        CubeCount::new_1d(width.div_ceil(COLUMNS) as u32),
        CubeDim::new_2d(COLUMNS as u32, SLABS as u32),
    )
}

/// Places for `sums` sums of every thread of a workgroup.
#[cube]
pub(in crate::kernels) fn places<N: Size>(#[comptime] sums: usize) -> Shared<[Vector<f32, N>]> {
    Shared::new_slice(comptime!(sums * COLUMNS * SLABS))
}

/// Leaves this thread's part of a sum where [`add_up`] finds it.
#[cube]
pub(in crate::kernels) fn put<N: Size>(
    shared: &mut [Vector<f32, N>],
    #[comptime] sum: usize,
    value: Vector<f32, N>,
) {
    shared[comptime!(sum * COLUMNS * SLABS) + UNIT_POS as usize] = value;
}

/// Adds up what all threads of a workgroup have put there, for `sums` sums; every thread must come here.
#[cube]
pub(in crate::kernels) fn add_up<N: Size>(shared: &mut [Vector<f32, N>], #[comptime] sums: usize) {
    sync_cube();
    if UNIT_POS_Y < comptime!(STRIPES as u32) {
        #[unroll]
        for sum in 0..sums {
            let own = comptime!(sum * COLUMNS * SLABS) + UNIT_POS as usize;
            let mut total = shared[own];
            #[unroll]
            for slab in 1..comptime!(SLABS / STRIPES) {
                total += shared[own + comptime!(slab * STRIPES * COLUMNS)];
            }
            shared[own] = total;
        }
    }
    sync_cube();
}

/// A sum that [`add_up`] has left, of this thread's column.
#[cube]
pub(in crate::kernels) fn total<N: Size>(
    shared: &[Vector<f32, N>],
    #[comptime] sum: usize,
) -> Vector<f32, N> {
    let first = comptime!(sum * COLUMNS * SLABS) + UNIT_POS_X as usize;
    let mut total = shared[first];
    #[unroll]
    for stripe in 1..STRIPES {
        total += shared[first + comptime!(stripe * COLUMNS)];
    }
    total
}
