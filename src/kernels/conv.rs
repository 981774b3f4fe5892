//! Two-dimensional convolution without bias, `y[r,o,·] = Σ_c w[o,c] ⋆ x[r,c]` with zero padding.
//!
//! ```text
//! y[r, o, i, j] = Σ_{c,u,v} w[o, c, u, v] x[r, c, s i + u - p, s j + v - p]
//! dx = the same sum, scattered back      dw[o, c, u, v] = Σ_{r,i,j} dy[r, o, i, j] x[r, c, s i + u - p, s j + v - p]
//! ```
//!
//! On the CPU burn composes the weights' gradient of a convolution of transposed images, group by group, which took a
//! third of a training step of a network with three convolutions; here it is one matrix product over the same patches as
//! the forward pass, or a direct sum where every channel has a kernel of its own. On a GPU burn copies images channels last
//! and back, dispatches of their own; here each of the three is one, but for convolutions in channel groups, which are
//! burn's.

mod autodiff;
#[cfg(feature = "cube")]
pub(super) mod cube;
#[cfg(feature = "cpu")]
mod flex;

use burn::backend::{Backend, Dispatch, backend_extension, tensor::FloatTensor};
use burn::tensor::{Shape, Tensor};

/// Geometry of a convolution beside its weights' shape `[C_out, C_in/g, k, k]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConvParams {
    /// s, stride; at least 1.
    pub stride: usize,
    /// p, zeros around the image.
    pub padding: usize,
    /// g, channel groups.
    pub groups: usize,
}

impl ConvParams {
    /// Side of the output for an input of that side and a kernel of that side.
    fn output_side(&self, side: usize, kernel: usize) -> usize {
        (side + 2 * self.padding - kernel) / self.stride + 1
    }

    /// Shape `[R, C_out, H', W']` of the output.
    pub(super) fn output_shape(&self, x: &Shape, w: &Shape) -> Shape {
        let side = |axis: usize| self.output_side(x[axis], w[axis]);
        Shape::from(vec![x[0], w[0], side(2), side(3)])
    }
}

/// The forward pass on a backend; over autodiff it records [`ConvGrad`].
#[backend_extension(
    Cube: cfg(feature = "cube"),
    Flex: cfg(feature = "cpu"),
    Autodiff
)]
pub(crate) trait ConvOps: Backend {
    /// `x [R, C_in, H, W]`, `w [C_out, C_in/g, k, k]` to `[R, C_out, H', W']`.
    fn conv_forward(x: FloatTensor<Self>, w: FloatTensor<Self>, p: ConvParams)
    -> FloatTensor<Self>;
}

/// The backward passes; not differentiable themselves.
#[backend_extension(
    Cube: cfg(feature = "cube"),
    Flex: cfg(feature = "cpu")
)]
pub(crate) trait ConvGrad: Backend {
    /// Gradient with respect to x.
    fn conv_x_backward(
        x: FloatTensor<Self>,
        w: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        p: ConvParams,
    ) -> FloatTensor<Self>;

    /// Gradient with respect to w.
    fn conv_w_backward(
        x: FloatTensor<Self>,
        w: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        p: ConvParams,
    ) -> FloatTensor<Self>;
}

/// Convolution of `x [R, C_in, H, W]` with `w [C_out, C_in/g, k, k]`: `[R, C_out, H', W']`. Differentiable in both.
pub fn conv(x: Tensor<4>, w: Tensor<4>, p: ConvParams) -> Tensor<4> {
    Tensor::from_dispatch(Dispatch::conv_forward(
        x.into_dispatch(),
        w.into_dispatch(),
        p,
    ))
}

/// [`conv`] in burn's own differentiable operation.
pub fn conv_reference(x: Tensor<4>, w: Tensor<4>, p: ConvParams) -> Tensor<4> {
    let options =
        burn::tensor::ops::ConvOptions::new([p.stride; 2], [p.padding; 2], [1, 1], p.groups);
    burn::tensor::module::conv2d(x, w, None, options)
}
