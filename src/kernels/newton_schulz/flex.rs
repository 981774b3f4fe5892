//! Newton–Schulz steps on the CPU: three products each, the rest of the polynomial in the place of one.

use super::{EPSILON, NewtonSchulz, NewtonSchulzOps};
use crate::kernels::flex::{
    contiguous,
    product::{Operand, product_into},
    wide,
};
use burn::backend::{Flex, TensorMetadata, flex::FlexTensor, tensor::FloatTensor};
use burn::tensor::TensorData;

impl NewtonSchulzOps for Flex {
    fn newton_schulz(x: FloatTensor<Self>, p: NewtonSchulz) -> FloatTensor<Self> {
        let x = contiguous(x);
        let mut values = x.storage::<f32>().to_vec();
        let shape = [x.shape()[1], x.shape()[2]];
        for matrix in values.chunks_exact_mut((shape[0] * shape[1]).max(1)) {
            orthogonalise(matrix, shape, p);
        }
        FlexTensor::from_data(TensorData::new(values, x.shape()))
    }
}

fn orthogonalise(values: &mut [f32], [rows, columns]: [usize; 2], p: NewtonSchulz) {
    let norm = values.iter().map(|x| x * x).sum::<f32>().sqrt();
    let scale = (norm + EPSILON).recip();
    values.iter_mut().for_each(|x| *x *= scale);
    let side = rows.min(columns);
    let [mut gram, mut sum] = [(); 2].map(|()| vec![0.0; side * side]);
    let mut next = vec![0.0; values.len()];
    let [a, b, c] = p.coefficients;
    for _ in 0..p.steps {
        let x = Operand::new(values, [rows, columns], columns);
        if rows > columns {
            product_into(x.turned(), x, &mut gram, side, false);
        } else {
            product_into(x, x.turned(), &mut gram, side, false);
        }
        let of_gram = Operand::new(&gram, [side, side], side);
        product_into(of_gram, of_gram, &mut sum, side, false);
        wide(
            #[inline(always)]
            || {
                for (sum, gram) in sum.iter_mut().zip(&gram) {
                    *sum = b * gram + c * *sum;
                }
            },
        );
        sum.iter_mut().step_by(side + 1).for_each(|own| *own += a);
        let of_sum = Operand::new(&sum, [side, side], side);
        if rows > columns {
            product_into(x, of_sum, &mut next, columns, false);
        } else {
            product_into(of_sum, x, &mut next, columns, false);
        }
        values.copy_from_slice(&next);
    }
}
