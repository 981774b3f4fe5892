//! What every CubeCL kernel here needs around its launch.

use burn::backend::{DType, TensorMetadata};
use burn::tensor::Shape;
use burn_cubecl::{ops::numeric::empty_device_contiguous_dtype, tensor::CubeTensor};
use cubecl::{calculate_cube_count_elemwise, prelude::*};

/// Threads of a workgroup: below the 256 that WebGPU guarantees, a multiple of every subgroup size.
const THREADS: u32 = 128;

/// Workgroups for `units` threads, on the device of `on`.
pub(super) fn grid(on: &CubeTensor, units: usize) -> (CubeCount, CubeDim) {
    let dim = CubeDim::new_1d(THREADS);
    (calculate_cube_count_elemwise(&on.client, units, dim), dim)
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
