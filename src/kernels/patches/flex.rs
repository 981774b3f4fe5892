//! Patches on the CPU, line by line.

use super::{PatchOps, Patches};
use crate::kernels::flex::{contiguous, wide, written};
use burn::backend::{Flex, TensorMetadata, flex::FlexTensor, tensor::FloatTensor};
use burn::tensor::TensorData;
use std::mem::MaybeUninit;

impl PatchOps for Flex {
    fn cut_patches(pixels: FloatTensor<Self>, p: Patches) -> FloatTensor<Self> {
        let pixels = contiguous(pixels);
        let shape = pixels.shape();
        let (channels, side, patch) = (shape[1], shape[3], p.side);
        let n = side / patch;
        let values: &[f32] = pixels.storage();
        let fill = |y: &mut [MaybeUninit<f32>]| {
            wide(
                #[inline(always)]
                || {
                    // A line of a patch is a line of pixels.
                    for (at, y) in y.chunks_exact_mut(patch).enumerate() {
                        let (u, channel) = (at % patch, at / patch % channels);
                        let token = at / patch / channels;
                        let (j, i, picture) = (token % n, token / n % n, token / n / n);
                        let line = (picture * channels + channel) * side + i * patch + u;
                        let pixels = &values[line * side + j * patch..][..patch];
                        for (y, pixel) in y.iter_mut().zip(pixels) {
                            y.write((pixel - p.mean) / p.deviation);
                        }
                    }
                },
            );
        };
        // SAFETY: patches tile the picture, so that every number is in one line.
        let y = unsafe { written(shape.num_elements(), fill) };
        FlexTensor::from_data(TensorData::new(y, p.shape(&shape)))
    }
}
