//! Patches of a tile of images as a matrix `[C_in/g k k, images · H' W']`, and back.

use super::Plan;
use crate::kernels::flex::product::{Operand, product_into};
use std::cell::RefCell;
use std::ops::Range;

/// Columns a tile aims at: enough for the matrix product to reach its speed, few enough that a patch matrix of
/// some hundred rows stays in a second-level cache.
const COLUMNS: usize = 256;

thread_local! {
    // Half a megabyte that every convolution of a picture would take anew, fill with zeros and give back.
    static PATCHES: RefCell<Vec<f32>> = const { RefCell::new(Vec::new()) };
    static OUTPUTS: RefCell<Vec<f32>> = const { RefCell::new(Vec::new()) };
}

/// Working memory of one convolution; the next one gets it.
pub(super) struct Patches {
    plan: Plan,
    images: usize,
    /// Columns of the tile in hand, `images · H' W'`.
    columns: usize,
    /// `[C_in/g k k, columns]`.
    patches: Vec<f32>,
    /// `[C_out/g, columns]`.
    outputs: Vec<f32>,
    /// One channel with its border of zeros.
    padded: Vec<f32>,
    padded_side: [usize; 2],
}

impl Drop for Patches {
    fn drop(&mut self) {
        PATCHES.set(std::mem::take(&mut self.patches));
        OUTPUTS.set(std::mem::take(&mut self.outputs));
    }
}

impl Patches {
    pub(super) fn new(plan: &Plan) -> Self {
        let images = (COLUMNS / plan.positions().max(1)).clamp(1, plan.rows.max(1));
        let padded_side = plan.input.map(|side| side + 2 * plan.padding);
        Self {
            plan: *plan,
            images,
            columns: 0,
            patches: PATCHES.take(),
            outputs: OUTPUTS.take(),
            padded: vec![0.0; padded_side[0] * padded_side[1]],
            padded_side,
        }
    }

    /// Ranges of images that are worked on together.
    pub(super) fn tiles(&self) -> Vec<Range<usize>> {
        let (rows, images) = (self.plan.rows, self.images);
        let starts = (0..rows).step_by(images);
        starts.map(|from| from..(from + images).min(rows)).collect()
    }

    /// `[C_in/g k k, images · H' W']`.
    pub(super) fn patches(&self) -> Operand<'_> {
        let shape = [self.plan.depth(), self.columns];
        Operand::new(&self.patches, shape, self.columns)
    }

    /// `[C_out/g, images · H' W']`.
    pub(super) fn outputs(&self) -> Operand<'_> {
        let shape = [self.plan.c_out / self.plan.groups, self.columns];
        Operand::new(&self.outputs, shape, self.columns)
    }

    /// The patch matrix's numbers.
    pub(super) fn patch_numbers(&self) -> &[f32] {
        &self.patches[..self.plan.depth() * self.columns]
    }

    /// The outputs' numbers.
    pub(super) fn output_numbers(&self) -> &[f32] {
        &self.outputs[..self.plan.c_out / self.plan.groups * self.columns]
    }

    /// Room for them.
    pub(super) fn room_for_outputs(&mut self) -> &mut [f32] {
        let count = self.plan.c_out / self.plan.groups * self.columns;
        self.outputs.resize(count, 0.0);
        &mut self.outputs
    }

    /// The outputs become `weights [C_out/g, C_in/g k k]` times the patches.
    pub(super) fn multiply(&mut self, weights: Operand) {
        let mut outputs = std::mem::take(&mut self.outputs);
        outputs.resize(self.plan.c_out / self.plan.groups * self.columns, 0.0);
        product_into(weights, self.patches(), &mut outputs, self.columns, false);
        self.outputs = outputs;
    }

    /// The patches become `weights [C_out/g, C_in/g k k]`, turned, times the outputs.
    pub(super) fn multiply_back(&mut self, weights: Operand) {
        let mut patches = std::mem::take(&mut self.patches);
        patches.resize(self.plan.depth() * self.columns, 0.0);
        let outputs = self.outputs();
        product_into(weights.turned(), outputs, &mut patches, self.columns, false);
        self.patches = patches;
    }

    /// Fills the patch matrix from the images `x [R, C_in, H, W]` of a tile.
    pub(super) fn gather(&mut self, x: &[f32], group: usize, tile: &Range<usize>) {
        let plan = self.plan;
        let columns = tile.len() * plan.positions();
        self.columns = columns;
        self.patches.resize(plan.depth() * columns, 0.0);
        let patches = &mut self.patches;
        let [height, width] = plan.input;
        let [_, padded_width] = self.padded_side;
        let channels = plan.c_in / plan.groups;
        let taps = plan.kernel[0] * plan.kernel[1];
        for (slot, image) in tile.clone().enumerate() {
            for channel in 0..channels {
                let at = (image * plan.c_in + group * channels + channel) * height * width;
                let picture = &x[at..at + height * width];
                for (row, line) in picture.chunks_exact(width).enumerate() {
                    let start = (row + plan.padding) * padded_width + plan.padding;
                    self.padded[start..start + width].copy_from_slice(line);
                }
                for tap in 0..taps {
                    let (u, v) = (tap / plan.kernel[1], tap % plan.kernel[1]);
                    let start = (channel * taps + tap) * columns + slot * plan.positions();
                    let target = &mut patches[start..start + plan.positions()];
                    let source = &self.padded[u * padded_width + v..];
                    // A channel's lines are short: of a length known here they are copied without a call for each.
                    match plan.output[1] {
                        8 => lines::<8>(target, source, padded_width, plan.stride),
                        16 => lines::<16>(target, source, padded_width, plan.stride),
                        32 => lines::<32>(target, source, padded_width, plan.stride),
                        width => {
                            for (i, line) in target.chunks_exact_mut(width).enumerate() {
                                let source = &source[i * plan.stride * padded_width..];
                                every(line, source, plan.stride);
                            }
                        }
                    }
                }
            }
        }
    }

    /// Adds the patches' numbers to the pixels `x_grad [R, C_in, H, W]` they came from.
    pub(super) fn scatter(&mut self, group: usize, tile: &Range<usize>, x_grad: &mut [f32]) {
        let (plan, patches) = (self.plan, &self.patches);
        let columns = tile.len() * plan.positions();
        let [height, width] = plan.input;
        let [_, padded_width] = self.padded_side;
        let channels = plan.c_in / plan.groups;
        let taps = plan.kernel[0] * plan.kernel[1];
        for (slot, image) in tile.clone().enumerate() {
            for channel in 0..channels {
                self.padded.fill(0.0);
                for tap in 0..taps {
                    let (u, v) = (tap / plan.kernel[1], tap % plan.kernel[1]);
                    let start = (channel * taps + tap) * columns + slot * plan.positions();
                    let source = &patches[start..start + plan.positions()];
                    for (i, line) in source.chunks_exact(plan.output[1]).enumerate() {
                        let target = &mut self.padded[(i * plan.stride + u) * padded_width + v..];
                        if plan.stride == 1 {
                            let pairs = target.iter_mut().zip(line);
                            pairs.for_each(|(to, from)| *to += from);
                        } else {
                            let pairs = target.iter_mut().step_by(plan.stride).zip(line);
                            pairs.for_each(|(to, from)| *to += from);
                        }
                    }
                }
                let at = (image * plan.c_in + group * channels + channel) * height * width;
                let picture = &mut x_grad[at..at + height * width];
                for (row, line) in picture.chunks_exact_mut(width).enumerate() {
                    let start = (row + plan.padding) * padded_width + plan.padding;
                    line.copy_from_slice(&self.padded[start..start + width]);
                }
            }
        }
    }

    /// Fills the outputs from the group's part of `y [R, C_out, H', W']` of a tile.
    pub(super) fn gather_outputs(&mut self, y: &[f32], group: usize, tile: &Range<usize>) {
        let plan = self.plan;
        let positions = plan.positions();
        let columns = tile.len() * positions;
        self.columns = columns;
        self.outputs.resize(plan.c_out / plan.groups * columns, 0.0);
        let outputs = &mut self.outputs;
        for (slot, image) in tile.clone().enumerate() {
            let start = image * plan.c_out * positions + group * plan.group_outputs();
            let maps = y[start..start + plan.group_outputs()].chunks_exact(positions);
            for (map, line) in maps.zip(outputs.chunks_exact_mut(columns)) {
                line[slot * positions..][..positions].copy_from_slice(map);
            }
        }
    }

    /// Writes the outputs to the group's part of `y [R, C_out, H', W']`.
    pub(super) fn scatter_outputs(&self, group: usize, tile: &Range<usize>, y: &mut [f32]) {
        let (plan, outputs) = (self.plan, &self.outputs);
        let positions = plan.positions();
        for (slot, image) in tile.clone().enumerate() {
            let start = image * plan.c_out * positions + group * plan.group_outputs();
            let maps = y[start..start + plan.group_outputs()].chunks_exact_mut(positions);
            for (map, line) in maps.zip(outputs.chunks_exact(tile.len() * positions)) {
                map.copy_from_slice(&line[slot * positions..][..positions]);
            }
        }
    }
}

/// Lines of `W` numbers from every `stride`th line, of which every `stride`th number.
fn lines<const W: usize>(to: &mut [f32], from: &[f32], width: usize, stride: usize) {
    let (lines, _) = to.as_chunks_mut::<W>();
    for (i, line) in lines.iter_mut().enumerate() {
        let from = &from[i * stride * width..];
        match stride {
            1 => line.copy_from_slice(&from[..W]),
            2 => {
                let from = &from[..2 * W - 1];
                for (j, to) in line.iter_mut().enumerate() {
                    *to = from[2 * j];
                }
            }
            _ => every(line, from, stride),
        }
    }
}

/// Every `stride`th number.
fn every(to: &mut [f32], from: &[f32], stride: usize) {
    for (to, from) in to.iter_mut().zip(from.iter().step_by(stride)) {
        *to = *from;
    }
}
