//! Muon's step on the CPU: three products a Newton–Schulz step, the rest of the polynomial in the place of one.

use super::{EPSILON, FlatMatrix, NewtonSchulz, NewtonSchulzOps};
use crate::kernels::flex::{
    contiguous,
    product::{Operand, product_into},
    wide,
};
use burn::backend::{Flex, tensor::FloatTensor};
use std::sync::Arc;

impl NewtonSchulzOps for Flex {
    fn muon_step(
        weights: FloatTensor<Self>,
        momentum: FloatTensor<Self>,
        matrices: Arc<Vec<FlatMatrix>>,
        p: NewtonSchulz,
        lr: f32,
    ) -> FloatTensor<Self> {
        let [mut weights, mut momentum] = [weights, momentum].map(contiguous);
        let (all, momenta): (&mut [f32], &mut [f32]) =
            (weights.storage_mut(), momentum.storage_mut());
        for matrix in matrices.iter() {
            let place = matrix.start..matrix.start + matrix.len();
            let step = &mut momenta[place.clone()];
            orthogonalise(step, [matrix.rows, matrix.columns], p);
            let scale = matrix.scale(lr);
            let own = &mut all[place];
            wide(
                #[inline(always)]
                || {
                    for (weight, step) in own.iter_mut().zip(step.iter()) {
                        *weight -= scale * step;
                    }
                },
            );
        }
        weights
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
