//! The product of a linear layer in g channel groups, `x [R, C_in]`, `w [g, C_in/g, C_out/g]` to `[R, C_out]`, the groups'
//! outputs interleaved (a channel shuffle, ShuffleNet, arXiv:1707.01083):
//!
//! ```text
//! y[r, j g + i]  = Σ_c x[r, i C_in/g + c] w[i, c, j]
//! dx[r, i C_in/g + c] = Σ_j dy[r, j g + i] w[i, c, j]      dw[i, c, j] = Σ_r x[r, i C_in/g + c] dy[r, j g + i]
//! ```
//!
//! burn's product of groups copies its operands into their order and its result out of it; on the CPU, where each
//! product's result is copied once more, that took a quarter of a training step. Here operands are read and results
//! written where they are.

mod autodiff;
#[cfg(feature = "cube")]
mod cube;
#[cfg(feature = "cpu")]
mod flex;

use burn::backend::{Backend, Dispatch, backend_extension, tensor::FloatTensor};
use burn::tensor::{Shape, Tensor};

/// `[g, C_in/g, C_out/g]` of weights of that shape; `[C_in, C_out]` is one group.
fn groups(w: &Shape) -> [usize; 3] {
    match w.num_dims() {
        2 => [1, w[0], w[1]],
        _ => [w[0], w[1], w[2]],
    }
}

/// The forward pass on a backend; over autodiff it records [`LinearGrad`].
#[backend_extension(
    Cube: cfg(feature = "cube"),
    Flex: cfg(feature = "cpu"),
    Autodiff
)]
pub(crate) trait LinearOps: Backend {
    /// `x [R, C_in]`, `w [g, C_in/g, C_out/g]` or `[C_in, C_out]` to `[R, C_out]`.
    fn fused_linear(x: FloatTensor<Self>, w: FloatTensor<Self>) -> FloatTensor<Self>;
}

/// The backward passes; not differentiable themselves.
#[backend_extension(
    Cube: cfg(feature = "cube"),
    Flex: cfg(feature = "cpu")
)]
pub(crate) trait LinearGrad: Backend {
    /// Gradient with respect to x.
    fn fused_linear_x_backward(w: FloatTensor<Self>, grad: FloatTensor<Self>) -> FloatTensor<Self>;

    /// Gradient with respect to w.
    fn fused_linear_w_backward(
        x: FloatTensor<Self>,
        w: FloatTensor<Self>,
        grad: FloatTensor<Self>,
    ) -> FloatTensor<Self>;
}

/// `x [R, C_in]` times `w`, which is `[C_in, C_out]` or, in g channel groups, `[g, C_in/g, C_out/g]`: `[R, C_out]`, the
/// groups' outputs interleaved. Differentiable in both.
pub fn linear<const D: usize>(x: Tensor<2>, w: Tensor<D>) -> Tensor<2> {
    Tensor::from_dispatch(Dispatch::fused_linear(x.into_dispatch(), w.into_dispatch()))
}

/// [`linear`] in burn's own differentiable operations.
pub fn linear_reference(x: Tensor<2>, w: Tensor<3>) -> Tensor<2> {
    let [groups, c_in, c_out] = w.dims();
    let rows = x.dims()[0];
    x.reshape([rows, groups, c_in])
        .permute([1, 0, 2])
        .matmul(w)
        .permute([1, 2, 0])
        .reshape([rows, c_out * groups])
}
