//! What the CPU forms of the kernels share: loops in the widest SIMD of the processor, and memory used once.

pub(super) mod small;

use burn::backend::{TensorMetadata, flex::FlexTensor};
use burn::tensor::TensorData;

/// Elements worked on before they are written out: a part of the first-level cache.
const PART: usize = 2048;

/// Runs `work`, compiled once for each level of x86's vector units, at the widest that this processor has; elsewhere
/// as the target has it (SIMD128 in WebAssembly). Products and sums are not fused, so that all give the same numbers.
/// Mark the closure and what it calls `#[inline(always)]`: only what is inlined is compiled for the level.
#[inline(always)]
pub(super) fn wide<R>(work: impl FnOnce() -> R) -> R {
    macerator::AutoArch::new().dispatch(work)
}

/// `x` in order in memory. The handle that came in is gone, so that [`FlexTensor::storage_mut`] need not copy.
pub(super) fn contiguous(x: FlexTensor) -> FlexTensor {
    let ordered = x.to_contiguous();
    drop(x);
    ordered
}

/// `f` of every element of `x`, which is in order.
pub(super) fn map(x: &FlexTensor, f: impl Fn(f32) -> f32) -> FlexTensor {
    let values: &[f32] = x.storage();
    // Filled part by part: memory is not written twice, once with zeros.
    let mut out = Vec::with_capacity(values.len());
    wide(
        #[inline(always)]
        || {
            let mut part = [0.0; PART];
            for values in values.chunks(PART) {
                let part = &mut part[..values.len()];
                for (part, value) in part.iter_mut().zip(values) {
                    *part = f(*value);
                }
                out.extend_from_slice(part);
            }
        },
    );
    FlexTensor::from_data(TensorData::new(out, x.shape()))
}
