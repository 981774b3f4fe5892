//! Passes over all elements with the coefficients of their channels.

use super::Extent;
use crate::kernels::flex::{wide, written};
use std::mem::MaybeUninit;

/// `(x - mean) scale + beta`; coefficients `[mean, scale, beta]` of each channel.
pub fn normalised(x: &[f32], coefficients: &[Vec<f32>; 3], extent: Extent) -> Vec<f32> {
    // SAFETY: spans, or rows, are all of x.
    unsafe {
        written(x.len(), |out| {
            wide(
                #[inline(always)]
                || match extent.positions {
                    1 => normalise_rows(x, out, coefficients),
                    _ => normalise_maps(x, out, coefficients, extent),
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
) {
    let spans = x.chunks_exact(extent.positions.max(1));
    let outs = out.chunks_exact_mut(extent.positions.max(1));
    for (span, (out, x)) in outs.zip(spans).enumerate() {
        let c = span % extent.channels;
        let (mean, scale, beta) = (mean[c], scale[c], beta[c]);
        for (out, x) in out.iter_mut().zip(x) {
            out.write((x - mean) * scale + beta);
        }
    }
}

#[inline(always)]
fn normalise_rows(x: &[f32], out: &mut [MaybeUninit<f32>], [mean, scale, beta]: &[Vec<f32>; 3]) {
    let channels = mean.len().max(1);
    let rows = x.chunks_exact(channels);
    for (out, x) in out.chunks_exact_mut(channels).zip(rows) {
        let k = mean.iter().zip(scale).zip(beta);
        for ((out, x), ((mean, scale), beta)) in out.iter_mut().zip(x).zip(k) {
            out.write((x - mean) * scale + beta);
        }
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
