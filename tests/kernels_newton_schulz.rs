//! Muon's step: by hand, and its Newton–Schulz steps against burn's matrix products.
#![cfg(feature = "cpu")]

#[path = "kernels_support/lif_cases.rs"]
#[allow(dead_code)]
mod cases;

use burn::tensor::{Device, Tensor, TensorData};
use cases::draw;
use gemst::kernels::{FlatMatrix, NewtonSchulz, muon_step, orthogonal_reference};
use proptest::prelude::*;
use std::sync::Arc;

const STEP: NewtonSchulz = NewtonSchulz {
    coefficients: [1.0, -1.0, 0.5],
    steps: 1,
};

fn vector(values: &[f32]) -> Tensor<1> {
    Tensor::from_data(TensorData::from(values), &Device::flex())
}

fn matrix(start: usize, [rows, columns]: [usize; 2]) -> FlatMatrix {
    FlatMatrix {
        start,
        rows,
        columns,
    }
}

fn stepped(
    weights: &[f32],
    momentum: &[f32],
    matrices: Vec<FlatMatrix>,
    p: NewtonSchulz,
    lr: f32,
) -> Vec<f32> {
    let momentum = vector(momentum);
    let after = muon_step(vector(weights), momentum, &Arc::new(matrices), p, lr);
    after.into_data().iter::<f32>().collect()
}

fn assert_close(ours: &[f32], wanted: &[f32]) {
    for (index, (ours, wanted)) in ours.iter().zip(wanted).enumerate() {
        let most = 1e-6 * wanted.abs().max(1.0);
        assert!(
            (ours - wanted).abs() < most,
            "[{index}]: {ours} and {wanted}"
        );
    }
}

/// Over its norm of 5 the matrix is diag(0.6, 0.8), G = diag(0.36, 0.64), and with 1, -1, 1/2 the polynomial of it is
/// diag(1 - 0.36 + 0.0648, 1 - 0.64 + 0.2048). Its longer side is 3. What is no matrix stays.
#[test]
fn by_hand() {
    let [first, second] = [0.6 * 0.7048, 0.8 * 0.5648].map(|x: f32| 0.1 * 3.0f32.sqrt() * x);
    let wide = [3.0, 0.0, 0.0, 0.0, 4.0, 0.0];
    let tall = [3.0, 0.0, 0.0, 4.0, 0.0, 0.0];
    let momentum = [&[7.0][..], &wide, &[7.0], &tall].concat();
    let after = stepped(
        &[1.0; 14],
        &momentum,
        vec![matrix(1, [2, 3]), matrix(8, [3, 2])],
        STEP,
        0.1,
    );
    let mut wanted = [1.0; 14];
    for (place, moved) in [(1, first), (5, second), (8, first), (11, second)] {
        wanted[place] -= moved;
    }
    assert_close(&after, &wanted);
}

#[test]
fn without_momentum_nothing_moves() {
    let p = NewtonSchulz {
        coefficients: [3.4, -4.7, 2.0],
        steps: 2,
    };
    let weights: Vec<f32> = (0..30).map(|i| i as f32).collect();
    let matrices = vec![matrix(0, [3, 5]), matrix(15, [3, 5])];
    assert_eq!(stepped(&weights, &[0.0; 30], matrices, p, 1.0), weights);
}

proptest! {
    #[test]
    fn they_are_burns_products(
        count in 1usize..4,
        [rows, columns] in [1usize..40, 1usize..40],
        coefficients in [-4.0f32..4.0, -4.0f32..4.0, -4.0f32..4.0],
        steps in 1usize..3,
        seed in 0u64..1 << 32,
    ) {
        let length = rows * columns;
        let x = draw(seed, count * length, -0.3, 0.3);
        let p = NewtonSchulz { coefficients, steps };
        let matrices = (0..count).map(|index| matrix(index * length, [rows, columns]));
        let lr = 1.0 / (rows.max(columns) as f32).sqrt();
        let ours = stepped(&vec![0.0; x.len()], &x, matrices.collect(), p, lr);
        let shape = [count, rows, columns];
        let x = Tensor::<3>::from_data(TensorData::new(x, shape), &Device::flex());
        let theirs: Vec<f32> = orthogonal_reference(x, p).into_data().iter::<f32>().collect();
        let largest = theirs.iter().fold(1.0f32, |largest, x| largest.max(x.abs()));
        for (ours, theirs) in ours.iter().zip(&theirs) {
            prop_assert!((ours + theirs).abs() <= 1e-4 * largest, "-{ours} and {theirs}");
        }
    }
}
