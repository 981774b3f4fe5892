//! Muon inside the optimiser: what it makes of two clipped gradients, against its equations.
#![cfg(feature = "cpu")]

use burn::nn::{Linear, LinearConfig};
use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor, TensorData};
use gemst::config::Optimizer;
use gemst::kernels::{NewtonSchulz, orthogonal_reference};
use gemst::train::optim::{FlatAdamW, Update};

const SHAPE: [usize; 2] = [16, 20];
const UPDATE: Update = Update {
    lr: 0.02,
    weight_decay: 0.1,
    clip_norm: 1.0,
    optimizer: Optimizer::Muon,
};

fn gradient(stride: usize, size: f32) -> Vec<f32> {
    let number = |i: usize| ((i * stride + stride) % 101) as f32 / 50.0 - 1.0;
    (0..SHAPE[0] * SHAPE[1]).map(|i| number(i) * size).collect()
}

fn tensor(values: Vec<f32>, device: &Device) -> Tensor<2> {
    Tensor::from_data(TensorData::new(values, SHAPE), device)
}

fn floats(x: Tensor<2>) -> Vec<f32> {
    x.into_data().iter::<f32>().collect()
}

/// The first gradient is longer than the bound, the second shorter.
#[test]
fn two_steps_are_its_equations() {
    let device = Device::flex().autodiff();
    let mut layer: Linear = LinearConfig::new(SHAPE[0], SHAPE[1])
        .with_bias(false)
        .init(&device);
    let mut optimiser = FlatAdamW::default();
    let mut wanted = floats(layer.weight.val());
    let mut moment = vec![0.0; wanted.len()];
    for gradient in [gradient(37, 0.5), gradient(13, 0.01)] {
        let loss = (layer.weight.val() * tensor(gradient.clone(), &device)).sum();
        let grads = GradientsParams::from_grads(loss.backward(), &layer);
        layer = optimiser.step(layer, grads, UPDATE);

        let norm = gradient.iter().map(|g| g * g).sum::<f32>().sqrt();
        let clipped = gradient.iter().map(|g| g * (1.0 / norm).min(1.0));
        let ahead: Vec<f32> = moment
            .iter_mut()
            .zip(clipped)
            .map(|(m, g)| {
                *m = 0.9 * *m + 0.1 * g;
                0.9 * *m + 0.1 * g
            })
            .collect();
        let steps = NewtonSchulz {
            coefficients: [3.4445, -4.7750, 2.0315],
            steps: 5,
        };
        let ahead = tensor(ahead, &Device::flex()).unsqueeze::<3>();
        let direction = floats(orthogonal_reference(ahead, steps).squeeze_dim::<2>(0));
        let size = 0.02 * 0.2 * 20f32.sqrt();
        for (weight, direction) in wanted.iter_mut().zip(direction) {
            *weight = *weight * (1.0 - 0.02 * 0.1) - size * direction;
        }
        for (ours, wanted) in floats(layer.weight.val()).iter().zip(&wanted) {
            assert!((ours - wanted).abs() < 2e-5, "{ours} and {wanted}");
        }
    }
}
