//! LIF and IF: hand-counted gradients, finite differences of the hand-written backward, and the fused
//! kernel against its reference on random shapes.

#[path = "kernels_support/lif_cases.rs"]
mod cases;
#[path = "kernels_support/numbers.rs"]
mod numbers;

use burn::tensor::{Device, Tensor};
use cases::{any_params, params, smooth_spikes};
use gemst::config::{CARD_LIF, NeuronConfig, Reset, Surrogate};
use gemst::kernels::{LifParams, lif, lif_reference, lif_trace};
use numbers::{assert_close, device, floats};
use proptest::prelude::*;

fn tensor(values: &[f32], steps: usize) -> Tensor<2> {
    numbers::tensor(values, [steps, values.len() / steps])
}

/// Spikes, and the gradient of `Σ w s` with respect to x.
fn run(
    neuron: fn(Tensor<2>, &LifParams, usize) -> Tensor<2>,
    x: &[f32],
    w: &[f32],
    steps: usize,
    p: &LifParams,
    group: usize,
) -> (Vec<f32>, Vec<f32>) {
    let x = tensor(x, steps).require_grad();
    let s = neuron(x.clone(), p, group);
    let grads = (s.clone() * tensor(w, steps)).sum().backward();
    (floats(s), floats(x.grad(&grads).expect("x is tracked")))
}

#[test]
fn gradient_through_the_reset_by_hand() {
    // IF, soft reset, threshold 1, ATan: H = 1.2 (spike), then 0.2 + 0.3 = 0.5 (none). With
    // s'(u) = 1/(1+(pi u)²): s'(.2) = .716957, s'(-.5) = .288400.
    let x = [1.2, 0.3];
    let p = LifParams {
        leak: false,
        hard_reset: false,
        ..params()
    };
    let detached = LifParams {
        detach_reset: true,
        ..p
    };
    let through = LifParams {
        detach_reset: false,
        ..p
    };
    for neuron in [lif, lif_reference] {
        let (s, gradient) = run(neuron, &x, &[0.0, 1.0], 2, &detached, 2);
        assert_eq!(s, [1.0, 0.0]);
        assert_close(&gradient, &[0.288_400, 0.288_400], 1e-5, "detached");
        let (_, gradient) = run(neuron, &x, &[0.0, 1.0], 2, &through, 2);
        assert_close(
            &gradient,
            &[0.288_400 * (1.0 - 0.716_957), 0.288_400],
            1e-5,
            "through",
        );
    }
}

#[test]
fn finite_differences_of_the_backward() {
    // The step replaced by its smooth form; differences of an independent f64 implementation.
    let (steps, n, group) = (5, 7, 3);
    let draw = |i: usize, scale: f32| ((i * 7919 % 1009) as f32 / 1009.0 - 0.4) * scale;
    let x: Vec<f32> = (0..steps * n).map(|i| draw(i + 3, 3.0)).collect();
    let w: Vec<f32> = (0..steps * n).map(|i| draw(i + 400, 2.0)).collect();
    for p in any_params() {
        let p = LifParams { smooth: true, ..p };
        let (s, gradient) = run(lif, &x, &w, steps, &p, group);
        let x: Vec<f64> = x.iter().copied().map(f64::from).collect();
        let base = smooth_spikes(&x, n, &p, group, None);
        let base32: Vec<f32> = base.iter().map(|&s| s as f32).collect();
        assert_close(&s, &base32, 1e-5, "smooth spikes");
        // Detached, the reset keeps the spikes of the base point while x moves.
        let frozen = p.detach_reset.then_some(base.as_slice());
        let loss = |x: &[f64]| -> f64 {
            let s = smooth_spikes(x, n, &p, group, frozen);
            s.iter().zip(&w).map(|(s, w)| s * f64::from(*w)).sum()
        };
        for index in 0..x.len() {
            let h = 1e-6;
            let mut moved = x.clone();
            moved[index] += h;
            let above = loss(&moved);
            moved[index] -= 2.0 * h;
            let difference = ((above - loss(&moved)) / (2.0 * h)) as f32;
            assert_close(
                &[gradient[index]],
                &[difference],
                2e-4,
                &format!("{p:?} x[{index}]"),
            );
        }
    }
}

#[test]
fn a_group_boundary_resets_membrane_and_gradient() {
    // IF that needs two inputs of 0.6: with groups of 2 it fires in every second step, with groups of 1
    // never, with one group of 5 as soon as 1.2 is reached again.
    let x = [0.6; 5];
    let p = LifParams {
        leak: false,
        hard_reset: true,
        ..params()
    };
    assert_eq!(floats(lif(tensor(&x, 5), &p, 2)), [0.0, 1.0, 0.0, 1.0, 0.0]);
    assert_eq!(floats(lif(tensor(&x, 5), &p, 1)), [0.0; 5]);
    assert_eq!(floats(lif(tensor(&x, 5), &p, 3)), [0.0, 1.0, 0.0, 0.0, 1.0]);
    // Only the last step's spike counts; with groups of 2 it stands alone in the third group.
    let (_, gradient) = run(lif, &x, &[0.0, 0.0, 0.0, 0.0, 1.0], 5, &p, 2);
    assert_eq!(gradient[..4], [0.0; 4]);
    assert!(gradient[4] > 0.0);
    let (_, gradient) = run(lif, &x, &[0.0, 0.0, 0.0, 0.0, 1.0], 5, &p, 3);
    assert_eq!(gradient[..3], [0.0; 3]);
    assert!(gradient[3] > 0.0 && gradient[4] > 0.0);
}

#[test]
fn odd_shapes_run() {
    let p = params();
    let empty = Tensor::<3>::zeros([4, 0, 3], &device());
    assert_eq!(lif(empty, &p, 2).dims(), [4, 0, 3]);
    // A permuted view is read in its own order, not in memory order.
    let x: Vec<f32> = (0..24).map(|i| (i * 5 % 13) as f32 / 5.0 - 0.5).collect();
    let view = tensor(&x, 6).swap_dims(0, 1);
    let copy = tensor(&floats(view.clone()), 4);
    assert_eq!(floats(lif(view, &p, 4)), floats(lif(copy, &p, 4)));
    // A group of 0 or beyond T is no reason to stop.
    assert_eq!(
        floats(lif(tensor(&x, 4), &p, 9)),
        floats(lif(tensor(&x, 4), &p, 4))
    );
    assert_eq!(
        floats(lif(tensor(&x, 4), &p, 0)),
        floats(lif(tensor(&x, 4), &p, 1))
    );
}

#[test]
fn a_network_without_gradients_may_use_it() {
    let x = Tensor::<1>::from_data([0.5, 2.0, 3.0], &Device::flex());
    let s = lif(x, &LifParams::from(&CARD_LIF), 3);
    assert_eq!(
        s.into_data().iter::<f32>().collect::<Vec<_>>(),
        [0.0, 1.0, 1.0]
    );
}

#[test]
fn parameters_come_from_the_configuration() {
    let card = LifParams::from(&CARD_LIF);
    assert_eq!((card.tau, card.v_threshold), (2.0, 1.0));
    assert!(card.leak && card.decay_input && card.detach_reset && !card.smooth);
    let plain = LifParams::from(&NeuronConfig::If {
        v_threshold: 0.5,
        reset: Reset::Soft,
        detach_reset: false,
        surrogate: Surrogate::Rectangle { width: 1.0 },
    });
    assert!(!plain.leak && !plain.hard_reset && !plain.detach_reset);
    assert_eq!(plain.v_threshold, 0.5);
}

proptest! {
    #[test]
    fn fused_equals_reference(
        p in cases::strategy(),
        steps in 1usize..7,
        n in 1usize..600,
        group in 1usize..8,
        seed in 0u64..1 << 32,
    ) {
        let x = cases::draw(seed, steps * n, -2.0, 3.0);
        let w = cases::draw(seed + 1, steps * n, -1.0, 1.0);
        let (s, gradient) = run(lif, &x, &w, steps, &p, group);
        let (s_ref, gradient_ref) = run(lif_reference, &x, &w, steps, &p, group);
        if p.smooth {
            assert_close(&s, &s_ref, 1e-5, "spikes");
        } else {
            prop_assert_eq!(s, s_ref);
        }
        assert_close(&gradient, &gradient_ref, 1e-4, "gradient");
    }

    #[test]
    fn one_step_with_tau_one_is_a_threshold(
        x in prop::collection::vec(-2.0f32..3.0, 1..300),
        v_threshold in 0.1f32..2.0,
        hard_reset: bool,
        decay_input: bool,
    ) {
        let p = LifParams { tau: 1.0, v_threshold, hard_reset, decay_input, ..params() };
        let s = floats(lif(tensor(&x, 1), &p, 1));
        let expected: Vec<f32> =
            x.iter().map(|&x| f32::from(u8::from(x - v_threshold >= 0.0))).collect();
        prop_assert_eq!(s, expected);
    }

    #[test]
    fn a_trace_is_the_same_neuron(
        p in cases::strategy(),
        x in prop::collection::vec(-2.0f32..3.0, 1..9),
        group in 1usize..9,
    ) {
        let trace = lif_trace(&x, 0.0, &p, group);
        prop_assert_eq!(&trace.s, &floats(lif(tensor(&x, x.len()), &p, group)));
        prop_assert_eq!(trace.h.len(), x.len());
        prop_assert_eq!(trace.v.len(), x.len());
    }
}
