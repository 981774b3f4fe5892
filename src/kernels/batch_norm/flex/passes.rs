//! Passes over all elements with the coefficients of their channels.

use super::Extent;
use crate::kernels::flex::{wide, written};
use std::mem::MaybeUninit;

/// Partial sums along positions, so that the loop is SIMD.
const LANES: usize = 16;

/// `(x - mean) scale + beta`; coefficients `[mean, scale, beta]` of each channel.
pub fn normalised(x: &[f32], coefficients: &[Vec<f32>; 3], extent: Extent) -> Vec<f32> {
    normalised_then(
        x,
        coefficients,
        extent,
        #[inline(always)]
        |y| y,
    )
}

/// `then` of the same. Mark the closure `#[inline(always)]`, see [`wide`].
pub fn normalised_then(
    x: &[f32],
    coefficients: &[Vec<f32>; 3],
    extent: Extent,
    then: impl Fn(f32) -> f32,
) -> Vec<f32> {
    // SAFETY: spans, or rows, are all of x.
    unsafe {
        written(x.len(), |out| {
            wide(
                #[inline(always)]
                || match extent.positions {
                    1 => normalise_rows(x, out, coefficients, then),
                    _ => normalise_maps(x, out, coefficients, extent, then),
                },
            )
        })
    }
}

#[inline(always)]
fn normalise_maps(
    x: &[f32],
    out: &mut [MaybeUninit<f32>],
    [mean, scale, beta]: &[Vec<f32>; 3],
    extent: Extent,
    then: impl Fn(f32) -> f32,
) {
    let spans = x.chunks_exact(extent.positions.max(1));
    let outs = out.chunks_exact_mut(extent.positions.max(1));
    for (span, (out, x)) in outs.zip(spans).enumerate() {
        let c = span % extent.channels;
        let (mean, scale, beta) = (mean[c], scale[c], beta[c]);
        for (out, x) in out.iter_mut().zip(x) {
            out.write(then((x - mean) * scale + beta));
        }
    }
}

#[inline(always)]
fn normalise_rows(
    x: &[f32],
    out: &mut [MaybeUninit<f32>],
    [mean, scale, beta]: &[Vec<f32>; 3],
    then: impl Fn(f32) -> f32,
) {
    let channels = mean.len().max(1);
    let rows = x.chunks_exact(channels);
    for (out, x) in out.chunks_exact_mut(channels).zip(rows) {
        let k = mean.iter().zip(scale).zip(beta);
        for ((out, x), ((mean, scale), beta)) in out.iter_mut().zip(x).zip(k) {
            out.write(then((x - mean) * scale + beta));
        }
    }
}

/// Sum of `f` of every y, `(x - mean) scale + beta`, and the gradient beside it, which `f` may change. Mark the closure
/// `#[inline(always)]`, see [`wide`].
pub fn visit_normalised(
    x: &[f32],
    grad: &mut [f32],
    coefficients: &[Vec<f32>; 3],
    extent: Extent,
    f: impl Fn(f32, &mut f32) -> f32,
) -> f64 {
    let [mean, scale, beta] = coefficients;
    let span = match extent.positions {
        1 => extent.channels,
        positions => positions,
    };
    let spans = x.chunks_exact(span.max(1));
    let spans = spans.zip(grad.chunks_exact_mut(span.max(1)));
    wide(
        #[inline(always)]
        || {
            let mut total = 0.0;
            for (index, (x, grad)) in spans.enumerate() {
                total += if extent.positions == 1 {
                    visit_span(x, grad, [mean, scale, beta], &f)
                } else {
                    let c = index % extent.channels;
                    let k = [mean, scale, beta].map(|k| [k[c]; LANES]);
                    visit_positions(x, grad, &k, &f)
                };
            }
            total
        },
    )
}

/// A row, each of whose elements has its own channel.
#[inline(always)]
fn visit_span(
    x: &[f32],
    grad: &mut [f32],
    k: [&[f32]; 3],
    f: &impl Fn(f32, &mut f32) -> f32,
) -> f64 {
    let mut sums = [0.0f32; LANES];
    let (x, x_rest) = x.as_chunks::<LANES>();
    let (grad, grad_rest) = grad.as_chunks_mut::<LANES>();
    let [mean, scale, beta] = k.map(|k| k.as_chunks::<LANES>());
    let parts = mean.0.iter().zip(scale.0).zip(beta.0);
    for ((x, grad), ((mean, scale), beta)) in x.iter().zip(grad).zip(parts) {
        add(x, grad, &[*mean, *scale, *beta], &mut sums, f);
    }
    let rest = mean.1.iter().zip(scale.1).zip(beta.1);
    for (((x, grad), ((mean, scale), beta)), sum) in
        x_rest.iter().zip(grad_rest).zip(rest).zip(&mut sums)
    {
        *sum += f((x - mean) * scale + beta, grad);
    }
    sums.into_iter().map(f64::from).sum()
}

/// Positions of one channel.
#[inline(always)]
fn visit_positions(
    x: &[f32],
    grad: &mut [f32],
    k: &[[f32; LANES]; 3],
    f: &impl Fn(f32, &mut f32) -> f32,
) -> f64 {
    let mut sums = [0.0f32; LANES];
    let (x, x_rest) = x.as_chunks::<LANES>();
    let (grad, grad_rest) = grad.as_chunks_mut::<LANES>();
    for (x, grad) in x.iter().zip(grad) {
        add(x, grad, k, &mut sums, f);
    }
    let [mean, scale, beta] = k.map(|k| k[0]);
    for ((x, grad), sum) in x_rest.iter().zip(grad_rest).zip(&mut sums) {
        *sum += f((x - mean) * scale + beta, grad);
    }
    sums.into_iter().map(f64::from).sum()
}

#[inline(always)]
fn add(
    x: &[f32; LANES],
    grad: &mut [f32; LANES],
    [mean, scale, beta]: &[[f32; LANES]; 3],
    sums: &mut [f32; LANES],
    f: &impl Fn(f32, &mut f32) -> f32,
) {
    for lane in 0..LANES {
        let y = (x[lane] - mean[lane]) * scale[lane] + beta[lane];
        sums[lane] += f(y, &mut grad[lane]);
    }
}

/// Turns y's gradient into x's, `g scale + (x - mean) slope + shift`; coefficients `[mean, scale, slope, shift]`.
pub fn pass_back(
    x: &[f32],
    grad: &mut [f32],
    [mean, scale, slope, shift]: &[Vec<f32>; 4],
    extent: Extent,
) {
    wide(
        #[inline(always)]
        || {
            if extent.positions > 1 {
                let spans = x.chunks_exact(extent.positions);
                for (span, (grad, x)) in grad
                    .chunks_exact_mut(extent.positions)
                    .zip(spans)
                    .enumerate()
                {
                    let c = span % extent.channels;
                    let (mean, scale, slope, shift) = (mean[c], scale[c], slope[c], shift[c]);
                    let pairs = grad.iter_mut().zip(x);
                    pairs.for_each(|(g, x)| *g = *g * scale + (x - mean) * slope + shift);
                }
                return;
            }
            let channels = extent.channels.max(1);
            let rows = x.chunks_exact(channels);
            for (grad, x) in grad.chunks_exact_mut(channels).zip(rows) {
                let k = mean.iter().zip(scale).zip(slope.iter().zip(shift));
                for ((g, x), ((mean, scale), (slope, shift))) in grad.iter_mut().zip(x).zip(k) {
                    *g = *g * scale + (x - mean) * slope + shift;
                }
            }
        },
    );
}
