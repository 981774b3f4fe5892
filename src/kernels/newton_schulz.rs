//! The nearest matrix with equal singular values, by Newton–Schulz steps (Muon, `train::muon`), from the matrix over its
//! Frobenius norm:
//!
//! ```text
//! G = X Xᵀ        P = a I + b G + c G²        X <- P X
//! ```
//!
//! Tall matrices take `G = XᵀX` and `X <- X P`, which is the same of their transposes. In single operations a step takes
//! eight GPU dispatches, here three, and a training step of `small` has forty such steps.

#[cfg(feature = "cube")]
mod cube;
#[cfg(feature = "cpu")]
mod flex;

use burn::backend::{Backend, Dispatch, backend_extension, tensor::FloatTensor};
use burn::tensor::Tensor;

/// Keeps a matrix of zeros at zero.
const EPSILON: f32 = 1e-7;

/// How [`orthogonal`] goes about it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NewtonSchulz {
    /// a, b and c of the polynomial.
    pub coefficients: [f32; 3],
    /// Steps.
    pub steps: usize,
}

/// Not differentiable.
#[backend_extension(Cube: cfg(feature = "cube"), Flex: cfg(feature = "cpu"))]
pub(crate) trait NewtonSchulzOps: Backend {
    /// `x [n, r, c]` to `[n, r, c]`.
    fn newton_schulz(x: FloatTensor<Self>, p: NewtonSchulz) -> FloatTensor<Self>;
}

/// Of matrices `x [n, r, c]`, each to about the nearest one with orthonormal rows or columns, whichever are fewer.
///
/// # Panics
/// On a device that records gradients: it has none.
pub fn orthogonal(x: Tensor<3>, p: NewtonSchulz) -> Tensor<3> {
    Tensor::from_dispatch(Dispatch::newton_schulz(x.into_dispatch(), p))
}

/// [`orthogonal`] in burn's own operations.
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
