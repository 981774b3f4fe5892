//! LIF parameters, inputs and an independent f64 LIF for the tests.

use gemst::config::Surrogate;
use gemst::kernels::LifParams;
use proptest::prelude::*;
use std::f64::consts::PI;

/// A plain LIF neuron that tests vary.
pub fn params() -> LifParams {
    LifParams {
        tau: 2.0,
        v_threshold: 1.0,
        hard_reset: true,
        decay_input: true,
        detach_reset: true,
        leak: true,
        surrogate: Surrogate::Atan { alpha: 2.0 },
        smooth: false,
    }
}

pub fn surrogates() -> [Surrogate; 8] {
    [
        Surrogate::Atan { alpha: 2.0 },
        Surrogate::Atan { alpha: 5.0 },
        Surrogate::Sigmoid { alpha: 4.0 },
        Surrogate::Sigmoid { alpha: 1.0 },
        Surrogate::Rectangle { width: 1.0 },
        Surrogate::Rectangle { width: 2.0 },
        Surrogate::Triangle { width: 1.0 },
        Surrogate::Triangle { width: 0.6 },
    ]
}

/// Every combination of leak, decay, reset, detaching and surrogate.
pub fn any_params() -> Vec<LifParams> {
    let mut all = Vec::new();
    for (leak, decay_input) in [(true, true), (true, false), (false, false)] {
        for (hard_reset, detach_reset) in
            [(true, true), (true, false), (false, true), (false, false)]
        {
            for surrogate in surrogates() {
                let tau = 2.5;
                all.push(LifParams {
                    tau,
                    leak,
                    decay_input,
                    hard_reset,
                    detach_reset,
                    surrogate,
                    ..params()
                });
            }
        }
    }
    all
}

/// The same, with random numbers.
pub fn strategy() -> impl Strategy<Value = LifParams> {
    let which = prop::sample::select(any_params());
    (which, 1.0f32..8.0, 0.3f32..1.5, any::<bool>()).prop_map(
        |(which, tau, v_threshold, smooth)| LifParams {
            tau,
            v_threshold,
            smooth,
            ..which
        },
    )
}

/// `count` numbers in `low..high` (SplitMix64).
pub fn draw(seed: u64, count: usize, low: f32, high: f32) -> Vec<f32> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) >> 40
    };
    (0..count)
        .map(|_| low + (high - low) * next() as f32 / (1u64 << 24) as f32)
        .collect()
}

/// The smooth network in f64, written from the equations: `x [T, n]` to its graded spikes. `frozen`
/// are the spikes that the reset uses instead of its own.
pub fn smooth_spikes(
    x: &[f64],
    n: usize,
    p: &LifParams,
    group: usize,
    frozen: Option<&[f64]>,
) -> Vec<f64> {
    let (tau, threshold) = (f64::from(p.tau), f64::from(p.v_threshold));
    let mut spikes = vec![0.0; x.len()];
    for neuron in 0..n {
        let mut v = 0.0;
        for t in 0..x.len() / n {
            let at = t * n + neuron;
            if t % group == 0 {
                v = 0.0;
            }
            let h = if !p.leak {
                v + x[at]
            } else if p.decay_input {
                v + (x[at] - v) / tau
            } else {
                v - v / tau + x[at]
            };
            spikes[at] = smooth_step(p.surrogate, h - threshold);
            let s = frozen.map_or(spikes[at], |frozen| frozen[at]);
            v = if p.hard_reset {
                h * (1.0 - s)
            } else {
                h - s * threshold
            };
        }
    }
    spikes
}

fn smooth_step(surrogate: Surrogate, u: f64) -> f64 {
    match surrogate {
        Surrogate::Atan { alpha } => (PI / 2.0 * f64::from(alpha) * u).atan() / PI + 0.5,
        Surrogate::Sigmoid { alpha } => 1.0 / (1.0 + (-f64::from(alpha) * u).exp()),
        Surrogate::Rectangle { width } => (u / f64::from(width) + 0.5).clamp(0.0, 1.0),
        Surrogate::Triangle { width } => {
            let c = (u / f64::from(width)).clamp(-1.0, 1.0);
            if c < 0.0 {
                (1.0 + c).powi(2) / 2.0
            } else {
                1.0 - (1.0 - c).powi(2) / 2.0
            }
        }
    }
}
