//! The kernels of BatchNorm.

use cubecl::prelude::*;

/// [`super::Deal`] in a kernel.
#[derive(CubeType, CubeLaunch, Clone, Copy)]
pub(in crate::kernels) struct Geometry {
    rows: u32,
    channels: u32,
    positions: u32,
    lanes: u32,
    slab: u32,
    parts: u32,
}

/// The channel a partial-sum thread serves; its part is the rest of the division.
#[cube]
fn channel_of(thread: usize, at: &Geometry) -> usize {
    thread / at.lanes as usize % at.channels as usize
}

#[cube]
fn part_of(thread: usize, at: &Geometry) -> usize {
    let lanes = at.lanes as usize;
    thread / (lanes * at.channels as usize) * lanes + thread % lanes
}

/// The channel of an element.
#[cube]
pub(in crate::kernels) fn channel_at(element: usize, at: &Geometry) -> usize {
    element / at.positions as usize % at.channels as usize
}

/// `sums [2, parts, C]`: of `x - x₀` and its square, with `x₀` the channel's first sample.
#[cube(launch)]
pub(super) fn moments_kernel(x: &[f32], sums: &mut [f32], at: &Geometry) {
    if ABSOLUTE_POS >= (at.parts * at.channels) as usize {
        terminate!();
    }
    let c = channel_of(ABSOLUTE_POS, at);
    let part = part_of(ABSOLUTE_POS, at);
    let positions = at.positions as usize;
    let channels = at.channels as usize;
    let lanes = at.lanes as usize;
    let around = x[c * positions];
    let first = part / lanes * at.slab as usize;
    let last = min(first + at.slab as usize, at.rows as usize);
    let mut a = 0.0f32;
    let mut b = 0.0f32;
    for row in first..last {
        let start = (row * channels + c) * positions;
        let mut position = part % lanes;
        while position < positions {
            let d = x[start + position] - around;
            a += d;
            b += d * d;
            position += lanes;
        }
    }
    sums[part * channels + c] = a;
    sums[(at.parts as usize + part) * channels + c] = b;
}

/// `sums [2, parts, C]`: of the gradient, and of the gradient times `x - mean`.
#[cube(launch)]
pub(super) fn gradient_sums_kernel(
    x: &[f32],
    grad: &[f32],
    mean: &[f32],
    sums: &mut [f32],
    at: &Geometry,
) {
    if ABSOLUTE_POS >= (at.parts * at.channels) as usize {
        terminate!();
    }
    let c = channel_of(ABSOLUTE_POS, at);
    let part = part_of(ABSOLUTE_POS, at);
    let positions = at.positions as usize;
    let channels = at.channels as usize;
    let lanes = at.lanes as usize;
    let mean = mean[c];
    let first = part / lanes * at.slab as usize;
    let last = min(first + at.slab as usize, at.rows as usize);
    let mut a = 0.0f32;
    let mut b = 0.0f32;
    for row in first..last {
        let start = (row * channels + c) * positions;
        let mut position = part % lanes;
        while position < positions {
            let g = grad[start + position];
            a += g;
            b += g * (x[start + position] - mean);
            position += lanes;
        }
    }
    sums[part * channels + c] = a;
    sums[(at.parts as usize + part) * channels + c] = b;
}

/// Sum of one channel's parts in half `half` of `sums`.
#[cube]
fn total(sums: &[f32], half: usize, c: usize, at: &Geometry) -> f32 {
    let parts = at.parts as usize;
    let mut sum = 0.0f32;
    for part in 0..parts {
        sum += sums[(half * parts + part) * at.channels as usize + c];
    }
    sum
}

#[cube(launch)]
pub(super) fn statistics_kernel(
    x: &[f32],
    sums: &[f32],
    mean: &mut [f32],
    var: &mut [f32],
    at: &Geometry,
) {
    let c = ABSOLUTE_POS;
    if c >= at.channels as usize {
        terminate!();
    }
    let samples = f32::cast_from(at.rows * at.positions);
    let offset = total(sums, 0, c, at) / samples;
    mean[c] = x[c * at.positions as usize] + offset;
    var[c] = max(total(sums, 1, c, at) / samples - offset * offset, 0.0);
}

#[cube(launch)]
pub(super) fn moved_kernel(
    old_mean: &[f32],
    old_var: &[f32],
    mean: &[f32],
    var: &[f32],
    new_mean: &mut [f32],
    new_var: &mut [f32],
    kept: f32,
    share: f32,
) {
    let c = ABSOLUTE_POS;
    if c >= new_mean.len() {
        terminate!();
    }
    new_mean[c] = old_mean[c] * kept + mean[c] * share;
    new_var[c] = old_var[c] * kept + var[c] * share;
}

/// y of an element.
#[cube]
pub(in crate::kernels) fn normalised(
    x: f32,
    c: usize,
    gamma: &[f32],
    beta: &[f32],
    mean: &[f32],
    var: &[f32],
    epsilon: f32,
) -> f32 {
    (x - mean[c]) * (gamma[c] / (var[c] + epsilon).sqrt()) + beta[c]
}

#[cube(launch)]
pub(super) fn normalise_kernel(
    x: &[f32],
    gamma: &[f32],
    beta: &[f32],
    mean: &[f32],
    var: &[f32],
    y: &mut [f32],
    epsilon: f32,
    at: &Geometry,
) {
    let i = ABSOLUTE_POS;
    if i >= y.len() {
        terminate!();
    }
    let c = channel_at(i, at);
    y[i] = normalised(x[i], c, gamma, beta, mean, var, epsilon);
}

#[cube(launch)]
pub(super) fn normalise_onto_kernel(
    shortcut: &[f32],
    x: &[f32],
    gamma: &[f32],
    beta: &[f32],
    mean: &[f32],
    var: &[f32],
    y: &mut [f32],
    epsilon: f32,
    at: &Geometry,
) {
    let i = ABSOLUTE_POS;
    if i >= y.len() {
        terminate!();
    }
    let c = channel_at(i, at);
    y[i] = shortcut[i] + normalised(x[i], c, gamma, beta, mean, var, epsilon);
}

/// Gradients of gamma and beta, and the factors `[3, C]` of x's: of the gradient, of `x - mean`, and the
/// constant.
#[cube(launch)]
pub(super) fn parameter_gradients_kernel(
    sums: &[f32],
    gamma: &[f32],
    var: &[f32],
    gamma_grad: &mut [f32],
    beta_grad: &mut [f32],
    factors: &mut [f32],
    epsilon: f32,
    at: &Geometry,
) {
    let c = ABSOLUTE_POS;
    let channels = at.channels as usize;
    if c >= channels {
        terminate!();
    }
    let samples = f32::cast_from(at.rows * at.positions);
    let inv = 1.0 / (var[c] + epsilon).sqrt();
    let beta = total(sums, 0, c, at);
    let along = inv * total(sums, 1, c, at);
    beta_grad[c] = beta;
    gamma_grad[c] = along;
    let scale = gamma[c] * inv;
    factors[c] = scale;
    factors[channels + c] = -scale * inv * (along / samples);
    factors[2 * channels + c] = -scale * (beta / samples);
}

#[cube(launch)]
pub(super) fn gradient_kernel(
    x: &[f32],
    grad: &[f32],
    mean: &[f32],
    factors: &[f32],
    x_grad: &mut [f32],
    at: &Geometry,
) {
    let i = ABSOLUTE_POS;
    if i >= x_grad.len() {
        terminate!();
    }
    let c = channel_at(i, at);
    let channels = at.channels as usize;
    x_grad[i] =
        grad[i] * factors[c] + (x[i] - mean[c]) * factors[channels + c] + factors[2 * channels + c];
}
