//! Convolution on the CPU: matrix products over patches, a tile of images at a time so that the patches stay in the
//! cache; direct sums for depth-wise kernels.

mod depthwise;
mod patches;

use super::{ConvGrad, ConvOps, ConvParams};
use burn::backend::{
    Flex, TensorMetadata, flex::FlexTensor, ops::FloatTensorOps, tensor::FloatTensor,
};
use burn::tensor::{DType, Shape, TensorData};
use patches::Patches;

/// Sizes of one convolution.
#[derive(Debug, Clone, Copy)]
struct Plan {
    rows: usize,
    c_in: usize,
    c_out: usize,
    groups: usize,
    /// k, height and width.
    kernel: [usize; 2],
    /// H, W.
    input: [usize; 2],
    /// H', W'.
    output: [usize; 2],
    stride: usize,
    padding: usize,
}

impl Plan {
    fn new(x: &Shape, w: &Shape, p: ConvParams) -> Self {
        let output = p.output_shape(x, w);
        Self {
            rows: x[0],
            c_in: x[1],
            c_out: w[0],
            groups: p.groups,
            kernel: [w[2], w[3]],
            input: [x[2], x[3]],
            output: [output[2], output[3]],
            stride: p.stride,
            padding: p.padding,
        }
    }

    fn is_depthwise(&self) -> bool {
        self.groups == self.c_in && self.groups == self.c_out
    }

    /// H' W'.
    fn positions(&self) -> usize {
        self.output[0] * self.output[1]
    }

    /// C_in/g k k, a patch's numbers.
    fn depth(&self) -> usize {
        self.c_in / self.groups * self.kernel[0] * self.kernel[1]
    }

    /// Numbers of one image's output channels of one group.
    fn group_outputs(&self) -> usize {
        self.c_out / self.groups * self.positions()
    }
}

impl ConvOps for Flex {
    fn conv_forward(
        x: FloatTensor<Self>,
        w: FloatTensor<Self>,
        p: ConvParams,
    ) -> FloatTensor<Self> {
        let plan = Plan::new(&x.shape(), &w.shape(), p);
        let (x, w) = (x.to_contiguous(), w.to_contiguous());
        let mut y = vec![0.0f32; plan.rows * plan.c_out * plan.positions()];
        if plan.is_depthwise() {
            depthwise::forward(&plan, x.storage(), w.storage(), &mut y);
        } else {
            let mut patches = Patches::new(&plan);
            for tile in patches.tiles() {
                for group in 0..plan.groups {
                    patches.gather(x.storage(), group, &tile);
                    let product =
                        Self::float_matmul(group_weights(&plan, &w, group), patches.matrix());
                    patches.scatter_outputs(product.storage(), group, &tile, &mut y);
                }
            }
        }
        let shape = [plan.rows, plan.c_out, plan.output[0], plan.output[1]];
        FlexTensor::from_data(TensorData::new(y, shape))
    }
}

impl ConvGrad for Flex {
    fn conv_x_backward(
        x: FloatTensor<Self>,
        w: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        p: ConvParams,
    ) -> FloatTensor<Self> {
        let plan = Plan::new(&x.shape(), &w.shape(), p);
        let (w, grad) = (w.to_contiguous(), grad.to_contiguous());
        let mut x_grad = vec![0.0f32; x.shape().num_elements()];
        if plan.is_depthwise() {
            depthwise::x_backward(&plan, w.storage(), grad.storage(), &mut x_grad);
        } else {
            let mut patches = Patches::new(&plan);
            for tile in patches.tiles() {
                for group in 0..plan.groups {
                    let outputs = patches.gather_outputs(grad.storage(), group, &tile);
                    let weights = group_weights(&plan, &w, group).transpose(0, 1);
                    let product = Self::float_matmul(weights, outputs);
                    patches.scatter(product.storage(), group, &tile, &mut x_grad);
                }
            }
        }
        FlexTensor::from_data(TensorData::new(x_grad, x.shape()))
    }

    fn conv_w_backward(
        x: FloatTensor<Self>,
        w: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        p: ConvParams,
    ) -> FloatTensor<Self> {
        let plan = Plan::new(&x.shape(), &w.shape(), p);
        let (x, grad) = (x.to_contiguous(), grad.to_contiguous());
        let mut w_grad = vec![0.0f32; w.shape().num_elements()];
        if plan.is_depthwise() {
            depthwise::w_backward(&plan, x.storage(), grad.storage(), &mut w_grad);
        } else {
            let size = w_grad.len() / plan.groups;
            let mut patches = Patches::new(&plan);
            for tile in patches.tiles() {
                for (group, sum) in w_grad.chunks_exact_mut(size).enumerate() {
                    patches.gather(x.storage(), group, &tile);
                    let outputs = patches.gather_outputs(grad.storage(), group, &tile);
                    let product = Self::float_matmul(outputs, patches.matrix().transpose(0, 1));
                    let added = sum.iter_mut().zip(product.storage::<f32>());
                    added.for_each(|(sum, product)| *sum += product);
                }
            }
        }
        FlexTensor::from_data(TensorData::new(w_grad, w.shape()))
    }
}

/// Weights of one group as `[C_out/g, C_in/g k k]`.
fn group_weights(plan: &Plan, w: &FlexTensor, group: usize) -> FlexTensor {
    let (rows, depth) = (plan.c_out / plan.groups, plan.depth());
    if plan.groups == 1 {
        return w.reshape(Shape::from(vec![rows, depth]));
    }
    let part = &w.storage::<f32>()[group * rows * depth..][..rows * depth];
    FlexTensor::from_data(TensorData::new(part.to_vec(), [rows, depth]))
}

/// Room for a matrix.
fn matrix(rows: usize, columns: usize) -> FlexTensor {
    FlexTensor::zeros(Shape::from(vec![rows, columns]), DType::F32)
}
