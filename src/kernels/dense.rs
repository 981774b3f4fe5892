//! A dense layer: a product, its bias, and GELU or a residual, in one dispatch for inference on a GPU, where a picture
//! costs what its dispatches cost.
//!
//! ```text
//! dense          y = x w + b              x [R, C_in], w [C_in, C_out], b [C_out] -> [R, C_out]
//! dense_gelu     y = gelu(x w + b)
//! dense_residual y = x w + b + r          r [R, C_out]
//! ```
//!
//! On the CPU, and where gradients are wanted, they are [`super::linear()`] and [`super::bias_gelu`] or
//! [`super::bias_residual`] one after the other: a processor's product leaves nothing to wait for, and the backward
//! passes need what lies between.

#[cfg(feature = "cube")]
mod cube;

use super::bias::BiasOps;
use super::linear::LinearOps;
#[cfg(feature = "cpu")]
use burn::backend::Flex;
use burn::backend::ops::FloatTensorOps;
use burn::backend::{
    Autodiff, Backend, Dispatch, TensorMetadata,
    autodiff::checkpoint::strategy::CheckpointStrategy, backend_extension, tensor::FloatTensor,
};
use burn::tensor::{Shape, Tensor};

/// The forward passes on a backend.
#[backend_extension(
    Cube: cfg(feature = "cube"),
    Flex: cfg(feature = "cpu"),
    Autodiff
)]
pub(crate) trait DenseOps: Backend {
    /// `x w + bias`.
    fn fused_dense(
        x: FloatTensor<Self>,
        w: FloatTensor<Self>,
        bias: FloatTensor<Self>,
    ) -> FloatTensor<Self>;

    /// `gelu(x w + bias)`.
    fn fused_dense_gelu(
        x: FloatTensor<Self>,
        w: FloatTensor<Self>,
        bias: FloatTensor<Self>,
    ) -> FloatTensor<Self>;

    /// `x w + bias + residual`.
    fn fused_dense_residual(
        x: FloatTensor<Self>,
        w: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        residual: FloatTensor<Self>,
    ) -> FloatTensor<Self>;
}

/// One operation after the other.
macro_rules! in_parts {
    () => {
        fn fused_dense(
            x: FloatTensor<Self>,
            w: FloatTensor<Self>,
            bias: FloatTensor<Self>,
        ) -> FloatTensor<Self> {
            let columns = bias.shape()[0];
            let bias = Self::float_reshape(bias, Shape::from([1, columns]));
            Self::float_add(Self::fused_linear(x, w), bias)
        }

        fn fused_dense_gelu(
            x: FloatTensor<Self>,
            w: FloatTensor<Self>,
            bias: FloatTensor<Self>,
        ) -> FloatTensor<Self> {
            Self::fused_bias_gelu(Self::fused_linear(x, w), bias)
        }

        fn fused_dense_residual(
            x: FloatTensor<Self>,
            w: FloatTensor<Self>,
            bias: FloatTensor<Self>,
            residual: FloatTensor<Self>,
        ) -> FloatTensor<Self> {
            Self::fused_bias_residual(Self::fused_linear(x, w), bias, residual)
        }
    };
}

#[cfg(feature = "cpu")]
impl DenseOps for Flex {
    in_parts!();
}

impl<B, C> DenseOps for Autodiff<B, C>
where
    B: Backend,
    C: CheckpointStrategy,
    Self: LinearOps + BiasOps,
{
    in_parts!();
}

/// `x w + bias` of `x [R, C_in]`, `w [C_in, C_out]` and `bias [C_out]`: `[R, C_out]`. Differentiable in all three.
pub fn dense(x: Tensor<2>, w: Tensor<2>, bias: Tensor<1>) -> Tensor<2> {
    Tensor::from_dispatch(Dispatch::fused_dense(
        x.into_dispatch(),
        w.into_dispatch(),
        bias.into_dispatch(),
    ))
}

/// GELU of [`dense`].
pub fn dense_gelu(x: Tensor<2>, w: Tensor<2>, bias: Tensor<1>) -> Tensor<2> {
    Tensor::from_dispatch(Dispatch::fused_dense_gelu(
        x.into_dispatch(),
        w.into_dispatch(),
        bias.into_dispatch(),
    ))
}

/// [`dense`] and `residual [R, C_out]`. Differentiable in all four.
pub fn dense_residual(
    x: Tensor<2>,
    w: Tensor<2>,
    bias: Tensor<1>,
    residual: Tensor<2>,
) -> Tensor<2> {
    Tensor::from_dispatch(Dispatch::fused_dense_residual(
        x.into_dispatch(),
        w.into_dispatch(),
        bias.into_dispatch(),
        residual.into_dispatch(),
    ))
}
