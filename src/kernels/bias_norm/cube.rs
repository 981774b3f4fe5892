//! Bias, LayerNorm and neurons on the GPU: one dispatch forward; backward one for x and two for the three
//! vectors. A thread has a row at every step of a time group, as its neurons need them all.

#![allow(clippy::needless_range_loop)] // Kernels index; they have no iterators.

mod vectors;

use super::{BiasNormGrad, BiasNormOps, BiasNormParams};
use crate::config::Surrogate;
use crate::kernels::cube::{empty, like, row_grid, vector};
use crate::kernels::flat::FlatOps;
use crate::kernels::layer_norm::cube::sum;
use crate::kernels::lif::LifParams;
use crate::kernels::lif::cube::{
    Kind, Numbers, NumbersLaunch, charge, fire, reset, through_fire, to_input, to_membrane,
};
use burn::backend::{TensorMetadata, tensor::FloatTensor};
use burn::tensor::Shape;
use burn_cubecl::{CubeBackend, kernel::into_contiguous, tensor::CubeTensor};
use cubecl::prelude::*;
use vectors::Terms;

/// Rows of one step, steps, and the width of a row in vectors.
#[derive(CubeType, CubeLaunch, Clone, Copy)]
struct Extent {
    rows: u32,
    steps: u32,
    width: u32,
}

/// What is known when a kernel is compiled. Without neurons rows have one step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Form {
    kind: Kind,
    neurons: bool,
}

#[cube(launch)]
fn forward_kernel<N: Size>(
    x: &[Vector<f32, N>],
    bias: &[Vector<f32, N>],
    gamma: &[Vector<f32, N>],
    beta: &[Vector<f32, N>],
    y: &mut [Vector<f32, N>],
    moments: &mut [f32],
    extent: &Extent,
    epsilon: f32,
    p: &Numbers,
    #[comptime] form: Form,
) {
    let rows = extent.rows as usize;
    let steps = extent.steps as usize;
    let width = extent.width as usize;
    let first = ABSOLUTE_POS / rows * form.kind.group;
    if first >= steps {
        terminate!();
    }
    let at = first * rows + ABSOLUTE_POS % rows;
    let channels = f32::cast_from((width * N::value()) as u32);
    let mut means = Array::<f32>::new(form.kind.group);
    let mut invs = Array::<f32>::new(form.kind.group);
    #[unroll(form.kind.group <= 16)]
    for t in 0..form.kind.group {
        if first + t < steps {
            let row = at + t * rows;
            let start = row * width;
            let mut mean = 0.0f32;
            for c in 0..width {
                mean += sum(x[start + c] + bias[c]);
            }
            mean /= channels;
            let mut var = 0.0f32;
            for c in 0..width {
                let d = x[start + c] + bias[c] - Vector::new(mean);
                var += sum(d * d);
            }
            let inv = 1.0 / (var / channels + epsilon).sqrt();
            means[t] = mean;
            invs[t] = inv;
            moments[row] = mean;
            moments[rows * steps + row] = inv;
        }
    }
    for c in 0..width {
        let (own, scale, shift) = (bias[c], gamma[c], beta[c]);
        let mut v = Vector::new(0.0f32);
        #[unroll(form.kind.group <= 16)]
        for t in 0..form.kind.group {
            if first + t < steps {
                let place = (at + t * rows) * width + c;
                let n = (x[place] + own - Vector::new(means[t])) * Vector::new(invs[t]);
                let normalised = n * scale + shift;
                if comptime!(form.neurons) {
                    let h = charge(v, normalised, p, form.kind);
                    let s = fire(h, p, form.kind);
                    y[place] = s;
                    v = reset(h, s, p, form.kind);
                } else {
                    y[place] = normalised;
                }
            }
        }
    }
}

/// With neurons the gradient of y takes the place of `grad`, that of the spikes.
#[cube(launch)]
fn backward_kernel<N: Size>(
    x: &[Vector<f32, N>],
    bias: &[Vector<f32, N>],
    gamma: &[Vector<f32, N>],
    beta: &[Vector<f32, N>],
    moments: &[f32],
    grad: &mut [Vector<f32, N>],
    x_grad: &mut [Vector<f32, N>],
    extent: &Extent,
    p: &Numbers,
    #[comptime] form: Form,
) {
    let rows = extent.rows as usize;
    let steps = extent.steps as usize;
    let width = extent.width as usize;
    let first = ABSOLUTE_POS / rows * form.kind.group;
    if first >= steps {
        terminate!();
    }
    let at = first * rows + ABSOLUTE_POS % rows;
    let channels = f32::cast_from((width * N::value()) as u32);
    let mut means = Array::<f32>::new(form.kind.group);
    let mut invs = Array::<f32>::new(form.kind.group);
    let mut plain = Array::<f32>::new(form.kind.group);
    let mut along = Array::<f32>::new(form.kind.group);
    #[unroll(form.kind.group <= 16)]
    for t in 0..form.kind.group {
        let row = min(at + t * rows, rows * steps - 1);
        means[t] = moments[row];
        invs[t] = moments[rows * steps + row];
        plain[t] = 0.0f32;
        along[t] = 0.0f32;
    }
    let mut n = Array::<Vector<f32, N>>::new(form.kind.group);
    let mut membranes = Array::<Vector<f32, N>>::new(form.kind.group);
    for c in 0..width {
        let (own, scale, shift) = (bias[c], gamma[c], beta[c]);
        let mut v = Vector::new(0.0f32);
        #[unroll(form.kind.group <= 16)]
        for t in 0..form.kind.group {
            if first + t < steps {
                let place = (at + t * rows) * width + c;
                n[t] = (x[place] + own - Vector::new(means[t])) * Vector::new(invs[t]);
                if comptime!(form.neurons) {
                    let h = charge(v, n[t] * scale + shift, p, form.kind);
                    membranes[t] = h;
                    v = reset(h, fire(h, p, form.kind), p, form.kind);
                }
            }
        }
        let mut gv = Vector::new(0.0f32);
        #[unroll(form.kind.group <= 16)]
        for i in 0..form.kind.group {
            let t = form.kind.group - 1 - i;
            if first + t < steps {
                let place = (at + t * rows) * width + c;
                let mut g = grad[place];
                if comptime!(form.neurons) {
                    let gh = through_fire(membranes[t], g, gv, p, form.kind);
                    gv = to_membrane(gh, p, form.kind);
                    g = to_input(gh, p, form.kind);
                    grad[place] = g;
                }
                let h = g * scale;
                plain[t] += sum(h);
                along[t] += sum(h * n[t]);
            }
        }
    }
    #[unroll(form.kind.group <= 16)]
    for t in 0..form.kind.group {
        plain[t] /= channels;
        along[t] /= channels;
    }
    for c in 0..width {
        let (own, scale) = (bias[c], gamma[c]);
        #[unroll(form.kind.group <= 16)]
        for t in 0..form.kind.group {
            if first + t < steps {
                let place = (at + t * rows) * width + c;
                let inv = Vector::new(invs[t]);
                let n = (x[place] + own - Vector::new(means[t])) * inv;
                let h = grad[place] * scale;
                x_grad[place] = (h - Vector::new(plain[t]) - n * Vector::new(along[t])) * inv;
            }
        }
    }
}

/// Parameters for a kernel that has no neurons.
const IDLE: LifParams = LifParams {
    tau: 1.0,
    v_threshold: 1.0,
    hard_reset: true,
    decay_input: false,
    detach_reset: true,
    leak: false,
    surrogate: Surrogate::Atan { alpha: 2.0 },
    smooth: false,
};

/// How rows are dealt to threads.
struct Deal {
    form: Form,
    numbers: LifParams,
    /// Rows of one step and steps.
    rows: usize,
    steps: usize,
    /// Numbers a vector.
    n: usize,
    /// Vectors a row.
    width: usize,
    units: usize,
}

impl Deal {
    fn new(x: &CubeTensor, p: BiasNormParams) -> Self {
        let [all, channels] = [x.shape()[0], x.shape()[1]];
        let (numbers, steps, group) = match p.neurons {
            Some(neurons) => (neurons.lif, neurons.steps, neurons.group),
            None => (IDLE, 1, 1),
        };
        let (n, rows) = (vector(channels), all / steps);
        Self {
            form: Form {
                kind: Kind::new(&numbers, group),
                neurons: p.neurons.is_some(),
            },
            numbers,
            rows,
            steps,
            n,
            width: channels / n,
            units: rows * steps.div_ceil(group),
        }
    }

    fn extent(&self) -> ExtentLaunch {
        ExtentLaunch::new(self.rows as u32, self.steps as u32, self.width as u32)
    }
}

impl BiasNormOps for CubeBackend {
    fn bias_norm(
        x: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        p: BiasNormParams,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        let [x, bias, gamma, beta] = [x, bias, gamma, beta].map(into_contiguous);
        let (y, moments) = (like(&x), empty(&x, Shape::from([2, x.shape()[0]])));
        let deal = Deal::new(&x, p);
        if deal.units > 0 {
            let (count, dim) = row_grid(&x, deal.units);
            forward_kernel::launch(
                &y.client,
                count,
                dim,
                deal.n,
                x.into_buffer_arg(),
                bias.into_buffer_arg(),
                gamma.into_buffer_arg(),
                beta.into_buffer_arg(),
                y.clone().into_buffer_arg(),
                moments.clone().into_buffer_arg(),
                deal.extent(),
                p.epsilon,
                NumbersLaunch::of(&deal.numbers),
                deal.form,
            );
        }
        (y, moments)
    }
}

impl BiasNormGrad for CubeBackend {
    fn bias_norm_backward(
        x: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        moments: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        p: BiasNormParams,
    ) -> (
        FloatTensor<Self>,
        FloatTensor<Self>,
        FloatTensor<Self>,
        FloatTensor<Self>,
    ) {
        let [x, bias, gamma, beta, grad] = [x, bias, gamma, beta, grad].map(into_contiguous);
        let channels = x.shape()[1];
        let x_grad = like(&x);
        let deal = Deal::new(&x, p);
        let client = x.client.clone();
        // Written with neurons: then it must be nobody else's.
        let grad = if deal.form.neurons && !grad.can_mut() {
            grad.copy()
        } else {
            grad
        };
        if deal.units > 0 {
            let (count, dim) = row_grid(&x, deal.units);
            backward_kernel::launch(
                &client,
                count,
                dim,
                deal.n,
                x.clone().into_buffer_arg(),
                bias.clone().into_buffer_arg(),
                gamma.into_buffer_arg(),
                beta.into_buffer_arg(),
                moments.clone().into_buffer_arg(),
                grad.clone().into_buffer_arg(),
                x_grad.clone().into_buffer_arg(),
                deal.extent(),
                NumbersLaunch::of(&deal.numbers),
                deal.form,
            );
        }
        let terms = Terms {
            x,
            bias,
            moments,
            y_grad: grad,
            x_grad: x_grad.clone(),
        };
        let (vectors, room) = vectors::gradients(terms, deal.n);
        let [bias, gamma, beta] =
            [0, 1, 2].map(|place| Self::flat_view(vectors.clone(), place * room, vec![channels]));
        (x_grad, bias, gamma, beta)
    }
}
