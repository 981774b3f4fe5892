//! BatchNorm with the ExpG-IF neurons behind it: by hand, the two apart, and finite differences.
#![cfg(feature = "cpu")]

#[path = "kernels_support/lif_cases.rs"]
#[allow(dead_code)]
mod cases;
#[path = "kernels_support/norms.rs"]
mod norms;
#[path = "kernels_support/numbers.rs"]
mod numbers;

use burn::nn::BatchNorm;
use burn::tensor::{Device, Tensor};
use cases::draw;
use gemst::kernels::{ExpGIfParams, batch_norm_exp_g_if, batch_norm_layer, exp_g_if_with};
use norms::{EPSILON, norm};
use numbers::{assert_close, floats, tensor};
use proptest::prelude::*;

fn code(steps: usize, groups: usize) -> ExpGIfParams {
    ExpGIfParams {
        steps,
        groups,
        lsq_scale: true,
    }
}

/// x, the parameters and the weights of the loss `Σ w y`.
struct Case {
    /// R, C and positions.
    shape: [usize; 3],
    x: Vec<f32>,
    gamma: Vec<f32>,
    beta: Vec<f32>,
    theta: f32,
    w: Vec<f32>,
}

impl Case {
    fn draw(seed: u64, shape: [usize; 3], theta: f32) -> Self {
        let (count, channels) = (shape.iter().product(), shape[1]);
        Self {
            shape,
            x: draw(seed, count, -2.0, 3.0),
            gamma: draw(seed + 2, channels, -2.0, 2.0),
            beta: draw(seed + 3, channels, 0.0, 1.5),
            theta,
            w: draw(seed + 1, count, -1.0, 1.0),
        }
    }

    /// y, gradients of the loss with respect to x, gamma, beta and theta, running mean and variance.
    fn run<const D: usize>(
        &self,
        shape: [usize; D],
        neurons: impl Fn(&BatchNorm, Tensor<D>, Tensor<1>) -> Tensor<D>,
    ) -> [Vec<f32>; 7] {
        let norm = norm(&self.gamma, &self.beta);
        let x = tensor(&self.x, shape).require_grad();
        let theta = tensor(&[self.theta], [1]).require_grad();
        let y = neurons(&norm, x.clone(), theta.clone());
        let grads = (y.clone() * tensor(&self.w, shape)).sum().backward();
        [
            floats(y),
            floats(x.grad(&grads).expect("tracked")),
            floats(norm.gamma.val().grad(&grads).expect("tracked")),
            floats(norm.beta.val().grad(&grads).expect("tracked")),
            floats(theta.grad(&grads).expect("tracked")),
            floats(norm.running_mean.value_sync()),
            floats(norm.running_var.value_sync()),
        ]
    }
}

#[test]
fn outputs_by_hand() {
    // One channel of 0 and 2: mean 1, variance 1, so -1 and 1 behind the norm, -0.7 and 1.3 with beta. Half a threshold of
    // 0.5 added and cut to its multiples: 0 and 3 of them. Three are the most that two steps can say, so 8.3 is 1.5 too.
    let theta = || tensor(&[0.5], [1]);
    let x = tensor(&[0.0, 2.0], [2, 1]);
    let y = batch_norm_exp_g_if(&norm(&[1.0], &[0.3]), x.clone(), theta(), &code(2, 1));
    assert_eq!(floats(y), [0.0, 1.5]);
    let y = batch_norm_exp_g_if(&norm(&[8.0], &[0.3]), x, theta(), &code(2, 1));
    assert_eq!(floats(y), [0.0, 1.5]);
}

#[test]
fn without_learning_the_running_statistics_count() {
    let norm = burn::module::Module::to_device(norm(&[1.0], &[0.0]), &Device::flex());
    let x = Tensor::<2>::from_data([[0.5], [2.6]], &Device::flex());
    let theta = Tensor::from_floats([0.5], &Device::flex());
    // Running mean 0 and variance 1: x itself, at thresholds of 0.5.
    let y = batch_norm_exp_g_if(&norm, x, theta, &code(4, 1));
    assert_eq!(floats(y), [0.5, 2.5]);
}

/// Straight through, a spike train is a line of slope 1 or 0 in z, which BatchNorm is differentiated behind; theta's
/// gradient is LSQ's.
#[test]
fn finite_differences_of_the_backward() {
    let shape = [5, 3, 4];
    let [rows, channels, positions] = shape;
    let case = Case::draw(9, shape, 0.3);
    let p = code(2, 1);
    let ours = case.run(shape, |norm, x, theta| {
        batch_norm_exp_g_if(norm, x, theta, &p)
    });
    let wide = |values: &[f32]| values.iter().copied().map(f64::from).collect::<Vec<f64>>();
    let (w, theta, top) = (wide(&case.w), f64::from(case.theta), 3.0);
    let potentials = |x: &[f64], gamma: &[f64], beta: &[f64]| -> Vec<f64> {
        let mut z = vec![0.0; x.len()];
        for c in 0..channels {
            let of_channel = || (0..x.len()).filter(|i| i / positions % channels == c);
            let m = (rows * positions) as f64;
            let mean = of_channel().map(|i| x[i]).sum::<f64>() / m;
            let var = of_channel().map(|i| (x[i] - mean).powi(2)).sum::<f64>() / m;
            for i in of_channel() {
                z[i] = gamma[c] * (x[i] - mean) / (var + EPSILON).sqrt() + beta[c];
            }
        }
        z
    };
    let inputs = [wide(&case.x), wide(&case.gamma), wide(&case.beta)];
    let z = potentials(&inputs[0], &inputs[1], &inputs[2]);
    let inside: Vec<bool> = z
        .iter()
        .map(|z| (0.0..(top + 1.0) * theta).contains(&(z + theta / 2.0)))
        .collect();
    assert!(inside.contains(&true) && inside.contains(&false));
    let line = |z: Vec<f64>| -> f64 {
        let places = z.iter().zip(&inside).zip(&w);
        places
            .map(|((z, &on), w)| if on { w * z } else { 0.0 })
            .sum()
    };
    for (which, ours) in ours[1..4].iter().enumerate() {
        for index in 0..ours.len() {
            let at = |h: f64| {
                let mut moved = inputs.clone();
                moved[which][index] += h;
                line(potentials(&moved[0], &moved[1], &moved[2]))
            };
            let slope = (at(1e-6) - at(-1e-6)) / 2e-6;
            assert_close(&[ours[index]], &[slope as f32], 1e-3, &format!("{which}"));
        }
    }
    let by_theta: f64 = z
        .iter()
        .zip(&w)
        .zip(&inside)
        .map(|((z, w), &on)| {
            let n = (z / theta + 0.5).floor().clamp(0.0, top);
            w * if on { n - z / theta } else { n }
        })
        .sum();
    let scale = 1.0 / (w.len() as f64 * top).sqrt();
    assert_close(&ours[4], &[(scale * by_theta) as f32], 1e-3, "theta");
}

proptest! {
    #[test]
    fn fused_is_the_two_apart(
        rows in 2usize..60,
        channels in 1usize..70,
        positions in 1usize..40,
        steps in 1usize..5,
        groups in 1usize..3,
        theta in 0.05f32..0.6,
        seed in 0u64..1 << 32,
    ) {
        let shape = [rows, channels, positions];
        let case = Case::draw(seed, shape, theta);
        let p = code(steps, groups);
        // Maps, and rows of as many numbers.
        let maps = [
            case.run(shape, |norm, x, theta| batch_norm_exp_g_if(norm, x, theta, &p)),
            case.run(shape, |norm, x, theta| exp_g_if_with(batch_norm_layer(norm, x), theta, &p)),
        ];
        let narrow = Case { shape: [rows * positions, channels, 1], ..case };
        let flat = [narrow.shape[0], channels];
        let flat = [
            narrow.run(flat, |norm, x, theta| batch_norm_exp_g_if(norm, x, theta, &p)),
            narrow.run(flat, |norm, x, theta| exp_g_if_with(batch_norm_layer(norm, x), theta, &p)),
        ];
        for [fused, apart] in [maps, flat] {
            // The same arithmetic up to the neuron, so the same outputs.
            prop_assert_eq!(&fused[0], &apart[0]);
            let names = ["x", "gamma", "beta", "theta", "mean", "variance"];
            for (name, (fused, apart)) in names.iter().zip(fused[1..].iter().zip(&apart[1..])) {
                assert_close(fused, apart, 2e-4, name);
            }
        }
    }
}
