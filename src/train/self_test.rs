//! The proof that a device computes: LIF neurons, a product, a loss and their gradients, by the kernels that train,
//! against plain loops on the host. A shader that was compiled wrongly gives other numbers or none.

use super::numbers;
use crate::config::CARD_LIF;
use crate::kernels::surrogate::derivative;
use crate::kernels::{LifParams, LifTrace, lif, lif_trace, linear, softmax_cross_entropy};
use burn::tensor::{Device, ExecutionError, Tensor, TensorData};

/// Steps T of the neurons, and of a temporal group.
const STEPS: usize = 4;
const GROUP: usize = 2;
/// Neurons, and classes K of the product behind them.
const NEURONS: usize = 64;
const CLASSES: usize = 48;

/// Named vectors, row by row.
type Named = Vec<(&'static str, Vec<f32>)>;

/// Whether the device computes what the host does.
///
/// # Errors
/// In words, what differs.
pub async fn self_test(device: &Device) -> Result<(), String> {
    let ours = on_device(device)
        .await
        .map_err(|error| format!("reading back failed: {error}"))?;
    compare(&ours, &on_host())
}

/// All vectors within 1e-4 of the largest number of theirs.
fn compare(ours: &Named, reference: &Named) -> Result<(), String> {
    for ((name, ours), (_, reference)) in ours.iter().zip(reference) {
        if ours.len() != reference.len() {
            let [got, wanted] = [ours.len(), reference.len()];
            return Err(format!("{name} has {got} numbers instead of {wanted}"));
        }
        let largest = reference.iter().fold(0.0f32, |max, x| max.max(x.abs()));
        for (index, (a, b)) in ours.iter().zip(reference).enumerate() {
            let close = (a - b).abs() <= 1e-4 * largest;
            if !close {
                return Err(format!("{name}[{index}] is {a}, the reference says {b}"));
            }
        }
    }
    Ok(())
}

/// Numbers between -`most` and `most` that repeat after 101.
fn ramp(count: usize, most: f32) -> Vec<f32> {
    let value = |i: usize| ((i * 37 % 101) as f32 - 50.0) / 50.0 * most;
    (0..count).map(value).collect()
}

/// What arrives at the neurons `[T, N]`: no membrane of theirs comes near the threshold's rounding.
fn input() -> Vec<f32> {
    ramp(STEPS * NEURONS, 6.0)
}

/// `[N, K]`.
fn weight() -> Vec<f32> {
    ramp(NEURONS * CLASSES, 1.0)
}

/// A class for each step.
fn targets() -> Vec<f32> {
    let mut targets = vec![0.0; STEPS * CLASSES];
    for step in 0..STEPS {
        targets[step * CLASSES + step * 7 % CLASSES] = 1.0;
    }
    targets
}

async fn on_device(device: &Device) -> Result<Named, ExecutionError> {
    let device = device.clone().autodiff();
    let placed = |values: Vec<f32>, shape: [usize; 2]| {
        Tensor::<2>::from_data(TensorData::new(values, shape), &device)
    };
    let input = placed(input(), [STEPS, NEURONS]).require_grad();
    let weight = placed(weight(), [NEURONS, CLASSES]).require_grad();
    let spikes = lif(input.clone(), &LifParams::from(&CARD_LIF), GROUP);
    let logits = linear(spikes.clone(), weight.clone());
    let loss = softmax_cross_entropy(logits.clone(), placed(targets(), [STEPS, CLASSES]));
    let grads = loss.clone().backward();
    let mut named = vec![
        ("spikes", numbers(spikes.inner()).await?),
        ("product", numbers(logits.inner()).await?),
        ("loss", numbers(loss.inner()).await?),
    ];
    for (name, tensor) in [("input gradient", input), ("weight gradient", weight)] {
        let gradient = match tensor.grad(&grads) {
            Some(gradient) => numbers(gradient).await?,
            None => Vec::new(),
        };
        named.push((name, gradient));
    }
    Ok(named)
}

/// One neuron over time.
fn trace(input: &[f32], neuron: usize, p: &LifParams) -> LifTrace {
    let x: Vec<f32> = input[neuron..].iter().step_by(NEURONS).copied().collect();
    lif_trace(&x, 0.0, p, GROUP)
}

/// The same by the equations of [`crate::kernels::lif`] and [`crate::kernels::softmax_cross_entropy`].
fn on_host() -> Named {
    let p = LifParams::from(&CARD_LIF);
    let (input, weight, targets) = (input(), weight(), targets());
    let traces: Vec<_> = (0..NEURONS)
        .map(|neuron| trace(&input, neuron, &p))
        .collect();
    let (mut spikes, mut logits) = (Vec::new(), Vec::new());
    for step in 0..STEPS {
        spikes.extend(traces.iter().map(|trace| trace.s[step]));
        for class in 0..CLASSES {
            let column = weight[class..].iter().step_by(CLASSES);
            let fired = &spikes[step * NEURONS..];
            logits.push(fired.iter().zip(column).map(|(s, w)| s * w).sum::<f32>());
        }
    }

    let mut loss = 0.0;
    let mut of_logits = Vec::new();
    for (logits, targets) in logits.chunks(CLASSES).zip(targets.chunks(CLASSES)) {
        let sum: f32 = logits.iter().map(|logit| logit.exp()).sum();
        for (logit, target) in logits.iter().zip(targets) {
            loss += target * (sum.ln() - logit) / STEPS as f32;
            of_logits.push((logit.exp() / sum - target) / STEPS as f32);
        }
    }

    let mut of_weight = vec![0.0; NEURONS * CLASSES];
    let mut of_input = vec![0.0; STEPS * NEURONS];
    for (neuron, trace) in traces.iter().enumerate() {
        let own = neuron * CLASSES..(neuron + 1) * CLASSES;
        // Arrives from the next step of the group; the reset is detached.
        let mut of_v = 0.0;
        for step in (0..STEPS).rev() {
            let row = &of_logits[step * CLASSES..(step + 1) * CLASSES];
            let mut of_s = 0.0;
            for ((to, w), g) in of_weight[own.clone()]
                .iter_mut()
                .zip(&weight[own.clone()])
                .zip(row)
            {
                *to += trace.s[step] * g;
                of_s += w * g;
            }
            let of_h = of_s * derivative(p.surrogate, trace.h[step] - p.v_threshold)
                + of_v * (1.0 - trace.s[step]);
            of_input[step * NEURONS + neuron] = of_h / p.tau;
            of_v = match step % GROUP {
                0 => 0.0,
                _ => of_h * (1.0 - 1.0 / p.tau),
            };
        }
    }
    vec![
        ("spikes", spikes),
        ("product", logits),
        ("loss", vec![loss]),
        ("input gradient", of_input),
        ("weight gradient", of_weight),
    ]
}

#[cfg(all(test, feature = "cpu", not(target_family = "wasm")))]
mod tests {
    use super::*;
    use futures_lite::future::block_on;

    #[test]
    fn the_cpu_computes_what_the_host_does() {
        assert_eq!(block_on(self_test(&Device::flex())), Ok(()));
    }

    /// Neurons that fire and that don't, and gradients that are there: a device that gives zeros is found.
    #[test]
    fn any_wrong_number_is_found() {
        let right = on_host();
        for (at, (name, numbers)) in right.iter().enumerate() {
            let largest = numbers.iter().fold(0.0f32, |max, x| max.max(x.abs()));
            assert!(largest > 1e-3, "{name}");
            for wrong in [f32::NAN, numbers[0] + 2e-4 * largest] {
                let mut ours = right.clone();
                ours[at].1[0] = wrong;
                let words = compare(&ours, &right).expect_err(name);
                assert!(words.starts_with(&format!("{name}[0] is ")), "{words}");
            }
            let mut none = right.clone();
            none[at].1.clear();
            let words = compare(&none, &right).expect_err(name);
            assert!(
                words.ends_with(&format!("instead of {}", numbers.len())),
                "{words}"
            );
        }
        let fired: f32 = right[0].1.iter().sum();
        assert!((50.0..150.0).contains(&fired), "{fired} of 256");
        let near = |trace: LifTrace| trace.h.iter().any(|h| (h - 1.0).abs() < 1e-3);
        let p = LifParams::from(&CARD_LIF);
        assert!(!(0..NEURONS).any(|neuron| near(trace(&input(), neuron, &p))));
    }
}
