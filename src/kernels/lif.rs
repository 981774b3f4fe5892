//! Leaky integrate-and-fire over time (SpikingJelly's equations with `V_reset = 0`; DESIGN §2).
//!
//! ```text
//! charge   H[t] = V[t-1] + (X[t] - V[t-1]) / tau     decay_input
//!          H[t] = V[t-1] - V[t-1] / tau + X[t]       without
//!          H[t] = V[t-1] + X[t]                      IF (no leak)
//! fire     S[t] = [H[t] >= v_threshold]
//! reset    V[t] = H[t] (1 - S[t])                    hard
//!          V[t] = H[t] - S[t] v_threshold            soft
//! ```
//!
//! Backward through time, with `s'` the surrogate's derivative at `H - v_threshold`, `gS` the incoming
//! gradient and `gV` the one that arrives from the next step:
//!
//! ```text
//! gH[t]   = gS[t] s' + gV[t] (1 - S[t] - H[t] s')    hard; the last term only without detach_reset
//! gH[t]   = gS[t] s' + gV[t] (1 - v_threshold s')    soft; likewise
//! gX[t]   = gH[t] / tau  or  gH[t]
//! gV[t-1] = gH[t] (1 - 1/tau)  or  gH[t]
//! ```
//!
//! `1/tau` is rounded once and multiplied with, on every backend. Membranes are recomputed in the
//! backward pass: only `X` is kept.

mod autodiff;
#[cfg(feature = "cube")]
pub(super) mod cube;
#[cfg(feature = "cpu")]
mod flex;

#[cfg(feature = "cpu")]
pub(super) use flex::{BLOCK, Places, visit};
mod reference;
mod trace;

pub use reference::lif_reference;
pub use trace::{LifTrace, lif_trace};

use crate::config::{NeuronConfig, Reset, Surrogate};
use burn::backend::{Backend, Dispatch, backend_extension, tensor::FloatTensor};
use burn::tensor::Tensor;

/// Parameters of a layer of LIF or IF neurons.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LifParams {
    /// Membrane time constant in steps, at least 1. Without `leak` it plays no part.
    pub tau: f32,
    /// Firing threshold; a spike is `H >= v_threshold`.
    pub v_threshold: f32,
    /// Reset to zero (`true`) or by subtraction of the threshold.
    pub hard_reset: bool,
    /// Whether the input decays with the membrane.
    pub decay_input: bool,
    /// No gradient through the reset.
    pub detach_reset: bool,
    /// Whether the membrane decays; `false` is the IF neuron.
    pub leak: bool,
    /// Stand-in for the derivative of the step.
    pub surrogate: Surrogate,
    /// Emit the surrogate's primitive instead of the binary step. The surrogate gradient is the exact
    /// gradient of that smooth network, which is how finite differences can check it; `false` in models.
    pub smooth: bool,
}

impl From<&NeuronConfig> for LifParams {
    /// ExpG-IF, which has no membrane over time, gives the rate-coded neuron with the same quantisation
    /// step: IF with soft reset at `theta`.
    fn from(config: &NeuronConfig) -> Self {
        match *config {
            NeuronConfig::Lif {
                tau,
                v_threshold,
                reset,
                decay_input,
                detach_reset,
                surrogate,
            } => Self {
                tau,
                v_threshold,
                hard_reset: reset == Reset::Hard,
                decay_input,
                detach_reset,
                leak: true,
                surrogate,
                smooth: false,
            },
            NeuronConfig::If {
                v_threshold,
                reset,
                detach_reset,
                surrogate,
            } => Self {
                tau: 1.0,
                v_threshold,
                hard_reset: reset == Reset::Hard,
                decay_input: false,
                detach_reset,
                leak: false,
                surrogate,
                smooth: false,
            },
            NeuronConfig::ExpGIf { theta, .. } => Self {
                tau: 1.0,
                v_threshold: theta,
                hard_reset: false,
                decay_input: false,
                detach_reset: true,
                leak: false,
                surrogate: Surrogate::Rectangle { width: theta },
                smooth: false,
            },
        }
    }
}

impl LifParams {
    /// `1/tau`, the one rounding that all backends share.
    fn decay(&self) -> f32 {
        1.0 / self.tau
    }
}

/// The forward pass on a backend; over autodiff it records [`LifGrad`].
#[backend_extension(
    Cube: cfg(feature = "cube"),
    Flex: cfg(feature = "cpu"),
    Autodiff
)]
pub(crate) trait LifOps: Backend {
    /// `x [T, ..]` to spikes of the same shape.
    fn lif_forward(x: FloatTensor<Self>, p: LifParams, group: usize) -> FloatTensor<Self>;
}

/// The backward pass; not differentiable itself.
#[backend_extension(
    Cube: cfg(feature = "cube"),
    Flex: cfg(feature = "cpu")
)]
pub(crate) trait LifGrad: Backend {
    /// Gradient with respect to `x`, given that with respect to the spikes.
    fn lif_backward(
        x: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        p: LifParams,
        group: usize,
    ) -> FloatTensor<Self>;
}

/// LIF or IF neurons over time: `x [T, ..]` membrane input to binary spikes of the same shape. Membranes
/// start at zero at every multiple of `group` (temporal grouping; 0 acts as 1, and `group >= T` is one
/// group). Differentiable by the surrogate.
pub fn lif<const D: usize>(x: Tensor<D>, p: &LifParams, group: usize) -> Tensor<D> {
    let group = group.clamp(1, x.dims()[0].max(1));
    Tensor::from_dispatch(Dispatch::lif_forward(x.into_dispatch(), *p, group))
}
