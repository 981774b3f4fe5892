//! Muon's step (`train::muon`) of all its matrices, where they are in a flat vector: each moves against the nearest matrix
//! with equal singular values to its momentum, found by Newton–Schulz steps from the momentum over its Frobenius norm:
//!
//! ```text
//! X = M / ‖M‖
//! G = X Xᵀ        P = a I + b G + c G²        X <- P X        a few times
//! W <- W - η √max(rows, columns) X
//! ```
//!
//! Tall matrices take `G = XᵀX` and `X <- X P`, which is the same of their transposes. On a GPU a product of all matrices
//! is one dispatch, or a few where their sums are dealt to threads in different ways: 36 for a training step of `small`,
//! which has 69 matrices of nine shapes.

#[cfg(feature = "cube")]
mod cube;
#[cfg(feature = "cpu")]
mod flex;

use burn::backend::{Backend, Dispatch, backend_extension, tensor::FloatTensor};
use burn::tensor::Tensor;
use std::sync::Arc;

/// Keeps a matrix of zeros at zero.
const EPSILON: f32 = 1e-7;

/// How [`muon_step`] goes about it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NewtonSchulz {
    /// a, b and c of the polynomial.
    pub coefficients: [f32; 3],
    /// Steps.
    pub steps: usize,
}

/// Where a matrix is in a flat vector.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FlatMatrix {
    /// Its first element; rows follow each other.
    pub start: usize,
    /// Rows.
    pub rows: usize,
    /// Columns.
    pub columns: usize,
}

impl FlatMatrix {
    fn len(&self) -> usize {
        self.rows * self.columns
    }

    /// What the step is larger by than one of equal singular values 1.
    #[cfg(feature = "cpu")]
    fn scale(&self, lr: f32) -> f32 {
        lr * (self.rows.max(self.columns) as f32).sqrt()
    }
}

/// Not differentiable.
#[backend_extension(Cube: cfg(feature = "cube"), Flex: cfg(feature = "cpu"))]
pub(crate) trait NewtonSchulzOps: Backend {
    /// Weights and momenta `[P]` to weights.
    fn muon_step(
        weights: FloatTensor<Self>,
        momentum: FloatTensor<Self>,
        matrices: Arc<Vec<FlatMatrix>>,
        p: NewtonSchulz,
        lr: f32,
    ) -> FloatTensor<Self>;
}

/// Weights `[P]` whose `matrices` have moved against `momentum [P]`, by `lr √max(rows, columns)` times an about
/// orthonormal matrix each; the others stay.
///
/// # Panics
/// On a device that records gradients: it has none.
pub fn muon_step(
    weights: Tensor<1>,
    momentum: Tensor<1>,
    matrices: &Arc<Vec<FlatMatrix>>,
    p: NewtonSchulz,
    lr: f32,
) -> Tensor<1> {
    Tensor::from_dispatch(Dispatch::muon_step(
        weights.into_dispatch(),
        momentum.into_dispatch(),
        matrices.clone(),
        p,
        lr,
    ))
}

/// Of matrices `x [n, r, c]`, each to about the nearest one with orthonormal rows or columns, whichever are fewer, in
/// burn's own operations.
pub fn orthogonal_reference(x: Tensor<3>, p: NewtonSchulz) -> Tensor<3> {
    let [_, rows, columns] = x.dims();
    if rows > columns {
        return orthogonal_reference(x.swap_dims(1, 2), p).swap_dims(1, 2);
    }
    let norm = x.clone().square().sum_dim(2).sum_dim(1).sqrt();
    let mut x = x / (norm + EPSILON);
    let [a, b, c] = p.coefficients;
    for _ in 0..p.steps {
        let gram = x.clone().matmul(x.clone().swap_dims(1, 2));
        let next = gram.clone() * b + gram.clone().matmul(gram) * c;
        x = x.clone() * a + next.matmul(x);
    }
    x
}
