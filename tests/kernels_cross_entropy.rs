//! Softmax cross-entropy: hand-counted numbers, the reference, finite differences.

#[path = "kernels_support/lif_cases.rs"]
#[allow(dead_code)]
mod cases;

use burn::tensor::{Device, Tensor, TensorData};
use cases::draw;
use gemst::kernels::{softmax_cross_entropy, softmax_cross_entropy_reference};
use proptest::prelude::*;

fn tensor(values: &[f32], classes: usize) -> Tensor<2> {
    let shape = [values.len() / classes, classes];
    Tensor::from_data(
        TensorData::new(values.to_vec(), shape),
        &Device::flex().autodiff(),
    )
}

/// Three times the loss, and its gradient with respect to the logits.
fn run(
    loss: fn(Tensor<2>, Tensor<2>) -> Tensor<1>,
    logits: &[f32],
    targets: &[f32],
    classes: usize,
) -> (f32, Vec<f32>) {
    let logits = tensor(logits, classes).require_grad();
    let loss = loss(logits.clone(), tensor(targets, classes)) * 3.0;
    let grads = loss.backward();
    let gradient = logits.grad(&grads).expect("tracked").into_data();
    (loss.into_scalar::<f32>(), gradient.iter::<f32>().collect())
}

fn assert_close(ours: f32, theirs: f32, tolerance: f32, what: &str) {
    let close = (ours - theirs).abs() <= tolerance * theirs.abs().max(1.0);
    assert!(close, "{what}: {ours} instead of {theirs}");
}

#[test]
fn by_hand() {
    // Two equal logits: ln 2. softmax (3/4, 1/4) from logits (ln 3, 0): -ln 3/4.
    let (loss, gradient) = run(softmax_cross_entropy, &[0.0, 0.0], &[1.0, 0.0], 2);
    assert_close(loss, 3.0 * 2f32.ln(), 1e-6, "loss");
    assert_close(gradient[0], -1.5, 1e-6, "gradient");
    assert_close(gradient[1], 1.5, 1e-6, "gradient");
    let logits = [3f32.ln(), 0.0, 3f32.ln(), 0.0];
    let (loss, gradient) = run(softmax_cross_entropy, &logits, &[1.0, 0.0, 0.5, 0.5], 2);
    let mean = (-0.75f32.ln() - 0.5 * 0.75f32.ln() - 0.5 * 0.25f32.ln()) / 2.0;
    assert_close(loss, 3.0 * mean, 1e-6, "loss");
    for (ours, exact) in gradient.iter().zip([-0.25, 0.25, 0.25, -0.25]) {
        assert_close(*ours, 3.0 * exact / 2.0, 1e-6, "gradient");
    }
}

#[test]
fn large_logits_stay_finite() {
    let (loss, gradient) = run(
        softmax_cross_entropy,
        &[1e4, -1e4, 9999.0],
        &[0.0, 0.0, 1.0],
        3,
    );
    assert_close(loss, 3.0 * (1.0 + (-1f32).exp().ln_1p()), 1e-5, "loss");
    assert!(gradient.iter().all(|g| g.is_finite()));
}

proptest! {
    #[test]
    fn fused_equals_reference_and_finite_differences(
        batch in 1usize..9,
        classes in 2usize..12,
        seed in 0u64..1 << 32,
    ) {
        let logits = draw(seed, batch * classes, -4.0, 4.0);
        let targets = draw(seed + 1, batch * classes, 0.0, 0.5);
        let (loss, gradient) = run(softmax_cross_entropy, &logits, &targets, classes);
        let (plain, plain_gradient) = run(softmax_cross_entropy_reference, &logits, &targets, classes);
        assert_close(loss, plain, 1e-5, "loss");
        let exact = |logits: &[f64]| -> f64 {
            let rows = logits.chunks(classes).zip(targets.chunks(classes));
            let of_row = |(logits, targets): (&[f64], &[f32])| -> f64 {
                let log_sum = logits.iter().map(|l| l.exp()).sum::<f64>().ln();
                logits.iter().zip(targets).map(|(l, t)| f64::from(*t) * (log_sum - l)).sum()
            };
            3.0 * rows.map(of_row).sum::<f64>() / batch as f64
        };
        let wide: Vec<f64> = logits.iter().copied().map(f64::from).collect();
        for i in 0..gradient.len() {
            assert_close(gradient[i], plain_gradient[i], 1e-5, "gradient");
            let at = |h: f64| {
                let mut moved = wide.clone();
                moved[i] += h;
                exact(&moved)
            };
            let difference = (at(1e-5) - at(-1e-5)) / 2e-5;
            assert_close(gradient[i], difference as f32, 1e-5, "finite difference");
        }
    }
}
