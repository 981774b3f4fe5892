//! Bias, LayerNorm and the LIF neurons behind them: the three apart, and finite differences.
#![cfg(feature = "cpu")]

#[path = "kernels_support/lif_cases.rs"]
#[allow(dead_code)]
mod cases;
#[path = "kernels_support/numbers.rs"]
mod numbers;

use burn::tensor::Tensor;
use cases::{any_params, draw, params, smooth_spikes, strategy};
use gemst::kernels::{BiasNorm, LifParams, layer_norm, lif};
use numbers::{assert_close, floats, tensor};
use proptest::prelude::*;

const EPSILON: f32 = 1e-3;

/// x, bias, gamma and beta, and the weights of the loss `Σ w s`.
struct Case {
    /// T, R, C and the steps of a group.
    shape: [usize; 4],
    inputs: [Vec<f32>; 4],
    w: Vec<f32>,
}

type Spikes<'a> = &'a dyn Fn(Tensor<2>, BiasNorm) -> Tensor<2>;

impl Case {
    fn draw(seed: u64, shape: [usize; 4]) -> Self {
        let [steps, rows, channels, _] = shape;
        let count = steps * rows * channels;
        Self {
            shape,
            inputs: [
                draw(seed, count, -2.0, 3.0),
                draw(seed + 1, channels, -1.0, 1.0),
                draw(seed + 2, channels, -2.0, 2.0),
                draw(seed + 3, channels, 0.0, 1.5),
            ],
            w: draw(seed + 4, count, -1.0, 1.0),
        }
    }

    /// What comes out, and the gradients of the loss with respect to the inputs.
    fn run(&self, f: Spikes) -> [Vec<f32>; 5] {
        let [steps, rows, channels, _] = self.shape;
        let shape = [steps * rows, channels];
        let x = tensor(&self.inputs[0], shape).require_grad();
        let vector = |at: usize| tensor(&self.inputs[at], [channels]).require_grad();
        let norm = BiasNorm {
            bias: vector(1),
            gamma: vector(2),
            beta: vector(3),
            epsilon: EPSILON,
        };
        let s = f(x.clone(), norm.clone());
        let grads = (s.clone() * tensor(&self.w, shape)).sum().backward();
        let of = |vector: Tensor<1>| floats(vector.grad(&grads).expect("tracked"));
        [
            floats(s),
            floats(x.grad(&grads).expect("tracked")),
            of(norm.bias),
            of(norm.gamma),
            of(norm.beta),
        ]
    }

    fn fused(&self, p: &LifParams) -> [Vec<f32>; 5] {
        let [steps, .., group] = self.shape;
        self.run(&|x, norm| norm.spikes(x, p, steps, group))
    }

    fn apart(&self, p: &LifParams) -> [Vec<f32>; 5] {
        let [steps, rows, channels, group] = self.shape;
        self.run(&|x, norm| {
            let shape = x.dims();
            let y = normalised(x, norm).reshape([steps, rows * channels]);
            lif(y, p, group).reshape(shape)
        })
    }
}

/// Bias and norm by operations of their own.
fn normalised(x: Tensor<2>, norm: BiasNorm) -> Tensor<2> {
    layer_norm(
        x + norm.bias.unsqueeze(),
        norm.gamma,
        norm.beta,
        norm.epsilon,
    )
}

#[test]
fn spikes_by_hand() {
    // -1 and 2 with a bias of 1 and 0: 0 and 2, mean 1, variance 1, so -1 and 1; plus 2: 1 and 3. tau 2, threshold 1:
    // H = 0.5, then 0.75, no spike; and H = 1.5, a spike at each step, as the membrane starts anew.
    let norm = BiasNorm {
        bias: tensor(&[1.0, 0.0], [2]),
        gamma: tensor(&[1.0, 1.0], [2]),
        beta: tensor(&[2.0, 2.0], [2]),
        epsilon: 1e-9,
    };
    let x = tensor(&[-1.0, 2.0, -1.0, 2.0], [2, 2]);
    assert_close(
        &floats(norm.clone().rows(x.clone())),
        &[1.0, 3.0, 1.0, 3.0],
        1e-6,
        "y",
    );
    let s = norm.spikes(x, &params(), 2, 2);
    assert_eq!(floats(s), [0.0, 1.0, 0.0, 1.0]);
}

/// An independent y in f64, from the equations.
fn wide_rows([x, bias, gamma, beta]: &[Vec<f64>; 4]) -> Vec<f64> {
    let channels = bias.len();
    let mut y = Vec::new();
    for row in x.chunks(channels) {
        let u: Vec<f64> = row.iter().zip(bias).map(|(x, bias)| x + bias).collect();
        let mean = u.iter().sum::<f64>() / channels as f64;
        let var = u.iter().map(|u| (u - mean).powi(2)).sum::<f64>() / channels as f64;
        let inv = 1.0 / (var + f64::from(EPSILON)).sqrt();
        y.extend((0..channels).map(|c| gamma[c] * (u[c] - mean) * inv + beta[c]));
    }
    y
}

/// Central differences of `Σ w f(y)`, with the gradients that the operation gave.
fn assert_differences(case: &Case, ours: &[Vec<f32>], f: &dyn Fn(&[f64]) -> Vec<f64>, what: &str) {
    let wide = |values: &Vec<f32>| values.iter().copied().map(f64::from).collect::<Vec<f64>>();
    let (inputs, w) = (case.inputs.each_ref().map(wide), wide(&case.w));
    let loss = |inputs: &[Vec<f64>; 4]| -> f64 {
        let out = f(&wide_rows(inputs));
        out.iter().zip(&w).map(|(s, w)| s * w).sum()
    };
    let mut compared = 0;
    for (which, ours) in ours.iter().enumerate() {
        for index in 0..ours.len() {
            let at = |h: f64| {
                let mut moved = inputs.clone();
                moved[which][index] += h;
                loss(&moved)
            };
            let [near, far] = [1e-6, 1e-4].map(|h| (at(h) - at(-h)) / (2.0 * h));
            // A kink of a rectangle or triangle between the two points has no derivative.
            if (near - far).abs() < 1e-3 {
                compared += 1;
                assert_close(&[ours[index]], &[near as f32], 2e-3, what);
            }
        }
    }
    assert!(compared > 20, "{what}: {compared} places without a kink");
}

#[test]
fn finite_differences_of_the_backward() {
    let shape = [3, 4, 3, 2];
    let [steps, rows, channels, group] = shape;
    let case = Case::draw(9, shape);
    let plain = case.run(&|x, norm| norm.rows(x));
    assert_differences(&case, &plain[1..], &|y| y.to_vec(), "without neurons");
    for p in any_params().into_iter().filter(|p| !p.detach_reset) {
        let p = LifParams { smooth: true, ..p };
        let ours = case.fused(&p);
        let spikes = |y: &[f64]| smooth_spikes(y, rows * channels, &p, group, None);
        assert_differences(&case, &ours[1..], &spikes, &format!("{steps} steps, {p:?}"));
    }
}

proptest! {
    #[test]
    fn fused_is_the_three_apart(
        steps in 1usize..5,
        rows in 1usize..90,
        channels in 2usize..70,
        group in 1usize..5,
        p in strategy(),
        seed in 0u64..1 << 32,
    ) {
        let case = Case::draw(seed, [steps, rows, channels, group]);
        let names = ["x", "bias", "gamma", "beta"];
        let (fused, apart) = (case.fused(&p), case.apart(&p));
        // The same arithmetic up to the neuron, so the same spikes.
        prop_assert_eq!(&fused[0], &apart[0]);
        let (plain, one_by_one) = (case.run(&|x, norm| norm.rows(x)), case.run(&normalised));
        prop_assert_eq!(&plain[0], &one_by_one[0]);
        for (ours, theirs) in [(&fused, &apart), (&plain, &one_by_one)] {
            for (name, (ours, theirs)) in names.iter().zip(ours[1..].iter().zip(&theirs[1..])) {
                assert_close(ours, theirs, 2e-4, name);
            }
        }
    }
}

#[test]
#[should_panic(expected = "no multiple")]
fn steps_of_different_sizes_are_refused() {
    let vector = || tensor(&[1.0], [1]);
    let norm = BiasNorm {
        bias: vector(),
        gamma: vector(),
        beta: vector(),
        epsilon: EPSILON,
    };
    norm.spikes(tensor(&[0.0; 5], [5, 1]), &params(), 2, 2);
}
