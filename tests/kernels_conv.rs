//! The convolution against burn's own, against sums made by hand, and its gradients against differences.

use burn::tensor::{Device, Tensor, TensorData};
use gemst::kernels::{ConvParams, conv, conv_reference};
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

#[derive(Debug, Clone)]
struct Case {
    x: [usize; 4],
    w: [usize; 4],
    p: ConvParams,
}

fn cases() -> impl Strategy<Value = Case> {
    let channels = prop_oneof![
        (1usize..4, 1usize..5).prop_map(|(a, b)| (1, a, b)),
        (2usize..5, 1usize..4, 1usize..4),
        // Depth-wise.
        (1usize..7).prop_map(|groups| (groups, 1, 1)),
    ];
    (
        channels,
        0usize..6,
        1usize..4,
        1usize..4,
        0usize..3,
        (0usize..9, 0usize..9),
    )
        .prop_map(
            |((groups, c_in, c_out), rows, kernel, stride, padding, more)| {
                let side = |more: usize| kernel + more;
                Case {
                    x: [rows, groups * c_in, side(more.0), side(more.1)],
                    w: [groups * c_out, c_in, kernel, kernel],
                    p: ConvParams {
                        stride,
                        padding,
                        groups,
                    },
                }
            },
        )
}

type Convolution = fn(Tensor<4>, Tensor<4>, ConvParams) -> Tensor<4>;

/// Output and both gradients, for a loss that weighs every output differently.
fn figures(case: &Case, f: Convolution) -> [Vec<f32>; 3] {
    let x = tensor(some(case.x.iter().product(), 1), case.x).require_grad();
    let w = tensor(some(case.w.iter().product(), 2), case.w).require_grad();
    let y = f(x.clone(), w.clone(), case.p);
    let weights = tensor(some(y.shape().num_elements(), 3), y.dims());
    let grads = (y.clone() * weights).sum().backward();
    let gradient = |x: &Tensor<4>| numbers(x.grad(&grads).expect("tracked"));
    [numbers(y), gradient(&x), gradient(&w)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn it_is_burns_convolution(case in cases()) {
        prop_assume!(case.x[0] > 0);
        let (ours, theirs) = (figures(&case, conv), figures(&case, conv_reference));
        for (ours, theirs) in ours.iter().zip(&theirs) {
            prop_assert_eq!(ours.len(), theirs.len());
            for (a, b) in ours.iter().zip(theirs) {
                prop_assert!((a - b).abs() <= 1e-4 * b.abs().max(1.0), "{} instead of {}", a, b);
            }
        }
    }
}

#[test]
fn tiles_of_several_images_and_wide_images_agree_too() {
    // 8×8 maps are worked on four at a time, with a short tile at the end; 20×20 ones alone.
    for (x, w, groups) in [
        ([7, 6, 8, 8], [10, 6, 3, 3], 1),
        ([7, 6, 8, 8], [4, 3, 3, 3], 2),
        ([2, 3, 20, 20], [5, 3, 3, 3], 1),
        ([3, 6, 20, 20], [6, 1, 3, 3], 6),
        ([3, 6, 9, 9], [4, 3, 1, 1], 2),
    ] {
        for stride in [1, 2] {
            let p = ConvParams {
                stride,
                padding: w[2] / 2,
                groups,
            };
            let case = Case { x, w, p };
            let (ours, theirs) = (figures(&case, conv), figures(&case, conv_reference));
            for (a, b) in ours.iter().flatten().zip(theirs.iter().flatten()) {
                assert!(
                    (a - b).abs() <= 1e-4 * b.abs().max(1.0),
                    "{a} instead of {b}: {case:?}"
                );
            }
        }
    }
}

/// A 3×3 kernel of ones over a 4×4 picture of ones with padding counts the pixels under it: 4 in the corners, 6 at
/// the edges, 9 inside.
#[test]
fn ones_count_the_pixels_under_the_kernel() {
    let p = ConvParams {
        stride: 1,
        padding: 1,
        groups: 1,
    };
    let y = conv(
        tensor(vec![1.0; 16], [1, 1, 4, 4]),
        tensor(vec![1.0; 9], [1, 1, 3, 3]),
        p,
    );
    let wanted = [
        4.0, 6.0, 6.0, 4.0, 6.0, 9.0, 9.0, 6.0, 6.0, 9.0, 9.0, 6.0, 4.0, 6.0, 6.0, 4.0,
    ];
    assert_eq!(numbers(y), wanted);
}

/// The loss is linear in x and in w, so differences of any size give the gradients.
#[test]
fn gradients_are_the_differences_of_the_loss() {
    for (x, w, groups) in [
        ([2, 4, 5, 5], [6, 2, 3, 3], 2),
        ([2, 3, 6, 6], [3, 1, 3, 3], 3),
        ([2, 2, 5, 5], [3, 2, 2, 2], 1),
    ] {
        let case = Case {
            x,
            w,
            p: ConvParams {
                stride: 2,
                padding: 1,
                groups,
            },
        };
        let [_, x_grad, w_grad] = figures(&case, conv);
        let loss = |x: Vec<f32>, w: Vec<f32>| -> f64 {
            let y = conv(tensor(x, case.x), tensor(w, case.w), case.p);
            let weights = some(y.shape().num_elements(), 3);
            let terms = numbers(y).into_iter().zip(weights);
            terms.map(|(y, w)| f64::from(y) * f64::from(w)).sum()
        };
        let (x, w) = (some(x.iter().product(), 1), some(w.iter().product(), 2));
        let before = loss(x.clone(), w.clone());
        for (i, grad) in x_grad.iter().enumerate().step_by(7) {
            let mut moved = x.clone();
            moved[i] += 1.0;
            let change = loss(moved, w.clone()) - before;
            assert!(
                (change - f64::from(*grad)).abs() < 1e-3,
                "x[{i}]: {grad}, not {change}"
            );
        }
        for (i, grad) in w_grad.iter().enumerate() {
            let mut moved = w.clone();
            moved[i] += 1.0;
            let change = loss(x.clone(), moved) - before;
            assert!(
                (change - f64::from(*grad)).abs() < 1e-3,
                "w[{i}]: {grad}, not {change}"
            );
        }
    }
}
