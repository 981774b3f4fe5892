//! The polynomial of Muon's Newton–Schulz step: by hand, and against burn's matrix products.
#![cfg(feature = "cpu")]

#[path = "kernels_support/lif_cases.rs"]
#[allow(dead_code)]
mod cases;

use burn::tensor::{Device, Tensor, TensorData};
use cases::draw;
use gemst::kernels::gram_polynomial;
use proptest::prelude::*;

fn floats(x: Tensor<3>) -> Vec<f32> {
    x.into_data().iter::<f32>().collect()
}

#[test]
fn by_hand() {
    // G = [2 1; 1 3], G² = [5 5; 5 10].
    let gram = Tensor::<3>::from_floats([[[2.0, 1.0], [1.0, 3.0]]], &Device::flex());
    let p = gram_polynomial(gram, [1.0, -1.0, 0.5]);
    assert_eq!(floats(p), [1.5, 1.5, 1.5, 3.0]);
}

proptest! {
    #[test]
    fn it_is_the_sum_of_its_terms(
        count in 1usize..4,
        side in 1usize..40,
        k in [-4.0f32..4.0, -4.0f32..4.0, -4.0f32..4.0],
        seed in 0u64..1 << 32,
    ) {
        let shape = [count, side, side];
        let x = draw(seed, count * side * side, -0.3, 0.3);
        let x = Tensor::<3>::from_data(TensorData::new(x, shape), &Device::flex());
        let gram = x.clone().matmul(x.swap_dims(1, 2));
        let [a, b, c] = k;
        let eye = Tensor::<2>::eye(side, &Device::flex()).unsqueeze::<3>();
        let sum = eye * a + gram.clone() * b + gram.clone().matmul(gram.clone()) * c;
        let (ours, theirs) = (floats(gram_polynomial(gram, k)), floats(sum));
        for (ours, theirs) in ours.iter().zip(&theirs) {
            prop_assert!((ours - theirs).abs() <= 1e-4 * theirs.abs().max(1.0), "{ours} and {theirs}");
        }
    }
}
