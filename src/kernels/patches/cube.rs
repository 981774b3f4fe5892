//! Patches on the GPU: a thread a number.

use super::{PatchOps, Patches};
use crate::kernels::cube::{empty, grid};
use burn::backend::{TensorMetadata, tensor::FloatTensor};
use burn::tensor::Shape;
use burn_cubecl::{CubeBackend, kernel::into_contiguous};
use cubecl::prelude::*;

/// Channels of a picture, its side and that of a patch, and what is taken from a pixel and what it is divided by.
#[derive(CubeType, CubeLaunch, Clone, Copy)]
struct Cut {
    channels: u32,
    side: u32,
    patch: u32,
    mean: f32,
    deviation: f32,
}

/// Where the number `at` of the patches is among the pixels.
#[cube]
fn place(at: u32, cut: &Cut) -> usize {
    let (side, patch) = (cut.side, cut.patch);
    let n = side / patch;
    let (v, u) = (at % patch, at / patch % patch);
    let channel = at / (patch * patch) % cut.channels;
    let token = at / (patch * patch * cut.channels);
    let (j, i) = (token % n, token / n % n);
    let picture = token / (n * n);
    let line = (picture * cut.channels + channel) * side + i * patch + u;
    (line * side + j * patch + v) as usize
}

#[cube(launch)]
fn cut_kernel(pixels: &[f32], y: &mut [f32], cut: &Cut) {
    if ABSOLUTE_POS >= y.len() {
        terminate!();
    }
    let pixel = pixels[place(ABSOLUTE_POS as u32, cut)];
    y[ABSOLUTE_POS] = (pixel - cut.mean) / cut.deviation;
}

#[cube(launch)]
fn cut_noisy_kernel(pixels: &[f32], noise: &[f32], y: &mut [f32], cut: &Cut) {
    if ABSOLUTE_POS >= y.len() {
        terminate!();
    }
    let place = place(ABSOLUTE_POS as u32, cut);
    let pixel = pixels[place % pixels.len()] + noise[place];
    let pixel = min(max(pixel, f32::new(0.0)), f32::new(1.0));
    y[ABSOLUTE_POS] = (pixel - cut.mean) / cut.deviation;
}

fn launched(p: Patches, shape: &Shape) -> CutLaunch {
    let [channels, side, patch] = [shape[1], shape[3], p.side].map(|size| size as u32);
    CutLaunch::new(channels, side, patch, p.mean, p.deviation)
}

impl PatchOps for CubeBackend {
    fn cut_patches(pixels: FloatTensor<Self>, p: Patches) -> FloatTensor<Self> {
        let pixels = into_contiguous(pixels);
        let shape = pixels.shape();
        let y = empty(&pixels, p.shape(&shape));
        let (count, dim) = grid(&y, shape.num_elements());
        cut_kernel::launch(
            &y.client,
            count,
            dim,
            pixels.into_buffer_arg(),
            y.clone().into_buffer_arg(),
            launched(p, &shape),
        );
        y
    }

    fn cut_noisy_patches(
        pixels: FloatTensor<Self>,
        noise: FloatTensor<Self>,
        p: Patches,
    ) -> FloatTensor<Self> {
        let [pixels, noise] = [pixels, noise].map(into_contiguous);
        let shape = noise.shape();
        let y = empty(&pixels, p.shape(&shape));
        let (count, dim) = grid(&y, shape.num_elements());
        cut_noisy_kernel::launch(
            &y.client,
            count,
            dim,
            pixels.into_buffer_arg(),
            noise.into_buffer_arg(),
            y.clone().into_buffer_arg(),
            launched(p, &shape),
        );
        y
    }
}
