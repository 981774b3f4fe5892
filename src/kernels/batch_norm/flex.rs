//! BatchNorm on the CPU: two passes each way. Rows `[R, C]` are walked across channels, maps
//! `[R, C, ..]` along positions, so that either way memory is read in order.

mod passes;
mod sums;

pub(in crate::kernels) use passes::{normalised_then, pass_back, visit_normalised};

use self::{passes::normalised, sums::sums};
use super::{BatchNormApply, BatchNormGrad, BatchNormOps, Extent};
use crate::kernels::flex::contiguous;
use burn::backend::{
    Flex, TensorMetadata, flex::FlexTensor, ops::FloatTensorOps, tensor::FloatTensor,
};
use burn::tensor::TensorData;

impl BatchNormOps for Flex {
    fn fused_batch_norm(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        epsilon: f32,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        let [x, gamma, beta] = [x, gamma, beta].map(contiguous);
        let extent = Extent::of(&x.shape());
        let values: &[f32] = x.storage();
        let (mean, var) = moments(values, extent);
        let coefficients = [
            mean.clone(),
            scale(gamma.storage(), &var, epsilon),
            beta.storage().to_vec(),
        ];
        let y = normalised(values, &coefficients, extent);
        let per_channel = |values| FlexTensor::from_data(TensorData::new(values, gamma.shape()));
        let y = FlexTensor::from_data(TensorData::new(y, x.shape()));
        (y, per_channel(mean), per_channel(var))
    }

    fn fused_batch_norm_onto(
        shortcut: FloatTensor<Self>,
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        epsilon: f32,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        let (y, mean, var) = Self::fused_batch_norm(x, gamma, beta, epsilon);
        (Self::float_add(shortcut, y), mean, var)
    }
}

impl BatchNormApply for Flex {
    fn batch_norm_moved(
        old_mean: FloatTensor<Self>,
        old_var: FloatTensor<Self>,
        mean: FloatTensor<Self>,
        var: FloatTensor<Self>,
        kept: f32,
        share: f32,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        let moved = |old: FlexTensor, now: FlexTensor| {
            let [old, now] = [old, now].map(contiguous);
            let pairs = old.storage::<f32>().iter().zip(now.storage::<f32>());
            let new: Vec<f32> = pairs.map(|(old, now)| old * kept + now * share).collect();
            FlexTensor::from_data(TensorData::new(new, old.shape()))
        };
        (moved(old_mean, mean), moved(old_var, var))
    }

    fn fused_batch_norm_apply(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        mean: FloatTensor<Self>,
        var: FloatTensor<Self>,
        epsilon: f32,
    ) -> FloatTensor<Self> {
        let [x, gamma, beta, mean, var] = [x, gamma, beta, mean, var].map(contiguous);
        let coefficients = [
            mean.storage().to_vec(),
            scale(gamma.storage(), var.storage(), epsilon),
            beta.storage().to_vec(),
        ];
        let y = normalised(x.storage(), &coefficients, Extent::of(&x.shape()));
        FlexTensor::from_data(TensorData::new(y, x.shape()))
    }
}

impl BatchNormGrad for Flex {
    fn fused_batch_norm_backward(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        mean: FloatTensor<Self>,
        var: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        epsilon: f32,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        let [x, gamma, mut grad] = [x, gamma, grad].map(contiguous);
        let extent = Extent::of(&x.shape());
        let (values, grads): (&[f32], &[f32]) = (x.storage(), grad.storage());
        let statistics = [mean.storage(), var.storage(), gamma.storage()];
        let back = Back::summed(values, grads, statistics, extent, epsilon);
        // x's gradient takes the place of y's.
        pass_back(values, grad.storage_mut(), &back.coefficients, extent);
        let per_channel = |values| FlexTensor::from_data(TensorData::new(values, gamma.shape()));
        (grad, per_channel(back.gamma), per_channel(back.beta))
    }
}

/// Mean and biased variance of each channel.
pub(in crate::kernels) fn moments(values: &[f32], extent: Extent) -> (Vec<f32>, Vec<f32>) {
    let samples = extent.samples().max(1) as f64;
    let channel = |c: usize| values.get(c * extent.positions).copied().unwrap_or(0.0);
    let around: Vec<f32> = (0..extent.channels).map(channel).collect();
    let [first, second] = sums(
        values,
        values,
        &around,
        extent,
        #[inline(always)]
        |x, _, around| {
            let d = x - around;
            [d, d * d]
        },
    );
    let (mut mean, mut var) = (around, vec![0.0; extent.channels]);
    let moments = mean.iter_mut().zip(&mut var).zip(first.iter().zip(&second));
    for ((mean, var), (first, second)) in moments {
        let offset = first / samples;
        *mean = (f64::from(*mean) + offset) as f32;
        *var = (second / samples - offset * offset).max(0.0) as f32;
    }
    (mean, var)
}

/// What the sums of the backward pass give.
pub(in crate::kernels) struct Back {
    /// Mean, scale, slope and shift of [`pass_back`].
    pub coefficients: [Vec<f32>; 4],
    /// Gradient of gamma.
    pub gamma: Vec<f32>,
    /// Gradient of beta.
    pub beta: Vec<f32>,
}

impl Back {
    /// Of x, the gradient of y, and each channel's mean, variance and gamma.
    pub fn summed(
        x: &[f32],
        grad: &[f32],
        [mean, var, gamma]: [&[f32]; 3],
        extent: Extent,
        epsilon: f32,
    ) -> Self {
        let [beta, along] = sums(
            x,
            grad,
            mean,
            extent,
            #[inline(always)]
            |x, g, mean| [g, g * (x - mean)],
        );
        Self::new([mean, var, gamma], [&beta, &along], extent, epsilon)
    }

    /// Of each channel's mean, variance and gamma, and its `Σ g` and `Σ g (x - mean)`.
    pub fn new(
        [mean, var, gamma]: [&[f32]; 3],
        [beta, along]: [&[f64]; 2],
        extent: Extent,
        epsilon: f32,
    ) -> Self {
        let samples = extent.samples().max(1) as f64;
        let mut back = Self {
            coefficients: [mean.to_vec(), scale(gamma, var, epsilon), vec![], vec![]],
            gamma: vec![],
            beta: vec![],
        };
        let [_, scales, slopes, shifts] = &mut back.coefficients;
        for (c, var) in var.iter().enumerate() {
            let inv = 1.0 / (f64::from(*var) + f64::from(epsilon)).sqrt();
            let scale = f64::from(scales[c]);
            slopes.push((-scale * inv * inv * along[c] / samples) as f32);
            shifts.push((-scale * beta[c] / samples) as f32);
            back.beta.push(beta[c] as f32);
            back.gamma.push((inv * along[c]) as f32);
        }
        back
    }
}

/// `gamma / sqrt(var + epsilon)`.
pub(in crate::kernels) fn scale(gamma: &[f32], var: &[f32], epsilon: f32) -> Vec<f32> {
    let pairs = gamma.iter().zip(var);
    pairs
        .map(|(gamma, var)| gamma / (var + epsilon).sqrt())
        .collect()
}
