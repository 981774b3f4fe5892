//! Convolution on the CPU: matrix products over patches, a tile of images at a time so that the patches stay in the
//! cache; direct sums for depth-wise kernels.

mod depthwise;
mod patches;

use super::{ConvGrad, ConvOps, ConvParams};
use crate::kernels::flex::product::{Operand, product_into};
use burn::backend::{Flex, TensorMetadata, flex::FlexTensor, tensor::FloatTensor};
use burn::tensor::{Shape, TensorData};
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
                    patches.multiply(group_weights(&plan, w.storage(), group));
                    patches.scatter_outputs(group, &tile, &mut y);
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
                    patches.gather_outputs(grad.storage(), group, &tile);
                    patches.multiply_back(group_weights(&plan, w.storage(), group));
                    patches.scatter(group, &tile, &mut x_grad);
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
                    patches.gather_outputs(grad.storage(), group, &tile);
                    let (outputs, patches) = (patches.outputs(), patches.patches());
                    product_into(outputs, patches.turned(), sum, plan.depth(), true);
                }
            }
        }
        FlexTensor::from_data(TensorData::new(w_grad, w.shape()))
    }
}

/// Weights of one group as `[C_out/g, C_in/g k k]`.
fn group_weights<'a>(plan: &Plan, w: &'a [f32], group: usize) -> Operand<'a> {
    let (rows, depth) = (plan.c_out / plan.groups, plan.depth());
    Operand::new(&w[group * rows * depth..], [rows, depth], depth)
}
