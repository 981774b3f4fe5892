//! Muon (K. Jordan et al. 2024, "Muon: an optimizer for hidden layers in neural networks"): the momentum of a weight
//! matrix is replaced by the nearest matrix with equal singular values before it is applied.
//!
//! ```text
//! M = the first moment with Nesterov's look-ahead        O = UVᵀ of M = UΣVᵀ, approximately
//! W -= lr · 0.2 √max(rows, columns) · O
//! ```
//!
//! The factor (Liu et al. 2025, arXiv:2502.16982) gives updates the size that AdamW's have, so that both share one
//! learning rate and decay. UVᵀ comes from five Newton–Schulz steps, matrix products only, with Jordan's
//! coefficients, which push singular values into about 0.7 to 1.2 quickly instead of to 1 slowly.

use super::params::Entry;
use crate::kernels::{FlatLayout, FlatMatrix, NewtonSchulz, muon_step};
use burn::tensor::Tensor;
use std::sync::Arc;

/// Jordan's coefficients of `X <- a X + b (XXᵀ) X + c (XXᵀ)² X`.
const STEPS: NewtonSchulz = NewtonSchulz {
    coefficients: [3.4445, -4.7750, 2.0315],
    steps: 5,
};
/// Matrices with a shorter side than this are left to AdamW: depth-wise kernels, the convolution on pixels.
const SHORTEST: usize = 16;

/// A batch of matrices `[count, rows, columns]`, if Muon takes this tensor: hidden weights, no head, embedding or
/// norm.
pub(super) fn matrices(entry: &Entry) -> Option<[usize; 3]> {
    let head = entry.name.split('.').any(|part| part == "head");
    if head || !entry.decays || !entry.trains {
        return None;
    }
    let shape = match *entry.shape.as_slice() {
        [rows, columns] => [1, rows, columns],
        [groups, rows, columns] => [groups, rows, columns],
        [rows, a, b, c] => [1, rows, a * b * c],
        _ => return None,
    };
    (shape[1].min(shape[2]) >= SHORTEST).then_some(shape)
}

/// The matrices of a network whose tensors lie in a flat vector so.
pub(super) fn all<'a>(
    optimised: impl Iterator<Item = &'a Entry>,
    layout: &FlatLayout,
) -> Vec<FlatMatrix> {
    let placed = optimised.zip(layout.parts());
    placed
        .filter_map(|(entry, (start, _))| Some((matrices(entry)?, start)))
        .flat_map(|([count, rows, columns], start)| {
            (0..count).map(move |index| FlatMatrix {
                start: start + index * rows * columns,
                rows,
                columns,
            })
        })
        .collect()
}

/// The weights `[P]`, whose matrices have moved by Muon's step in the direction of their `momentum [P]`.
pub(super) fn step(
    weights: Tensor<1>,
    momentum: Tensor<1>,
    matrices: &Arc<Vec<FlatMatrix>>,
    lr: f64,
) -> Tensor<1> {
    muon_step(weights, momentum, matrices, STEPS, (0.2 * lr) as f32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::{Device, TensorData};

    fn numbers(x: Tensor<1>) -> Vec<f32> {
        x.into_data().iter::<f32>().collect()
    }

    fn entry(name: &str, shape: &[usize]) -> Entry {
        Entry {
            name: name.into(),
            shape: shape.to_vec(),
            buffer: false,
            decays: true,
            trains: true,
        }
    }

    /// diag(0.5, 1.5, …) padded: singular vectors are the axes, so UVᵀ is the identity whatever the singular values.
    #[test]
    fn singular_values_become_about_one() {
        let size = 16;
        let mut values = vec![0.0f32; size * 2 * size];
        for i in 0..size {
            values[i * 2 * size + i] = 0.5 + i as f32;
        }
        let moved = |values: Vec<f32>, [rows, columns]: [usize; 2]| {
            let shape = [values.len()];
            let momentum = Tensor::<1>::from_data(TensorData::new(values, shape), &Device::flex());
            let matrix = FlatMatrix {
                start: 0,
                rows,
                columns,
            };
            let after = step(
                momentum.zeros_like(),
                momentum,
                &Arc::new(vec![matrix]),
                1.0,
            );
            numbers(-after)
        };
        let wide = moved(values.clone(), [size, 2 * size]);
        let scale = 0.2 * (2.0 * size as f32).sqrt();
        for (i, row) in wide.chunks_exact(2 * size).enumerate() {
            for (j, value) in row.iter().enumerate() {
                let wanted = if i == j { 0.65..1.25 } else { -1e-3..1e-3 };
                assert!(wanted.contains(&(value / scale)), "[{i}, {j}]: {value}");
            }
        }
        // A tall matrix is the transpose of a wide one.
        let turned = |values: &[f32], rows: usize, columns: usize| -> Vec<f32> {
            (0..rows * columns)
                .map(|at| values[at % rows * columns + at / rows])
                .collect()
        };
        let tall = moved(turned(&values, size, 2 * size), [2 * size, size]);
        for (a, b) in wide.iter().zip(&turned(&tall, 2 * size, size)) {
            assert!((a - b).abs() < 1e-4, "{a} and {b}");
        }
    }

    #[test]
    fn hidden_matrices_only() {
        let taken = |name: &str, shape: &[usize]| matrices(&entry(name, shape));
        assert_eq!(
            taken("blocks.0.fc1.weight", &[4, 32, 128]),
            Some([4, 32, 128])
        );
        assert_eq!(
            taken("stem.conv.weight", &[64, 16, 3, 3]),
            Some([1, 64, 144])
        );
        assert_eq!(taken("stem.dw.conv.weight", &[64, 1, 3, 3]), None);
        assert_eq!(taken("Spiking.head.weight", &[128, 100]), None);
        let mut norm = entry("norm.gamma", &[32, 32]);
        norm.decays = false;
        assert_eq!(matrices(&norm), None);
    }
}
