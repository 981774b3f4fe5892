//! LIF in burn's own differentiable operations: slow, short and obviously the equations.

use super::LifParams;
use crate::kernels::surrogate::primitive_tensor;
use burn::tensor::Tensor;

/// [`super::lif`] step by step. The spike is `step.detach() + (smooth - smooth.detach())`: the step's
/// value to the last bit, the primitive's gradient.
pub fn lif_reference<const D: usize>(x: Tensor<D>, p: &LifParams, group: usize) -> Tensor<D> {
    let steps = x.dims()[0];
    let mut v: Option<Tensor<D>> = None;
    let mut spikes = Vec::with_capacity(steps);
    for t in 0..steps {
        if t % group.max(1) == 0 {
            v = None;
        }
        let h = charge(v, x.clone().narrow(0, t, 1), p);
        let s = fire(h.clone() - p.v_threshold, p);
        let s_reset = if p.detach_reset {
            s.clone().detach()
        } else {
            s.clone()
        };
        v = Some(if p.hard_reset {
            h * (-s_reset + 1.0)
        } else {
            h - s_reset * p.v_threshold
        });
        spikes.push(s);
    }
    Tensor::cat(spikes, 0)
}

fn charge<const D: usize>(v: Option<Tensor<D>>, x: Tensor<D>, p: &LifParams) -> Tensor<D> {
    let v = v.unwrap_or_else(|| x.zeros_like());
    match (p.leak, p.decay_input) {
        (false, _) => v + x,
        (true, true) => v.clone() + (x - v) * p.decay(),
        (true, false) => v.clone() - v * p.decay() + x,
    }
}

fn fire<const D: usize>(u: Tensor<D>, p: &LifParams) -> Tensor<D> {
    let smooth = primitive_tensor(p.surrogate, u.clone());
    if p.smooth {
        return smooth;
    }
    u.greater_equal_elem(0.0).float() + (smooth.clone() - smooth.detach())
}
