//! Patches on the CPU, line by line.

use super::{PatchOps, Patches};
use crate::kernels::flex::{contiguous, wide, written};
use burn::backend::{Flex, TensorMetadata, flex::FlexTensor, tensor::FloatTensor};
use burn::tensor::{Shape, TensorData};
use std::mem::MaybeUninit;

/// Patches of pictures of that shape, filled line by line: `fill` has a line and the place of its first pixel.
#[inline(always)]
fn by_line(
    shape: &Shape,
    p: Patches,
    fill: impl Fn(&mut [MaybeUninit<f32>], usize),
) -> FloatTensor<Flex> {
    let (channels, side, patch) = (shape[1], shape[3], p.side);
    let n = side / patch;
    let fill_all = |y: &mut [MaybeUninit<f32>]| {
        wide(
            #[inline(always)]
            || {
                // A line of a patch is a line of pixels.
                for (at, y) in y.chunks_exact_mut(patch).enumerate() {
                    let (u, channel) = (at % patch, at / patch % channels);
                    let token = at / patch / channels;
                    let (j, i, picture) = (token % n, token / n % n, token / n / n);
                    let line = (picture * channels + channel) * side + i * patch + u;
                    fill(y, line * side + j * patch);
                }
            },
        );
    };
    // SAFETY: patches tile the picture, so that every number is in one line, and `fill` fills a line.
    let y = unsafe { written(shape.num_elements(), fill_all) };
    FlexTensor::from_data(TensorData::new(y, p.shape(shape)))
}

impl PatchOps for Flex {
    fn cut_patches(pixels: FloatTensor<Self>, p: Patches) -> FloatTensor<Self> {
        let pixels = contiguous(pixels);
        let values: &[f32] = pixels.storage();
        by_line(
            &pixels.shape(),
            p,
            #[inline(always)]
            |y, at| {
                let pixels = &values[at..][..y.len()];
                for (y, pixel) in y.iter_mut().zip(pixels) {
                    y.write((pixel - p.mean) / p.deviation);
                }
            },
        )
    }

    fn cut_noisy_patches(
        pixels: FloatTensor<Self>,
        noise: FloatTensor<Self>,
        p: Patches,
    ) -> FloatTensor<Self> {
        let [pixels, noise] = [pixels, noise].map(contiguous);
        let (values, noises): (&[f32], &[f32]) = (pixels.storage(), noise.storage());
        by_line(
            &noise.shape(),
            p,
            #[inline(always)]
            |y, at| {
                // Every step begins with the first picture again.
                let pixels = &values[at % values.len()..][..y.len()];
                let noises = &noises[at..][..y.len()];
                for (y, (pixel, noise)) in y.iter_mut().zip(pixels.iter().zip(noises)) {
                    let pixel = (pixel + noise).clamp(0.0, 1.0);
                    y.write((pixel - p.mean) / p.deviation);
                }
            },
        )
    }
}
