//! Convolution where every channel has a kernel of its own: direct sums, line by line.

use super::Plan;
use std::ops::Range;

/// `x [R, C, H, W]`, `w [C, 1, k, k]` to `y [R, C, H', W']`, which holds zeros.
pub(super) fn forward(plan: &Plan, x: &[f32], w: &[f32], y: &mut [f32]) {
    each_map(plan, |map, kernel| {
        let (input, output) = plan.maps_of(map);
        let (x, y) = (&x[input], &mut y[output]);
        for (tap, weight) in w[kernel].iter().enumerate() {
            plan.each_line(tap, |from, to, count| {
                let source = x[from..].iter().step_by(plan.stride);
                let pairs = y[to..to + count].iter_mut().zip(source);
                pairs.for_each(|(y, x)| *y += weight * x);
            });
        }
    });
}

/// `w`, `dy [R, C, H', W']` to `dx [R, C, H, W]`, which holds zeros.
pub(super) fn x_backward(plan: &Plan, w: &[f32], grad: &[f32], x_grad: &mut [f32]) {
    each_map(plan, |map, kernel| {
        let (input, output) = plan.maps_of(map);
        let (x_grad, grad) = (&mut x_grad[input], &grad[output]);
        for (tap, weight) in w[kernel].iter().enumerate() {
            plan.each_line(tap, |from, to, count| {
                let target = x_grad[from..].iter_mut().step_by(plan.stride);
                let pairs = target.zip(&grad[to..to + count]);
                pairs.for_each(|(x, g)| *x += weight * g);
            });
        }
    });
}

/// `x`, `dy` to `dw [C, 1, k, k]`, which holds zeros.
pub(super) fn w_backward(plan: &Plan, x: &[f32], grad: &[f32], w_grad: &mut [f32]) {
    each_map(plan, |map, kernel| {
        let (input, output) = plan.maps_of(map);
        let (x, grad) = (&x[input], &grad[output]);
        for (tap, sum) in w_grad[kernel].iter_mut().enumerate() {
            // Lane by lane, so that the sum over a map is SIMD.
            let mut lanes = [0.0f32; 8];
            plan.each_line(tap, |from, to, count| {
                let (x, g) = (&x[from..], &grad[to..to + count]);
                if plan.stride == 1 {
                    for (x, g) in x[..count].chunks(8).zip(g.chunks(8)) {
                        let pairs = x.iter().zip(g).zip(&mut lanes);
                        pairs.for_each(|((x, g), lane)| *lane += x * g);
                    }
                } else {
                    let pairs = x.iter().step_by(plan.stride).zip(g);
                    lanes[0] += pairs.map(|(x, g)| x * g).sum::<f32>();
                }
            });
            *sum += lanes.iter().sum::<f32>();
        }
    });
}

/// Every image's every channel: its index in `[R, C]` and the range of its kernel.
fn each_map(plan: &Plan, mut f: impl FnMut(usize, Range<usize>)) {
    let taps = plan.kernel[0] * plan.kernel[1];
    for map in 0..plan.rows * plan.c_in {
        let channel = map % plan.c_in;
        f(map, channel * taps..(channel + 1) * taps);
    }
}

impl Plan {
    /// Ranges of a map's pixels and of its outputs.
    fn maps_of(&self, map: usize) -> (Range<usize>, Range<usize>) {
        let (pixels, positions) = (self.input[0] * self.input[1], self.positions());
        (
            map * pixels..(map + 1) * pixels,
            map * positions..(map + 1) * positions,
        )
    }

    /// Every output line that a tap reaches: first pixel, first output, number of outputs.
    fn each_line(&self, tap: usize, mut f: impl FnMut(usize, usize, usize)) {
        let (u, v) = (tap / self.kernel[1], tap % self.kernel[1]);
        let columns = self.reached(v, 1);
        for i in self.reached(u, 0) {
            let row = i * self.stride + u - self.padding;
            let column = columns.start * self.stride + v;
            if let Some(column) = column.checked_sub(self.padding)
                && !columns.is_empty()
            {
                let from = row * self.input[1] + column;
                f(from, i * self.output[1] + columns.start, columns.len());
            }
        }
    }

    /// Outputs along an axis whose tap `offset` lies inside the image.
    fn reached(&self, offset: usize, axis: usize) -> Range<usize> {
        let first = self.padding.saturating_sub(offset).div_ceil(self.stride);
        // i s + offset - p < side
        let end = (self.input[axis] + self.padding)
            .saturating_sub(offset)
            .div_ceil(self.stride);
        first..end.min(self.output[axis]).max(first)
    }
}
