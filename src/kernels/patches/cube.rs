//! Patches on the GPU: a thread a number.

use super::{PatchOps, Patches};
use crate::kernels::cube::{empty, grid};
use burn::backend::{TensorMetadata, tensor::FloatTensor};
use burn_cubecl::{CubeBackend, kernel::into_contiguous};
use cubecl::prelude::*;

#[cube(launch)]
fn cut_kernel(
    pixels: &[f32],
    y: &mut [f32],
    mean: f32,
    deviation: f32,
    channels: u32,
    side: u32,
    patch: u32,
) {
    if ABSOLUTE_POS >= y.len() {
        terminate!();
    }
    let at = ABSOLUTE_POS as u32;
    let n = side / patch;
    let (v, u) = (at % patch, at / patch % patch);
    let channel = at / (patch * patch) % channels;
    let token = at / (patch * patch * channels);
    let (j, i) = (token % n, token / n % n);
    let picture = token / (n * n);
    let line = (picture * channels + channel) * side + i * patch + u;
    let from = line * side + j * patch + v;
    y[ABSOLUTE_POS] = (pixels[from as usize] - mean) / deviation;
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
            p.mean,
            p.deviation,
            shape[1] as u32,
            shape[3] as u32,
            p.side as u32,
        );
        y
    }
}
