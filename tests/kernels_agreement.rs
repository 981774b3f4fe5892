//! The comparison that the GPU tests rest on: it repeats itself, and it finds a difference.
#![cfg(not(target_family = "wasm"))]

#[path = "kernels_support/agreement.rs"]
mod agreement;

use agreement::{Figures, assert_agree, figures};
use burn::tensor::Device;
use futures_lite::future::block_on;
use std::panic::catch_unwind;

#[test]
fn a_difference_is_found() {
    let ours = block_on(figures(&Device::flex()));
    assert_agree(&block_on(figures(&Device::flex())), &ours, 0.0);
    for (index, (name, _)) in ours.iter().enumerate() {
        let mut other: Figures = ours.clone();
        let last = other[index].1.last_mut().expect("every figure has numbers");
        *last += 1e-3 * last.abs().max(1.0);
        assert!(
            catch_unwind(|| assert_agree(&ours, &other, 1e-4)).is_err(),
            "{name}"
        );
        *other[index].1.last_mut().expect("the same") = f32::NAN;
        assert!(
            catch_unwind(|| assert_agree(&ours, &other, 1e-4)).is_err(),
            "{name}"
        );
    }
}

#[test]
fn the_figures_are_worth_comparing() {
    for (name, numbers) in block_on(figures(&Device::flex())) {
        assert!(numbers.iter().all(|number| number.is_finite()), "{name}");
        let first = numbers[0];
        let varied = numbers.len() == 1 || numbers.iter().any(|&number| number != first);
        assert!(varied, "{name} is {first} throughout");
    }
}
