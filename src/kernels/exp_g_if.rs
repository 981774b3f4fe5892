//! ExpG-IF, our reconstruction of the paper's neuron (`spiking.md` §1.4; the abstract gives no equation).
//!
//! K steps form a group; a spike of step k carries weight `2^(K-k)`; G groups follow each other. With
//! `L = G (2^K - 1)` and the base threshold theta, in exact arithmetic
//!
//! ```text
//! y = theta · clip(floor(z/theta + 1/2), 0, L)
//! ```
//!
//! **In floating point** both the quantiser and the spiking neuron are defined by one ladder of
//! thresholds, so that they agree to the last bit on every backend. Let `v = fl(z + theta/2)` and
//! `fl(theta m)` the m-th level. The code is `n = max { m <= L : m = 0 or v >= fl(theta m) }`, the output
//! `y = fl(theta n)`: the highest level that does not exceed v.
//!
//! **Spikes.** The neuron holds v and the code n it has emitted so far. Step k of a group fires if
//! `v >= theta (n + 2^(K-k))`, which is `v - theta n >= theta 2^(K-k)`: the membrane after reset by
//! subtraction against the threshold of the step, written without the subtraction's rounding. A firing
//! adds `2^(K-k)` to n. A group ends with `min(rest, 2^K - 1)` of what was left to it, so groups fill one
//! after the other, most significant bit first. Because `m -> fl(theta m)` does not decrease, the greedy
//! search ends at the maximum above, for every theta > 0, K and G.
//!
//! **Gradients** (straight through; LSQ, Esser et al. 2020): with *inside* meaning that the clip is not
//! active (`0 <= v < fl(theta (L+1))`, `L + 1` levels),
//!
//! ```text
//! dy/dz     = 1 inside, else 0
//! dy/dtheta = n - z/theta inside, L above, 0 below
//! ```
//!
//! theta is one number per layer, shape `[1]`, positive; below 2^-20 it acts as 2^-20.

mod emission;
mod reference;

pub use emission::{exp_g_if_spikes, spike_count};
pub use reference::exp_g_if_reference;

use burn::tensor::Tensor;

/// Smallest effective theta: a threshold that training drove to zero or below must not make NaN.
const THETA_MIN: f32 = 1.0 / 1_048_576.0;

/// Shape of the code, and how theta learns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExpGIfParams {
    /// K, spikes per group; at least 1.
    pub steps: usize,
    /// G, groups; at least 1.
    pub groups: usize,
    /// Scale theta's gradient by `1 / sqrt(numel(z) · L)`, as LSQ does, which brings the step size of one
    /// threshold into proportion with that of the weights. `false` gives the plain sum.
    pub lsq_scale: bool,
}

impl ExpGIfParams {
    /// L, the highest code.
    pub fn top(&self) -> usize {
        self.groups * ((1 << self.steps) - 1)
    }

    /// Factor of theta's gradient for `numel` elements.
    fn theta_scale(&self, numel: usize) -> f32 {
        if self.lsq_scale {
            1.0 / ((numel * self.top()).max(1) as f32).sqrt()
        } else {
            1.0
        }
    }
}

/// ExpG-IF as the quantiser it is trained as, with LSQ's gradient scale: `z [..]` membrane input and
/// `theta [1]` to `y [..]`, the sum of the weighted spikes. `steps` is K, `groups` is G; `L` must stay
/// below 2^24.
pub fn exp_g_if<const D: usize>(
    z: Tensor<D>,
    theta: Tensor<1>,
    steps: usize,
    groups: usize,
) -> Tensor<D> {
    exp_g_if_with(
        z,
        theta,
        &ExpGIfParams {
            steps,
            groups,
            lsq_scale: true,
        },
    )
}

/// [`exp_g_if`] with all parameters.
pub fn exp_g_if_with<const D: usize>(
    z: Tensor<D>,
    theta: Tensor<1>,
    p: &ExpGIfParams,
) -> Tensor<D> {
    exp_g_if_reference(z, theta, p)
}
