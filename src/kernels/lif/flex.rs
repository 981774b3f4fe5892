//! LIF on the CPU: short loops over a block of neurons that the compiler turns into SIMD, nothing
//! allocated but the result.

use super::{LifGrad, LifOps, LifParams};
use crate::kernels::flex::{contiguous, wide};
use crate::kernels::surrogate::{derivatives, primitives};
use burn::backend::{Flex, TensorMetadata, flex::FlexTensor, tensor::FloatTensor};
use burn::tensor::TensorData;

/// Neurons that run through a group together: their state stays in the first-level cache.
const BLOCK: usize = 256;

type Lane = [f32; BLOCK];

impl LifOps for Flex {
    fn lif_forward(x: FloatTensor<Self>, p: LifParams, group: usize) -> FloatTensor<Self> {
        let x = contiguous(x);
        let mut spikes = vec![0.0; x.shape().num_elements()];
        wide(
            #[inline(always)]
            || forward(x.storage(), &mut spikes, x.shape()[0], &p, group),
        );
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
        wide(
            #[inline(always)]
            || backward(x.storage(), grad.storage_mut(), x.shape()[0], &p, group),
        );
        grad
    }
}

/// Visit every block of neurons in every group: `(range of the group's first step, steps)`; the ranges
/// of later steps follow at distance `n`, the neurons per step.
#[inline(always)]
fn blocks(
    steps: usize,
    n: usize,
    group: usize,
    mut visit: impl FnMut(std::ops::Range<usize>, usize),
) {
    for first in (0..steps).step_by(group) {
        let length = group.min(steps - first);
        for start in (0..n).step_by(BLOCK) {
            let at = first * n + start;
            visit(at..at + BLOCK.min(n - start), length);
        }
    }
}

#[inline(always)]
fn forward(x: &[f32], spikes: &mut [f32], steps: usize, p: &LifParams, group: usize) {
    let n = x.len() / steps.max(1);
    blocks(
        steps,
        n,
        group,
        #[inline(always)]
        |first, length| {
            let (mut v, mut h): (Lane, Lane) = ([0.0; BLOCK], [0.0; BLOCK]);
            let size = first.len();
            let (v, h) = (&mut v[..size], &mut h[..size]);
            for t in 0..length {
                let at = first.start + t * n..first.end + t * n;
                charge(v, &x[at.clone()], h, p);
                let s = &mut spikes[at];
                fire(h, s, p);
                reset(h, s, v, p);
            }
        },
    );
}

/// Turns the gradient of the spikes into that of `x`, in place.
#[inline(always)]
fn backward(x: &[f32], grad: &mut [f32], steps: usize, p: &LifParams, group: usize) {
    let n = x.len() / steps.max(1);
    let (to_x, to_v) = match (p.leak, p.decay_input) {
        (false, _) => (1.0, 1.0),
        (true, true) => (p.decay(), 1.0 - p.decay()),
        (true, false) => (1.0, 1.0 - p.decay()),
    };
    let mut membranes: Vec<Lane> = vec![[0.0; BLOCK]; group.min(steps)];
    blocks(
        steps,
        n,
        group,
        #[inline(always)]
        |first, length| {
            let mut lanes = [[0.0; BLOCK]; 4];
            let size = first.len();
            let [v, s, slope, gv] = lanes.each_mut().map(|lane| &mut lane[..size]);
            let step = |t: usize| first.start + t * n..first.end + t * n;
            for (t, h) in membranes[..length].iter_mut().enumerate() {
                let h = &mut h[..size];
                charge(v, &x[step(t)], h, p);
                fire(h, s, p);
                reset(h, s, v, p);
            }
            for (t, h) in membranes[..length].iter().enumerate().rev() {
                let h = &h[..size];
                fire(h, s, p);
                let u = |h: f32| h - p.v_threshold;
                derivatives(p.surrogate, h.iter().copied().map(u), slope);
                through_reset(h, s, slope, p);
                hand_back(s, slope, gv, &mut grad[step(t)], [to_x, to_v]);
            }
        },
    );
}

/// `gH[t]`, whose shares go to `X[t]`, in the place of `gS[t]`, and to `V[t-1]`.
#[inline(always)]
fn hand_back(
    keep: &[f32],
    slope: &[f32],
    gv: &mut [f32],
    grad: &mut [f32],
    [to_x, to_v]: [f32; 2],
) {
    let lanes = grad.iter_mut().zip(gv).zip(keep.iter().zip(slope));
    for ((grad, gv), (keep, slope)) in lanes {
        let gh = *grad * slope + *gv * keep;
        *grad = gh * to_x;
        *gv = gh * to_v;
    }
}

/// `h = H[t]` from `v = V[t-1]` and `x = X[t]`.
#[inline(always)]
fn charge(v: &[f32], x: &[f32], h: &mut [f32], p: &LifParams) {
    let decay = p.decay();
    let lanes = h.iter_mut().zip(v).zip(x);
    match (p.leak, p.decay_input) {
        (false, _) => lanes.for_each(|((h, v), x)| *h = v + x),
        (true, true) => lanes.for_each(|((h, v), x)| *h = v + (x - v) * decay),
        (true, false) => lanes.for_each(|((h, v), x)| *h = v - v * decay + x),
    }
}

/// `s = S[t]`, or the smooth step.
#[inline(always)]
fn fire(h: &[f32], s: &mut [f32], p: &LifParams) {
    if p.smooth {
        primitives(p.surrogate, h.iter().map(|h| h - p.v_threshold), s);
    } else {
        for (s, h) in s.iter_mut().zip(h) {
            *s = if h - p.v_threshold >= 0.0 { 1.0 } else { 0.0 };
        }
    }
}

/// `v = V[t]`.
#[inline(always)]
fn reset(h: &[f32], s: &[f32], v: &mut [f32], p: &LifParams) {
    let lanes = v.iter_mut().zip(h).zip(s);
    if p.hard_reset {
        lanes.for_each(|((v, h), s)| *v = h * (1.0 - s));
    } else {
        lanes.for_each(|((v, h), s)| *v = h - s * p.v_threshold);
    }
}

/// Turns `s` into `dV/dH`.
#[inline(always)]
fn through_reset(h: &[f32], s: &mut [f32], slope: &[f32], p: &LifParams) {
    let lanes = s.iter_mut().zip(h).zip(slope);
    match (p.hard_reset, p.detach_reset) {
        (true, true) => lanes.for_each(|((s, _), _)| *s = 1.0 - *s),
        (true, false) => lanes.for_each(|((s, h), slope)| *s = 1.0 - *s - h * slope),
        (false, true) => s.fill(1.0),
        (false, false) => lanes.for_each(|((s, _), slope)| *s = 1.0 - p.v_threshold * slope),
    }
}
