//! The grouped linear product against burn's own operations, sums made by hand, and its gradients against
//! differences; a dense layer with what follows its product; pictures cut into the rows of one.

use burn::tensor::{Device, Tensor, TensorData};
use gemst::kernels::{
    Patches, bias_gelu_reference, dense, dense_gelu, dense_residual, linear, linear_reference,
};
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

/// (1, 2) times [1 10; 2 20] is (5, 50).
#[test]
fn a_dense_layer_by_hand() {
    let x = || tensor(vec![1.0, 2.0], [1, 2]);
    let w = || tensor(vec![1.0, 10.0, 2.0, 20.0], [2, 2]);
    let bias = |first| tensor(vec![first, 0.5], [2]);
    assert_eq!(numbers(dense(x(), w(), bias(1.0))), [6.0, 50.5]);
    let residual = tensor(vec![-6.0, 0.25], [1, 2]);
    let y = dense_residual(x(), w(), bias(1.0), residual);
    assert_eq!(numbers(y), [0.0, 50.75]);
    // GELU(1) is the normal distribution's 0.841345, and far out nothing is left of GELU.
    let y = numbers(dense_gelu(x(), w(), bias(-4.0)));
    assert!((y[0] - 0.841_345).abs() < 2e-6 && y[1] == 50.5, "{y:?}");
}

/// What each ending gives and hands back, against burn's operations one after the other.
#[test]
fn a_dense_layer_is_its_parts() {
    type Layer = fn(Tensor<2>, Tensor<2>, Tensor<1>, Tensor<2>) -> Tensor<2>;
    let endings: [(Layer, Layer); 3] = [
        (
            |x, w, bias, residual| dense(x, w, bias) * residual,
            |x, w, bias, residual| (x.matmul(w) + bias.unsqueeze()) * residual,
        ),
        (
            |x, w, bias, residual| dense_gelu(x, w, bias) * residual,
            |x, w, bias, residual| bias_gelu_reference(x.matmul(w), bias) * residual,
        ),
        (dense_residual, |x, w, bias, residual| {
            x.matmul(w) + bias.unsqueeze() + residual
        }),
    ];
    for (ending, (ours, theirs)) in endings.into_iter().enumerate() {
        let figures = |f: Layer| {
            let x = tensor(some(30, 1), [5, 6]).require_grad();
            let w = tensor(some(42, 2), [6, 7]).require_grad();
            let bias = tensor(some(7, 3), [7]).require_grad();
            let residual = tensor(some(35, 4), [5, 7]).require_grad();
            let y = f(x.clone(), w.clone(), bias.clone(), residual.clone());
            let weights = tensor(some(35, 5), [5, 7]);
            let grads = (y.clone() * weights).sum().backward();
            let mut all = numbers(y);
            for matrix in [x, w, residual] {
                all.extend(numbers(matrix.grad(&grads).expect("tracked")));
            }
            all.extend(numbers(bias.grad(&grads).expect("tracked")));
            all
        };
        let (ours, theirs) = (figures(ours), figures(theirs));
        assert_eq!(ours.len(), theirs.len());
        for (at, (a, b)) in ours.iter().zip(&theirs).enumerate() {
            assert!(
                (a - b).abs() <= 1e-5 * b.abs().max(1.0),
                "ending {ending}, {at}: {a} instead of {b}"
            );
        }
    }
}

/// Two channels of 4x4 pixels, numbered: a patch of 2 has its first channel's two lines and then the second's.
#[test]
fn patches_by_hand() {
    let pixels: Vec<f32> = (0..32u8).map(f32::from).collect();
    let cut = |side| {
        let p = Patches {
            side,
            mean: 1.0,
            deviation: 2.0,
        };
        p.cut(tensor(pixels.clone(), [1, 2, 4, 4]))
    };
    let standard = |places: &[u8]| -> Vec<f32> {
        let value = |place: &u8| (f32::from(*place) - 1.0) / 2.0;
        places.iter().map(value).collect()
    };
    let y = cut(2);
    assert_eq!(y.dims(), [4, 8]);
    let y = numbers(y);
    assert_eq!(y[..8], standard(&[0, 1, 4, 5, 16, 17, 20, 21]));
    assert_eq!(y[8..16], standard(&[2, 3, 6, 7, 18, 19, 22, 23]));
    assert_eq!(y[16..24], standard(&[8, 9, 12, 13, 24, 25, 28, 29]));
    let whole: Vec<u8> = (0..32).collect();
    assert_eq!(numbers(cut(4)), standard(&whole));
}

/// Two pictures of 2x2 pixels at two steps: noise is of its own step, and nothing leaves 0..=1.
#[test]
fn noisy_patches_by_hand() {
    let p = Patches {
        side: 2,
        mean: 0.5,
        deviation: 0.25,
    };
    let pixels = tensor(vec![0.25, 0.5, 0.75, 1.0, 0.0, 0.5, 0.5, 0.0], [2, 1, 2, 2]);
    let mut noise = vec![0.25; 8];
    noise.extend([-0.5; 8]);
    let y = p.cut_noisy(pixels, tensor(noise, [4, 1, 2, 2]));
    assert_eq!(y.dims(), [4, 4]);
    let expected = [0.5, 0.75, 1.0, 1.0, 0.25, 0.75, 0.75, 0.25]
        .into_iter()
        .chain([0.0, 0.0, 0.25, 0.5, 0.0, 0.0, 0.0, 0.0]);
    let expected: Vec<f32> = expected.map(|x: f32| (x - 0.5) / 0.25).collect();
    assert_eq!(numbers(y), expected);
}
