//! Vectors from outside, by name, with their numbers (`spiking.md` §4): Norse's neurons, SpikingJelly's
//! surrogate contract and quantiser gradient.

#[path = "kernels_support/lif_cases.rs"]
#[allow(dead_code)]
mod cases;

use burn::tensor::{Device, Tensor, TensorData};
use cases::{params, surrogates};
use gemst::config::Surrogate;
use gemst::kernels::surrogate::{derivative, primitive};
use gemst::kernels::{ExpGIfParams, LifParams, exp_g_if_with, lif, lif_trace};

fn tensor(values: &[f32]) -> Tensor<1> {
    let data = TensorData::new(values.to_vec(), [values.len()]);
    Tensor::from_data(data, &Device::flex().autodiff())
}

fn floats(x: Tensor<1>) -> Vec<f32> {
    x.into_data().iter::<f32>().collect()
}

fn assert_close(ours: &[f32], theirs: &[f32], tolerance: f32, what: &str) {
    assert_eq!(ours.len(), theirs.len());
    for (index, (a, b)) in ours.iter().zip(theirs).enumerate() {
        let close = (a - b).abs() <= tolerance * b.abs().max(1.0);
        assert!(close, "{what}[{index}]: {a} instead of {b}");
    }
}

/// tau 10, decay_input, hard reset, threshold 1: Norse's box neuron.
fn norse() -> LifParams {
    LifParams {
        tau: 10.0,
        decay_input: true,
        hard_reset: true,
        ..params()
    }
}

#[test]
fn norse_test_lif_box() {
    // 065a3b4, test_lif_box.py: v starts at 10, input 1 five times, then 0 twice.
    let x = [1.0, 1.0, 1.0, 1.0, 1.0, 0.0, 0.0];
    let trace = lif_trace(&x, 10.0, &norse(), 7);
    let expected = [0.0, 0.1, 0.19, 0.271, 0.3439, 0.309_51, 0.278_559];
    assert_close(&trace.v, &expected, 1e-6, "v");
    // The op starts at 0; a first input of 91 charges to the same H = 9.1.
    let mut first = x;
    first[0] = 91.0;
    let s = floats(lif(tensor(&first), &norse(), 7));
    assert_eq!(s, trace.s);
    assert_eq!(s, [1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
}

#[test]
fn norse_test_lif() {
    // 065a3b4, test_lif.py: tau_syn_inv 200, tau_mem_inv 100, dt 1e-3, input 1. Two state variables; the
    // synaptic current i⁺ = i + x, i = 0.8 i⁺ does not depend on v, so it is our membrane input.
    let mut current = 0.0;
    let x: Vec<f32> = (0..9)
        .map(|_| {
            let raised = 0.8 * current + 1.0;
            current = raised;
            raised
        })
        .collect();
    let trace = lif_trace(&x, 0.0, &norse(), 9);
    let expected = [0.1, 0.27, 0.487, 0.7335, 0.9963, 0.0, 0.3951, 0.7717, 0.0];
    assert_close(&trace.v, &expected, 1e-4, "v");
    let s = floats(lif(tensor(&x), &norse(), 9));
    assert_eq!(s, [0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 1.0]);
}

#[test]
fn spikingjelly_surrogate_contract() {
    // The analytic gradient is the finite difference of the primitive at ±.25 and ±.75.
    for surrogate in surrogates() {
        for u in [-0.75f32, -0.25, 0.25, 0.75] {
            let h = 1e-3;
            let (above, below) = (primitive(surrogate, u + h), primitive(surrogate, u - h));
            let difference = (above - below) / (2.0 * h);
            let analytic = derivative(surrogate, u);
            assert!(
                (difference - analytic).abs() < 1e-3,
                "{surrogate:?} at {u}: {analytic}, difference {difference}"
            );
        }
    }
    // ATan with alpha 2 is 1 / (1 + (pi u)²); Sigmoid with alpha 4 peaks at 1.
    let atan = Surrogate::Atan { alpha: 2.0 };
    assert_close(&[derivative(atan, 0.25)], &[0.618_486], 1e-6, "atan");
    assert_close(&[derivative(atan, 0.0)], &[1.0], 1e-7, "atan");
    assert_close(
        &[derivative(Surrogate::Sigmoid { alpha: 4.0 }, 0.0)],
        &[1.0],
        1e-7,
        "sigmoid",
    );
}

#[test]
fn spikingjelly_signed_qcfs() {
    // round(x/s).clamp(-4, 4)·s with s = .25 has gradient 1, 1, 0 at .75, -.75, 2. Ours is unsigned, so
    // the range that passes gradients begins at -s/2; +.75 and 2 must agree, -.75 is clipped.
    let z = tensor(&[0.75, -0.75, 2.0, -0.1]).require_grad();
    let p = ExpGIfParams {
        steps: 1,
        groups: 4,
        lsq_scale: false,
    };
    let y = exp_g_if_with(z.clone(), tensor(&[0.25]), &p);
    let grads = y.clone().sum().backward();
    let gradient = floats(z.grad(&grads).expect("z is tracked"));
    assert_eq!(floats(y), [0.75, 0.0, 1.0, 0.0]);
    assert_eq!(gradient, [1.0, 0.0, 0.0, 1.0]);
}

#[test]
fn spikingjelly_ilif() {
    // ILIF, tau 4/3 (a quarter of the rest stays), D = 4: inputs 3.2, 0, 4.8, 0 give 3, 0, 4, 0, and the membrane after
    // the second is .05. Its integer output is our quantiser with theta 1 and four groups of one step.
    let p = ExpGIfParams {
        steps: 1,
        groups: 4,
        lsq_scale: false,
    };
    let fire = |h: f32| floats(exp_g_if_with(tensor(&[h]), tensor(&[1.0]), &p))[0];
    let (mut v, mut spikes, mut membranes) = (0.0, Vec::new(), Vec::new());
    for x in [3.2, 0.0, 4.8, 0.0] {
        let h: f32 = v + x;
        membranes.push(h);
        spikes.push(fire(h));
        v = (h - fire(h)) * 0.25;
    }
    assert_eq!(spikes, [3.0, 0.0, 4.0, 0.0]);
    assert_close(&membranes[1..2], &[0.05], 1e-6, "membrane");
    // Its gradient with the window (-.5, 4.5), at -.25, 4.25 and 4.75. (ILIF's other window, (0, 4), gives 0, 1, 0 at
    // -.5, .5 and 4.5; a quantiser that rounds passes gradients where it does not clip, which is the wider one.)
    let z = tensor(&[-0.25, 4.25, 4.75]).require_grad();
    let grads = exp_g_if_with(z.clone(), tensor(&[1.0]), &p)
        .sum()
        .backward();
    let gradient = floats(z.grad(&grads).expect("z is tracked"));
    assert_eq!(gradient, [1.0, 1.0, 0.0]);
}
