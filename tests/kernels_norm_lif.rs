//! BatchNorm with the LIF neurons behind it: the two apart, and finite differences.
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
use cases::{any_params, draw, params, smooth_spikes, strategy};
use gemst::kernels::{LifParams, batch_norm_layer, batch_norm_lif, lif};
use norms::{EPSILON, norm};
use numbers::{assert_close, floats, tensor};
use proptest::prelude::*;

/// x, gamma, beta and the weights of the loss `Σ w s`.
struct Case {
    /// T, R, C and the steps of a group.
    shape: [usize; 4],
    x: Vec<f32>,
    gamma: Vec<f32>,
    beta: Vec<f32>,
    w: Vec<f32>,
}

impl Case {
    fn draw(seed: u64, shape: [usize; 4]) -> Self {
        let [steps, rows, channels, _] = shape;
        let count = steps * rows * channels;
        Self {
            shape,
            x: draw(seed, count, -2.0, 3.0),
            gamma: draw(seed + 2, channels, -2.0, 2.0),
            beta: draw(seed + 3, channels, 0.0, 1.5),
            w: draw(seed + 1, count, -1.0, 1.0),
        }
    }

    /// Spikes, gradients of the loss with respect to x, gamma and beta, running mean and variance.
    fn run(&self, spikes: impl Fn(&BatchNorm, Tensor<2>) -> Tensor<2>) -> [Vec<f32>; 6] {
        let [steps, rows, channels, _] = self.shape;
        let shape = [steps * rows, channels];
        let norm = norm(&self.gamma, &self.beta);
        let x = tensor(&self.x, shape).require_grad();
        let s = spikes(&norm, x.clone());
        let grads = (s.clone() * tensor(&self.w, shape)).sum().backward();
        [
            floats(s),
            floats(x.grad(&grads).expect("tracked")),
            floats(norm.gamma.val().grad(&grads).expect("tracked")),
            floats(norm.beta.val().grad(&grads).expect("tracked")),
            floats(norm.running_mean.value_sync()),
            floats(norm.running_var.value_sync()),
        ]
    }

    fn fused(&self, p: &LifParams) -> [Vec<f32>; 6] {
        let [steps, .., group] = self.shape;
        self.run(|norm, x| batch_norm_lif(norm, x, p, steps, group))
    }

    fn apart(&self, p: &LifParams) -> [Vec<f32>; 6] {
        let [steps, rows, channels, group] = self.shape;
        self.run(|norm, x| {
            let shape = x.dims();
            let x = batch_norm_layer(norm, x).reshape([steps, rows * channels]);
            lif(x, p, group).reshape(shape)
        })
    }
}

#[test]
fn spikes_by_hand() {
    // One channel of 0 and 2: mean 1, variance 1, so -1 and 1 behind the norm; plus 2: 1 and 3. tau 2, threshold 1:
    // H = 0.5, then 0.75, no spike; and H = 1.5, a spike at each step, as the membrane starts anew.
    let norm = norm(&[1.0], &[2.0]);
    let x = tensor(&[0.0, 2.0, 0.0, 2.0], [4, 1]);
    let s = batch_norm_lif(&norm, x, &params(), 2, 2);
    assert_eq!(floats(s), [0.0, 1.0, 0.0, 1.0]);
}

#[test]
fn without_learning_the_running_statistics_count() {
    let mut norm = norm(&[1.0], &[0.0]);
    norm = burn::module::Module::to_device(norm, &Device::flex());
    let x = Tensor::<2>::from_data([[0.5], [2.5]], &Device::flex());
    // Running mean 0 and variance 1: H is half of x.
    assert_eq!(
        floats(batch_norm_lif(&norm, x, &params(), 1, 1)),
        [0.0, 1.0]
    );
}

#[test]
fn finite_differences_of_the_backward() {
    let shape = [3, 4, 2, 2];
    let [steps, rows, channels, group] = shape;
    let case = Case::draw(9, shape);
    let wide = |values: &[f32]| values.iter().copied().map(f64::from).collect::<Vec<f64>>();
    let w = wide(&case.w);
    for p in any_params().into_iter().filter(|p| !p.detach_reset) {
        let p = LifParams { smooth: true, ..p };
        let ours = case.fused(&p);
        // An independent f64 loss, from the equations.
        let loss = |x: &[f64], gamma: &[f64], beta: &[f64]| -> f64 {
            let m = (steps * rows) as f64;
            let mut y = vec![0.0; x.len()];
            for c in 0..channels {
                let of_channel = || (c..x.len()).step_by(channels);
                let mean = of_channel().map(|i| x[i]).sum::<f64>() / m;
                let var = of_channel().map(|i| (x[i] - mean).powi(2)).sum::<f64>() / m;
                for i in of_channel() {
                    y[i] = gamma[c] * (x[i] - mean) / (var + EPSILON).sqrt() + beta[c];
                }
            }
            let s = smooth_spikes(&y, rows * channels, &p, group, None);
            s.iter().zip(&w).map(|(s, w)| s * w).sum()
        };
        let inputs = [wide(&case.x), wide(&case.gamma), wide(&case.beta)];
        for (which, ours) in ours[1..4].iter().enumerate() {
            for index in 0..ours.len() {
                let at = |h: f64| {
                    let mut moved = inputs.clone();
                    moved[which][index] += h;
                    loss(&moved[0], &moved[1], &moved[2])
                };
                let [near, far] = [1e-6, 1e-4].map(|h| (at(h) - at(-h)) / (2.0 * h));
                // A kink of a rectangle or triangle between the two points has no derivative.
                if (near - far).abs() < 1e-3 {
                    assert_close(&[ours[index]], &[near as f32], 2e-3, &format!("{p:?}"));
                }
            }
        }
    }
}

proptest! {
    #[test]
    fn fused_is_the_two_apart(
        steps in 1usize..5,
        rows in 2usize..90,
        channels in 1usize..70,
        group in 1usize..5,
        p in strategy(),
        seed in 0u64..1 << 32,
    ) {
        let case = Case::draw(seed, [steps, rows, channels, group]);
        let (fused, apart) = (case.fused(&p), case.apart(&p));
        // The same arithmetic up to the neuron, so the same spikes.
        prop_assert_eq!(&fused[0], &apart[0]);
        for (name, (fused, apart)) in ["x", "gamma", "beta", "mean", "variance"].iter().zip(fused[1..].iter().zip(&apart[1..])) {
            assert_close(fused, apart, 2e-4, name);
        }
    }
}

#[test]
#[should_panic(expected = "no multiple")]
fn steps_of_different_sizes_are_refused() {
    let x = tensor(&[0.0; 5], [5, 1]);
    batch_norm_lif(&norm(&[1.0], &[0.0]), x, &params(), 2, 2);
}
