//! LIF on the GPU: one thread per neuron and time group, all steps of the group in one dispatch.

use super::{LifGrad, LifOps, LifParams};
use crate::kernels::cube::{grid, like};
use crate::kernels::surrogate::cube::{Shape, derivative, primitive, split};
use burn::backend::{TensorMetadata, tensor::FloatTensor};
use burn_cubecl::{CubeBackend, kernel::into_contiguous};
use cubecl::prelude::*;

/// What is known when a kernel is compiled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Kind {
    group: usize,
    leak: bool,
    decay_input: bool,
    hard_reset: bool,
    detach_reset: bool,
    smooth: bool,
    shape: Shape,
}

impl Kind {
    fn new(p: &LifParams, group: usize) -> Self {
        Self {
            group,
            leak: p.leak,
            decay_input: p.decay_input,
            hard_reset: p.hard_reset,
            detach_reset: p.detach_reset,
            smooth: p.smooth,
            shape: split(p.surrogate).0,
        }
    }
}

/// Numbers of [`LifParams`] in a kernel.
#[derive(CubeType, CubeLaunch, Clone, Copy)]
struct Numbers {
    decay: f32,
    v_threshold: f32,
    number: f32,
}

#[cube]
fn charge(v: f32, x: f32, p: &Numbers, #[comptime] kind: Kind) -> f32 {
    if comptime!(!kind.leak) {
        v + x
    } else if comptime!(kind.decay_input) {
        v + (x - v) * p.decay
    } else {
        v - v * p.decay + x
    }
}

#[cube]
fn fire(h: f32, p: &Numbers, #[comptime] kind: Kind) -> f32 {
    let u = h - p.v_threshold;
    if comptime!(kind.smooth) {
        primitive(u, p.number, kind.shape)
    } else {
        select(u >= 0.0, 1.0, 0.0)
    }
}

#[cube]
fn reset(h: f32, s: f32, p: &Numbers, #[comptime] kind: Kind) -> f32 {
    if comptime!(kind.hard_reset) {
        h * (1.0 - s)
    } else {
        h - s * p.v_threshold
    }
}

impl NumbersLaunch {
    fn of(p: &LifParams) -> Self {
        Self::new(p.decay(), p.v_threshold, split(p.surrogate).1)
    }
}

/// `n` neurons per step; thread `group · n + neuron`.
#[cube(launch)]
fn forward_kernel(
    x: &[f32],
    spikes: &mut [f32],
    steps: u32,
    n: u32,
    p: &Numbers,
    #[comptime] kind: Kind,
) {
    let steps = steps as usize;
    let n = n as usize;
    let first = ABSOLUTE_POS / n * kind.group;
    if first >= steps {
        terminate!();
    }
    let at = first * n + ABSOLUTE_POS % n;
    let mut v = 0.0f32;
    #[unroll(kind.group <= 16)]
    for t in 0..kind.group {
        if first + t < steps {
            let h = charge(v, x[at + t * n], p, kind);
            let s = fire(h, p, kind);
            spikes[at + t * n] = s;
            v = reset(h, s, p, kind);
        }
    }
}

#[cube(launch)]
fn backward_kernel(
    x: &[f32],
    grad: &[f32],
    out: &mut [f32],
    steps: u32,
    n: u32,
    p: &Numbers,
    #[comptime] kind: Kind,
) {
    let steps = steps as usize;
    let n = n as usize;
    let first = ABSOLUTE_POS / n * kind.group;
    if first >= steps {
        terminate!();
    }
    let at = first * n + ABSOLUTE_POS % n;
    let mut membranes = Array::<f32>::new(kind.group);
    let mut v = 0.0f32;
    #[unroll(kind.group <= 16)]
    for t in 0..kind.group {
        if first + t < steps {
            let h = charge(v, x[at + t * n], p, kind);
            membranes[t] = h;
            v = reset(h, fire(h, p, kind), p, kind);
        }
    }
    let mut gv = 0.0f32;
    #[unroll(kind.group <= 16)]
    for i in 0..kind.group {
        let t = kind.group - 1 - i;
        if first + t < steps {
            let h = membranes[t];
            let slope = derivative(h - p.v_threshold, p.number, kind.shape);
            let mut keep = 1.0f32;
            if comptime!(kind.hard_reset) {
                keep -= fire(h, p, kind);
            }
            if comptime!(!kind.detach_reset) {
                if comptime!(kind.hard_reset) {
                    keep -= h * slope;
                } else {
                    keep -= p.v_threshold * slope;
                }
            }
            let gh = grad[at + t * n] * slope + gv * keep;
            if comptime!(kind.leak && kind.decay_input) {
                out[at + t * n] = gh * p.decay;
            } else {
                out[at + t * n] = gh;
            }
            if comptime!(kind.leak) {
                gv = gh * (1.0 - p.decay);
            } else {
                gv = gh;
            }
        }
    }
}

/// Steps, neurons per step, and the threads of all groups.
fn sizes(x: &FloatTensor<CubeBackend>, group: usize) -> (u32, u32, usize) {
    let shape = x.shape();
    let steps = shape[0];
    let n = shape.num_elements() / steps.max(1);
    (steps as u32, n as u32, steps.div_ceil(group) * n)
}

impl LifOps for CubeBackend {
    fn lif_forward(x: FloatTensor<Self>, p: LifParams, group: usize) -> FloatTensor<Self> {
        let x = into_contiguous(x);
        let spikes = like(&x);
        let (steps, n, units) = sizes(&x, group);
        if units > 0 {
            let (count, dim) = grid(&x, units);
            forward_kernel::launch(
                &spikes.client,
                count,
                dim,
                x.into_buffer_arg(),
                spikes.clone().into_buffer_arg(),
                steps,
                n,
                NumbersLaunch::of(&p),
                Kind::new(&p, group),
            );
        }
        spikes
    }
}

impl LifGrad for CubeBackend {
    fn lif_backward(
        x: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        p: LifParams,
        group: usize,
    ) -> FloatTensor<Self> {
        let (x, grad) = (into_contiguous(x), into_contiguous(grad));
        let out = like(&x);
        let (steps, n, units) = sizes(&x, group);
        if units > 0 {
            let (count, dim) = grid(&x, units);
            backward_kernel::launch(
                &out.client,
                count,
                dim,
                x.into_buffer_arg(),
                grad.into_buffer_arg(),
                out.clone().into_buffer_arg(),
                steps,
                n,
                NumbersLaunch::of(&p),
                Kind::new(&p, group),
            );
        }
        out
    }
}
