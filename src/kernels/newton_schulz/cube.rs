//! Newton–Schulz steps on the GPU: one dispatch for the norm, and three a step, of all matrices at once.

use super::{EPSILON, NewtonSchulz, NewtonSchulzOps};
use crate::kernels::cube::{
    THREADS, like,
    product::{Operand, Polynomial, Steps, polynomial, product},
    total_of_threads,
};
use burn::backend::{TensorMetadata, tensor::FloatTensor};
use burn::tensor::Shape;
use burn_cubecl::{CubeBackend, kernel::into_contiguous};
use cubecl::prelude::*;

/// A workgroup divides a matrix by its norm.
#[cube(launch)]
fn normalise_kernel(x: &[f32], out: &mut [f32], length: u32) {
    let threads = comptime!(THREADS as usize);
    let thread = UNIT_POS as usize;
    let length = length as usize;
    let first = CUBE_POS * length;
    let mut sum = 0.0f32;
    let mut at = thread;
    while at < length {
        sum += x[first + at] * x[first + at];
        at += threads;
    }
    let scale = 1.0 / (total_of_threads(sum).sqrt() + EPSILON);
    at = thread;
    while at < length {
        out[first + at] = x[first + at] * scale;
        at += threads;
    }
}

impl NewtonSchulzOps for CubeBackend {
    fn newton_schulz(x: FloatTensor<Self>, p: NewtonSchulz) -> FloatTensor<Self> {
        let x = into_contiguous(x);
        let shape = x.shape();
        let [count, rows, columns] = [shape[0], shape[1], shape[2]];
        if shape.num_elements() == 0 {
            return x;
        }
        let mut now = like(&x);
        normalise_kernel::launch(
            &x.client.clone(),
            CubeCount::new_1d(count as u32),
            CubeDim::new_1d(THREADS),
            x.into_buffer_arg(),
            now.clone().into_buffer_arg(),
            (rows * columns) as u32,
        );
        let [a, b, c] = p.coefficients;
        let p_of_gram = Polynomial {
            diagonal: a,
            own: b,
            product: c,
        };
        let side = rows.min(columns);
        let (square, of_square) = (
            Shape::from([count, side, side]),
            Steps::packed([side, side]),
        );
        let of_x = Steps::packed([rows, columns]);
        for _ in 0..p.steps {
            let x = Operand::new(now, [rows, columns], of_x);
            let (left, right) = if rows > columns {
                (x.clone().turned(), x.clone())
            } else {
                (x.clone(), x.clone().turned())
            };
            let gram = product(left, right, count, square.clone(), of_square);
            let gram = Operand::new(gram, [side, side], of_square);
            let sum = polynomial(gram, p_of_gram, count, square.clone(), of_square);
            let sum = Operand::new(sum, [side, side], of_square);
            let (left, right) = if rows > columns { (x, sum) } else { (sum, x) };
            now = product(left, right, count, shape.clone(), of_x);
        }
        now
    }
}
