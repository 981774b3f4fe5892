//! Cross-entropy on the CPU.

use super::{CrossEntropyGrad, CrossEntropyOps};
use burn::backend::{Flex, TensorMetadata, flex::FlexTensor, tensor::FloatTensor};
use burn::tensor::TensorData;

impl CrossEntropyOps for Flex {
    fn fused_cross_entropy(
        logits: FloatTensor<Self>,
        targets: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        let (logits, targets) = (logits.to_contiguous(), targets.to_contiguous());
        let [batch, classes] = [logits.shape()[0], logits.shape()[1]];
        let mut loss = 0.0f64;
        for row in 0..batch {
            let row = row * classes..(row + 1) * classes;
            let (logits, targets) = (
                &logits.storage::<f32>()[row.clone()],
                &targets.storage()[row],
            );
            let (max, log_sum) = log_sum_exp(logits);
            let terms = logits
                .iter()
                .zip(targets)
                .map(|(l, t): (&f32, &f32)| t * (log_sum - (l - max)));
            loss += f64::from(terms.sum::<f32>());
        }
        let loss = (loss / batch as f64) as f32;
        FlexTensor::from_data(TensorData::from([loss]))
    }
}

impl CrossEntropyGrad for Flex {
    fn fused_cross_entropy_backward(
        logits: FloatTensor<Self>,
        targets: FloatTensor<Self>,
        grad: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        let (logits, targets) = (logits.to_contiguous(), targets.to_contiguous());
        let [batch, classes] = [logits.shape()[0], logits.shape()[1]];
        let factor = grad.to_contiguous().storage::<f32>()[0] / batch as f32;
        let mut out = vec![0.0f32; batch * classes];
        for row in 0..batch {
            let row = row * classes..(row + 1) * classes;
            let targets: &[f32] = &targets.storage()[row.clone()];
            let logits: &[f32] = &logits.storage()[row.clone()];
            let (max, log_sum) = log_sum_exp(logits);
            let mass: f32 = targets.iter().sum();
            for (out, (l, t)) in out[row].iter_mut().zip(logits.iter().zip(targets)) {
                *out = factor * ((l - max - log_sum).exp() * mass - t);
            }
        }
        FlexTensor::from_data(TensorData::new(out, logits.shape()))
    }
}

/// The maximum, and the logarithm of the sum around it: apart, so that large logits keep their digits.
fn log_sum_exp(logits: &[f32]) -> (f32, f32) {
    let max = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let sum: f32 = logits.iter().map(|l| (l - max).exp()).sum();
    (max, sum.ln())
}
