//! What the dense twin is made of (LayerNorm, bias with GELU or residual, softmax attention, the design card's in
//! windows too): numbers from outside, the references in burn's operations, finite differences.

#[path = "kernels_support/lif_cases.rs"]
#[allow(dead_code)]
mod cases;

use burn::tensor::{Device, Tensor, TensorData};
use cases::draw;
use gemst::kernels::{
    AttentionShape, Windows, attention, attention_reference, bias_gelu, bias_gelu_reference,
    bias_residual, bias_residual_reference, layer_norm, layer_norm_reference,
};
use proptest::prelude::*;

const EPSILON: f32 = 1e-5;

/// An operation of up to three inputs on the numbers of rows and columns it was made for.
type Inputs = Vec<(Vec<f32>, Vec<usize>)>;

fn tensor<const D: usize>((values, shape): &(Vec<f32>, Vec<usize>)) -> Tensor<D> {
    let data = TensorData::new(values.clone(), shape.clone());
    Tensor::from_data(data, &Device::flex().autodiff())
}

fn floats<const D: usize>(x: Tensor<D>) -> Vec<f32> {
    x.into_data().iter::<f32>().collect()
}

/// y and the gradients of `Σ w y` with respect to a matrix, a vector and one more of either kind.
fn run(
    inputs: &Inputs,
    w: &[f32],
    f: impl Fn(Tensor<2>, Tensor<1>, &(Vec<f32>, Vec<usize>)) -> (Tensor<2>, Option<Extra>),
) -> Vec<Vec<f32>> {
    let x = tensor::<2>(&inputs[0]).require_grad();
    let vector = tensor::<1>(&inputs[1]).require_grad();
    let none = (Vec::new(), vec![0]);
    let (y, extra) = f(x.clone(), vector.clone(), inputs.get(2).unwrap_or(&none));
    let shape = y.dims();
    let weights = tensor::<2>(&(w[..shape[0] * shape[1]].to_vec(), shape.to_vec()));
    let grads = (y.clone() * weights).sum().backward();
    let mut out = vec![
        floats(y),
        floats(x.grad(&grads).expect("tracked")),
        floats(vector.grad(&grads).expect("tracked")),
    ];
    out.extend(extra.map(|extra| match extra {
        Extra::Vector(x) => floats(x.grad(&grads).expect("tracked")),
        Extra::Matrix(x) => floats(x.grad(&grads).expect("tracked")),
    }));
    out
}

enum Extra {
    Vector(Tensor<1>),
    Matrix(Tensor<2>),
}

fn norm(
    f: fn(Tensor<2>, Tensor<1>, Tensor<1>, f32) -> Tensor<2>,
    inputs: &Inputs,
    w: &[f32],
) -> Vec<Vec<f32>> {
    run(inputs, w, |x, gamma, beta| {
        let beta = tensor::<1>(beta).require_grad();
        (
            f(x, gamma, beta.clone(), EPSILON),
            Some(Extra::Vector(beta)),
        )
    })
}

fn residual(
    f: fn(Tensor<2>, Tensor<1>, Tensor<2>) -> Tensor<2>,
    inputs: &Inputs,
    w: &[f32],
) -> Vec<Vec<f32>> {
    run(inputs, w, |x, bias, other| {
        let other = tensor::<2>(other).require_grad();
        (f(x, bias, other.clone()), Some(Extra::Matrix(other)))
    })
}

fn gelu(f: fn(Tensor<2>, Tensor<1>) -> Tensor<2>, inputs: &Inputs, w: &[f32]) -> Vec<Vec<f32>> {
    run(inputs, w, |x, bias, _| (f(x, bias), None))
}

fn mixed(
    f: fn(Tensor<2>, Tensor<1>, AttentionShape) -> Tensor<2>,
    shape: AttentionShape,
    inputs: &Inputs,
    w: &[f32],
) -> Vec<Vec<f32>> {
    run(inputs, w, |x, bias, _| (f(x, bias, shape), None))
}

fn drawn(seed: u64, shapes: &[&[usize]]) -> Inputs {
    shapes
        .iter()
        .enumerate()
        .map(|(index, shape)| {
            let count = shape.iter().product();
            (draw(seed + index as u64, count, -2.0, 2.0), shape.to_vec())
        })
        .collect()
}

fn assert_close(ours: &[Vec<f32>], theirs: &[Vec<f32>], tolerance: f32) {
    assert_eq!(ours.len(), theirs.len());
    for (which, (ours, theirs)) in ours.iter().zip(theirs).enumerate() {
        assert_eq!(ours.len(), theirs.len(), "{which}");
        for (index, (a, b)) in ours.iter().zip(theirs).enumerate() {
            let close = (a - b).abs() <= tolerance * b.abs().max(1.0);
            assert!(close, "result {which} [{index}]: {a} instead of {b}");
        }
    }
}

/// Gradients of `Σ w y` by central differences of an `f64` function, against those of [`run`].
fn assert_differences(
    ours: &[Vec<f32>],
    inputs: &Inputs,
    w: &[f32],
    f: impl Fn(&[Vec<f64>]) -> Vec<f64>,
) {
    let wide: Vec<Vec<f64>> = inputs
        .iter()
        .map(|(values, _)| values.iter().copied().map(f64::from).collect())
        .collect();
    let loss = |inputs: &[Vec<f64>]| -> f64 {
        let y = f(inputs);
        y.iter().zip(w).map(|(y, w)| y * f64::from(*w)).sum()
    };
    let h = 1e-6;
    let differences: Vec<Vec<f32>> = (0..wide.len())
        .map(|which| {
            (0..wide[which].len())
                .map(|index| {
                    let at = |step: f64| {
                        let mut moved = wide.clone();
                        moved[which][index] += step;
                        loss(&moved)
                    };
                    ((at(h) - at(-h)) / (2.0 * h)) as f32
                })
                .collect()
        })
        .collect();
    let y: Vec<f32> = f(&wide).into_iter().map(|y| y as f32).collect();
    assert_close(&ours[..1], &[y], 1e-5);
    assert_close(&ours[1..], &differences, 2e-4);
}

/// erf by its Maclaurin series, exact in `f64` for the small arguments here.
fn erf(x: f64) -> f64 {
    let (mut term, mut sum) = (x, x);
    for n in 1..80 {
        let n = f64::from(n);
        term *= -x * x / n;
        sum += term / (2.0 * n + 1.0);
    }
    sum * 2.0 / std::f64::consts::PI.sqrt()
}

/// PyTorch's documentation of GELU gives the formula; these values are `x Φ(x)` with Φ from a table of the normal
/// distribution: Φ(1) = 0.841345, Φ(2) = 0.977250, Φ(-1) = 0.158655.
#[test]
fn gelu_by_the_table_of_the_normal_distribution() {
    let x = (vec![0.0, 1.0, 2.0, -1.0], vec![4, 1]);
    let y = floats(bias_gelu(tensor(&x), tensor(&(vec![0.0], vec![1]))));
    assert_close(&[y], &[vec![0.0, 0.841_345, 1.954_5, -0.158_655]], 2e-6);
    // The bias is added first, and far out nothing is left or everything.
    let far = (vec![-30.0, 0.0, 30.0], vec![3, 1]);
    let y = floats(bias_gelu(tensor(&far), tensor(&(vec![1.0], vec![1]))));
    assert_close(&[y], &[vec![0.0, 0.841_345, 31.0]], 2e-6);
}

/// Two rows of two channels by hand: (1, 3) has mean 2 and variance 1; equal channels give beta.
#[test]
fn layer_norm_by_hand() {
    let x = (vec![1.0, 3.0, 5.0, 5.0], vec![2, 2]);
    let vector = |values: [f32; 2]| tensor::<1>(&(values.to_vec(), vec![2]));
    let y = layer_norm(tensor(&x), vector([2.0, 3.0]), vector([0.5, -0.5]), 0.0001);
    let n = 1.0 / 1.0001f32.sqrt();
    let wanted = vec![0.5 - 2.0 * n, -0.5 + 3.0 * n, 0.5, -0.5];
    assert_close(&[floats(y)], &[wanted], 1e-6);
}

/// One picture of two tokens, one head of one channel: scores q k, so that the first token's are 0 and ln 3.
#[test]
fn attention_by_hand() {
    let shape = AttentionShape {
        tokens: 2,
        heads: 1,
        windows: None,
    };
    let three = 3.0f32.ln();
    // Rows of q, k, v.
    let qkv = (vec![1.0, 0.0, 8.0, 0.0, three, 4.0], vec![2, 3]);
    // The bias of k changes nothing, that of v is added.
    let bias = (vec![0.0, 5.0, 1.0], vec![3]);
    let y = floats(attention(tensor(&qkv), tensor(&bias), shape));
    // 1/4 · 8 + 3/4 · 4 = 5, and the mean of both for a query of 0; plus 1.
    assert_close(&[y], &[vec![6.0, 7.0]], 1e-6);
}

#[test]
fn finite_differences() {
    let w = draw(99, 64, -1.0, 1.0);
    let inputs = drawn(1, &[&[4, 5], &[5], &[5]]);
    assert_differences(&norm(layer_norm, &inputs, &w), &inputs, &w, |inputs| {
        let rows = inputs[0].chunks_exact(5);
        rows.flat_map(|row| {
            let mean = row.iter().sum::<f64>() / 5.0;
            let var = row.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / 5.0;
            let inv = 1.0 / (var + f64::from(EPSILON)).sqrt();
            let y = |c: usize| inputs[1][c] * (row[c] - mean) * inv + inputs[2][c];
            (0..5).map(y).collect::<Vec<_>>()
        })
        .collect()
    });
    let inputs = drawn(5, &[&[4, 5], &[5]]);
    assert_differences(&gelu(bias_gelu, &inputs, &w), &inputs, &w, |inputs| {
        let u = inputs[0]
            .iter()
            .enumerate()
            .map(|(i, x)| x + inputs[1][i % 5]);
        u.map(|u| u * 0.5 * (1.0 + erf(u / 2f64.sqrt()))).collect()
    });
    let inputs = drawn(7, &[&[4, 5], &[5], &[4, 5]]);
    assert_differences(
        &residual(bias_residual, &inputs, &w),
        &inputs,
        &w,
        |inputs| {
            let sum = |(i, x): (usize, &f64)| x + inputs[1][i % 5] + inputs[2][i];
            inputs[0].iter().enumerate().map(sum).collect()
        },
    );
    // Two pictures of three tokens, two heads of two channels.
    let shape = AttentionShape {
        tokens: 3,
        heads: 2,
        windows: None,
    };
    let inputs = drawn(11, &[&[6, 12], &[12]]);
    assert_differences(
        &mixed(attention, shape, &inputs, &w),
        &inputs,
        &w,
        |inputs| {
            let at = |row: usize, part: usize, head: usize, c: usize| {
                let column = part * 4 + head * 2 + c;
                inputs[0][row * 12 + column] + inputs[1][column]
            };
            let mut y = vec![0.0; 24];
            for row in 0..6 {
                for head in 0..2 {
                    let picture = row / 3 * 3;
                    let score = |j: usize| {
                        let products = (0..2).map(|c| at(row, 0, head, c) * at(j, 1, head, c));
                        (products.sum::<f64>() / 2f64.sqrt()).exp()
                    };
                    let total: f64 = (picture..picture + 3).map(score).sum();
                    for c in 0..2 {
                        let values = (picture..picture + 3).map(|j| score(j) * at(j, 2, head, c));
                        y[row * 4 + head * 2 + c] = values.sum::<f64>() / total;
                    }
                }
            }
            y
        },
    );
}

/// Windows of one token, which attends to itself: v, and nothing where neither q nor k spikes.
#[test]
fn windows_without_spikes_are_silent() {
    let shape = AttentionShape {
        tokens: 4,
        heads: 1,
        windows: Some(Windows::new(2, 1, false)),
    };
    #[rustfmt::skip]
    let qkv = (vec![
        1.0, 0.0, 2.0,
        0.0, 1.0, 3.0,
        0.0, 0.0, 4.0,
        1.0, 1.0, 5.0,
    ], vec![4, 3]);
    let bias = (vec![0.0; 3], vec![3]);
    let y = floats(attention(tensor(&qkv), tensor(&bias), shape));
    assert_close(&[y], &[vec![2.0, 3.0, 0.0, 5.0]], 1e-6);
}

/// Windows of 2×2 on a grid of 4×4, shifted by one, so that some hold tokens of two and four regions; one head of two
/// channels.
#[test]
fn finite_differences_in_windows() {
    let windows = Windows::new(4, 2, true);
    let shape = AttentionShape {
        tokens: 16,
        heads: 1,
        windows: Some(windows),
    };
    let w = draw(98, 32, -1.0, 1.0);
    let inputs = drawn(13, &[&[16, 6], &[6]]);
    let ours = mixed(attention, shape, &inputs, &w);
    assert_differences(&ours, &inputs, &w, |inputs| {
        let at = |row: usize, part: usize, c: usize| {
            let column = part * 2 + c;
            inputs[0][row * 6 + column] + inputs[1][column]
        };
        let mut y = vec![0.0; 32];
        for (members, regions) in windows.members().iter().zip(windows.regions()) {
            for (i, region) in members.iter().zip(&regions) {
                let met = members.iter().zip(&regions);
                let met: Vec<usize> = met
                    .filter(|(_, other)| *other == region)
                    .map(|(j, _)| *j)
                    .collect();
                let score = |j: usize| {
                    let products = (0..2).map(|c| at(*i, 0, c) * at(j, 1, c));
                    (products.sum::<f64>() / 2f64.sqrt()).exp()
                };
                let total: f64 = met.iter().map(|j| score(*j)).sum();
                for c in 0..2 {
                    let values = met.iter().map(|j| score(*j) * at(*j, 2, c));
                    y[i * 2 + c] = values.sum::<f64>() / total;
                }
            }
        }
        y
    });
}

/// Large scores neither overflow nor vanish.
#[test]
fn attention_keeps_its_digits_far_out() {
    let shape = AttentionShape {
        tokens: 2,
        heads: 1,
        windows: None,
    };
    let qkv = (vec![300.0, 1.0, 2.0, 300.0, 0.5, 4.0], vec![2, 3]);
    let bias = (vec![0.0; 3], vec![3]);
    let y = floats(attention(tensor(&qkv), tensor(&bias), shape));
    assert_close(&[y], &[vec![2.0, 2.0]], 1e-6);
}

proptest! {
    #[test]
    fn fused_equals_reference(
        pictures in 1usize..4,
        tokens in 1usize..20,
        heads in 1usize..4,
        d in 1usize..20,
        seed in 0u64..1 << 32,
    ) {
        let (rows, channels) = (pictures * tokens, heads * d);
        let w = draw(seed, rows * channels, -1.0, 1.0);
        let inputs = drawn(seed + 1, &[&[rows, channels], &[channels], &[channels]]);
        // A row of hardly any variance has an arbitrarily large gradient.
        if channels > 3 {
            assert_close(&norm(layer_norm, &inputs, &w), &norm(layer_norm_reference, &inputs, &w), 5e-4);
        }
        assert_close(&gelu(bias_gelu, &inputs, &w), &gelu(bias_gelu_reference, &inputs, &w), 1e-4);
        let inputs = drawn(seed + 4, &[&[rows, channels], &[channels], &[rows, channels]]);
        let (ours, plain) = (residual(bias_residual, &inputs, &w), residual(bias_residual_reference, &inputs, &w));
        assert_close(&ours, &plain, 1e-4);
        let shape = AttentionShape { tokens, heads, windows: None };
        let inputs = drawn(seed + 7, &[&[rows, 3 * channels], &[3 * channels]]);
        let (ours, plain) = (mixed(attention, shape, &inputs, &w), mixed(attention_reference, shape, &inputs, &w));
        assert_close(&ours, &plain, 2e-4);
    }

    /// Of numbers most of which are 0, so that there are windows without any.
    #[test]
    fn fused_equals_reference_in_windows(
        pictures in 1usize..4,
        (side, window) in proptest::sample::select(&[(1, 1), (2, 1), (4, 2), (6, 3), (8, 4), (4, 4)][..]),
        shifted in any::<bool>(),
        heads in 1usize..4,
        d in 1usize..9,
        seed in 0u64..1 << 32,
    ) {
        let (tokens, channels) = (side * side, heads * d);
        let rows = pictures * tokens;
        let w = draw(seed, rows * channels, -1.0, 1.0);
        let mut inputs = drawn(seed + 1, &[&[rows, 3 * channels], &[3 * channels]]);
        for value in &mut inputs[0].0 {
            *value *= f32::from(u8::from(value.abs() > 1.8));
        }
        let shape = AttentionShape { tokens, heads, windows: Some(Windows::new(side, window, shifted)) };
        let (ours, plain) = (mixed(attention, shape, &inputs, &w), mixed(attention_reference, shape, &inputs, &w));
        assert_close(&ours, &plain, 2e-4);
    }
}
