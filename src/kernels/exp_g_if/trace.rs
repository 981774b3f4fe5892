//! What is left of one neuron's potential, emission by emission, for plots.

use super::{ExpGIfParams, THETA_MIN};

/// What one neuron does: entry k belongs to emission k, groups after each other.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ExpGIfTrace {
    /// `v - theta n` before the emission, n the code emitted so far and `v = z + theta/2`.
    pub before: Vec<f32>,
    /// S, spikes.
    pub s: Vec<f32>,
    /// `v - theta n` after the emission.
    pub after: Vec<f32>,
    /// `theta 2^(K-k)`.
    pub threshold: Vec<f32>,
}

/// One neuron with membrane input `z`. Spikes by the comparisons of [`super::exp_g_if_spikes`], on the host and
/// without gradient; the residuals are rounded once, for display.
pub fn exp_g_if_trace(z: f32, theta: f32, p: &ExpGIfParams) -> ExpGIfTrace {
    let theta = theta.max(THETA_MIN);
    let v = z + 0.5 * theta;
    let residual = |emitted: usize| v - emitted as f32 * theta;
    let mut trace = ExpGIfTrace::default();
    let mut emitted = 0;
    for step in 0..p.steps * p.groups {
        let weight = 1 << (p.steps - 1 - step % p.steps);
        let fires = v >= (emitted + weight) as f32 * theta;
        trace.before.push(residual(emitted));
        trace.threshold.push(weight as f32 * theta);
        emitted += if fires { weight } else { 0 };
        trace.s.push(f32::from(u8::from(fires)));
        trace.after.push(residual(emitted));
    }
    trace
}
