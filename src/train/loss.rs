//! Cross-entropy against soft targets (label smoothing, mixup).

use burn::tensor::{Device, Tensor, TensorData, activation::log_softmax};

/// Target distributions `[B, classes]`: `1 - s` on the label and `s/classes` everywhere; with mixup, the mixture of
/// two labels by `lambda`.
pub fn targets(
    labels: &[u8],
    mix: Option<&(Vec<u8>, f32)>,
    classes: usize,
    smoothing: f32,
    device: &Device,
) -> Tensor<2> {
    let mut values = vec![smoothing / classes as f32; labels.len() * classes];
    let lambda = mix.map_or(1.0, |(_, lambda)| *lambda);
    for (row, &label) in labels.iter().enumerate() {
        values[row * classes + usize::from(label)] += (1.0 - smoothing) * lambda;
        if let Some((second, _)) = mix {
            values[row * classes + usize::from(second[row])] += (1.0 - smoothing) * (1.0 - lambda);
        }
    }
    Tensor::from_data(TensorData::new(values, [labels.len(), classes]), device)
}

/// Mean of `-Σ target · log softmax(logits)` over the batch, `[1]`.
pub fn cross_entropy(logits: Tensor<2>, targets: Tensor<2>) -> Tensor<1> {
    let batch = logits.dims()[0];
    (log_softmax(logits, 1) * targets).sum() / -(batch as f32)
}
