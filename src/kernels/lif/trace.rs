//! Membranes of one neuron over time, for plots.

use super::LifParams;
use crate::kernels::surrogate::primitive;

/// What one neuron does: entry t belongs to step t.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LifTrace {
    /// H, membrane after the input.
    pub h: Vec<f32>,
    /// S, spikes.
    pub s: Vec<f32>,
    /// V, membrane after the reset.
    pub v: Vec<f32>,
}

/// One neuron fed with `x`, from membrane `v_start`, which it also starts from at every multiple of
/// `group`. Same arithmetic as [`super::lif`], on the host and without gradient.
pub fn lif_trace(x: &[f32], v_start: f32, p: &LifParams, group: usize) -> LifTrace {
    let mut trace = LifTrace::default();
    let mut v = v_start;
    for (t, &x) in x.iter().enumerate() {
        if t % group.max(1) == 0 {
            v = v_start;
        }
        let h = match (p.leak, p.decay_input) {
            (false, _) => v + x,
            (true, true) => v + (x - v) * p.decay(),
            (true, false) => v - v * p.decay() + x,
        };
        let u = h - p.v_threshold;
        let s = if p.smooth {
            primitive(p.surrogate, u)
        } else {
            f32::from(u8::from(u >= 0.0))
        };
        v = if p.hard_reset {
            h * (1.0 - s)
        } else {
            h - s * p.v_threshold
        };
        trace.h.push(h);
        trace.s.push(s);
        trace.v.push(v);
    }
    trace
}
