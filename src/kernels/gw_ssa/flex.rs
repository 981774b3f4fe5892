//! GW-SSA on the CPU: window by window and head by head, in matrices that stay in the first-level cache.

use super::{GwSsaGrad, GwSsaOps, HeadGroups, HeadWindows};
use crate::kernels::flex::{contiguous, small::Matrix, visit};
use burn::backend::{Flex, TensorMetadata, flex::FlexTensor, tensor::FloatTensor};
use burn::tensor::TensorData;

impl GwSsaOps for Flex {
    fn gw_ssa_forward(
        qkv: FloatTensor<Self>,
        groups: HeadGroups,
        tokens: usize,
    ) -> FloatTensor<Self> {
        let qkv = contiguous(qkv);
        let [rows, dim] = [qkv.shape()[0], qkv.shape()[1] / 3];
        let mut out = vec![0.0; rows * dim];
        let values: &[f32] = qkv.storage();
        for group in groups.iter() {
            let mut head = Head::new(group);
            group.visit(rows, tokens, |places, regions, first| {
                head.load(values, places, dim, first);
                head.forward(regions);
                head.y.times(group.scale);
                head.y.scatter(&mut out, places, dim, first);
            });
        }
        FlexTensor::from_data(TensorData::new(out, [rows, dim]))
    }
}

impl GwSsaGrad for Flex {
    fn gw_ssa_backward(
        qkv: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        groups: HeadGroups,
        tokens: usize,
    ) -> FloatTensor<Self> {
        let [qkv, grad] = [qkv, grad].map(contiguous);
        let [rows, dim] = [qkv.shape()[0], qkv.shape()[1] / 3];
        let mut out = vec![0.0; rows * 3 * dim];
        let (values, grads): (&[f32], &[f32]) = (qkv.storage(), grad.storage());
        for group in groups.iter() {
            let mut head = Head::new(group);
            group.visit(rows, tokens, |places, regions, first| {
                head.load(values, places, dim, first);
                head.y.gather(grads, places, dim, first);
                head.y.times(group.scale);
                head.backward(regions);
                for (part, gradient) in [&head.dq, &head.dk, &head.dv].into_iter().enumerate() {
                    gradient.scatter(&mut out, places, 3 * dim, part * dim + first);
                }
            });
        }
        FlexTensor::from_data(TensorData::new(out, qkv.shape()))
    }
}

impl HeadWindows {
    /// Every window and head of every row: its tokens' places among all, their regions, its first channel.
    fn visit(
        &self,
        all: usize,
        tokens: usize,
        mut each: impl FnMut(&[usize], Option<&[usize]>, usize),
    ) {
        let windows = (self.windows.members(), self.windows.parts());
        visit(&windows, [all, tokens], |places, regions| {
            for head in 0..self.heads {
                each(places, regions, self.from + head * self.d);
            }
        });
    }
}

/// The matrices of one window and head, used again for the next.
struct Head {
    linear: bool,
    q: Matrix,
    k: Matrix,
    v: Matrix,
    /// y forward, its gradient backward; `[W, d]`.
    y: Matrix,
    dq: Matrix,
    dk: Matrix,
    dv: Matrix,
    /// Transposed operand.
    turned: Matrix,
    /// `q kᵀ [W, W]` or `kᵀ v [d, d]`, and its gradient.
    inner: Matrix,
    d_inner: Matrix,
}

impl Head {
    fn new(group: &HeadWindows) -> Self {
        let tokens = group.windows.tokens();
        let of_tokens = || Matrix::new(tokens, group.d);
        let side = if group.linear { group.d } else { tokens };
        Self {
            linear: group.linear,
            q: of_tokens(),
            k: of_tokens(),
            v: of_tokens(),
            y: of_tokens(),
            dq: of_tokens(),
            dk: of_tokens(),
            dv: of_tokens(),
            turned: Matrix::new(0, 0),
            inner: Matrix::new(side, side),
            d_inner: Matrix::new(side, side),
        }
    }

    fn load(&mut self, qkv: &[f32], places: &[usize], dim: usize, first: usize) {
        for (part, matrix) in [&mut self.q, &mut self.k, &mut self.v]
            .into_iter()
            .enumerate()
        {
            matrix.gather(qkv, places, 3 * dim, part * dim + first);
        }
    }

    /// y without its scale.
    fn forward(&mut self, regions: Option<&[usize]>) {
        self.first_product(regions);
        if self.linear {
            self.y.product(&self.q, &self.inner);
        } else {
            self.y.product(&self.inner, &self.v);
        }
    }

    /// `kᵀ v`, or `q kᵀ` where tokens may meet.
    fn first_product(&mut self, regions: Option<&[usize]>) {
        if self.linear {
            self.inner.turned_product(&self.k, &self.v);
        } else {
            self.turned.transpose(&self.k);
            self.inner.product(&self.q, &self.turned);
            mask(&mut self.inner, regions);
        }
    }

    /// dq, dk and dv from y's scaled gradient.
    fn backward(&mut self, regions: Option<&[usize]>) {
        self.first_product(regions);
        if self.linear {
            self.turned.transpose(&self.inner);
            self.dq.product(&self.y, &self.turned);
            self.d_inner.turned_product(&self.q, &self.y);
            self.dv.product(&self.k, &self.d_inner);
            self.turned.transpose(&self.d_inner);
            self.dk.product(&self.v, &self.turned);
        } else {
            self.turned.transpose(&self.v);
            self.d_inner.product(&self.y, &self.turned);
            mask(&mut self.d_inner, regions);
            self.dq.product(&self.d_inner, &self.k);
            self.dk.turned_product(&self.d_inner, &self.q);
            self.dv.turned_product(&self.inner, &self.y);
        }
    }
}

/// Zero where two tokens are in different regions.
fn mask(scores: &mut Matrix, regions: Option<&[usize]>) {
    let Some(regions) = regions else { return };
    for (i, own) in regions.iter().enumerate() {
        for (score, other) in scores.row_mut(i).iter_mut().zip(regions) {
            if own != other {
                *score = 0.0;
            }
        }
    }
}
