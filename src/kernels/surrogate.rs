//! Surrogates of the Heaviside step at `u = H - v_threshold`: a smooth primitive and its exact
//! derivative, which stands in for the step's in the backward pass. Source: SpikingJelly
//! (`spiking.md` §4); the triangle is the piecewise-linear derivative of Bellec et al. 2018.

#[cfg(feature = "cube")]
pub(super) mod cube;

use crate::config::Surrogate;
use burn::tensor::{Tensor, activation::sigmoid};
use std::f32::consts::PI;

/// The smooth step: 0 far below, 1/2 at `u = 0`, 1 far above.
#[inline(always)]
pub fn primitive(surrogate: Surrogate, u: f32) -> f32 {
    match surrogate {
        Surrogate::Atan { alpha } => (PI * 0.5 * alpha * u).atan() / PI + 0.5,
        Surrogate::Sigmoid { alpha } => 1.0 / (1.0 + (-alpha * u).exp()),
        Surrogate::Rectangle { width } => (u / width + 0.5).clamp(0.0, 1.0),
        Surrogate::Triangle { width } => {
            let c = (u / width).clamp(-1.0, 1.0);
            0.5 + c - 0.5 * c * c.abs()
        }
    }
}

/// Derivative of [`primitive`].
#[inline(always)]
pub fn derivative(surrogate: Surrogate, u: f32) -> f32 {
    match surrogate {
        Surrogate::Atan { alpha } => {
            let scaled = PI * 0.5 * alpha * u;
            0.5 * alpha / (1.0 + scaled * scaled)
        }
        Surrogate::Sigmoid { alpha } => {
            let s = 1.0 / (1.0 + (-alpha * u).exp());
            alpha * s * (1.0 - s)
        }
        Surrogate::Rectangle { width } => {
            if u.abs() < 0.5 * width {
                1.0 / width
            } else {
                0.0
            }
        }
        Surrogate::Triangle { width } => (1.0 - u.abs() / width).max(0.0) / width,
    }
}

/// [`primitive`] of each `u` into `out`; the match stands outside the loop, so that it becomes SIMD.
#[cfg(feature = "cpu")]
#[inline(always)]
pub(super) fn primitives(surrogate: Surrogate, u: impl Iterator<Item = f32>, out: &mut [f32]) {
    let pairs = out.iter_mut().zip(u);
    match surrogate {
        Surrogate::Atan { alpha } => {
            pairs.for_each(|(out, u)| *out = primitive(Surrogate::Atan { alpha }, u));
        }
        Surrogate::Sigmoid { alpha } => {
            pairs.for_each(|(out, u)| *out = primitive(Surrogate::Sigmoid { alpha }, u));
        }
        Surrogate::Rectangle { width } => {
            pairs.for_each(|(out, u)| *out = primitive(Surrogate::Rectangle { width }, u));
        }
        Surrogate::Triangle { width } => {
            pairs.for_each(|(out, u)| *out = primitive(Surrogate::Triangle { width }, u));
        }
    }
}

/// [`derivative`] at each `u` into `out`; likewise.
#[cfg(feature = "cpu")]
#[inline(always)]
pub(super) fn derivatives(surrogate: Surrogate, u: impl Iterator<Item = f32>, out: &mut [f32]) {
    let pairs = out.iter_mut().zip(u);
    match surrogate {
        Surrogate::Atan { alpha } => {
            pairs.for_each(|(out, u)| *out = derivative(Surrogate::Atan { alpha }, u));
        }
        Surrogate::Sigmoid { alpha } => {
            pairs.for_each(|(out, u)| *out = derivative(Surrogate::Sigmoid { alpha }, u));
        }
        Surrogate::Rectangle { width } => {
            pairs.for_each(|(out, u)| *out = derivative(Surrogate::Rectangle { width }, u));
        }
        Surrogate::Triangle { width } => {
            pairs.for_each(|(out, u)| *out = derivative(Surrogate::Triangle { width }, u));
        }
    }
}

/// [`primitive`] of every element, differentiable by burn.
pub fn primitive_tensor<const D: usize>(surrogate: Surrogate, u: Tensor<D>) -> Tensor<D> {
    match surrogate {
        Surrogate::Atan { alpha } => (u * (PI * 0.5 * alpha)).atan() / PI + 0.5,
        Surrogate::Sigmoid { alpha } => sigmoid(u * alpha),
        Surrogate::Rectangle { width } => (u / width + 0.5).clamp(0.0, 1.0),
        Surrogate::Triangle { width } => {
            let c = (u / width).clamp(-1.0, 1.0);
            c.clone() - c.clone() * c.abs() * 0.5 + 0.5
        }
    }
}
