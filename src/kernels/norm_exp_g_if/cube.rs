//! BatchNorm and ExpG-IF on the GPU: BatchNorm's moments and one dispatch for the outputs, which alone makes them again;
//! backward the gradient of z in one, and BatchNorm's own way back.

use super::{NormExpGIfGrad, NormExpGIfOps, NormExpGIfParams};
use crate::kernels::batch_norm::cube::kernels::{Geometry, channel_at, normalised};
use crate::kernels::batch_norm::cube::{Deal, moments};
use crate::kernels::batch_norm::{BatchNormGrad, Extent};
use crate::kernels::cube::{empty, grid, like, total};
use crate::kernels::exp_g_if::cube::{EACH, output, slopes};
use burn::backend::{TensorMetadata, tensor::FloatTensor};
use burn::tensor::Shape;
use burn_cubecl::{CubeBackend, kernel::into_contiguous};
use cubecl::prelude::*;

#[cube(launch)]
fn forward_kernel(
    x: &[f32],
    gamma: &[f32],
    beta: &[f32],
    mean: &[f32],
    var: &[f32],
    theta: &[f32],
    y: &mut [f32],
    epsilon: f32,
    top: f32,
    at: &Geometry,
) {
    let i = ABSOLUTE_POS;
    if i >= y.len() {
        terminate!();
    }
    let c = channel_at(i, at);
    let z = normalised(x[i], c, gamma, beta, mean, var, epsilon);
    y[i] = output(z, theta[0], top);
}

/// `affine [3, C]` is what z needs of its channel, mean, scale and beta: a dispatch binds eight buffers at most.
#[cube(launch)]
fn affine_kernel(
    gamma: &[f32],
    beta: &[f32],
    mean: &[f32],
    var: &[f32],
    affine: &mut [f32],
    epsilon: f32,
) {
    let c = ABSOLUTE_POS;
    let channels = gamma.len();
    if c >= channels {
        terminate!();
    }
    affine[c] = mean[c];
    affine[channels + c] = gamma[c] / (var[c] + epsilon).sqrt();
    affine[2 * channels + c] = beta[c];
}

/// The gradient of z; theta's leaves as a summand of each thread, see ExpG-IF's own kernel.
#[cube(launch)]
fn backward_kernel(
    x: &[f32],
    affine: &[f32],
    theta: &[f32],
    grad: &[f32],
    z_grad: &mut [f32],
    theta_grad: &mut [f32],
    top: f32,
    scale: f32,
    at: &Geometry,
) {
    let threads = theta_grad.len();
    if ABSOLUTE_POS >= threads {
        terminate!();
    }
    let channels = affine.len() / 3;
    let theta = theta[0];
    let mut by_theta = 0.0f32;
    for turn in 0..EACH {
        let i = ABSOLUTE_POS + turn * threads;
        if i < z_grad.len() {
            let c = channel_at(i, at);
            let z = (x[i] - affine[c]) * affine[channels + c] + affine[2 * channels + c];
            let (z_slope, theta_slope) = slopes(z, theta, top);
            z_grad[i] = grad[i] * z_slope;
            by_theta += grad[i] * theta_slope;
        }
    }
    theta_grad[ABSOLUTE_POS] = scale * by_theta;
}

impl NormExpGIfOps for CubeBackend {
    fn norm_exp_g_if(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        theta: FloatTensor<Self>,
        p: NormExpGIfParams,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        let [x, gamma] = [x, gamma].map(into_contiguous);
        let [mean, var] = moments(&x, &gamma, Deal::new(Extent::of(&x.shape())));
        let [own_mean, own_var] = [&mean, &var].map(Clone::clone);
        let y = Self::norm_exp_g_if_again(x, gamma, beta, own_mean, own_var, theta, p);
        (y, mean, var)
    }
}

impl NormExpGIfGrad for CubeBackend {
    fn norm_exp_g_if_again(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        mean: FloatTensor<Self>,
        var: FloatTensor<Self>,
        theta: FloatTensor<Self>,
        p: NormExpGIfParams,
    ) -> FloatTensor<Self> {
        let [x, gamma, beta, mean, var, theta] =
            [x, gamma, beta, mean, var, theta].map(into_contiguous);
        let y = like(&x);
        let deal = Deal::new(Extent::of(&x.shape()));
        let (count, dim) = grid(&x, x.shape().num_elements());
        forward_kernel::launch(
            &y.client,
            count,
            dim,
            x.into_buffer_arg(),
            gamma.into_buffer_arg(),
            beta.into_buffer_arg(),
            mean.into_buffer_arg(),
            var.into_buffer_arg(),
            theta.into_buffer_arg(),
            y.clone().into_buffer_arg(),
            p.epsilon,
            p.code.top() as f32,
            deal.launch(),
        );
        y
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
        let [x, gamma, beta, mean] = [x, gamma, beta, mean].map(into_contiguous);
        let [var, theta, grad] = [var, theta, grad].map(into_contiguous);
        let channels = gamma.shape().num_elements();
        let affine = empty(&x, Shape::from([3 * channels]));
        let (count, dim) = grid(&x, channels);
        affine_kernel::launch(
            &x.client,
            count,
            dim,
            gamma.clone().into_buffer_arg(),
            beta.into_buffer_arg(),
            mean.clone().into_buffer_arg(),
            var.clone().into_buffer_arg(),
            affine.clone().into_buffer_arg(),
            p.epsilon,
        );
        let units = x.shape().num_elements();
        let z_grad = like(&x);
        let threads = units.div_ceil(EACH);
        let theta_grad = empty(&x, Shape::from([threads]));
        let (count, dim) = grid(&x, threads);
        backward_kernel::launch(
            &z_grad.client,
            count,
            dim,
            x.clone().into_buffer_arg(),
            affine.into_buffer_arg(),
            theta.into_buffer_arg(),
            grad.into_buffer_arg(),
            z_grad.clone().into_buffer_arg(),
            theta_grad.clone().into_buffer_arg(),
            p.code.top() as f32,
            p.code.theta_scale(units),
            Deal::new(Extent::of(&x.shape())).launch(),
        );
        let (x_grad, gamma_grad, beta_grad) =
            Self::fused_batch_norm_backward(x, gamma, mean, var, z_grad, p.epsilon);
        (x_grad, gamma_grad, beta_grad, total(theta_grad))
    }
}
