//! Convolution on the GPU: burn's kernels.

use super::{ConvGrad, ConvOps, ConvParams};
use burn::backend::{ops::ModuleOps, tensor::FloatTensor};
use burn::tensor::ops::ConvOptions;
use burn_cubecl::CubeBackend;

fn options(p: ConvParams) -> ConvOptions<2> {
    ConvOptions::new([p.stride; 2], [p.padding; 2], [1, 1], p.groups)
}

impl ConvOps for CubeBackend {
    fn conv_forward(
        x: FloatTensor<Self>,
        w: FloatTensor<Self>,
        p: ConvParams,
    ) -> FloatTensor<Self> {
        Self::conv2d(x, w, None, options(p))
    }
}

impl ConvGrad for CubeBackend {
    fn conv_x_backward(
        x: FloatTensor<Self>,
        w: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        p: ConvParams,
    ) -> FloatTensor<Self> {
        Self::conv2d_x_backward(x, w, grad, options(p))
    }

    fn conv_w_backward(
        x: FloatTensor<Self>,
        w: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        p: ConvParams,
    ) -> FloatTensor<Self> {
        Self::conv2d_weight_backward(x, w, grad, options(p))
    }
}
