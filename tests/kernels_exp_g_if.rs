//! ExpG-IF: the quantiser and the spiking neuron to the last bit, its gradients, the number of spikes.

use burn::tensor::{Device, Tensor, TensorData};
use gemst::kernels::{
    ExpGIfParams, exp_g_if, exp_g_if_reference, exp_g_if_spikes, exp_g_if_with, spike_count,
};
use proptest::prelude::*;

fn device() -> Device {
    Device::flex().autodiff()
}

fn tensor(values: &[f32]) -> Tensor<1> {
    Tensor::from_data(TensorData::new(values.to_vec(), [values.len()]), &device())
}

fn floats<const D: usize>(x: Tensor<D>) -> Vec<f32> {
    x.into_data().iter::<f32>().collect()
}

fn quantise(z: &[f32], theta: f32, steps: usize, groups: usize) -> Vec<f32> {
    floats(exp_g_if(tensor(z), tensor(&[theta]), steps, groups))
}

/// y and the gradients of `Σ w y` with respect to z and theta.
fn run(
    neuron: fn(Tensor<1>, Tensor<1>, &ExpGIfParams) -> Tensor<1>,
    z: &[f32],
    theta: f32,
    w: &[f32],
    p: &ExpGIfParams,
) -> (Vec<f32>, Vec<f32>, f32) {
    let z = tensor(z).require_grad();
    let theta = tensor(&[theta]).require_grad();
    let y = neuron(z.clone(), theta.clone(), p);
    let grads = (y.clone() * tensor(w)).sum().backward();
    let theta_grad = floats(theta.grad(&grads).expect("theta is tracked"));
    (
        floats(y),
        floats(z.grad(&grads).expect("z is tracked")),
        theta_grad[0],
    )
}

fn plain(steps: usize, groups: usize) -> ExpGIfParams {
    ExpGIfParams {
        steps,
        groups,
        lsq_scale: false,
    }
}

#[test]
fn levels_by_hand() {
    // theta .5, K = 2: levels 0, .5, 1, 1.5; the border below level n is (n - 1/2) theta.
    let z = [-1.0, 0.24, 0.25, 0.74, 0.75, 1.3, 9.0];
    assert_eq!(quantise(&z, 0.5, 2, 1), [0.0, 0.0, 0.5, 0.5, 1.0, 1.5, 1.5]);
    // Three groups of two steps reach 9 levels above zero.
    assert_eq!(quantise(&[1.8, 4.4, 9.0], 0.5, 2, 3), [2.0, 4.5, 4.5]);
}

#[test]
fn spikes_by_hand() {
    // theta 1, K = 3, G = 2: code 12 fills the first group (7 = 111) and leaves 5 = 101.
    let spikes: Tensor<2> = exp_g_if_spikes(tensor(&[12.2, 3.0, -4.0]), tensor(&[1.0]), 3, 2);
    assert_eq!(spikes.dims(), [6, 3]);
    let columns: Vec<Vec<f32>> = (0..3)
        .map(|i| floats(spikes.clone().narrow(1, i, 1)))
        .collect();
    assert_eq!(columns[0], [1.0, 1.0, 1.0, 1.0, 0.0, 1.0]);
    assert_eq!(columns[1], [0.0, 1.0, 1.0, 0.0, 0.0, 0.0]);
    assert_eq!(columns[2], [0.0; 6]);
    let counts = spike_count(tensor(&[12.0, 3.0, 0.0]), tensor(&[1.0]), 3, 2);
    assert_eq!(floats(counts), [5.0, 2.0, 0.0]);
}

#[test]
fn lsq_gradient_of_theta_by_hand() {
    // Esser et al. 2020, eq. 3 with Q_N = 0, Q_P = 3: n - z/theta inside, 0 below, 3 above.
    for (z, expected) in [(0.6, 1.0 - 1.2), (1.3, 3.0 - 2.6), (-0.7, 0.0), (2.0, 3.0)] {
        let (_, _, theta) = run(exp_g_if_with, &[z], 0.5, &[1.0], &plain(2, 1));
        assert!(
            (theta - expected).abs() < 1e-6,
            "z {z}: {theta} instead of {expected}"
        );
        // Its scale: 1/sqrt(N Q_P), here 8 equal elements.
        let scaled = ExpGIfParams {
            lsq_scale: true,
            ..plain(2, 1)
        };
        let (_, _, theta) = run(exp_g_if_with, &[z; 8], 0.5, &[1.0; 8], &scaled);
        let expected = 8.0 * expected / 24.0f32.sqrt();
        assert!(
            (theta - expected).abs() < 1e-5,
            "z {z}: {theta} instead of {expected}"
        );
    }
}

#[test]
fn a_threshold_trained_below_zero_gives_no_nan() {
    for theta in [0.0, -1.0, f32::MIN_POSITIVE] {
        let w = [1.0, -1.0, 0.5];
        let (y, z_grad, theta_grad) =
            run(exp_g_if_with, &[-1.0, 0.0, 3.0], theta, &w, &plain(4, 1));
        assert!(y.iter().chain(&z_grad).all(|v| v.is_finite()) && theta_grad.is_finite());
        let y = tensor(&y);
        assert!(
            floats(spike_count(y, tensor(&[theta]), 4, 1))
                .iter()
                .all(|v| v.is_finite())
        );
    }
}

#[test]
fn shapes_survive() {
    let z = Tensor::<3>::ones([2, 0, 5], &device());
    assert_eq!(exp_g_if(z, tensor(&[0.5]), 4, 1).dims(), [2, 0, 5]);
    // A permuted view is read in its own order.
    let z = tensor(&[0.1, 0.6, 1.1, 1.4, 0.3, 2.0]).reshape([2, 3]);
    let y = exp_g_if(z.clone(), tensor(&[0.5]), 2, 1).swap_dims(0, 1);
    let of_view = exp_g_if(z.swap_dims(0, 1), tensor(&[0.5]), 2, 1);
    assert_eq!(floats(of_view), floats(y));
}

/// Potentials: any number, and numbers within a few ulps of a border between two codes.
fn potentials(theta: f32, top: usize) -> impl Strategy<Value = Vec<f32>> {
    let top = top as f32;
    let anywhere = (-0.5f32..1.5).prop_map(move |share| share * top * theta);
    let border = (0..=top as u32, -3i32..=3).prop_map(move |(level, ulps)| {
        let z = (level as f32 - 0.5) * theta;
        f32::from_bits((z.to_bits() as i32 + ulps) as u32)
    });
    prop::collection::vec(prop_oneof![anywhere, border], 1..100)
}

fn code_cases(max_steps: usize) -> impl Strategy<Value = (usize, usize, f32, Vec<f32>)> {
    (1..=max_steps, 1usize..=4, 1e-3f32..4.0).prop_flat_map(|(steps, groups, theta)| {
        let top = groups * ((1 << steps) - 1);
        (
            Just(steps),
            Just(groups),
            Just(theta),
            potentials(theta, top),
        )
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// The neuron of inference emits the code of the training quantiser, to the last bit.
    #[test]
    fn spikes_equal_the_quantiser((steps, groups, theta, z) in code_cases(16)) {
        let y = quantise(&z, theta, steps, groups);
        let spikes: Tensor<2> = exp_g_if_spikes(tensor(&z), tensor(&[theta]), steps, groups);
        let spikes = floats(spikes);
        let counts = floats(spike_count(tensor(&y), tensor(&[theta]), steps, groups));
        let full = (1usize << steps) - 1;
        for (i, &y) in y.iter().enumerate() {
            let train: Vec<usize> =
                (0..steps * groups).map(|step| spikes[step * z.len() + i] as usize).collect();
            let codes: Vec<usize> =
                train.chunks(steps).map(|bits| bits.iter().fold(0, |code, bit| 2 * code + bit)).collect();
            let code: usize = codes.iter().sum();
            prop_assert_eq!((code as f32 * theta).to_bits(), y.to_bits(), "z {}", z[i]);
            // Groups fill one after the other.
            let mut rest = code;
            for group in codes {
                prop_assert_eq!(group, rest.min(full));
                rest -= group;
            }
            prop_assert_eq!(train.iter().sum::<usize>() as f32, counts[i]);
        }
    }

    /// `theta clip(floor(z/theta + 1/2), 0, L)`, but for potentials that rounding puts on a border.
    #[test]
    fn quantiser_is_the_formula((steps, groups, theta, z) in code_cases(12)) {
        let top = (groups * ((1 << steps) - 1)) as f64;
        for (&z, y) in z.iter().zip(quantise(&z, theta, steps, groups)) {
            let exact = f64::from(z) / f64::from(theta) + 0.5;
            let code = exact.floor().clamp(0.0, top);
            if (code * f64::from(theta)) as f32 != y {
                let ulps = (exact - exact.round()).abs() / (exact.abs().max(1.0) * f64::from(f32::EPSILON));
                prop_assert!(ulps <= 1.0, "z {z} theta {theta}: y {y}, {ulps} ulp from a border");
            }
        }
    }

    #[test]
    fn fused_equals_reference(
        (steps, groups, theta, z) in code_cases(8),
        lsq_scale: bool,
        w in -2.0f32..2.0,
    ) {
        let p = ExpGIfParams { steps, groups, lsq_scale };
        let w: Vec<f32> = (0..z.len()).map(|i| w * (1.0 + i as f32 / 50.0)).collect();
        let (y, z_grad, theta_grad) = run(exp_g_if_with, &z, theta, &w, &p);
        let (y_ref, z_ref, theta_ref) = run(exp_g_if_reference, &z, theta, &w, &p);
        prop_assert_eq!(y, y_ref);
        prop_assert!(z_grad.iter().zip(&z_ref).all(|(a, b)| (a - b).abs() <= 1e-5 * b.abs().max(1.0)));
        let size: f32 = z.iter().zip(&w).map(|(z, w)| (w * z / theta).abs()).sum();
        let close = (theta_grad - theta_ref).abs() <= 2e-6 * size.max(1.0);
        prop_assert!(close, "{} instead of {}", theta_grad, theta_ref);
    }

    /// Rounding replaced by its smooth form, the identity plus the rounding error of the base point:
    /// `y = theta clip(z/theta + c, 0, L)`; the clip decided where the kernel decides it.
    #[test]
    fn finite_differences_of_the_backward((steps, groups, theta, z) in code_cases(6)) {
        let top = (groups * ((1 << steps) - 1)) as f64;
        let p = plain(steps, groups);
        let base = f64::from(theta);
        // At the very border of the clip, f32 and f64 may decide differently: no weight there.
        let at_clip = |z: f32| {
            let v = f64::from(z) / base + 0.5;
            v.abs() < 1e-5 || (v - top - 1.0).abs() < 1e-5 * top
        };
        let weight = |(i, &z): (usize, &f32)| if at_clip(z) { 0.0 } else { 1.0 + i as f32 / 30.0 };
        let w: Vec<f32> = z.iter().enumerate().map(weight).collect();
        let (y, z_grad, theta_grad) = run(exp_g_if_with, &z, theta, &w, &p);
        let smooth = |i: usize, z_now: f64, theta: f64| -> f64 {
            let (z, code) = (f64::from(z[i]), (f64::from(y[i]) / base).round());
            let v = z / base + 0.5;
            if v < 0.0 { 0.0 } else if v >= top + 1.0 { theta * top } else {
                theta * (z_now / theta + code - z / base)
            }
        };
        let h = 1e-6;
        let mut expected = 0.0;
        for i in 0..z.len() {
            let at = f64::from(z[i]);
            let slope = (smooth(i, at + h, base) - smooth(i, at - h, base)) / (2.0 * h);
            prop_assert!((slope * f64::from(w[i]) - f64::from(z_grad[i])).abs() < 1e-4);
            let (above, below) = (smooth(i, at, base * (1.0 + h)), smooth(i, at, base * (1.0 - h)));
            expected += f64::from(w[i]) * (above - below) / (2.0 * h * base);
        }
        let size: f64 = z.iter().zip(&w).map(|(z, w)| f64::from(w * z / theta).abs()).sum();
        prop_assert!((expected - f64::from(theta_grad)).abs() < 1e-5 * size.max(1.0));
    }

    /// The proxy gradient of the spike count, that of the chord from silence to saturation, by central differences;
    /// theta's carries LSQ's scale.
    #[test]
    fn spike_count_gradient(steps in 1usize..9, groups in 1usize..4, theta in 0.1f32..2.0) {
        let (y, w) = ([0.0, theta, 3.0 * theta], [1.0, 2.0, -0.5]);
        let tracked = tensor(&y).require_grad();
        let threshold = tensor(&[theta]).require_grad();
        let count = spike_count(tracked.clone(), threshold.clone(), steps, groups);
        let grads = (count * tensor(&w)).sum().backward();
        let full = f64::from((1 << steps) - 1);
        let proxy = |y: f64, theta: f64| steps as f64 / full * y / theta;
        let (h, base) = (1e-6, f64::from(theta));
        let gradient = floats(tracked.grad(&grads).expect("y is tracked"));
        let mut by_theta = 0.0;
        for i in 0..3 {
            let (at, w) = (f64::from(y[i]), f64::from(w[i]));
            let slope = (proxy(at + h, base) - proxy(at - h, base)) / (2.0 * h);
            prop_assert!((f64::from(gradient[i]) - w * slope).abs() <= 1e-4 * slope);
            by_theta += w * (proxy(at, base + h) - proxy(at, base - h)) / (2.0 * h);
        }
        let scale = 1.0 / (3.0 * groups as f64 * full).sqrt();
        let ours = f64::from(floats(threshold.grad(&grads).expect("theta is tracked"))[0]);
        prop_assert!((ours - scale * by_theta).abs() <= 1e-4 * (scale * by_theta).abs());
    }

    /// Lower thresholds never pass for fewer spikes: through neuron and count together, a penalty moves no
    /// saturated neuron's threshold and raises that of one in its range.
    #[test]
    fn a_penalty_never_lowers_thresholds(steps in 1usize..6, theta in 0.1f32..2.0, share in 0.1f32..3.0) {
        let top = ((1 << steps) - 1) as f32;
        let level = (share * top).round().max(1.0);
        let z = tensor(&[level * theta; 4]);
        let threshold = tensor(&[theta]).require_grad();
        let y = exp_g_if(z, threshold.clone(), steps, 1);
        let grads = spike_count(y, threshold.clone(), steps, 1).sum().backward();
        let gradient = floats(threshold.grad(&grads).expect("theta is tracked"))[0];
        match level > top {
            true => prop_assert!(gradient.abs() < 1e-3, "saturated: {gradient}"),
            false => prop_assert!(gradient < 0.0, "in range: {gradient}"),
        }
    }
}
