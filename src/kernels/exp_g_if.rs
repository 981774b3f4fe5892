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

mod autodiff;
#[cfg(feature = "cube")]
pub(super) mod cube;
mod emission;
#[cfg(feature = "cpu")]
mod flex;
mod reference;
mod trace;

#[cfg(feature = "cpu")]
pub(super) use flex::Ladder;

pub use emission::exp_g_if_spikes;
pub use reference::exp_g_if_reference;
pub use trace::{ExpGIfTrace, exp_g_if_trace};

use burn::backend::{Backend, Dispatch, backend_extension, tensor::FloatTensor};
use burn::tensor::Tensor;

/// Smallest effective theta: a threshold that training drove to zero or below must not make NaN.
pub(crate) const THETA_MIN: f32 = 1.0 / 1_048_576.0;

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
        self.groups * self.full()
    }

    /// 2^K - 1, the highest code of one group.
    fn full(&self) -> usize {
        (1 << self.steps) - 1
    }

    /// Factor of theta's gradient for `numel` elements.
    pub(super) fn theta_scale(&self, numel: usize) -> f32 {
        if self.lsq_scale {
            1.0 / ((numel * self.top()).max(1) as f32).sqrt()
        } else {
            1.0
        }
    }
}

/// The forward passes on a backend; over autodiff they record [`ExpGIfGrad`].
#[backend_extension(
    Cube: cfg(feature = "cube"),
    Flex: cfg(feature = "cpu"),
    Autodiff
)]
pub(crate) trait ExpGIfOps: Backend {
    /// `z [..]`, `theta [1]` to `y [..]`.
    fn exp_g_if_forward(
        z: FloatTensor<Self>,
        theta: FloatTensor<Self>,
        p: ExpGIfParams,
    ) -> FloatTensor<Self>;

    /// `y [..]`, `theta [1]` to the number of spikes of each element.
    fn exp_g_if_count(
        y: FloatTensor<Self>,
        theta: FloatTensor<Self>,
        p: ExpGIfParams,
    ) -> FloatTensor<Self>;
}

/// The backward pass; not differentiable itself.
#[backend_extension(
    Cube: cfg(feature = "cube"),
    Flex: cfg(feature = "cpu")
)]
pub(crate) trait ExpGIfGrad: Backend {
    /// Gradients with respect to `z` and `theta`, given that with respect to `y`.
    fn exp_g_if_backward(
        z: FloatTensor<Self>,
        theta: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        p: ExpGIfParams,
    ) -> (FloatTensor<Self>, FloatTensor<Self>);
}

/// ExpG-IF as the quantiser it is trained as, with LSQ's gradient scale: `z [..]` membrane input and
/// `theta [1]` to `y [..]`, the sum of the weighted spikes. `steps` is K, `groups` is G; L must stay
/// below 2^20, so that codes and levels are exact in `f32`.
pub fn exp_g_if<const D: usize>(
    z: Tensor<D>,
    theta: Tensor<1>,
    steps: usize,
    groups: usize,
) -> Tensor<D> {
    let p = ExpGIfParams {
        steps,
        groups,
        lsq_scale: true,
    };
    exp_g_if_with(z, theta, &p)
}

/// [`exp_g_if`] with all parameters.
pub fn exp_g_if_with<const D: usize>(
    z: Tensor<D>,
    theta: Tensor<1>,
    p: &ExpGIfParams,
) -> Tensor<D> {
    let y = Dispatch::exp_g_if_forward(z.into_dispatch(), theta.into_dispatch(), *p);
    Tensor::from_dispatch(y)
}

/// Spikes behind each element of an ExpG-IF output `y = theta · n` (`[..]`, `theta [1]`): the number of
/// ones in the code's groups, 0 to K·G.
///
/// The count is a step function, so its gradient is a proxy: that of `K/(2^K - 1) · y/theta`, the chord from
/// silence to saturation. As a penalty it is an L1 pressure on activity whose value is the exact number of spikes.
/// theta has its share, with LSQ's scale as in [`exp_g_if`]: y alone would say that a lower threshold, which makes
/// y smaller, makes fewer spikes, and a penalty would drive thresholds down until every neuron saturates.
pub fn spike_count<const D: usize>(
    y: Tensor<D>,
    theta: Tensor<1>,
    steps: usize,
    groups: usize,
) -> Tensor<D> {
    let p = ExpGIfParams {
        steps,
        groups,
        lsq_scale: true,
    };
    let count = Dispatch::exp_g_if_count(y.into_dispatch(), theta.into_dispatch(), p);
    Tensor::from_dispatch(count)
}
