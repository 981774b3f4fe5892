//! LIF on the CPU: blocks of neurons whose state stays in the first-level cache, nothing allocated but the result.

mod block;

pub(in crate::kernels) use block::{BLOCK, Places, visit};

use super::{LifGrad, LifOps, LifParams};
use crate::kernels::flex::{contiguous, written};
use burn::backend::{Flex, TensorMetadata, flex::FlexTensor, tensor::FloatTensor};
use burn::tensor::TensorData;

impl LifOps for Flex {
    fn lif_forward(x: FloatTensor<Self>, p: LifParams, group: usize) -> FloatTensor<Self> {
        let x = contiguous(x);
        let values: &[f32] = x.storage();
        let steps = x.shape()[0];
        let n = values.len() / steps.max(1);
        // SAFETY: blocks and groups cover every neuron and step.
        let spikes = unsafe {
            written(values.len(), |spikes| {
                visit(
                    p,
                    [steps, n, group],
                    #[inline(always)]
                    |block, places| {
                        block.forward(
                            places,
                            #[inline(always)]
                            |at, x| x.copy_from_slice(&values[at]),
                            spikes,
                        )
                    },
                )
            })
        };
        FlexTensor::from_data(TensorData::new(spikes, x.shape()))
    }
}

impl LifGrad for Flex {
    fn lif_backward(
        x: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        p: LifParams,
        group: usize,
    ) -> FloatTensor<Self> {
        let x = contiguous(x);
        // The gradient of X takes the place of that of S.
        let mut grad = contiguous(grad);
        let values: &[f32] = x.storage();
        let steps = x.shape()[0];
        let n = values.len() / steps.max(1);
        let grads = grad.storage_mut();
        visit(
            p,
            [steps, n, group],
            #[inline(always)]
            |block, places| {
                block.backward(
                    places,
                    #[inline(always)]
                    |at, x| x.copy_from_slice(&values[at]),
                    grads,
                )
            },
        );
        grad
    }
}
