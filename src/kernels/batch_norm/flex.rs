//! BatchNorm on the CPU: two passes each way. Rows `[R, C]` are walked across channels, maps
//! `[R, C, ..]` along positions, so that either way memory is read in order.

use super::{BatchNormApply, BatchNormGrad, BatchNormOps, Extent};
use crate::kernels::flex::{contiguous, wide};
use burn::backend::{Flex, TensorMetadata, flex::FlexTensor, tensor::FloatTensor};
use burn::tensor::TensorData;

/// Rows after which partial sums are added up in `f64`.
const ROWS: usize = 64;
/// Partial sums along positions, so that the loop is SIMD.
const LANES: usize = 16;
/// Elements worked on before they are written out.
const PART: usize = 2048;

impl BatchNormOps for Flex {
    fn fused_batch_norm(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        epsilon: f32,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        let [x, gamma, beta] = [x, gamma, beta].map(contiguous);
        let extent = Extent::of(&x.shape());
        let values: &[f32] = x.storage();
        let samples = extent.samples().max(1) as f64;
        let channel = |c: usize| values.get(c * extent.positions).copied().unwrap_or(0.0);
        let around: Vec<f32> = (0..extent.channels).map(channel).collect();
        let [first, second] = sums(
            values,
            values,
            &around,
            extent,
            #[inline(always)]
            |x, _, around| {
                let d = x - around;
                [d, d * d]
            },
        );
        let (mut mean, mut var) = (around, vec![0.0; extent.channels]);
        let moments = mean.iter_mut().zip(&mut var).zip(first.iter().zip(&second));
        for ((mean, var), (first, second)) in moments {
            let offset = first / samples;
            *mean = (f64::from(*mean) + offset) as f32;
            *var = (second / samples - offset * offset).max(0.0) as f32;
        }
        let coefficients = [
            mean.clone(),
            scale(gamma.storage(), &var, epsilon),
            beta.storage().to_vec(),
        ];
        let y = normalised(values, &coefficients, extent);
        let per_channel = |values| FlexTensor::from_data(TensorData::new(values, gamma.shape()));
        let y = FlexTensor::from_data(TensorData::new(y, x.shape()));
        (y, per_channel(mean), per_channel(var))
    }
}

impl BatchNormApply for Flex {
    fn fused_batch_norm_apply(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        mean: FloatTensor<Self>,
        var: FloatTensor<Self>,
        epsilon: f32,
    ) -> FloatTensor<Self> {
        let [x, gamma, beta, mean, var] = [x, gamma, beta, mean, var].map(contiguous);
        let coefficients = [
            mean.storage().to_vec(),
            scale(gamma.storage(), var.storage(), epsilon),
            beta.storage().to_vec(),
        ];
        let y = normalised(x.storage(), &coefficients, Extent::of(&x.shape()));
        FlexTensor::from_data(TensorData::new(y, x.shape()))
    }
}

impl BatchNormGrad for Flex {
    fn fused_batch_norm_backward(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        mean: FloatTensor<Self>,
        var: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        epsilon: f32,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        let [x, gamma, mut grad] = [x, gamma, grad].map(contiguous);
        let extent = Extent::of(&x.shape());
        let (values, grads): (&[f32], &[f32]) = (x.storage(), grad.storage());
        let (mean, var): (&[f32], &[f32]) = (mean.storage(), var.storage());
        let samples = extent.samples().max(1) as f64;
        let [beta, along] = sums(
            values,
            grads,
            mean,
            extent,
            #[inline(always)]
            |x, g, mean| [g, g * (x - mean)],
        );
        let mut coefficients = [
            mean.to_vec(),
            scale(gamma.storage(), var, epsilon),
            vec![],
            vec![],
        ];
        let (mut beta_grad, mut gamma_grad) = (Vec::new(), Vec::new());
        for (c, var) in var.iter().enumerate() {
            let inv = 1.0 / (f64::from(*var) + f64::from(epsilon)).sqrt();
            let scale = f64::from(coefficients[1][c]);
            coefficients[2].push((-scale * inv * inv * along[c] / samples) as f32);
            coefficients[3].push((-scale * beta[c] / samples) as f32);
            beta_grad.push(beta[c] as f32);
            gamma_grad.push((inv * along[c]) as f32);
        }
        // x's gradient takes the place of y's.
        pass_back(values, grad.storage_mut(), &coefficients, extent);
        let per_channel = |values| FlexTensor::from_data(TensorData::new(values, gamma.shape()));
        (grad, per_channel(gamma_grad), per_channel(beta_grad))
    }
}

/// `gamma / sqrt(var + epsilon)`.
fn scale(gamma: &[f32], var: &[f32], epsilon: f32) -> Vec<f32> {
    let pairs = gamma.iter().zip(var);
    pairs
        .map(|(gamma, var)| gamma / (var + epsilon).sqrt())
        .collect()
}

/// Two sums per channel over its samples: of `f(x, g, around[c])`.
fn sums(
    x: &[f32],
    g: &[f32],
    around: &[f32],
    extent: Extent,
    f: impl Fn(f32, f32, f32) -> [f32; 2],
) -> [Vec<f64>; 2] {
    let mut totals = [(); 2].map(|()| vec![0.0f64; extent.channels]);
    if x.is_empty() {
        return totals;
    }
    wide(
        #[inline(always)]
        || match extent.positions {
            1 => sums_of_rows(x, g, around, &mut totals, f),
            _ => sums_of_maps(x, g, around, extent, &mut totals, f),
        },
    );
    totals
}

/// Maps: along positions, in [`LANES`] partial sums.
#[inline(always)]
fn sums_of_maps(
    x: &[f32],
    g: &[f32],
    around: &[f32],
    Extent {
        channels,
        positions,
        ..
    }: Extent,
    totals: &mut [Vec<f64>; 2],
    f: impl Fn(f32, f32, f32) -> [f32; 2],
) {
    let spans = x.chunks_exact(positions).zip(g.chunks_exact(positions));
    for (span, (x, g)) in spans.enumerate() {
        let c = span % channels;
        let around = around[c];
        let (mut a, mut b) = ([0.0f32; LANES], [0.0f32; LANES]);
        let ((x, x_rest), (g, g_rest)) = (x.as_chunks::<LANES>(), g.as_chunks::<LANES>());
        for (x, g) in x.iter().zip(g) {
            for lane in 0..LANES {
                let [p, q] = f(x[lane], g[lane], around);
                a[lane] += p;
                b[lane] += q;
            }
        }
        let rest = x_rest.iter().zip(g_rest).zip(a.iter_mut().zip(&mut b));
        for ((x, g), (a, b)) in rest {
            let [p, q] = f(*x, *g, around);
            *a += p;
            *b += q;
        }
        for (total, lanes) in totals.iter_mut().zip([a, b]) {
            total[c] += lanes.iter().copied().map(f64::from).sum::<f64>();
        }
    }
}

/// Rows: across channels, in one partial sum for each.
#[inline(always)]
fn sums_of_rows(
    x: &[f32],
    g: &[f32],
    around: &[f32],
    totals: &mut [Vec<f64>; 2],
    f: impl Fn(f32, f32, f32) -> [f32; 2],
) {
    let channels = around.len();
    let (mut a, mut b) = (vec![0.0f32; channels], vec![0.0f32; channels]);
    let block = ROWS * channels;
    for (x, g) in x.chunks(block).zip(g.chunks(block)) {
        for (x, g) in x.chunks_exact(channels).zip(g.chunks_exact(channels)) {
            let lanes = x.iter().zip(g).zip(around).zip(a.iter_mut().zip(&mut b));
            for (((x, g), around), (a, b)) in lanes {
                let [p, q] = f(*x, *g, *around);
                *a += p;
                *b += q;
            }
        }
        for (total, partial) in totals.iter_mut().zip([&mut a, &mut b]) {
            for (total, partial) in total.iter_mut().zip(partial) {
                *total += f64::from(std::mem::take(partial));
            }
        }
    }
}

/// `(x - mean) scale + beta`; coefficients `[mean, scale, beta]` of each channel.
fn normalised(x: &[f32], [mean, scale, beta]: &[Vec<f32>; 3], extent: Extent) -> Vec<f32> {
    let mut out = Vec::with_capacity(x.len());
    wide(
        #[inline(always)]
        || {
            if extent.positions > 1 {
                let mut part = [0.0; PART];
                for (span, x) in x.chunks_exact(extent.positions).enumerate() {
                    let c = span % extent.channels;
                    let (mean, scale, beta) = (mean[c], scale[c], beta[c]);
                    for x in x.chunks(PART) {
                        let part = &mut part[..x.len()];
                        let pairs = part.iter_mut().zip(x);
                        pairs.for_each(|(out, x)| *out = (x - mean) * scale + beta);
                        out.extend_from_slice(part);
                    }
                }
                return;
            }
            let channels = extent.channels.max(1);
            let mut part = vec![0.0; PART.div_ceil(channels) * channels];
            for x in x.chunks(part.len()) {
                let part = &mut part[..x.len()];
                let rows = x.chunks_exact(channels);
                for (out, x) in part.chunks_exact_mut(channels).zip(rows) {
                    let k = mean.iter().zip(scale).zip(beta);
                    for ((out, x), ((mean, scale), beta)) in out.iter_mut().zip(x).zip(k) {
                        *out = (x - mean) * scale + beta;
                    }
                }
                out.extend_from_slice(part);
            }
        },
    );
    out
}

/// Turns y's gradient into x's, `g scale + (x - mean) slope + shift`; coefficients `[mean, scale, slope, shift]`.
fn pass_back(
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
