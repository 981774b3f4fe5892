//! BatchNorm: hand-counted numbers, burn's own layer, the reference, finite differences.

#[path = "kernels_support/lif_cases.rs"]
#[allow(dead_code)]
mod cases;
#[path = "kernels_support/numbers.rs"]
mod numbers;

use burn::nn::{BatchNorm, BatchNormConfig};
use burn::tensor::{Device, Tensor};
use cases::draw;
use gemst::kernels::{
    at_step, batch_norm, batch_norm_layer, batch_norm_onto, batch_norm_reference,
};
use numbers::{assert_close, device, floats, tensor};
use proptest::prelude::*;

const EPSILON: f32 = 1e-5;

/// y and the gradients of `Σ w y` with respect to x, gamma and beta.
fn run<const D: usize>(
    norm: impl Fn(Tensor<D>, Tensor<1>, Tensor<1>) -> Tensor<D>,
    x: &[f32],
    shape: [usize; D],
    gamma: &[f32],
    beta: &[f32],
    w: &[f32],
) -> [Vec<f32>; 4] {
    let x = tensor(x, shape).require_grad();
    let gamma = tensor(gamma, [gamma.len()]).require_grad();
    let beta = tensor(beta, [beta.len()]).require_grad();
    let y = norm(x.clone(), gamma.clone(), beta.clone());
    let grads = (y.clone() * tensor(w, shape)).sum().backward();
    [
        floats(y),
        floats(x.grad(&grads).expect("tracked")),
        floats(gamma.grad(&grads).expect("tracked")),
        floats(beta.grad(&grads).expect("tracked")),
    ]
}

#[test]
fn statistics_by_hand() {
    // Channel 0: 1, 3 (mean 2, variance 1); channel 1: 10, 30 (mean 20, variance 100).
    let x = tensor(&[1.0, 10.0, 3.0, 30.0], [2, 2]);
    let out = batch_norm(x, tensor(&[1.0, 2.0], [2]), tensor(&[0.0, 5.0], [2]), 0.0);
    assert_eq!(floats(out.mean), [2.0, 20.0]);
    assert_eq!(floats(out.var), [1.0, 100.0]);
    assert_close(&floats(out.y), &[-1.0, 3.0, 1.0, 7.0], 1e-6, "y");
}

#[test]
fn a_large_mean_costs_no_precision() {
    let x: Vec<f32> = (0..4096).map(|i| 4000.0 + (i % 7) as f32).collect();
    let out = batch_norm(
        tensor(&x, [2048, 2]),
        tensor(&[1.0; 2], [2]),
        tensor(&[0.0; 2], [2]),
        EPSILON,
    );
    let exact = |c: usize| {
        let samples = || x.iter().skip(c).step_by(2).copied().map(f64::from);
        let mean = samples().sum::<f64>() / 2048.0;
        let var = samples().map(|x| (x - mean).powi(2)).sum::<f64>() / 2048.0;
        (mean as f32, var as f32)
    };
    let (mean, var) = (floats(out.mean), floats(out.var));
    for c in 0..2 {
        assert_close(
            &[mean[c], var[c]],
            &[exact(c).0, exact(c).1],
            1e-5,
            "statistics",
        );
    }
}

#[test]
fn the_layer_is_burns_layer() {
    let shape = [6, 3, 4, 5];
    let x = tensor(&draw(5, 360, -1.0, 4.0), shape);
    let ours: BatchNorm = BatchNormConfig::new(3).init(&device());
    let theirs: BatchNorm = BatchNormConfig::new(3).init(&device());
    for _ in 0..3 {
        let y = batch_norm_layer(&ours, x.clone());
        assert_close(
            &floats(y),
            &floats(theirs.forward(x.clone())),
            1e-5,
            "training",
        );
    }
    for (ours, theirs) in [
        (&ours.running_mean, &theirs.running_mean),
        (&ours.running_var, &theirs.running_var),
    ] {
        assert_close(
            &floats(ours.value_sync()),
            &floats(theirs.value_sync()),
            1e-5,
            "running",
        );
    }
    // Without autodiff: the running statistics.
    use burn::module::Module;
    let (ours, theirs) = (
        ours.to_device(&Device::flex()),
        theirs.to_device(&Device::flex()),
    );
    let y = batch_norm_layer(&ours, x.clone().inner());
    assert_close(
        &floats(y),
        &floats(theirs.forward(x.inner())),
        1e-5,
        "inference",
    );
}

/// The sum of the two, its gradients and the running statistics, in training and without.
#[test]
fn onto_a_shortcut_is_the_layer_and_the_sum() {
    use burn::module::{Module, Param};
    let shape = [4, 3, 2];
    let w = tensor(&draw(8, 24, -1.0, 1.0), shape);
    let run = |sum: &dyn Fn(&BatchNorm, Tensor<3>, Tensor<3>) -> Tensor<3>| {
        let mut norm: BatchNorm = BatchNormConfig::new(3).init(&device());
        norm.gamma = Param::from_tensor(tensor(&[0.5, -2.0, 1.0], [3]));
        let x = tensor(&draw(6, 24, -1.0, 4.0), shape).require_grad();
        let shortcut = tensor(&draw(7, 24, -3.0, 3.0), shape).require_grad();
        let y = sum(&norm, x.clone(), shortcut.clone());
        let grads = (y.clone() * w.clone()).sum().backward();
        let inference = norm.clone().to_device(&Device::flex());
        [
            floats(y),
            floats(x.grad(&grads).expect("tracked")),
            floats(shortcut.grad(&grads).expect("tracked")),
            floats(norm.gamma.val().grad(&grads).expect("tracked")),
            floats(norm.beta.val().grad(&grads).expect("tracked")),
            floats(norm.running_mean.value_sync()),
            floats(norm.running_var.value_sync()),
            floats(sum(&inference, x.inner(), shortcut.inner())),
        ]
    };
    let ours = run(&|norm, x, shortcut| batch_norm_onto(norm, x, shortcut));
    let apart = run(&|norm, x, shortcut| shortcut + batch_norm_layer(norm, x));
    for (ours, apart) in ours.iter().zip(&apart) {
        assert_close(ours, apart, 1e-6, "onto a shortcut");
    }
}

/// Channels constant at 3 and 5, then at 5 and 9: averages 4 and 7 after two steps, whatever they began with.
#[test]
fn the_first_steps_are_averaged() {
    let norm: BatchNorm = BatchNormConfig::new(2).init(&device());
    let first = tensor(&[3.0, 5.0, 3.0, 5.0], [2, 2]);
    let second = tensor(&[5.0, 9.0, 5.0, 9.0], [2, 2]);
    for (step, x, mean) in [(0, &first, [3.0, 5.0]), (1, &second, [4.0, 7.0])] {
        at_step(step, || batch_norm_layer(&norm, x.clone()));
        let running = floats(norm.running_mean.value_sync());
        assert_close(&running, &mean, 1e-6, "mean");
        let running = floats(norm.running_var.value_sync());
        assert_close(&running, &[0.0, 0.0], 1e-6, "variance");
    }
    // From the tenth step on the layer's own momentum of 0.1 is larger.
    at_step(20, || batch_norm_layer(&norm, first.clone()));
    let running = floats(norm.running_mean.value_sync());
    assert_close(&running, &[0.9 * 4.0 + 0.3, 0.9 * 7.0 + 0.5], 1e-5, "later");
}

#[test]
fn finite_differences_of_the_backward() {
    let (rows, channels, positions) = (5, 3, 2);
    let count = rows * channels * positions;
    let (x, w) = (draw(1, count, -2.0, 3.0), draw(2, count, -1.0, 1.0));
    let (gamma, beta) = ([0.7, -1.2, 2.0], [0.1, 0.0, -0.4]);
    let ours = run(
        |x, gamma, beta| batch_norm(x, gamma, beta, EPSILON).y,
        &x,
        [rows, channels, positions],
        &gamma,
        &beta,
        &w,
    );
    // An independent f64 loss, from the equations.
    let loss = |x: &[f64], gamma: &[f64], beta: &[f64]| -> f64 {
        (0..channels)
            .map(|c| {
                let of_channel = || (0..count).filter(|i| i / positions % channels == c);
                let m = (rows * positions) as f64;
                let mean = of_channel().map(|i| x[i]).sum::<f64>() / m;
                let var = of_channel().map(|i| (x[i] - mean).powi(2)).sum::<f64>() / m;
                let inv = 1.0 / (var + f64::from(EPSILON)).sqrt();
                let y = |i: usize| gamma[c] * (x[i] - mean) * inv + beta[c];
                of_channel().map(|i| f64::from(w[i]) * y(i)).sum::<f64>()
            })
            .sum()
    };
    let wide = |values: &[f32]| values.iter().copied().map(f64::from).collect::<Vec<f64>>();
    let inputs = [wide(&x), wide(&gamma), wide(&beta)];
    for (which, ours) in ours[1..].iter().enumerate() {
        for index in 0..ours.len() {
            let at = |h: f64| {
                let mut moved = inputs.clone();
                moved[which][index] += h;
                loss(&moved[0], &moved[1], &moved[2])
            };
            let difference = (at(1e-6) - at(-1e-6)) / 2e-6;
            assert_close(&[ours[index]], &[difference as f32], 1e-4, "gradient");
        }
    }
}

proptest! {
    #[test]
    fn fused_equals_reference(
        rows in 2usize..200,
        channels in 1usize..20,
        positions in 1usize..20,
        seed in 0u64..1 << 32,
    ) {
        let count = rows * channels * positions;
        let (x, w) = (draw(seed, count, -2.0, 3.0), draw(seed + 1, count, -1.0, 1.0));
        let (gamma, beta) = (draw(seed + 2, channels, -2.0, 2.0), draw(seed + 3, channels, -1.0, 1.0));
        let ours = |x, gamma, beta| batch_norm(x, gamma, beta, EPSILON).y;
        let reference = |x, gamma, beta| batch_norm_reference(x, gamma, beta, EPSILON);
        let shape = [rows, channels, positions];
        let fused = run(ours, &x, shape, &gamma, &beta, &w);
        let plain = run(reference, &x, shape, &gamma, &beta, &w);
        for (name, (fused, plain)) in ["y", "x", "gamma", "beta"].iter().zip(fused.iter().zip(&plain)) {
            assert_close(fused, plain, 2e-4, name);
        }
        // Rows without positions are the same thing one rank lower.
        if positions == 1 {
            let ours = |x, gamma, beta| batch_norm(x, gamma, beta, EPSILON).y;
            let rows = run(ours, &x, [rows, channels], &gamma, &beta, &w);
            prop_assert_eq!(rows, fused);
        }
    }
}
