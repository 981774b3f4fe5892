//! A block of neurons through the steps of a time group, forward and backward: short loops that the compiler turns into
//! SIMD. Where the membrane input comes from is the caller's business.

use crate::kernels::LifParams;
use crate::kernels::flex::wide;
use crate::kernels::surrogate::{derivatives, primitives};
use std::mem::MaybeUninit;
use std::ops::Range;

/// Neurons of a block at most.
pub(in crate::kernels) const BLOCK: usize = 256;

type Lane = [f32; BLOCK];

/// Where a block's neurons are.
#[derive(Clone, Copy)]
pub(in crate::kernels) struct Places {
    /// The first one at the group's first step.
    start: usize,
    /// Neurons of the block.
    pub size: usize,
    /// Neurons of a step: the distance of a neuron to itself a step later.
    n: usize,
    /// Steps of the group.
    pub length: usize,
}

/// Every block of neurons in every group of steps: `[steps, neurons a step, steps of a group]`. Mark the closure
/// `#[inline(always)]`, see [`wide`].
#[inline(always)]
pub(in crate::kernels) fn visit(
    p: LifParams,
    [steps, n, group]: [usize; 3],
    mut each: impl FnMut(&mut Block, Places),
) {
    wide(
        #[inline(always)]
        || {
            let mut block = Block::new(p, group.min(steps));
            for first in (0..steps).step_by(group) {
                for start in (0..n).step_by(BLOCK) {
                    let places = Places {
                        start: first * n + start,
                        size: BLOCK.min(n - start),
                        n,
                        length: group.min(steps - first),
                    };
                    each(&mut block, places);
                }
            }
        },
    );
}

impl Places {
    /// The block at step `t` of the group.
    #[inline(always)]
    pub fn at(self, t: usize) -> Range<usize> {
        let start = self.start + t * self.n;
        start..start + self.size
    }

    /// Its first neuron's number in a step.
    #[inline(always)]
    pub fn neuron(self) -> usize {
        self.start % self.n
    }
}

/// State of a block of neurons, and where the steps of its backward pass are kept.
pub(in crate::kernels) struct Block {
    p: LifParams,
    x: Lane,
    v: Lane,
    s: Lane,
    slope: Lane,
    gv: Lane,
    /// H of each step of a group.
    h: Vec<Lane>,
}

impl Block {
    /// For groups of at most `steps` steps.
    fn new(p: LifParams, steps: usize) -> Self {
        let zero = [0.0; BLOCK];
        Self {
            p,
            x: zero,
            v: zero,
            s: zero,
            slope: zero,
            gv: zero,
            h: vec![zero; steps],
        }
    }

    /// Spikes of the block. `input` writes the membrane input of some places.
    #[inline(always)]
    pub fn forward(
        &mut self,
        places: Places,
        input: impl Fn(Range<usize>, &mut [f32]),
        spikes: &mut [MaybeUninit<f32>],
    ) {
        let Self { p, x, v, s, h, .. } = self;
        let [x, v, s] = [x, v, s].map(|lane| &mut lane[..places.size]);
        let Some(h) = h.first_mut() else { return };
        let h = &mut h[..places.size];
        v.fill(0.0);
        for t in 0..places.length {
            input(places.at(t), x);
            charge(v, x, h, p);
            fire(h, s, p);
            reset(h, s, v, p);
            spikes[places.at(t)].write_copy_of_slice(s);
        }
    }

    /// Turns the gradient of the spikes into that of the membrane input, in place.
    #[inline(always)]
    pub fn backward(
        &mut self,
        places: Places,
        input: impl Fn(Range<usize>, &mut [f32]),
        grad: &mut [f32],
    ) {
        let Self {
            p,
            x,
            v,
            s,
            slope,
            gv,
            h,
        } = self;
        let [x, v, s, slope, gv] = [x, v, s, slope, gv].map(|lane| &mut lane[..places.size]);
        let (to_x, to_v) = match (p.leak, p.decay_input) {
            (false, _) => (1.0, 1.0),
            (true, true) => (p.decay(), 1.0 - p.decay()),
            (true, false) => (1.0, 1.0 - p.decay()),
        };
        v.fill(0.0);
        gv.fill(0.0);
        for (t, h) in h[..places.length].iter_mut().enumerate() {
            let h = &mut h[..places.size];
            input(places.at(t), x);
            charge(v, x, h, p);
            fire(h, s, p);
            reset(h, s, v, p);
        }
        for (t, h) in h[..places.length].iter().enumerate().rev() {
            let h = &h[..places.size];
            fire(h, s, p);
            let u = |h: f32| h - p.v_threshold;
            derivatives(p.surrogate, h.iter().copied().map(u), slope);
            through_reset(h, s, slope, p);
            hand_back(s, slope, gv, &mut grad[places.at(t)], [to_x, to_v]);
        }
    }
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
