//! LIF on the GPU: one thread for some neurons and a time group, all steps of the group in one dispatch.

use super::{LifGrad, LifOps, LifParams};
use crate::kernels::cube::{grid, like, vector};
use crate::kernels::surrogate::cube::{Shape, derivative, primitive, split};
use burn::backend::{TensorMetadata, tensor::FloatTensor};
use burn_cubecl::{CubeBackend, kernel::into_contiguous};
use cubecl::prelude::*;

/// What is known when a kernel is compiled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(in crate::kernels) struct Kind {
    /// Steps of a time group.
    pub group: usize,
    leak: bool,
    decay_input: bool,
    hard_reset: bool,
    detach_reset: bool,
    smooth: bool,
    shape: Shape,
}

impl Kind {
    pub fn new(p: &LifParams, group: usize) -> Self {
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
pub(in crate::kernels) struct Numbers {
    decay: f32,
    v_threshold: f32,
    number: f32,
}

#[cube]
pub(in crate::kernels) fn charge<N: Size>(
    v: Vector<f32, N>,
    x: Vector<f32, N>,
    p: &Numbers,
    #[comptime] kind: Kind,
) -> Vector<f32, N> {
    let decay = Vector::new(p.decay);
    if comptime!(!kind.leak) {
        v + x
    } else if comptime!(kind.decay_input) {
        v + (x - v) * decay
    } else {
        v - v * decay + x
    }
}

#[cube]
pub(in crate::kernels) fn fire<N: Size>(
    h: Vector<f32, N>,
    p: &Numbers,
    #[comptime] kind: Kind,
) -> Vector<f32, N> {
    let u = h - Vector::new(p.v_threshold);
    if comptime!(kind.smooth) {
        primitive(u, p.number, kind.shape)
    } else {
        let zero = Vector::new(0.0f32);
        select_many(u.greater_equal(&zero), Vector::new(1.0f32), zero)
    }
}

#[cube]
pub(in crate::kernels) fn reset<N: Size>(
    h: Vector<f32, N>,
    s: Vector<f32, N>,
    p: &Numbers,
    #[comptime] kind: Kind,
) -> Vector<f32, N> {
    if comptime!(kind.hard_reset) {
        h * (Vector::new(1.0f32) - s)
    } else {
        h - s * Vector::new(p.v_threshold)
    }
}

/// gH[t], given gS[t] and gV[t].
#[cube]
pub(in crate::kernels) fn through_fire<N: Size>(
    h: Vector<f32, N>,
    gs: Vector<f32, N>,
    gv: Vector<f32, N>,
    p: &Numbers,
    #[comptime] kind: Kind,
) -> Vector<f32, N> {
    let threshold = Vector::new(p.v_threshold);
    let slope = derivative(h - threshold, p.number, kind.shape);
    let mut keep = Vector::new(1.0f32);
    if comptime!(kind.hard_reset) {
        keep -= fire(h, p, kind);
    }
    if comptime!(!kind.detach_reset) {
        if comptime!(kind.hard_reset) {
            keep -= h * slope;
        } else {
            keep -= threshold * slope;
        }
    }
    gs * slope + gv * keep
}

/// gX[t], given gH[t].
#[cube]
pub(in crate::kernels) fn to_input<N: Size>(
    gh: Vector<f32, N>,
    p: &Numbers,
    #[comptime] kind: Kind,
) -> Vector<f32, N> {
    if comptime!(kind.leak && kind.decay_input) {
        gh * Vector::new(p.decay)
    } else {
        gh
    }
}

/// gV[t-1], given gH[t].
#[cube]
pub(in crate::kernels) fn to_membrane<N: Size>(
    gh: Vector<f32, N>,
    p: &Numbers,
    #[comptime] kind: Kind,
) -> Vector<f32, N> {
    if comptime!(kind.leak) {
        gh * Vector::new(1.0 - p.decay)
    } else {
        gh
    }
}

impl NumbersLaunch {
    pub(in crate::kernels) fn of(p: &LifParams) -> Self {
        Self::new(p.decay(), p.v_threshold, split(p.surrogate).1)
    }
}

/// `each` vectors of neurons per step; thread `group · each + vector`.
#[cube(launch)]
fn forward_kernel<N: Size>(
    x: &[Vector<f32, N>],
    spikes: &mut [Vector<f32, N>],
    steps: u32,
    each: u32,
    p: &Numbers,
    #[comptime] kind: Kind,
) {
    let steps = steps as usize;
    let each = each as usize;
    let first = ABSOLUTE_POS / each * kind.group;
    if first >= steps {
        terminate!();
    }
    let at = first * each + ABSOLUTE_POS % each;
    let mut v = Vector::new(0.0f32);
    #[unroll(kind.group <= 16)]
    for t in 0..kind.group {
        if first + t < steps {
            let h = charge(v, x[at + t * each], p, kind);
            let s = fire(h, p, kind);
            spikes[at + t * each] = s;
            v = reset(h, s, p, kind);
        }
    }
}

#[cube(launch)]
fn backward_kernel<N: Size>(
    x: &[Vector<f32, N>],
    grad: &[Vector<f32, N>],
    out: &mut [Vector<f32, N>],
    steps: u32,
    each: u32,
    p: &Numbers,
    #[comptime] kind: Kind,
) {
    let steps = steps as usize;
    let each = each as usize;
    let first = ABSOLUTE_POS / each * kind.group;
    if first >= steps {
        terminate!();
    }
    let at = first * each + ABSOLUTE_POS % each;
    let mut membranes = Array::<Vector<f32, N>>::new(kind.group);
    let mut v = Vector::new(0.0f32);
    #[unroll(kind.group <= 16)]
    for t in 0..kind.group {
        if first + t < steps {
            let h = charge(v, x[at + t * each], p, kind);
            membranes[t] = h;
            v = reset(h, fire(h, p, kind), p, kind);
        }
    }
    let mut gv = Vector::new(0.0f32);
    #[unroll(kind.group <= 16)]
    for i in 0..kind.group {
        let t = kind.group - 1 - i;
        if first + t < steps {
            let gh = through_fire(membranes[t], grad[at + t * each], gv, p, kind);
            out[at + t * each] = to_input(gh, p, kind);
            gv = to_membrane(gh, p, kind);
        }
    }
}

/// Neurons a vector, steps, vectors per step, and the threads of all groups.
fn sizes(x: &FloatTensor<CubeBackend>, group: usize) -> (usize, u32, u32, usize) {
    let shape = x.shape();
    let steps = shape[0];
    let neurons = shape.num_elements() / steps.max(1);
    let width = vector(neurons);
    let n = neurons / width;
    (width, steps as u32, n as u32, steps.div_ceil(group) * n)
}

impl LifOps for CubeBackend {
    fn lif_forward(x: FloatTensor<Self>, p: LifParams, group: usize) -> FloatTensor<Self> {
        let x = into_contiguous(x);
        let spikes = like(&x);
        let (width, steps, n, units) = sizes(&x, group);
        if units > 0 {
            let (count, dim) = grid(&x, units);
            forward_kernel::launch(
                &spikes.client,
                count,
                dim,
                width,
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
        let (width, steps, n, units) = sizes(&x, group);
        if units > 0 {
            let (count, dim) = grid(&x, units);
            backward_kernel::launch(
                &out.client,
                count,
                dim,
                width,
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
