//! ExpG-IF in burn's own differentiable operations.

use super::{ExpGIfParams, THETA_MIN};
use burn::tensor::Tensor;

/// [`super::exp_g_if_with`] in plain operations.
pub fn exp_g_if_reference<const D: usize>(
    z: Tensor<D>,
    theta: Tensor<1>,
    p: &ExpGIfParams,
) -> Tensor<D> {
    let scale = p.theta_scale(z.shape().num_elements());
    let theta = theta.reshape([1; D]);
    let level = theta.clone().detach().clamp_min(THETA_MIN);
    let v = z.clone().detach() + level.clone() * 0.5;
    let n = code(v.clone(), level.clone(), p.top());
    let below = v.clone().lower_elem(0.0);
    let above = v.greater_equal(level.clone() * (p.top() as f32 + 1.0));
    // A function with the gradient wanted, of which only the gradient is used.
    let theta = theta * scale;
    let theta = level.clone() + (theta.clone() - theta.detach());
    let ratio = z / theta.clone();
    let inside = ratio.clone() + (n.clone() - ratio).detach();
    let proxy = inside.mask_where(below.bool_or(above), n.clone()) * theta;
    n * level + (proxy.clone() - proxy.detach())
}

/// n, the highest level of the ladder at or below v. The quotient may be one off; the ladder decides.
fn code<const D: usize>(v: Tensor<D>, theta: Tensor<D>, top: usize) -> Tensor<D> {
    let top = top as f32;
    let guess = (v.clone() / theta.clone()).floor().clamp(0.0, top);
    let higher = v
        .clone()
        .greater_equal((guess.clone() + 1.0) * theta.clone())
        .float();
    let lower = v.lower(guess.clone() * theta).float();
    (guess + higher - lower).clamp(0.0, top)
}
