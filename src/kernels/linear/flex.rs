//! The linear product on the CPU: one matrix product, or with channel groups one for each of them and for some rows at
//! a time, whose interleaved side stays in the cache.

use super::{LinearGrad, LinearOps, groups};
use crate::kernels::flex::{
    contiguous,
    product::{Operand, product, product_into},
    sparse::{Sparse, pays},
    wide,
};
use burn::backend::{Flex, TensorMetadata, flex::FlexTensor, tensor::FloatTensor};
use burn::tensor::{Shape, TensorData};

/// Rows of a tile.
const ROWS: usize = 128;

impl LinearOps for Flex {
    fn fused_linear(x: FloatTensor<Self>, w: FloatTensor<Self>) -> FloatTensor<Self> {
        let layer = Layer::of(&x.shape(), &w.shape());
        let [x, w] = [x, w].map(contiguous);
        let few = pays(x.storage(), layer.c_out);
        let y = layer.forward(x.storage(), w.storage(), few);
        FlexTensor::from_data(TensorData::new(y, [layer.rows, layer.groups * layer.c_out]))
    }
}

impl LinearGrad for Flex {
    fn fused_linear_x_backward(w: FloatTensor<Self>, grad: FloatTensor<Self>) -> FloatTensor<Self> {
        let layer = Layer::of(&grad.shape(), &w.shape());
        let [w, grad] = [w, grad].map(contiguous);
        let dx = layer.x_backward(w.storage(), grad.storage());
        FlexTensor::from_data(TensorData::new(dx, [layer.rows, layer.groups * layer.c_in]))
    }

    fn fused_linear_w_backward(
        x: FloatTensor<Self>,
        w: FloatTensor<Self>,
        grad: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        let layer = Layer::of(&grad.shape(), &w.shape());
        let [x, grad] = [x, grad].map(contiguous);
        let few = pays(x.storage(), layer.c_out);
        let dw = layer.w_backward(x.storage(), grad.storage(), few);
        FlexTensor::from_data(TensorData::new(dw, w.shape()))
    }
}

/// R, g, C_in/g and C_out/g.
#[derive(Clone, Copy)]
struct Layer {
    rows: usize,
    groups: usize,
    c_in: usize,
    c_out: usize,
}

impl Layer {
    /// Of tensors `[R, ..]` and weights.
    fn of(rows: &Shape, w: &Shape) -> Self {
        let [groups, c_in, c_out] = groups(w);
        Self {
            rows: rows[0],
            groups,
            c_in,
            c_out,
        }
    }

    /// Numbers of a row on either side.
    fn widths(&self) -> [usize; 2] {
        [self.groups * self.c_in, self.groups * self.c_out]
    }

    /// Rows of the largest tile.
    fn tile(&self) -> usize {
        ROWS.min(self.rows)
    }

    /// First row and number of rows of each tile.
    fn tiles(self) -> impl Iterator<Item = (usize, usize)> {
        let starts = (0..self.rows).step_by(ROWS);
        starts.map(move |first| (first, ROWS.min(self.rows - first)))
    }

    /// One group's weights.
    fn weights<'a>(&self, w: &'a [f32], group: usize) -> Operand<'a> {
        let size = self.c_in * self.c_out;
        Operand::new(&w[group * size..], [self.c_in, self.c_out], self.c_out)
    }

    /// One group's inputs of a tile.
    fn inputs<'a>(&self, x: &'a [f32], (first, rows): (usize, usize), group: usize) -> Operand<'a> {
        let [width, _] = self.widths();
        let from = &x[first * width + group * self.c_in..];
        Operand::new(from, [rows, self.c_in], width)
    }

    /// One group's outputs of a tile of `rows` among those apart.
    fn outputs<'a>(&self, parts: &'a [f32], rows: usize, group: usize) -> Operand<'a> {
        let from = &parts[group * rows * self.c_out..];
        Operand::new(from, [rows, self.c_out], self.c_out)
    }

    /// y; with `few`, of the numbers of x other than 0.
    fn forward(self, x: &[f32], w: &[f32], few: bool) -> Vec<f32> {
        let [x_width, width] = self.widths();
        let mut spikes = few.then(Sparse::default);
        if self.groups == 1 && spikes.is_none() {
            return product(self.inputs(x, (0, self.rows), 0), self.weights(w, 0));
        }
        let mut y = Vec::with_capacity(self.rows * width);
        let [mut parts, mut lines] = [(); 2].map(|()| vec![0.0; self.tile() * width]);
        for tile in self.tiles() {
            let size = tile.1 * self.c_out;
            for (group, part) in parts.chunks_exact_mut(size).take(self.groups).enumerate() {
                if let Some(spikes) = &mut spikes {
                    let from = &x[tile.0 * x_width + group * self.c_in..];
                    spikes.read(from, [tile.1, self.c_in], x_width);
                    let w = &w[group * self.c_in * self.c_out..];
                    spikes.times(w, self.c_out, part);
                } else {
                    let (x, w) = (self.inputs(x, tile, group), self.weights(w, group));
                    product_into(x, w, part, self.c_out, false);
                }
            }
            if self.groups == 1 {
                y.extend_from_slice(&parts[..size]);
                continue;
            }
            let lines = &mut lines[..tile.1 * width];
            interleave(&parts, self.groups, lines);
            y.extend_from_slice(lines);
        }
        y
    }

    fn x_backward(self, w: &[f32], grad: &[f32]) -> Vec<f32> {
        let [width, of_grad] = self.widths();
        if self.groups == 1 {
            let grad = Operand::new(grad, [self.rows, of_grad], of_grad);
            return product(grad, self.weights(w, 0).turned());
        }
        let mut dx = vec![0.0; self.rows * width];
        let mut parts = vec![0.0; self.tile() * of_grad];
        for (first, rows) in self.tiles() {
            take_apart(
                &grad[first * of_grad..][..rows * of_grad],
                self.groups,
                &mut parts,
            );
            for group in 0..self.groups {
                let grad = self.outputs(&parts, rows, group);
                let to = &mut dx[first * width + group * self.c_in..];
                product_into(grad, self.weights(w, group).turned(), to, width, false);
            }
        }
        dx
    }

    /// The gradient of w; with `few`, as forward.
    fn w_backward(self, x: &[f32], grad: &[f32], few: bool) -> Vec<f32> {
        let [x_width, of_grad] = self.widths();
        let mut spikes = few.then(Sparse::default);
        if self.groups == 1 && spikes.is_none() {
            let x = self.inputs(x, (0, self.rows), 0);
            return product(
                x.turned(),
                Operand::new(grad, [self.rows, of_grad], of_grad),
            );
        }
        let size = self.c_in * self.c_out;
        let mut dw = vec![0.0; self.groups * size];
        let mut parts = vec![0.0; self.tile() * of_grad];
        for tile in self.tiles() {
            let (first, rows) = tile;
            let lines = &grad[first * of_grad..][..rows * of_grad];
            if self.groups > 1 {
                take_apart(lines, self.groups, &mut parts);
            }
            let parts = if self.groups > 1 { &parts } else { lines };
            for (group, sum) in dw.chunks_exact_mut(size.max(1)).enumerate() {
                if let Some(spikes) = &mut spikes {
                    let from = &x[first * x_width + group * self.c_in..];
                    spikes.read(from, [rows, self.c_in], x_width);
                    let grad = &parts[group * rows * self.c_out..];
                    spikes.add_turned_times(grad, self.c_out, sum);
                    continue;
                }
                let grad = self.outputs(parts, rows, group);
                let x = self.inputs(x, tile, group);
                product_into(x.turned(), grad, sum, self.c_out, true);
            }
        }
        dw
    }
}

/// Lines of g groups' numbers, group after group, become lines of numbers interleaved.
fn interleave(parts: &[f32], groups: usize, lines: &mut [f32]) {
    wide(
        #[inline(always)]
        || match groups {
            2 => interleave_of::<2>(parts, lines),
            4 => interleave_of::<4>(parts, lines),
            _ => {
                let size = lines.len() / groups;
                for (at, line) in lines.chunks_exact_mut(groups).enumerate() {
                    for (group, number) in line.iter_mut().enumerate() {
                        *number = parts[group * size + at];
                    }
                }
            }
        },
    );
}

#[inline(always)]
fn interleave_of<const G: usize>(parts: &[f32], lines: &mut [f32]) {
    let (lines, _) = lines.as_chunks_mut::<G>();
    let size = lines.len();
    let parts: [&[f32]; G] = std::array::from_fn(|group| &parts[group * size..][..size]);
    for (at, line) in lines.iter_mut().enumerate() {
        for group in 0..G {
            line[group] = parts[group][at];
        }
    }
}

/// The other way round.
fn take_apart(lines: &[f32], groups: usize, parts: &mut [f32]) {
    wide(
        #[inline(always)]
        || match groups {
            2 => take_apart_of::<2>(lines, parts),
            4 => take_apart_of::<4>(lines, parts),
            _ => {
                let size = lines.len() / groups;
                for (at, line) in lines.chunks_exact(groups).enumerate() {
                    for (group, number) in line.iter().enumerate() {
                        parts[group * size + at] = *number;
                    }
                }
            }
        },
    );
}

#[inline(always)]
fn take_apart_of<const G: usize>(lines: &[f32], parts: &mut [f32]) {
    let (lines, _) = lines.as_chunks::<G>();
    let size = lines.len();
    for (group, part) in parts.chunks_exact_mut(size).take(G).enumerate() {
        for (number, line) in part.iter_mut().zip(lines) {
            *number = line[group];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of whole numbers, most of x's 0, so that sums in any order are the same: several tiles and a short one, one group
    /// and several.
    #[test]
    fn products_of_the_few_are_those_of_all() {
        let some = |count: usize, step: usize| -> Vec<f32> {
            let value = |i: usize| (i * step + i * i * 7) % 17;
            (0..count).map(|i| value(i) as f32 - 8.0).collect()
        };
        for (groups, c_in, c_out) in [(1, 9, 16), (2, 5, 33), (4, 8, 3)] {
            let layer = Layer {
                rows: 2 * ROWS + 3,
                groups,
                c_in,
                c_out,
            };
            let [width, out] = layer.widths();
            let mut x = some(layer.rows * width, 5);
            x.iter_mut().filter(|x| **x < 4.0).for_each(|x| *x = 0.0);
            let (w, grad) = (some(width * c_out, 11), some(layer.rows * out, 13));
            assert_eq!(layer.forward(&x, &w, true), layer.forward(&x, &w, false));
            let [few, all] = [true, false].map(|few| layer.w_backward(&x, &grad, few));
            assert_eq!(few, all);
        }
    }
}
