//! What every CubeCL kernel here needs around its launch.

pub(super) mod block;
pub(super) mod heads;
pub(super) mod product;
pub(super) mod windows;

use burn::backend::{DType, TensorMetadata};
use burn::tensor::Shape;
use burn_cubecl::{
    kernel::into_contiguous, ops::numeric::empty_device_contiguous_dtype, tensor::CubeTensor,
};
use cubecl::{calculate_cube_count_elemwise, prelude::*};

/// Threads of a workgroup: below the 256 that WebGPU guarantees, a multiple of every subgroup size.
pub(super) const THREADS: u32 = 128;

/// Workgroups for `units` threads, on the device of `on`.
pub(super) fn grid(on: &CubeTensor, units: usize) -> (CubeCount, CubeDim) {
    let dim = CubeDim::new_1d(THREADS);
    (calculate_cube_count_elemwise(&on.client, units, dim), dim)
}

/// Threads of a workgroup whose threads have a row each: rows are few, and small workgroups spread over a GPU.
const ROWS: u32 = 32;

/// Workgroups for `rows` rows of a thread each.
pub(super) fn row_grid(on: &CubeTensor, rows: usize) -> (CubeCount, CubeDim) {
    let dim = CubeDim::new_1d(ROWS);
    (calculate_cube_count_elemwise(&on.client, rows, dim), dim)
}

/// Numbers that a thread reads at once where rows are `width` long.
pub(super) fn vector(width: usize) -> usize {
    let sizes = [4, 2, 1];
    sizes
        .into_iter()
        .find(|n| width.is_multiple_of(*n))
        .unwrap_or(1)
}

/// The tensor in order and for writing: itself if nobody else holds its memory.
pub(super) fn own(tensor: CubeTensor) -> CubeTensor {
    let tensor = into_contiguous(tensor);
    if tensor.can_mut() {
        tensor
    } else {
        tensor.copy()
    }
}

/// An uninitialised tensor of the same shape and device.
pub(super) fn like(tensor: &CubeTensor) -> CubeTensor {
    empty(tensor, tensor.shape())
}

/// An uninitialised tensor on the device of `on`.
///
/// # Panics
/// When that tensor is not `f32`: the kernels compute in `f32` only.
pub(super) fn empty(on: &CubeTensor, shape: Shape) -> CubeTensor {
    assert_eq!(
        on.dtype,
        DType::F32,
        "the kernels take f32 tensors; cast them first"
    );
    empty_device_contiguous_dtype(on.client.clone(), on.device.clone(), shape, on.dtype)
}

/// Sum over the threads of a workgroup of [`THREADS`], for all of them.
#[cube]
pub(super) fn total_of_threads(value: f32) -> f32 {
    let mut shared = Shared::new_slice(comptime!(THREADS as usize));
    shared[UNIT_POS as usize] = value;
    sync_cube();
    if UNIT_POS == 0 {
        let mut total = 0.0f32;
        for thread in 0..comptime!(THREADS as usize) {
            total += shared[thread];
        }
        shared[0] = total;
    }
    sync_cube();
    shared[0]
}

#[cube(launch)]
fn total_kernel(parts: &[f32], sum: &mut [f32]) {
    let mut own = 0.0f32;
    let mut at = UNIT_POS as usize;
    while at < parts.len() {
        own += parts[at];
        at += comptime!(THREADS as usize);
    }
    let total = total_of_threads(own);
    if UNIT_POS == 0 {
        sum[0] = total;
    }
}

/// The sum of all parts, `[1]`, in one dispatch of one workgroup: for some thousands of them.
pub(super) fn total(parts: CubeTensor) -> CubeTensor {
    let sum = empty(&parts, Shape::from([1]));
    total_kernel::launch(
        &sum.client,
        CubeCount::new_1d(1),
        CubeDim::new_1d(THREADS),
        parts.into_buffer_arg(),
        sum.clone().into_buffer_arg(),
    );
    sum
}

/// Columns that a workgroup adds up, side by side, and the threads that share each of them.
pub(super) const COLUMNS: usize = 16;
pub(super) const SLABS: usize = 16;

/// Workgroups that add up `columns` columns: thread `(x, y)` every [`SLABS`]th row from y of the x-th column.
pub(super) fn columns(columns: usize) -> (CubeCount, CubeDim) {
    (
        CubeCount::new_1d(columns.div_ceil(COLUMNS) as u32),
        CubeDim::new_2d(COLUMNS as u32, SLABS as u32),
    )
}

/// Sum over the threads of a column, for all of them; `shared` has a place for each thread.
#[cube]
pub(super) fn total_of_slabs(value: f32, shared: &mut [f32]) -> f32 {
    let column = UNIT_POS_X as usize;
    sync_cube();
    shared[UNIT_POS_Y as usize * COLUMNS + column] = value;
    sync_cube();
    let mut sum = 0.0f32;
    #[unroll]
    for slab in 0..SLABS {
        sum += shared[slab * COLUMNS + column];
    }
    sum
}
