//! The Newton–Schulz polynomial on the GPU: a thread an element.

use super::NewtonSchulzOps;
use crate::kernels::cube::{grid, like};
use burn::backend::{TensorMetadata, tensor::FloatTensor};
use burn_cubecl::{CubeBackend, kernel::into_contiguous};
use cubecl::prelude::*;

#[cube(launch)]
fn polynomial_kernel(gram: &[f32], out: &mut [f32], side: u32, a: f32, b: f32, c: f32) {
    if ABSOLUTE_POS >= out.len() {
        terminate!();
    }
    let side = side as usize;
    let column = ABSOLUTE_POS % side;
    let row = ABSOLUTE_POS / side % side;
    let first = ABSOLUTE_POS - row * side - column;
    let mut square = 0.0f32;
    for e in 0..side {
        square += gram[first + row * side + e] * gram[first + e * side + column];
    }
    let own = select(row == column, a, 0.0f32);
    out[ABSOLUTE_POS] = own + b * gram[ABSOLUTE_POS] + c * square;
}

impl NewtonSchulzOps for CubeBackend {
    fn gram_polynomial(gram: FloatTensor<Self>, a: f32, b: f32, c: f32) -> FloatTensor<Self> {
        let gram = into_contiguous(gram);
        let (out, shape) = (like(&gram), gram.shape());
        let client = gram.client.clone();
        let (count, dim) = grid(&gram, shape.num_elements());
        polynomial_kernel::launch(
            &client,
            count,
            dim,
            gram.into_buffer_arg(),
            out.clone().into_buffer_arg(),
            shape[2] as u32,
            a,
            b,
            c,
        );
        out
    }
}
