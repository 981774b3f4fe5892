//! Convolution on the CPU: matrix products over patches, a tile of images at a time so that the patches stay in the
//! cache; direct sums for depth-wise kernels.

mod depthwise;
mod few;
mod patches;

use super::{ConvGrad, ConvOps, ConvParams};
use crate::kernels::flex::{
    product::{Operand, product_into},
    sparse::pays,
};
use burn::backend::{Flex, TensorMetadata, flex::FlexTensor, tensor::FloatTensor};
use burn::tensor::{Shape, TensorData};
use few::Few;
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

    /// y; with `few`, of the numbers of x other than 0.
    fn forward(&self, x: &[f32], w: &[f32], few: bool) -> Vec<f32> {
        let mut y = vec![0.0f32; self.rows * self.c_out * self.positions()];
        if self.is_depthwise() {
            depthwise::forward(self, x, w, &mut y);
            return y;
        }
        let mut few = few.then(|| Few::forward(self, w));
        let mut patches = Patches::new(self);
        for tile in patches.tiles() {
            for group in 0..self.groups {
                patches.gather(x, group, &tile);
                match &mut few {
                    Some(few) => few.multiply(&mut patches, group),
                    None => patches.multiply(group_weights(self, w, group)),
                }
                patches.scatter_outputs(group, &tile, &mut y);
            }
        }
        y
    }

    /// The gradient of w; with `few`, as forward.
    fn w_backward(&self, x: &[f32], grad: &[f32], few: bool) -> Vec<f32> {
        let size = self.c_out / self.groups * self.depth();
        let mut w_grad = vec![0.0f32; self.groups * size];
        if self.is_depthwise() {
            depthwise::w_backward(self, x, grad, &mut w_grad);
            return w_grad;
        }
        let mut few = few.then(|| Few::backward(self));
        let mut patches = Patches::new(self);
        for tile in patches.tiles() {
            for (group, sum) in w_grad.chunks_exact_mut(size).enumerate() {
                patches.gather(x, group, &tile);
                patches.gather_outputs(grad, group, &tile);
                if let Some(few) = &mut few {
                    few.add(&patches, group);
                    continue;
                }
                let (outputs, patches) = (patches.outputs(), patches.patches());
                product_into(outputs, patches.turned(), sum, self.depth(), true);
            }
        }
        few.map_or(w_grad, Few::into_gradient)
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
        let few = pays(x.storage(), plan.c_out / plan.groups);
        let y = plan.forward(x.storage(), w.storage(), few);
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
        let few = pays(x.storage(), plan.c_out / plan.groups);
        let w_grad = plan.w_backward(x.storage(), grad.storage(), few);
        FlexTensor::from_data(TensorData::new(w_grad, w.shape()))
    }
}

/// Weights of one group as `[C_out/g, C_in/g k k]`.
fn group_weights<'a>(plan: &Plan, w: &'a [f32], group: usize) -> Operand<'a> {
    let (rows, depth) = (plan.c_out / plan.groups, plan.depth());
    Operand::new(&w[group * rows * depth..], [rows, depth], depth)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of whole numbers, most of x's 0, so that sums in any order are the same: several tiles and a short one, strides,
    /// padding and groups.
    #[test]
    fn convolutions_of_the_few_are_those_of_all() {
        let some = |count: usize, step: usize| -> Vec<f32> {
            let value = |i: usize| (i * step + i * i * 7) % 17;
            (0..count).map(|i| value(i) as f32 - 8.0).collect()
        };
        for (groups, stride, padding) in [(1, 1, 1), (1, 2, 1), (2, 1, 0), (3, 2, 1)] {
            let [x, w] = [[5, 6, 10, 9], [18, 6 / groups, 3, 3]].map(Shape::from);
            let p = ConvParams {
                stride,
                padding,
                groups,
            };
            let plan = Plan::new(&x, &w, p);
            let mut x = some(x.num_elements(), 5);
            x.iter_mut().filter(|x| **x < 4.0).for_each(|x| *x = 0.0);
            let w = some(w.num_elements(), 11);
            let grad = some(plan.rows * plan.c_out * plan.positions(), 13);
            assert_eq!(plan.forward(&x, &w, true), plan.forward(&x, &w, false));
            let [few, all] = [true, false].map(|few| plan.w_backward(&x, &grad, few));
            assert_eq!(few, all);
        }
    }
}
