//! ExpG-IF as inference runs it: spike by spike.

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
