//! BatchNorm and LIF on the GPU: the kernels of the two, one after the other.

use super::{NormLifGrad, NormLifOps, NormLifParams};
use crate::kernels::batch_norm::{BatchNormApply, BatchNormGrad, BatchNormOps};
use crate::kernels::lif::{LifGrad, LifOps};
use burn::backend::{TensorMetadata, ops::FloatTensorOps, tensor::FloatTensor};
use burn::tensor::Shape;
use burn_cubecl::CubeBackend;

impl NormLifOps for CubeBackend {
    fn norm_lif(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        p: NormLifParams,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        let shape = x.shape();
        let (y, mean, var) = Self::fused_batch_norm(x, gamma, beta, p.epsilon);
        let spikes = Self::lif_forward(by_step(y, p.steps), p.lif, p.group);
        (Self::float_reshape(spikes, shape), mean, var)
    }
}

impl NormLifGrad for CubeBackend {
    fn norm_lif_backward(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        mean: FloatTensor<Self>,
        var: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        p: NormLifParams,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        let shape = x.shape();
        let [y_x, y_gamma, y_mean, y_var] = [&x, &gamma, &mean, &var].map(Clone::clone);
        let y = Self::fused_batch_norm_apply(y_x, y_gamma, beta, y_mean, y_var, p.epsilon);
        let [y, grad] = [y, grad].map(|x| by_step(x, p.steps));
        let grad = Self::lif_backward(y, grad, p.lif, p.group);
        let grad = Self::float_reshape(grad, shape);
        Self::fused_batch_norm_backward(x, gamma, mean, var, grad, p.epsilon)
    }
}

/// `[T·R, ..] -> [T, ..]`.
fn by_step(x: FloatTensor<CubeBackend>, steps: usize) -> FloatTensor<CubeBackend> {
    let each = x.shape().num_elements() / steps.max(1);
    CubeBackend::float_reshape(x, Shape::from([steps, each]))
}
