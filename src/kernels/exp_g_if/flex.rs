//! ExpG-IF on the CPU: one pass each way.

use super::{ExpGIfGrad, ExpGIfOps, ExpGIfParams, THETA_MIN};
use burn::backend::{Flex, TensorMetadata, flex::FlexTensor, tensor::FloatTensor};
use burn::tensor::TensorData;

/// The ladder of thresholds `theta · m`, `m` up to `top`.
#[derive(Clone, Copy)]
struct Ladder {
    theta: f32,
    per_theta: f32,
    top: f32,
}

impl Ladder {
    fn new(theta: &FlexTensor, p: &ExpGIfParams) -> Self {
        let theta = theta.to_contiguous().storage::<f32>()[0].max(THETA_MIN);
        Self {
            theta,
            per_theta: 1.0 / theta,
            top: p.top() as f32,
        }
    }

    /// v, the potential whose highest level at or below is the output.
    #[inline]
    fn potential(self, z: f32) -> f32 {
        z + 0.5 * self.theta
    }

    /// n. The guess may be one off; the ladder decides.
    #[inline]
    fn code(self, v: f32) -> f32 {
        let guess = round((v * self.per_theta).clamp(0.0, self.top));
        let higher = f32::from(u8::from(v >= (guess + 1.0) * self.theta));
        let lower = f32::from(u8::from(v < guess * self.theta));
        (guess + higher - lower).clamp(0.0, self.top)
    }
}

/// Adding and subtracting 1.5 · 2^23 leaves no room for a fraction: the nearest integer of `0..2^22`, in two
/// instructions that every SIMD unit has. `round`, `floor` and saturating conversions are calls or long
/// sequences per element on x86 without SSE 4.1.
const SHIFTER: f32 = 12_582_912.0;

#[inline]
fn round(x: f32) -> f32 {
    (x + SHIFTER) - SHIFTER
}

/// The nearest integer of `0..2^22` as one: the low bits of the shifted sum.
#[inline]
fn round_to_integer(x: f32) -> u32 {
    (x + SHIFTER).to_bits() - SHIFTER.to_bits()
}

impl ExpGIfOps for Flex {
    fn exp_g_if_forward(
        z: FloatTensor<Self>,
        theta: FloatTensor<Self>,
        p: ExpGIfParams,
    ) -> FloatTensor<Self> {
        let ladder = Ladder::new(&theta, &p);
        map(&z, move |z| ladder.code(ladder.potential(z)) * ladder.theta)
    }

    fn exp_g_if_count(
        y: FloatTensor<Self>,
        theta: FloatTensor<Self>,
        p: ExpGIfParams,
    ) -> FloatTensor<Self> {
        let ladder = Ladder::new(&theta, &p);
        let (groups, full) = (p.groups, p.full() as u32);
        let code = move |y: f32| round_to_integer((y * ladder.per_theta).clamp(0.0, ladder.top));
        match groups {
            1 => map(&y, move |y| code(y).count_ones() as i32 as f32),
            _ => map(&y, move |y| {
                let mut rest = code(y);
                let mut spikes = 0;
                for _ in 0..groups {
                    let code = rest.min(full);
                    rest -= code;
                    spikes += code.count_ones();
                }
                spikes as i32 as f32
            }),
        }
    }
}

/// Written into a vector that is there: collected from an iterator, the loop is not SIMD and four times slower. And `f`
/// owns what it captures (`move`), since behind a reference a store to `out` could change it.
fn map(x: &FlexTensor, f: impl Fn(f32) -> f32) -> FlexTensor {
    let x = x.to_contiguous();
    let values: &[f32] = x.storage();
    let mut out = vec![0.0f32; values.len()];
    let pairs = out.iter_mut().zip(values);
    pairs.for_each(|(out, &x)| *out = f(x));
    FlexTensor::from_data(TensorData::new::<f32, _>(out, x.shape()))
}

/// Partial sums of theta's gradient, so that the loop is SIMD and the sum keeps its precision.
const LANES: usize = 16;
/// Elements after which the partial sums are added up in `f64`.
const BLOCK: usize = 256 * LANES;

impl ExpGIfGrad for Flex {
    fn exp_g_if_backward(
        z: FloatTensor<Self>,
        theta: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        p: ExpGIfParams,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        let ladder = Ladder::new(&theta, &p);
        let beyond = (ladder.top + 1.0) * ladder.theta;
        let (z, grad) = (z.to_contiguous(), grad.to_contiguous());
        let mut z_grad = vec![0.0f32; z.shape().num_elements()];
        let mut theta_grad = 0.0f64;
        let blocks = z_grad
            .chunks_mut(BLOCK)
            .zip(z.storage::<f32>().chunks(BLOCK));
        for ((out, z), grad) in blocks.zip(grad.storage::<f32>().chunks(BLOCK)) {
            let mut sums = [0.0f32; LANES];
            let lanes = out
                .chunks_mut(LANES)
                .zip(z.chunks(LANES))
                .zip(grad.chunks(LANES));
            for ((out, z), grad) in lanes {
                for (((out, &z), &grad), sum) in out.iter_mut().zip(z).zip(grad).zip(&mut sums) {
                    let v = ladder.potential(z);
                    let inside = v >= 0.0 && v < beyond;
                    *out = if inside { grad } else { 0.0 };
                    let straight = if inside { z * ladder.per_theta } else { 0.0 };
                    *sum += grad * (ladder.code(v) - straight);
                }
            }
            theta_grad += sums.iter().copied().map(f64::from).sum::<f64>();
        }
        let theta_grad = theta_grad as f32 * p.theta_scale(z_grad.len());
        (
            FlexTensor::from_data(TensorData::new(z_grad, z.shape())),
            FlexTensor::from_data(TensorData::new(vec![theta_grad], theta.shape())),
        )
    }
}
