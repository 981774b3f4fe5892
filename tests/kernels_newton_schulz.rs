//! Muon's Newton–Schulz steps: by hand, and against burn's matrix products.
#![cfg(feature = "cpu")]

#[path = "kernels_support/lif_cases.rs"]
#[allow(dead_code)]
mod cases;

use burn::tensor::{Device, Tensor, TensorData};
use cases::draw;
use gemst::kernels::{NewtonSchulz, orthogonal, orthogonal_reference};
use proptest::prelude::*;

fn floats(x: Tensor<3>) -> Vec<f32> {
    x.into_data().iter::<f32>().collect()
}

/// Over its norm of 5 the matrix is diag(0.6, 0.8), G = diag(0.36, 0.64), and with 1, -1, 1/2 the polynomial of it is
/// diag(1 - 0.36 + 0.0648, 1 - 0.64 + 0.2048).
#[test]
fn by_hand() {
    let step = NewtonSchulz {
        coefficients: [1.0, -1.0, 0.5],
        steps: 1,
    };
    let wide = Tensor::<3>::from_floats([[[3.0, 0.0, 0.0], [0.0, 4.0, 0.0]]], &Device::flex());
    let wanted = [0.6 * 0.7048, 0.0, 0.0, 0.0, 0.8 * 0.5648, 0.0];
    for (ours, wanted) in floats(orthogonal(wide.clone(), step)).iter().zip(wanted) {
        assert!((ours - wanted).abs() < 1e-6, "{ours} and {wanted}");
    }
    let tall = orthogonal(wide.swap_dims(1, 2), step);
    let wanted = [0.6 * 0.7048, 0.0, 0.0, 0.8 * 0.5648, 0.0, 0.0];
    for (ours, wanted) in floats(tall).iter().zip(wanted) {
        assert!((ours - wanted).abs() < 1e-6, "{ours} and {wanted}");
    }
}

#[test]
fn zeros_stay_zeros() {
    let step = NewtonSchulz {
        coefficients: [3.4, -4.7, 2.0],
        steps: 2,
    };
    let zeros = Tensor::<3>::zeros([2, 3, 5], &Device::flex());
    assert_eq!(floats(orthogonal(zeros, step)), [0.0; 30]);
}

proptest! {
    #[test]
    fn they_are_burns_products(
        count in 1usize..4,
        [rows, columns] in [1usize..40, 1usize..40],
        coefficients in [-4.0f32..4.0, -4.0f32..4.0, -4.0f32..4.0],
        steps in 0usize..3,
        seed in 0u64..1 << 32,
    ) {
        let shape = [count, rows, columns];
        let x = draw(seed, count * rows * columns, -0.3, 0.3);
        let x = Tensor::<3>::from_data(TensorData::new(x, shape), &Device::flex());
        let p = NewtonSchulz { coefficients, steps };
        let (ours, theirs) = (floats(orthogonal(x.clone(), p)), floats(orthogonal_reference(x, p)));
        let largest = theirs.iter().fold(1.0f32, |largest, x| largest.max(x.abs()));
        for (ours, theirs) in ours.iter().zip(&theirs) {
            prop_assert!((ours - theirs).abs() <= 1e-4 * largest, "{ours} and {theirs}");
        }
    }
}
