//! ExpG-IF on the CPU: one pass each way.

use super::{ExpGIfGrad, ExpGIfOps, ExpGIfParams, THETA_MIN};
use crate::kernels::flex::{SHIFTER, contiguous, map, wide};
use burn::backend::{Flex, TensorMetadata, flex::FlexTensor, tensor::FloatTensor};
use burn::tensor::TensorData;

/// The ladder of thresholds `theta · m`, `m` up to `top`.
#[derive(Clone, Copy)]
pub(in crate::kernels) struct Ladder {
    theta: f32,
    per_theta: f32,
    top: f32,
}

impl Ladder {
    pub fn new(theta: &FlexTensor, p: &ExpGIfParams) -> Self {
        let theta = theta.to_contiguous().storage::<f32>()[0].max(THETA_MIN);
        Self {
            theta,
            per_theta: 1.0 / theta,
            top: p.top() as f32,
        }
    }

    /// v, the potential whose highest level at or below is the output.
    #[inline(always)]
    fn potential(self, z: f32) -> f32 {
        z + 0.5 * self.theta
    }

    /// n. The guess may be one off; the ladder decides.
    #[inline(always)]
    fn code(self, v: f32) -> f32 {
        let guess = round(self.clamp(v * self.per_theta));
        let higher = if v >= (guess + 1.0) * self.theta {
            1.0
        } else {
            0.0
        };
        let lower = if v < guess * self.theta { 1.0 } else { 0.0 };
        self.clamp(guess + higher - lower)
    }

    /// y.
    #[inline(always)]
    pub fn output(self, z: f32) -> f32 {
        self.code(self.potential(z)) * self.theta
    }

    /// The code behind an output.
    #[inline(always)]
    fn nearest(self, y: f32) -> u32 {
        round_to_integer(self.clamp(y * self.per_theta))
    }

    /// `clamp(0, top)` as one `max` and one `min`, which hand on what is not a number.
    #[inline(always)]
    fn clamp(self, x: f32) -> f32 {
        let x = if 0.0 > x { 0.0 } else { x };
        if self.top < x { self.top } else { x }
    }
}

#[inline(always)]
fn round(x: f32) -> f32 {
    (x + SHIFTER) - SHIFTER
}

/// The nearest integer of `0..2^22` as one: the low bits of the shifted sum.
#[inline(always)]
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
        map(
            &contiguous(z),
            #[inline(always)]
            |z| ladder.output(z),
        )
    }

    fn exp_g_if_count(
        y: FloatTensor<Self>,
        theta: FloatTensor<Self>,
        p: ExpGIfParams,
    ) -> FloatTensor<Self> {
        let ladder = Ladder::new(&theta, &p);
        let (groups, full) = (p.groups, p.full() as u32);
        let y = contiguous(y);
        match groups {
            1 => map(
                &y,
                #[inline(always)]
                |y| ones(ladder.nearest(y)) as i32 as f32,
            ),
            _ => map(
                &y,
                #[inline(always)]
                |y| {
                    let mut rest = ladder.nearest(y);
                    let mut spikes = 0;
                    for _ in 0..groups {
                        let code = rest.min(full);
                        rest -= code;
                        spikes += ones(code);
                    }
                    spikes as i32 as f32
                },
            ),
        }
    }
}

/// Ones of a code, in sums of two, four and eight neighbouring bits: `count_ones` is not a SIMD instruction everywhere,
/// and a loop over bits is not SIMD at all (it took a sixth of a training step).
#[inline(always)]
fn ones(code: u32) -> u32 {
    let twos = code - ((code >> 1) & 0x5555_5555);
    let fours = (twos & 0x3333_3333) + ((twos >> 2) & 0x3333_3333);
    let eights = (fours + (fours >> 4)) & 0x0f0f_0f0f;
    let sixteens = eights + (eights >> 8);
    (sixteens + (sixteens >> 16)) & 0x3f
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
        let z = contiguous(z);
        // z's gradient takes the place of y's.
        let mut grad = contiguous(grad);
        let count = z.shape().num_elements();
        let theta_grad = wide(
            #[inline(always)]
            || ladder.backward(z.storage(), grad.storage_mut()),
        );
        let theta_grad = theta_grad as f32 * p.theta_scale(count);
        (
            grad,
            FlexTensor::from_data(TensorData::new(vec![theta_grad], theta.shape())),
        )
    }
}

impl Ladder {
    /// Turns y's gradient into z's; theta's, not scaled.
    #[inline(always)]
    fn backward(self, z: &[f32], grad: &mut [f32]) -> f64 {
        let mut total = 0.0;
        for (z, grad) in z.chunks(BLOCK).zip(grad.chunks_mut(BLOCK)) {
            let mut sums = [0.0f32; LANES];
            let (z, z_rest) = z.as_chunks::<LANES>();
            let (grad, grad_rest) = grad.as_chunks_mut::<LANES>();
            for (z, grad) in z.iter().zip(grad) {
                for lane in 0..LANES {
                    sums[lane] += self.pass_back(z[lane], &mut grad[lane]);
                }
            }
            for ((z, grad), sum) in z_rest.iter().zip(grad_rest).zip(&mut sums) {
                *sum += self.pass_back(*z, grad);
            }
            total += sums.iter().copied().map(f64::from).sum::<f64>();
        }
        total
    }

    /// Turns an element's gradient of y into that of z; its share of theta's.
    #[inline(always)]
    pub fn pass_back(self, z: f32, grad: &mut f32) -> f32 {
        let v = self.potential(z);
        let inside = v >= 0.0 && v < (self.top + 1.0) * self.theta;
        let straight = if inside { z * self.per_theta } else { 0.0 };
        let share = *grad * (self.code(v) - straight);
        *grad = if inside { *grad } else { 0.0 };
        share
    }
}
