//! The linear product on the GPU: all groups in one dispatch, read and written where they are.

use super::{LinearGrad, LinearOps, groups};
use crate::kernels::cube::product::{Operand, Steps, product};
use burn::backend::{TensorMetadata, ops::FloatTensorOps, tensor::FloatTensor};
use burn::tensor::Shape;
use burn_cubecl::CubeBackend;

type Cube = FloatTensor<CubeBackend>;

/// Lines of `width · groups` channels, groups side by side.
fn side_by_side(groups: usize, width: usize) -> Steps {
    Steps {
        matrix: width,
        row: width * groups,
        column: 1,
    }
}

/// Lines of `width · groups` channels, groups interleaved.
fn interleaved(groups: usize, width: usize) -> Steps {
    Steps {
        matrix: 1,
        row: width * groups,
        column: groups,
    }
}

/// `x [R, C_in]` as g matrices `[R, C_in/g]`.
fn inputs(x: Cube, groups: usize) -> Operand {
    let [rows, width] = [x.shape()[0], x.shape()[1] / groups];
    Operand::new(x, [rows, width], side_by_side(groups, width))
}

/// `y [R, C_out]` as g matrices `[R, C_out/g]`.
fn outputs(y: Cube, groups: usize) -> Operand {
    let [rows, width] = [y.shape()[0], y.shape()[1] / groups];
    Operand::new(y, [rows, width], interleaved(groups, width))
}

/// `w` as g matrices `[C_in/g, C_out/g]`.
fn weights(w: Cube) -> Operand {
    let [_, c_in, c_out] = groups(&w.shape());
    match turned(&w) {
        Some(w) => Operand::new(w, [c_out, c_in], Steps::packed([c_out, c_in])).turned(),
        None => Operand::new(w, [c_in, c_out], Steps::packed([c_in, c_out])),
    }
}

/// `[C_out, C_in]`, where that is the order in which `w` lies in memory.
fn turned(w: &Cube) -> Option<Cube> {
    let matrix = w.shape().num_dims() == 2 && !w.is_contiguous();
    let turned = matrix.then(|| CubeBackend::float_swap_dims(w.clone(), 0, 1));
    turned.filter(Cube::is_contiguous)
}

impl LinearOps for CubeBackend {
    fn fused_linear(x: FloatTensor<Self>, w: FloatTensor<Self>) -> FloatTensor<Self> {
        let [groups, _, c_out] = groups(&w.shape());
        let shape = Shape::from([x.shape()[0], groups * c_out]);
        let steps = interleaved(groups, c_out);
        product(inputs(x, groups), weights(w), groups, shape, steps)
    }
}

impl LinearGrad for CubeBackend {
    fn fused_linear_x_backward(w: FloatTensor<Self>, grad: FloatTensor<Self>) -> FloatTensor<Self> {
        let [groups, c_in, _] = groups(&w.shape());
        let shape = Shape::from([grad.shape()[0], groups * c_in]);
        let steps = side_by_side(groups, c_in);
        let (grad, w) = (outputs(grad, groups), weights(w).turned());
        product(grad, w, groups, shape, steps)
    }

    fn fused_linear_w_backward(
        x: FloatTensor<Self>,
        w: FloatTensor<Self>,
        grad: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        let [groups, c_in, c_out] = groups(&w.shape());
        let (x, grad) = (inputs(x, groups).turned(), outputs(grad, groups));
        if turned(&w).is_some() {
            // In the order of the weights.
            let shape = [c_out, c_in];
            let steps = Steps::packed(shape);
            let dw = product(grad.turned(), x.turned(), 1, Shape::from(shape), steps);
            return Self::float_swap_dims(dw, 0, 1);
        }
        let steps = Steps::packed([c_in, c_out]);
        product(x, grad, groups, w.shape(), steps)
    }
}
