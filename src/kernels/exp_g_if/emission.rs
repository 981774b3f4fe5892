//! The spikes behind an ExpG-IF output.

use super::THETA_MIN;
use burn::tensor::Tensor;

/// The neuron of inference: `z [..]` and `theta [1]` to binary spikes `[K·G, ..]` (`E = D + 1`), emitted
/// step by step, most significant first. `Σ_g Σ_k 2^(K-k) s` is the code of [`super::exp_g_if`], to the
/// last bit. No gradient.
pub fn exp_g_if_spikes<const D: usize, const E: usize>(
    z: Tensor<D>,
    theta: Tensor<1>,
    steps: usize,
    groups: usize,
) -> Tensor<E> {
    let theta = theta.detach().clamp_min(THETA_MIN).reshape([1; D]);
    let v = z.detach() + theta.clone() * 0.5;
    let mut emitted = v.zeros_like();
    let mut spikes = Vec::with_capacity(steps * groups);
    for _ in 0..groups {
        for k in 1..=steps {
            let weight = (1usize << (steps - k)) as f32;
            let threshold = (emitted.clone() + weight) * theta.clone();
            let s = v.clone().greater_equal(threshold).float();
            emitted = emitted + s.clone() * weight;
            spikes.push(s);
        }
    }
    Tensor::stack(spikes, 0)
}

/// Spikes behind each element of an ExpG-IF output `y = theta · n` (`[..]`, `theta [1]`): the number of
/// ones in the code's groups, 0 to K·G.
///
/// The count is a step function of y, so its gradient is a proxy: the slope of the chord from silence to
/// saturation, `K / (theta (2^K - 1))`. As a penalty it is an L1 pressure on activity whose value is the
/// exact number of spikes. theta receives none: a threshold must not grow only to be rid of spikes.
pub fn spike_count<const D: usize>(
    y: Tensor<D>,
    theta: Tensor<1>,
    steps: usize,
    groups: usize,
) -> Tensor<D> {
    let theta = theta.detach().clamp_min(THETA_MIN).reshape([1; D]);
    let full = ((1usize << steps) - 1) as f32;
    let mut rest = (y.clone().detach() / theta.clone()).round();
    let mut count = rest.zeros_like();
    for _ in 0..groups {
        let mut group = rest.clone().clamp(0.0, full);
        rest = rest - group.clone();
        for k in 1..=steps {
            let weight = (1usize << (steps - k)) as f32;
            let s = group.clone().greater_equal_elem(weight).float();
            group = group - s.clone() * weight;
            count = count + s;
        }
    }
    let proxy = y / theta * (steps as f32 / full);
    count + (proxy.clone() - proxy.detach())
}
