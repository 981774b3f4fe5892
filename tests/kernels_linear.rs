//! The grouped linear product against burn's own operations, sums made by hand, and its gradients against
//! differences.

use burn::tensor::{Device, Tensor, TensorData};
use gemst::kernels::{linear, linear_reference};
use proptest::prelude::*;

fn tensor<const D: usize>(values: Vec<f32>, shape: [usize; D]) -> Tensor<D> {
    Tensor::from_data(TensorData::new(values, shape), &Device::flex().autodiff())
}

fn numbers<const D: usize>(x: Tensor<D>) -> Vec<f32> {
    x.into_data().iter::<f32>().collect()
}

/// Numbers that look random and are the same every time.
fn some(count: usize, seed: usize) -> Vec<f32> {
    let value = |i: usize| ((i * 7919 + seed * 104_729 + i * i * 31) % 1009) as f32 / 504.5 - 1.0;
    (0..count).map(value).collect()
}

/// R, g, C_in/g, C_out/g.
type Case = [usize; 4];

type Product = fn(Tensor<2>, Tensor<3>) -> Tensor<2>;

/// Output and both gradients, for a loss that weighs every output differently.
fn figures([rows, groups, c_in, c_out]: Case, f: Product) -> [Vec<f32>; 3] {
    let x = tensor(some(rows * groups * c_in, 1), [rows, groups * c_in]).require_grad();
    let w = tensor(some(groups * c_in * c_out, 2), [groups, c_in, c_out]).require_grad();
    let y = f(x.clone(), w.clone());
    let weights = tensor(some(rows * groups * c_out, 3), y.dims());
    let grads = (y.clone() * weights).sum().backward();
    let to_x = numbers(x.grad(&grads).expect("tracked"));
    [numbers(y), to_x, numbers(w.grad(&grads).expect("tracked"))]
}

fn agree(case: Case) -> Result<(), TestCaseError> {
    let (ours, theirs) = (figures(case, linear), figures(case, linear_reference));
    for (ours, theirs) in ours.iter().zip(&theirs) {
        prop_assert_eq!(ours.len(), theirs.len());
        for (a, b) in ours.iter().zip(theirs) {
            prop_assert!(
                (a - b).abs() <= 1e-4 * b.abs().max(1.0),
                "{a} instead of {b}"
            );
        }
    }
    Ok(())
}

proptest! {
    #[test]
    fn it_is_burns_product(case in [1usize..20, 1usize..6, 1usize..20, 1usize..20]) {
        agree(case)?;
    }
}

#[test]
fn several_tiles_and_a_short_one_agree_too() {
    // Tiles have 128 rows.
    for case in [
        [300, 1, 48, 96],
        [300, 2, 24, 40],
        [257, 4, 32, 32],
        [128, 3, 7, 5],
    ] {
        agree(case).unwrap_or_else(|error| panic!("{case:?}: {error}"));
    }
}

/// Two groups of two channels to one each: the outputs stand side by side.
#[test]
fn outputs_of_the_groups_are_interleaved() {
    let x = tensor(vec![1.0, 2.0, 3.0, 4.0], [1, 4]);
    // Group 0: [1 10; 2 20], group 1: [3 30; 4 40].
    let w = vec![1.0, 10.0, 2.0, 20.0, 3.0, 30.0, 4.0, 40.0];
    let y = linear(x, tensor(w, [2, 2, 2]));
    assert_eq!(numbers(y), [5.0, 25.0, 50.0, 250.0]);
}

#[test]
fn weights_of_two_dimensions_are_one_group() {
    let x = || tensor(some(12, 1), [3, 4]);
    let flat = linear(x(), tensor(some(20, 2), [4, 5]));
    let grouped = linear(x(), tensor(some(20, 2), [1, 4, 5]));
    assert_eq!(numbers(flat), numbers(grouped));
}

/// The product is linear in each operand, so a difference over any distance is the gradient.
#[test]
fn gradients_are_differences() {
    let case @ [rows, groups, c_in, c_out] = [3, 2, 4, 3];
    let [_, to_x, to_w] = figures(case, linear);
    let loss = |x: Vec<f32>, w: Vec<f32>| -> f64 {
        let x = tensor(x, [rows, groups * c_in]);
        let y = numbers(linear(x, tensor(w, [groups, c_in, c_out])));
        let weights = some(y.len(), 3);
        y.iter()
            .zip(weights)
            .map(|(y, w)| f64::from(*y) * f64::from(w))
            .sum()
    };
    let (x, w) = (some(to_x.len(), 1), some(to_w.len(), 2));
    let moved = |values: &[f32], at: usize| {
        let mut values = values.to_vec();
        values[at] += 1.0;
        values
    };
    let here = loss(x.clone(), w.clone());
    for (at, gradient) in to_x.iter().enumerate() {
        let difference = loss(moved(&x, at), w.clone()) - here;
        assert!((difference - f64::from(*gradient)).abs() < 1e-4, "x[{at}]");
    }
    for (at, gradient) in to_w.iter().enumerate() {
        let difference = loss(x.clone(), moved(&w, at)) - here;
        assert!((difference - f64::from(*gradient)).abs() < 1e-4, "w[{at}]");
    }
}
