//! Bias with GELU or residual on the CPU, row by row.

use super::{BiasGrad, BiasOps, DENSITY, ERF_A, ERF_P};
use crate::kernels::flex::{contiguous, exp, wide};
use burn::backend::{Flex, TensorMetadata, flex::FlexTensor, tensor::FloatTensor};
use burn::tensor::TensorData;

/// Φ(u) and φ(u).
#[inline(always)]
fn normal(u: f32) -> (f32, f32) {
    let e = exp(-0.5 * u * u);
    let t = 1.0 / (1.0 + ERF_P * (u.abs() * std::f32::consts::FRAC_1_SQRT_2));
    let [a1, a2, a3, a4, a5] = ERF_A;
    let tail = 0.5 * t * (a1 + t * (a2 + t * (a3 + t * (a4 + t * a5)))) * e;
    let phi = if u >= 0.0 { 1.0 - tail } else { tail };
    (phi, DENSITY * e)
}

impl BiasOps for Flex {
    fn fused_bias_gelu(x: FloatTensor<Self>, bias: FloatTensor<Self>) -> FloatTensor<Self> {
        rows(
            x,
            bias,
            None,
            #[inline(always)]
            |u, _| u * normal(u).0,
        )
    }

    fn fused_bias_residual(
        x: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        residual: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        rows(
            x,
            bias,
            Some(residual),
            #[inline(always)]
            |u, residual| u + residual,
        )
    }
}

impl BiasGrad for Flex {
    fn fused_bias_gelu_backward(
        x: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        grad: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        rows(
            x,
            bias,
            Some(grad),
            #[inline(always)]
            |u, grad| {
                let (phi, density) = normal(u);
                grad * (phi + u * density)
            },
        )
    }

    fn fused_column_sums(grad: FloatTensor<Self>) -> FloatTensor<Self> {
        let grad = contiguous(grad);
        let channels = grad.shape()[1];
        let mut sums = vec![0.0f32; channels];
        let values: &[f32] = grad.storage();
        wide(
            #[inline(always)]
            || {
                for row in values.chunks_exact(channels.max(1)) {
                    for (sum, value) in sums.iter_mut().zip(row) {
                        *sum += value;
                    }
                }
            },
        );
        FlexTensor::from_data(TensorData::new(sums, [channels]))
    }
}

/// `f(x + bias, other)` of every element; `other` may be left out.
#[inline(always)]
fn rows(
    x: FlexTensor,
    bias: FlexTensor,
    other: Option<FlexTensor>,
    f: impl Fn(f32, f32) -> f32,
) -> FlexTensor {
    let (x, bias, other) = (contiguous(x), contiguous(bias), other.map(contiguous));
    let channels = bias.shape()[0].max(1);
    let (values, bias): (&[f32], &[f32]) = (x.storage(), bias.storage());
    let mut y = vec![0.0f32; values.len()];
    wide(
        #[inline(always)]
        || {
            let lines = y
                .chunks_exact_mut(channels)
                .zip(values.chunks_exact(channels));
            match &other {
                None => {
                    for (y, x) in lines {
                        for ((y, x), bias) in y.iter_mut().zip(x).zip(bias) {
                            *y = f(x + bias, 0.0);
                        }
                    }
                }
                Some(other) => {
                    let other: &[f32] = other.storage();
                    for ((y, x), other) in lines.zip(other.chunks_exact(channels)) {
                        for (((y, x), bias), other) in y.iter_mut().zip(x).zip(bias).zip(other) {
                            *y = f(x + bias, *other);
                        }
                    }
                }
            }
        },
    );
    FlexTensor::from_data(TensorData::new(y, x.shape()))
}
