//! ExpG-IF on the GPU: one thread per element.

use super::{ExpGIfGrad, ExpGIfOps, ExpGIfParams, THETA_MIN};
use crate::kernels::cube::{empty, grid, like, total};
use burn::backend::{TensorMetadata, tensor::FloatTensor};
use burn::tensor::Shape;
use burn_cubecl::{CubeBackend, kernel::into_contiguous};
use cubecl::prelude::*;

/// Elements of a thread on the way back.
pub(in crate::kernels) const EACH: usize = 16;

/// n, the highest level of the ladder at or below v. The quotient may be one off (WGSL allows 2.5 ulp);
/// the ladder, whose products are rounded correctly everywhere, decides.
#[cube]
fn code(v: f32, theta: f32, top: f32) -> f32 {
    let guess = clamp((v / theta).floor(), 0.0, top);
    let higher = select(v >= (guess + 1.0) * theta, 1.0f32, 0.0f32);
    let lower = select(v < guess * theta, 1.0f32, 0.0f32);
    clamp(guess + higher - lower, 0.0, top)
}

/// y of an element, given theta as it was learned.
#[cube]
pub(in crate::kernels) fn output(z: f32, theta: f32, top: f32) -> f32 {
    let theta = max(theta, THETA_MIN);
    code(z + 0.5 * theta, theta, top) * theta
}

#[cube(launch)]
fn forward_kernel(z: &[f32], theta: &[f32], y: &mut [f32], top: f32) {
    if ABSOLUTE_POS >= y.len() {
        terminate!();
    }
    y[ABSOLUTE_POS] = output(z[ABSOLUTE_POS], theta[0], top);
}

/// What becomes of the gradient of an element's output on its way back: a factor for z's, which is 1 inside and 0
/// elsewhere, and one for theta's.
#[cube]
pub(in crate::kernels) fn slopes(z: f32, theta: f32, top: f32) -> (f32, f32) {
    let theta = max(theta, THETA_MIN);
    let v = z + 0.5 * theta;
    let inside = v >= 0.0 && v < (top + 1.0) * theta;
    let straight = select(inside, z / theta, 0.0);
    (
        select(inside, 1.0f32, 0.0f32),
        code(v, theta, top) - straight,
    )
}

#[cube(launch)]
fn count_kernel(y: &[f32], theta: &[f32], count: &mut [f32], top: f32, full: u32, groups: u32) {
    if ABSOLUTE_POS >= count.len() {
        terminate!();
    }
    let theta = max(theta[0], THETA_MIN);
    let mut rest = u32::cast_from(clamp(y[ABSOLUTE_POS] / theta + 0.5, 0.0, top));
    let mut spikes = 0u32;
    for _ in 0..groups {
        let code = min(rest, full);
        rest -= code;
        spikes += code.count_ones();
    }
    count[ABSOLUTE_POS] = f32::cast_from(spikes);
}

/// A thread takes [`EACH`] elements, as many threads apart as there are, and theta's gradient leaves as a summand of each
/// thread. (Adding up within a workgroup first was slower: on a processor a barrier costs more than what it spares.)
#[cube(launch)]
fn backward_kernel(
    z: &[f32],
    theta: &[f32],
    grad: &[f32],
    z_grad: &mut [f32],
    theta_grad: &mut [f32],
    top: f32,
    scale: f32,
) {
    let threads = theta_grad.len();
    if ABSOLUTE_POS >= threads {
        terminate!();
    }
    let theta = theta[0];
    let mut by_theta = 0.0f32;
    for turn in 0..EACH {
        let at = ABSOLUTE_POS + turn * threads;
        if at < z_grad.len() {
            let (z_slope, theta_slope) = slopes(z[at], theta, top);
            z_grad[at] = grad[at] * z_slope;
            by_theta += grad[at] * theta_slope;
        }
    }
    theta_grad[ABSOLUTE_POS] = scale * by_theta;
}

impl ExpGIfOps for CubeBackend {
    fn exp_g_if_forward(
        z: FloatTensor<Self>,
        theta: FloatTensor<Self>,
        p: ExpGIfParams,
    ) -> FloatTensor<Self> {
        let (z, theta) = (into_contiguous(z), into_contiguous(theta));
        let y = like(&z);
        let units = z.shape().num_elements();
        if units > 0 {
            let (count, dim) = grid(&z, units);
            forward_kernel::launch(
                &y.client,
                count,
                dim,
                z.into_buffer_arg(),
                theta.into_buffer_arg(),
                y.clone().into_buffer_arg(),
                p.top() as f32,
            );
        }
        y
    }

    fn exp_g_if_count(
        y: FloatTensor<Self>,
        theta: FloatTensor<Self>,
        p: ExpGIfParams,
    ) -> FloatTensor<Self> {
        let (y, theta) = (into_contiguous(y), into_contiguous(theta));
        let spikes = like(&y);
        let units = y.shape().num_elements();
        if units > 0 {
            let (count, dim) = grid(&y, units);
            count_kernel::launch(
                &spikes.client,
                count,
                dim,
                y.into_buffer_arg(),
                theta.into_buffer_arg(),
                spikes.clone().into_buffer_arg(),
                p.top() as f32,
                p.full() as u32,
                p.groups as u32,
            );
        }
        spikes
    }
}

impl ExpGIfGrad for CubeBackend {
    fn exp_g_if_backward(
        z: FloatTensor<Self>,
        theta: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        p: ExpGIfParams,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        let (z, theta, grad) = (
            into_contiguous(z),
            into_contiguous(theta),
            into_contiguous(grad),
        );
        let units = z.shape().num_elements();
        let z_grad = like(&z);
        let threads = units.div_ceil(EACH);
        let theta_grad = empty(&z, Shape::from([threads]));
        if units > 0 {
            let (count, dim) = grid(&z, threads);
            backward_kernel::launch(
                &z_grad.client,
                count,
                dim,
                z.into_buffer_arg(),
                theta.into_buffer_arg(),
                grad.into_buffer_arg(),
                z_grad.clone().into_buffer_arg(),
                theta_grad.clone().into_buffer_arg(),
                p.top() as f32,
                p.theta_scale(units),
            );
        }
        (z_grad, total(theta_grad))
    }
}
