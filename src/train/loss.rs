//! What the loss compares logits with: soft targets (label smoothing, mixup). The loss itself is
//! [`crate::kernels::softmax_cross_entropy`].

use burn::tensor::{Device, Tensor, TensorData};

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
