//! BatchNorm on the CPU: two passes each way. Rows `[R, C]` are walked across channels, maps
//! `[R, C, ..]` along positions, so that either way memory is read in order.

use super::{BatchNormGrad, BatchNormOps, Extent};
use burn::backend::{Flex, TensorMetadata, flex::FlexTensor, tensor::FloatTensor};
use burn::tensor::TensorData;

/// Rows after which partial sums are added up in `f64`.
const ROWS: usize = 64;
/// Partial sums along positions, so that the loop is SIMD.
const LANES: usize = 8;

impl BatchNormOps for Flex {
    fn fused_batch_norm(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        epsilon: f32,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        let (x, gamma, beta) = (
            x.to_contiguous(),
            gamma.to_contiguous(),
            beta.to_contiguous(),
        );
        let extent = Extent::of(&x.shape());
        let values: &[f32] = x.storage();
        let samples = extent.samples().max(1) as f64;
        let channel = |c: usize| values.get(c * extent.positions).copied().unwrap_or(0.0);
        let around: Vec<f32> = (0..extent.channels).map(channel).collect();
        let [first, second] = sums(values, values, &around, extent, |x, _, around| {
            let d = x - around;
            [d, d * d]
        });
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
            vec![0.0; extent.channels],
        ];
        let y = map(
            values,
            values,
            &coefficients,
            extent,
            |x, _, [mean, scale, beta, _]| (x - mean) * scale + beta,
        );
        let per_channel = |values| FlexTensor::from_data(TensorData::new(values, gamma.shape()));
        let y = FlexTensor::from_data(TensorData::new(y, x.shape()));
        (y, per_channel(mean), per_channel(var))
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
        let (x, gamma, grad) = (
            x.to_contiguous(),
            gamma.to_contiguous(),
            grad.to_contiguous(),
        );
        let extent = Extent::of(&x.shape());
        let (values, grads): (&[f32], &[f32]) = (x.storage(), grad.storage());
        let (mean, var): (&[f32], &[f32]) = (mean.storage(), var.storage());
        let samples = extent.samples().max(1) as f64;
        let [beta, along] = sums(values, grads, mean, extent, |x, g, mean| {
            [g, g * (x - mean)]
        });
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
        let x_grad = map(
            values,
            grads,
            &coefficients,
            extent,
            |x, g, [mean, scale, slope, shift]| g * scale + (x - mean) * slope + shift,
        );
        let per_channel = |values| FlexTensor::from_data(TensorData::new(values, gamma.shape()));
        let x_grad = FlexTensor::from_data(TensorData::new(x_grad, x.shape()));
        (x_grad, per_channel(gamma_grad), per_channel(beta_grad))
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
    Extent {
        rows,
        channels,
        positions,
    }: Extent,
    f: impl Fn(f32, f32, f32) -> [f32; 2],
) -> [Vec<f64>; 2] {
    let mut totals = [vec![0.0f64; channels], vec![0.0f64; channels]];
    if x.is_empty() {
        return totals;
    }
    if positions > 1 {
        let spans = x.chunks_exact(positions).zip(g.chunks_exact(positions));
        for (span, (x, g)) in spans.enumerate() {
            let c = span % channels;
            let mut lanes = [[0.0f32; LANES]; 2];
            for (x, g) in x.chunks(LANES).zip(g.chunks(LANES)) {
                let [a, b] = &mut lanes;
                for (((x, g), a), b) in x.iter().zip(g).zip(a).zip(b) {
                    let [p, q] = f(*x, *g, around[c]);
                    *a += p;
                    *b += q;
                }
            }
            for (total, lanes) in totals.iter_mut().zip(lanes) {
                total[c] += lanes.iter().copied().map(f64::from).sum::<f64>();
            }
        }
        return totals;
    }
    let (mut a, mut b) = (vec![0.0f32; channels], vec![0.0f32; channels]);
    for first in (0..rows).step_by(ROWS) {
        let block = first * channels..(first + ROWS).min(rows) * channels;
        let rows = x[block.clone()].chunks_exact(channels);
        for (x, g) in rows.zip(g[block].chunks_exact(channels)) {
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
    totals
}

/// `f(x, g, coefficients of the channel)` for every element.
fn map(
    x: &[f32],
    g: &[f32],
    [k0, k1, k2, k3]: &[Vec<f32>; 4],
    Extent {
        channels,
        positions,
        ..
    }: Extent,
    f: impl Fn(f32, f32, [f32; 4]) -> f32,
) -> Vec<f32> {
    let mut out = vec![0.0; x.len()];
    if x.is_empty() {
        return out;
    }
    let span = if positions > 1 { positions } else { channels };
    let spans = x.chunks_exact(span).zip(g.chunks_exact(span));
    for (index, (out, (x, g))) in out.chunks_exact_mut(span).zip(spans).enumerate() {
        let pairs = out.iter_mut().zip(x.iter().zip(g));
        if positions > 1 {
            let c = index % channels;
            let k = [k0[c], k1[c], k2[c], k3[c]];
            pairs.for_each(|(out, (x, g))| *out = f(*x, *g, k));
        } else {
            let k = k0.iter().zip(k1).zip(k2.iter().zip(k3));
            for ((out, (x, g)), ((k0, k1), (k2, k3))) in pairs.zip(k) {
                *out = f(*x, *g, [*k0, *k1, *k2, *k3]);
            }
        }
    }
    out
}
