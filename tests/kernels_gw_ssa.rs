//! The products of GW-SSA on the CPU: numbers by hand, the plain reference on random shapes, finite differences.

#[path = "kernels_support/lif_cases.rs"]
#[allow(dead_code)]
mod cases;

use burn::tensor::{Device, Tensor, TensorData};
use cases::draw;
use gemst::kernels::{HeadGroups, HeadWindows, Windows, gw_ssa, gw_ssa_reference};
use proptest::prelude::*;
use std::sync::Arc;

type Product = fn(Tensor<2>, HeadGroups, usize) -> Tensor<2>;

/// y, and the gradient of `Σ weights · y` with respect to qkv.
fn run(
    product: Product,
    qkv: &[f32],
    weights: &[f32],
    groups: &HeadGroups,
    tokens: usize,
) -> (Vec<f32>, Vec<f32>) {
    let dim: usize = groups.iter().map(|group| group.heads * group.d).sum();
    let device = Device::flex().autodiff();
    let tensor = |values: &[f32], columns: usize| -> Tensor<2> {
        let shape = [values.len() / columns, columns];
        Tensor::from_data(TensorData::new(values.to_vec(), shape), &device)
    };
    let qkv = tensor(qkv, 3 * dim).require_grad();
    let y = product(qkv.clone(), groups.clone(), tokens);
    let grads = (y.clone() * tensor(weights, dim)).sum().backward();
    let gradient = qkv.grad(&grads).expect("tracked").into_data();
    let y = y.into_data().iter::<f32>().collect();
    (y, gradient.iter::<f32>().collect())
}

fn reference(qkv: Tensor<2>, groups: HeadGroups, tokens: usize) -> Tensor<2> {
    gw_ssa_reference(qkv, &groups, tokens)
}

/// `Σ weights · y` in double precision, straight from the equations.
fn exact(qkv: &[f64], weights: &[f32], groups: &HeadGroups, tokens: usize) -> f64 {
    let dim: usize = groups.iter().map(|group| group.heads * group.d).sum();
    let rows = qkv.len() / (3 * dim * tokens);
    let mut total = 0.0;
    for row in 0..rows {
        for group in groups.iter() {
            let regions = group.windows.regions();
            for (window, members) in group.windows.members().iter().enumerate() {
                let meet = |i: usize, j: usize| regions[window][i] == regions[window][j];
                for head in 0..group.heads {
                    let first = group.from + head * group.d;
                    let at = |part: usize, i: usize, c: usize| {
                        qkv[(row * tokens + members[i]) * 3 * dim + part * dim + first + c]
                    };
                    for i in 0..members.len() {
                        for j in (0..members.len()).filter(|&j| meet(i, j)) {
                            let score: f64 = (0..group.d).map(|c| at(0, i, c) * at(1, j, c)).sum();
                            for c in 0..group.d {
                                let place = (row * tokens + members[i]) * dim + first + c;
                                let share = score * at(2, j, c) * f64::from(group.scale);
                                total += f64::from(weights[place]) * share;
                            }
                        }
                    }
                }
            }
        }
    }
    total
}

/// Two head groups on a grid of `side`, the first with windows of `window`.
fn groups(side: usize, window: usize, shifted: bool, heads: usize, d: usize) -> HeadGroups {
    let group = |index: usize, window: usize, shifted: bool, linear: bool| {
        let windows = Windows::new(side, window, shifted);
        HeadWindows {
            windows,
            linear,
            from: index * heads * d,
            heads,
            d,
            scale: 0.25,
        }
    };
    Arc::new(vec![
        group(0, window, shifted, false),
        group(1, window, false, true),
        group(2, side, shifted, true),
    ])
}

#[test]
fn by_hand() {
    // One token, one head, two channels: y = 1/4 (q · k) v in either order.
    let groups = groups(1, 1, false, 1, 2);
    let head = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
    let parts = [&head[0..2], &head[2..4], &head[4..6]];
    let qkv: Vec<f32> = parts.iter().flat_map(|part| part.repeat(3)).collect();
    let (y, _) = run(gw_ssa, &qkv, &[1.0; 6], &groups, 1);
    // q · k = 11.
    assert_eq!(y, [13.75, 16.5, 13.75, 16.5, 13.75, 16.5]);
}

#[test]
fn spikes_give_exact_counts() {
    // Binary trains and a scale of a power of two: every number is an integer over 4, in any order of sums.
    let groups = groups(8, 4, true, 2, 12);
    let dim = 3 * 24;
    let spikes: Vec<f32> = draw(3, 2 * 64 * 3 * dim, 0.0, 1.0)
        .iter()
        .map(|x| f32::from(u8::from(*x < 0.2)))
        .collect();
    let weights = vec![1.0; 2 * 64 * dim];
    let ours = run(gw_ssa, &spikes, &weights, &groups, 64);
    assert_eq!(ours, run(reference, &spikes, &weights, &groups, 64));
    assert!(ours.0.iter().any(|y| *y > 0.0));
}

fn assert_close(ours: &[f32], theirs: &[f32], what: &str) {
    let size = theirs.iter().fold(1.0f32, |most, x| most.max(x.abs()));
    for (ours, theirs) in ours.iter().zip(theirs) {
        assert!(
            (ours - theirs).abs() <= 2e-6 * size,
            "{what}: {ours} instead of {theirs}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn fused_equals_reference_and_finite_differences(
        (side, window) in prop_oneof![Just((2, 1)), Just((2, 2)), Just((4, 2)), Just((6, 3)), Just((9, 3)), Just((8, 4))],
        shifted: bool,
        heads in 1usize..4,
        d in 1usize..19,
        rows in 1usize..4,
        seed in 0u64..1 << 32,
    ) {
        let groups = groups(side, window, shifted, heads, d);
        let (tokens, dim) = (side * side, 3 * heads * d);
        let qkv = draw(seed, rows * tokens * 3 * dim, -1.0, 1.0);
        let weights = draw(seed + 1, rows * tokens * dim, -1.0, 1.0);
        let (y, gradient) = run(gw_ssa, &qkv, &weights, &groups, tokens);
        let (plain, plain_gradient) = run(reference, &qkv, &weights, &groups, tokens);
        assert_close(&y, &plain, "y");
        assert_close(&gradient, &plain_gradient, "gradient");
        let wide: Vec<f64> = qkv.iter().copied().map(f64::from).collect();
        // Quadratic in each of its numbers at most, so that central differences are exact up to rounding.
        for place in [0, qkv.len() / 3, qkv.len() / 2, qkv.len() - 1] {
            let at = |h: f64| {
                let mut moved = wide.clone();
                moved[place] += h;
                exact(&moved, &weights, &groups, tokens)
            };
            let difference = (at(0.5) - at(-0.5)) as f32;
            assert_close(&gradient[place..=place], &[difference], "finite difference");
        }
    }
}
