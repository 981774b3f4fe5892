//! The linear product on the GPU: burn's matrix product, one for all groups.

use super::{LinearGrad, LinearOps, groups};
use burn::backend::{TensorMetadata, ops::FloatTensorOps, tensor::FloatTensor};
use burn::tensor::Shape;
use burn_cubecl::CubeBackend;

type Cube = FloatTensor<CubeBackend>;

/// `[R, C]`, channels in g blocks, as `[g, R, C/g]`.
fn blocks(x: Cube, groups: usize) -> Cube {
    let [rows, channels] = [x.shape()[0], x.shape()[1]];
    let shape = Shape::from(vec![rows, groups, channels / groups]);
    CubeBackend::float_permute(CubeBackend::float_reshape(x, shape), &[1, 0, 2])
}

/// `[R, C]`, channels of g groups interleaved, as `[g, R, C/g]`.
fn interleaved(y: Cube, groups: usize) -> Cube {
    let [rows, channels] = [y.shape()[0], y.shape()[1]];
    let shape = Shape::from(vec![rows, channels / groups, groups]);
    CubeBackend::float_permute(CubeBackend::float_reshape(y, shape), &[2, 0, 1])
}

fn turned(x: Cube) -> Cube {
    let last = x.shape().num_dims() - 1;
    CubeBackend::float_swap_dims(x, last - 1, last)
}

impl LinearOps for CubeBackend {
    fn fused_linear(x: FloatTensor<Self>, w: FloatTensor<Self>) -> FloatTensor<Self> {
        let [groups, c_in, c_out] = groups(&w.shape());
        let rows = x.shape()[0];
        if groups == 1 {
            let w = Self::float_reshape(w, Shape::from(vec![c_in, c_out]));
            return Self::float_matmul(x, w);
        }
        let y = Self::float_matmul(blocks(x, groups), w);
        let y = Self::float_permute(y, &[1, 2, 0]);
        Self::float_reshape(y, Shape::from(vec![rows, groups * c_out]))
    }
}

impl LinearGrad for CubeBackend {
    fn fused_linear_x_backward(w: FloatTensor<Self>, grad: FloatTensor<Self>) -> FloatTensor<Self> {
        let [groups, c_in, c_out] = groups(&w.shape());
        let rows = grad.shape()[0];
        if groups == 1 {
            let w = Self::float_reshape(w, Shape::from(vec![c_in, c_out]));
            return Self::float_matmul(grad, turned(w));
        }
        let dx = Self::float_matmul(interleaved(grad, groups), turned(w));
        let dx = Self::float_permute(dx, &[1, 0, 2]);
        Self::float_reshape(dx, Shape::from(vec![rows, groups * c_in]))
    }

    fn fused_linear_w_backward(
        x: FloatTensor<Self>,
        w: FloatTensor<Self>,
        grad: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        let [groups, ..] = groups(&w.shape());
        if groups == 1 {
            return Self::float_reshape(Self::float_matmul(turned(x), grad), w.shape());
        }
        Self::float_matmul(turned(blocks(x, groups)), interleaved(grad, groups))
    }
}
