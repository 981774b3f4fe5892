//! Softmax attention on the CPU: picture by picture and head by head, in matrices that stay in the cache.

use super::{AttentionGrad, AttentionOps, AttentionShape, SILENT, scale};
use crate::kernels::flex::{contiguous, exp, small::Matrix, sum, visit, wide};
use burn::backend::{Flex, TensorMetadata, flex::FlexTensor, tensor::FloatTensor};
use burn::tensor::TensorData;

impl AttentionOps for Flex {
    fn fused_attention(
        qkv: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        shape: AttentionShape,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        let [qkv, bias] = [qkv, bias].map(contiguous);
        let [rows, dim] = [qkv.shape()[0], qkv.shape()[1] / 3];
        let (values, bias): (&[f32], &[f32]) = (qkv.storage(), bias.storage());
        let mut out = vec![0.0; rows * dim];
        let mut log_sums = vec![0.0; rows * shape.heads];
        let mut head = Head::new(shape, dim);
        heads(rows, shape, |places, regions, index| {
            head.load(values, bias, places, dim, index);
            if head.silent {
                for place in places {
                    log_sums[place * shape.heads + index] = SILENT;
                }
                return;
            }
            head.probabilities(regions);
            head.y.product(&head.p, &head.v);
            head.y.scatter(&mut out, places, dim, index * head.d);
            for (place, log_sum) in places.iter().zip(&head.log_sums) {
                log_sums[place * shape.heads + index] = *log_sum;
            }
        });
        let tensor = |values, shape| FlexTensor::from_data(TensorData::new(values, shape));
        (
            tensor(out, [rows, dim]),
            tensor(log_sums, [rows, shape.heads]),
        )
    }
}

impl AttentionGrad for Flex {
    fn fused_attention_backward(
        qkv: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        y: FloatTensor<Self>,
        log_sums: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        shape: AttentionShape,
    ) -> FloatTensor<Self> {
        let [qkv, bias, y, log_sums, grad] = [qkv, bias, y, log_sums, grad].map(contiguous);
        let [rows, dim] = [qkv.shape()[0], qkv.shape()[1] / 3];
        let (values, bias): (&[f32], &[f32]) = (qkv.storage(), bias.storage());
        let (ys, logs): (&[f32], &[f32]) = (y.storage(), log_sums.storage());
        let grads: &[f32] = grad.storage();
        let mut out = vec![0.0; rows * 3 * dim];
        let mut head = Head::new(shape, dim);
        heads(rows, shape, |places, regions, index| {
            head.load(values, bias, places, dim, index);
            if head.silent {
                return;
            }
            let first = index * head.d;
            head.y.gather(ys, places, dim, first);
            head.g.gather(grads, places, dim, first);
            for (own, place) in head.log_sums.iter_mut().zip(places) {
                *own = logs[place * shape.heads + index];
            }
            head.backward(regions);
            for (part, gradient) in [&head.dq, &head.dk, &head.dv].into_iter().enumerate() {
                gradient.scatter(&mut out, places, 3 * dim, part * dim + first);
            }
        });
        FlexTensor::from_data(TensorData::new(out, qkv.shape()))
    }
}

/// Every picture or window, and head: its tokens' rows among all, their regions where not all may meet, and the head.
fn heads(
    rows: usize,
    shape: AttentionShape,
    mut each: impl FnMut(&[usize], Option<&[usize]>, usize),
) {
    let windows = match shape.windows {
        None => (vec![(0..shape.tokens).collect()], Vec::new()),
        Some(windows) => (windows.members(), windows.parts()),
    };
    visit(&windows, [rows, shape.tokens], |places, regions| {
        for head in 0..shape.heads {
            each(places, regions, head);
        }
    });
}

/// The matrices of one picture or window and head, used again for the next.
struct Head {
    d: usize,
    /// Whether q and k without a number other than 0 make y 0, and whether they are so.
    spiking: bool,
    silent: bool,
    q: Matrix,
    k: Matrix,
    v: Matrix,
    y: Matrix,
    g: Matrix,
    dq: Matrix,
    dk: Matrix,
    dv: Matrix,
    /// Transposed operand.
    turned: Matrix,
    /// Probabilities, `[N, N]`.
    p: Matrix,
    /// Gradient of the scores.
    ds: Matrix,
    log_sums: Vec<f32>,
}

impl Head {
    fn new(shape: AttentionShape, channels: usize) -> Self {
        let d = shape.width(channels);
        let tokens = shape
            .windows
            .map_or(shape.tokens, |windows| windows.tokens());
        let of_tokens = || Matrix::new(tokens, d);
        let square = || Matrix::new(tokens, tokens);
        Self {
            d,
            spiking: shape.windows.is_some(),
            silent: false,
            q: of_tokens(),
            k: of_tokens(),
            v: of_tokens(),
            y: of_tokens(),
            g: of_tokens(),
            dq: of_tokens(),
            dk: of_tokens(),
            dv: of_tokens(),
            turned: Matrix::new(0, 0),
            p: square(),
            ds: square(),
            log_sums: vec![0.0; tokens],
        }
    }

    /// q with its bias and the scale, k, and v with its bias.
    fn load(&mut self, qkv: &[f32], bias: &[f32], places: &[usize], dim: usize, index: usize) {
        let first = index * self.d;
        for (part, matrix) in [&mut self.q, &mut self.k, &mut self.v]
            .into_iter()
            .enumerate()
        {
            matrix.gather(qkv, places, 3 * dim, part * dim + first);
        }
        self.silent = self.spiking && self.q.is_zero() && self.k.is_zero();
        let m = scale(self.d);
        for row in 0..places.len() {
            for (q, bias) in self.q.row_mut(row).iter_mut().zip(&bias[first..]) {
                *q = (*q + bias) * m;
            }
            for (v, bias) in self.v.row_mut(row).iter_mut().zip(&bias[2 * dim + first..]) {
                *v += bias;
            }
        }
    }

    /// Scores become probabilities; L on the way.
    fn probabilities(&mut self, regions: Option<&[usize]>) {
        self.turned.transpose(&self.k);
        self.p.product(&self.q, &self.turned);
        for (row, log_sum) in self.log_sums.iter_mut().enumerate() {
            let scores = self.p.row_mut(row);
            part(scores, row, regions);
            let largest = largest(scores);
            exponentials(scores, largest);
            let total = sum([&*scores], |[p]| p);
            let share = 1.0 / total;
            scores.iter_mut().for_each(|p| *p *= share);
            *log_sum = largest + total.ln();
        }
    }

    fn backward(&mut self, regions: Option<&[usize]>) {
        self.turned.transpose(&self.k);
        self.p.product(&self.q, &self.turned);
        self.turned.transpose(&self.v);
        self.ds.product(&self.g, &self.turned);
        let m = scale(self.d);
        for (row, log_sum) in self.log_sums.iter().enumerate() {
            let p = self.p.row_mut(row);
            part(p, row, regions);
            exponentials(p, *log_sum);
            let own = self.g.row_mut(row).iter().zip(self.y.row_mut(row));
            let mean: f32 = own.map(|(g, y)| *g * *y).sum();
            for (ds, p) in self.ds.row_mut(row).iter_mut().zip(p) {
                *ds = *p * (*ds - mean) * m;
            }
        }
        self.dq.product(&self.ds, &self.k);
        self.dv.turned_product(&self.p, &self.g);
        // q holds the scale already; ds does too.
        self.q.times(1.0 / m);
        self.dk.turned_product(&self.ds, &self.q);
    }
}

/// Scores with tokens of other regions than that of token `row` become so low that their exponential is 0.
fn part(scores: &mut [f32], row: usize, regions: Option<&[usize]>) {
    let Some(regions) = regions else { return };
    for (score, other) in scores.iter_mut().zip(regions) {
        if regions[row] != *other {
            *score = -SILENT;
        }
    }
}

/// Each becomes `exp(x - around)`.
fn exponentials(row: &mut [f32], around: f32) {
    wide(
        #[inline(always)]
        || row.iter_mut().for_each(|x| *x = exp(*x - around)),
    );
}

/// Numbers kept side by side, so that the loop is SIMD.
const LANES: usize = 16;

fn largest(row: &[f32]) -> f32 {
    let mut lanes = [f32::NEG_INFINITY; LANES];
    let (lines, rest) = row.as_chunks::<LANES>();
    for line in lines {
        for (lane, x) in lanes.iter_mut().zip(line) {
            *lane = if *x > *lane { *x } else { *lane };
        }
    }
    let all = lanes.iter().chain(rest).copied();
    all.fold(f32::NEG_INFINITY, f32::max)
}
