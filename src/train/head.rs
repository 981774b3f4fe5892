//! A classifier alone, on features that stay: softmax regression on the host. The features of a frozen network are
//! computed once, so that this takes a fraction of a second where as many training steps would take minutes.

use super::eval::softmax;

/// Passes over all examples.
const PASSES: u32 = 200;
/// Step of Adam (arXiv:1412.6980) at the first pass; it falls linearly to nothing.
const RATE: f32 = 0.1;
/// Weight of the squared weights in the loss, in units of standardised features. It keeps the answer modest where
/// the examples are few and always separable.
const DECAY: f32 = 3e-3;
/// Features that vary less than this are silent: they say nothing, and must not be blown up.
const SILENT: f32 = 1e-5;

/// `logits = x W + b`.
#[derive(Debug, Clone, PartialEq)]
pub struct LinearHead {
    /// `[C, classes]`, row by row.
    pub weight: Vec<f32>,
    /// `[classes]`.
    pub bias: Vec<f32>,
}

impl LinearHead {
    /// The head that minimises mean cross-entropy on `features`, `[labels, C]` row by row, from a head of zeros.
    /// The problem is convex: where it starts hardly matters.
    ///
    /// # Panics
    /// If the features are not `C` numbers for each label, or a label is not below `classes`.
    pub fn fit(features: &[f32], labels: &[u8], classes: usize) -> Self {
        let rows = labels.len().max(1);
        let dim = features.len() / rows;
        assert_eq!(features.len(), dim * labels.len(), "features are rows");
        let (mean, scale) = moments(features, dim, rows);
        let standard: Vec<f32> = features
            .iter()
            .enumerate()
            .map(|(at, x)| (x - mean[at % dim]) * scale[at % dim])
            .collect();
        let mut adam = Adam::new((dim + 1) * classes);
        for pass in 0..PASSES {
            let gradient = gradient(&adam.values, &standard, labels, dim, classes);
            let left = 1.0 - pass as f32 / PASSES as f32;
            adam.step(&gradient, RATE * left);
        }
        // Back to the features as the network has them.
        let (mut weight, mut bias) = (adam.values, Vec::new());
        bias.extend(weight.drain(dim * classes..));
        for (c, row) in weight.chunks_exact_mut(classes.max(1)).enumerate() {
            for (value, bias) in row.iter_mut().zip(&mut bias) {
                *value *= scale[c];
                *bias -= *value * mean[c];
            }
        }
        Self { weight, bias }
    }
}

/// Mean of each feature, and one over its standard deviation (0 for a silent one).
fn moments(features: &[f32], dim: usize, rows: usize) -> (Vec<f32>, Vec<f32>) {
    let mut mean = vec![0.0; dim];
    let mut scale = vec![0.0; dim];
    for row in features.chunks_exact(dim.max(1)) {
        for (mean, x) in mean.iter_mut().zip(row) {
            *mean += x / rows as f32;
        }
    }
    for row in features.chunks_exact(dim.max(1)) {
        for ((scale, mean), x) in scale.iter_mut().zip(&mean).zip(row) {
            *scale += (x - mean).powi(2) / rows as f32;
        }
    }
    for scale in &mut scale {
        let deviation = scale.sqrt();
        *scale = if deviation > SILENT {
            1.0 / deviation
        } else {
            0.0
        };
    }
    (mean, scale)
}

/// Gradient of the mean cross-entropy and the decay; `values` is `[C, classes]`, then the bias.
fn gradient(
    values: &[f32],
    standard: &[f32],
    labels: &[u8],
    dim: usize,
    classes: usize,
) -> Vec<f32> {
    let (weight, bias) = values.split_at(dim * classes);
    let mut gradient: Vec<f32> = weight.iter().map(|w| w * DECAY).collect();
    gradient.resize(values.len(), 0.0);
    for (row, &label) in standard.chunks_exact(dim.max(1)).zip(labels) {
        let mut logits = bias.to_vec();
        for (x, weights) in row.iter().zip(weight.chunks_exact(classes)) {
            for (logit, w) in logits.iter_mut().zip(weights) {
                *logit += x * w;
            }
        }
        let mut error = softmax(&logits);
        error[usize::from(label)] -= 1.0;
        for error in &mut error {
            *error /= labels.len() as f32;
        }
        let (weights, biases) = gradient.split_at_mut(dim * classes);
        for (x, slopes) in row.iter().zip(weights.chunks_exact_mut(classes)) {
            for (slope, e) in slopes.iter_mut().zip(&error) {
                *slope += x * e;
            }
        }
        for (slope, e) in biases.iter_mut().zip(&error) {
            *slope += e;
        }
    }
    gradient
}

struct Adam {
    values: Vec<f32>,
    first: Vec<f32>,
    second: Vec<f32>,
    time: i32,
}

impl Adam {
    fn new(len: usize) -> Self {
        Self {
            values: vec![0.0; len],
            first: vec![0.0; len],
            second: vec![0.0; len],
            time: 0,
        }
    }

    fn step(&mut self, gradient: &[f32], rate: f32) {
        const BETAS: [f32; 2] = [0.9, 0.999];
        self.time += 1;
        let [first_share, second_share] = BETAS.map(|beta| 1.0 - beta.powi(self.time));
        let state = self.first.iter_mut().zip(&mut self.second);
        for ((value, (first, second)), g) in self.values.iter_mut().zip(state).zip(gradient) {
            *first = BETAS[0] * *first + (1.0 - BETAS[0]) * g;
            *second = BETAS[1] * *second + (1.0 - BETAS[1]) * g * g;
            *value -= rate * (*first / first_share) / ((*second / second_share).sqrt() + 1e-8);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::eval::argmax;

    /// Three classes on a line of two features, a third one that is silent.
    fn examples() -> (Vec<f32>, Vec<u8>) {
        let mut features = Vec::new();
        let mut labels = Vec::new();
        for i in 0..30u8 {
            let class = i % 3;
            let wiggle = f32::from(i / 3) * 0.01;
            let x = f32::from(class) * 0.2 + wiggle;
            features.extend([100.0 + x, (x - 0.2).powi(2), 7.0]);
            labels.push(class);
        }
        (features, labels)
    }

    #[test]
    fn separable_classes_are_separated_and_silent_features_stay_out() {
        let (features, labels) = examples();
        let head = LinearHead::fit(&features, &labels, 3);
        for (row, &label) in features.chunks_exact(3).zip(&labels) {
            let logits: Vec<f32> = (0..3)
                .map(|k| {
                    head.bias[k] + (0..3).map(|c| row[c] * head.weight[c * 3 + k]).sum::<f32>()
                })
                .collect();
            assert_eq!(argmax(&logits), usize::from(label), "{row:?}: {logits:?}");
        }
        assert_eq!(head.weight[6..], [0.0; 3]);
    }

    #[test]
    fn features_that_say_nothing_give_the_shares_of_the_classes() {
        let labels: Vec<u8> = (0..40).map(|i| u8::from(i % 4 == 0)).collect();
        let head = LinearHead::fit(&vec![3.5; 80], &labels, 2);
        let shares = softmax(&head.bias);
        assert!((shares[1] - 0.25).abs() < 0.01, "{shares:?}");
    }
}
