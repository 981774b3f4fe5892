//! The Newton–Schulz polynomial on the CPU: a product, and the rest of the sum in its place.

use super::NewtonSchulzOps;
use crate::kernels::flex::{
    contiguous,
    product::{Operand, product_into},
    wide,
};
use burn::backend::{Flex, TensorMetadata, flex::FlexTensor, tensor::FloatTensor};
use burn::tensor::TensorData;

impl NewtonSchulzOps for Flex {
    fn gram_polynomial(gram: FloatTensor<Self>, a: f32, b: f32, c: f32) -> FloatTensor<Self> {
        let gram = contiguous(gram);
        let values: &[f32] = gram.storage();
        let side = gram.shape()[2];
        let mut out = vec![0.0; values.len()];
        let matrices = values.chunks_exact((side * side).max(1));
        for (out, gram) in out.chunks_exact_mut((side * side).max(1)).zip(matrices) {
            let operand = Operand::new(gram, [side, side], side);
            product_into(operand, operand, out, side, false);
            wide(
                #[inline(always)]
                || {
                    for (out, gram) in out.iter_mut().zip(gram) {
                        *out = b * gram + c * *out;
                    }
                },
            );
            for own in out.iter_mut().step_by(side + 1) {
                *own += a;
            }
        }
        FlexTensor::from_data(TensorData::new(out, gram.shape()))
    }
}
