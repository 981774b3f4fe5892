//! BatchNorm and ExpG-IF on the CPU: a pass for the moments and one for the outputs; backward one for the gradient of
//! BatchNorm's output, one for its sums, and one for that of its input.

use super::{NormExpGIfGrad, NormExpGIfOps, NormExpGIfParams};
use crate::kernels::batch_norm::{
    Back, Extent, moments, normalised_then, pass_back, scale, visit_normalised,
};
use crate::kernels::exp_g_if::Ladder;
use crate::kernels::flex::contiguous;
use burn::backend::{Flex, TensorMetadata, flex::FlexTensor, tensor::FloatTensor};
use burn::tensor::TensorData;

impl NormExpGIfOps for Flex {
    fn norm_exp_g_if(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        theta: FloatTensor<Self>,
        p: NormExpGIfParams,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        let [x, gamma, beta] = [x, gamma, beta].map(contiguous);
        let (mean, var) = moments(x.storage(), Extent::of(&x.shape()));
        let per_channel = |values| FlexTensor::from_data(TensorData::new(values, gamma.shape()));
        let (mean, var) = (per_channel(mean), per_channel(var));
        let [own_mean, own_var] = [&mean, &var].map(Clone::clone);
        let y = Self::norm_exp_g_if_again(x, gamma, beta, own_mean, own_var, theta, p);
        (y, mean, var)
    }
}

impl NormExpGIfGrad for Flex {
    fn norm_exp_g_if_again(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        mean: FloatTensor<Self>,
        var: FloatTensor<Self>,
        theta: FloatTensor<Self>,
        p: NormExpGIfParams,
    ) -> FloatTensor<Self> {
        let [x, gamma, beta] = [x, gamma, beta].map(contiguous);
        let ladder = Ladder::new(&theta, &p.code);
        let y = normalised_then(
            x.storage(),
            &coefficients([&gamma, &beta, &mean, &var], p.epsilon),
            Extent::of(&x.shape()),
            #[inline(always)]
            |z| ladder.output(z),
        );
        FlexTensor::from_data(TensorData::new(y, x.shape()))
    }

    fn norm_exp_g_if_backward(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        mean: FloatTensor<Self>,
        var: FloatTensor<Self>,
        theta: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        p: NormExpGIfParams,
    ) -> (
        FloatTensor<Self>,
        FloatTensor<Self>,
        FloatTensor<Self>,
        FloatTensor<Self>,
    ) {
        let [x, gamma, beta, mut grad] = [x, gamma, beta, grad].map(contiguous);
        let extent = Extent::of(&x.shape());
        let values: &[f32] = x.storage();
        let ladder = Ladder::new(&theta, &p.code);
        // The gradient of z takes the place of that of y, and that of x its place.
        let grads = grad.storage_mut();
        let by_theta = visit_normalised(
            values,
            grads,
            &coefficients([&gamma, &beta, &mean, &var], p.epsilon),
            extent,
            #[inline(always)]
            |z, grad| ladder.pass_back(z, grad),
        );
        let by_theta = by_theta as f32 * p.code.theta_scale(values.len());
        let statistics = [mean.storage(), var.storage(), gamma.storage()];
        let back = Back::summed(values, grads, statistics, extent, p.epsilon);
        pass_back(values, grads, &back.coefficients, extent);
        let per_channel = |values| FlexTensor::from_data(TensorData::new(values, gamma.shape()));
        let theta = FlexTensor::from_data(TensorData::new(vec![by_theta], theta.shape()));
        let (gamma, beta) = (per_channel(back.gamma), per_channel(back.beta));
        (grad, gamma, beta, theta)
    }
}

/// Mean, scale and beta of each channel.
fn coefficients([gamma, beta, mean, var]: [&FlexTensor; 4], epsilon: f32) -> [Vec<f32>; 3] {
    [
        mean.storage().to_vec(),
        scale(gamma.storage(), var.storage(), epsilon),
        beta.storage().to_vec(),
    ]
}
