//! Random changes of a training picture: crop, mirror, colour and geometry, erasing.
//!
//! The same `(seed, step, slot)` always gives the same picture. Changes come in the usual order:
//! crop and mirror copy pixels, two RandAugment operations (Cubuk et al., arXiv:1909.13719) change
//! them, random erasing (Zhong et al., arXiv:1708.04896) covers a rectangle.

use super::rng::{Draws, Purpose};
use super::{IMAGE_BYTES, PLANE, SIDE};
use crate::config::Augment;

/// RandAugment operations applied to a picture.
const OPERATIONS: usize = 2;

/// Weights of R, G, B in the luminance (ITU-R BT.601).
const LUMINANCE: [f32; 3] = [0.299, 0.587, 0.114];

/// Writes the changed picture into `out`, `[3, 32, 32]` in `0..=1`.
///
/// # Panics
/// If `image` or `out` is not [`IMAGE_BYTES`] long, or `crop_padding` exceeds 31.
pub fn augment(image: &[u8], change: &Augment, seed: u64, step: u64, slot: usize, out: &mut [f32]) {
    assert_eq!(image.len(), IMAGE_BYTES, "a picture is [3, 32, 32]");
    assert_eq!(out.len(), IMAGE_BYTES, "a picture is [3, 32, 32]");
    let mut draws = Draws::new(Purpose::Augment, seed, step, slot as u64);
    crop_and_flip(image, change, &mut draws, out);
    if change.rand_augment > 0.0 {
        for _ in 0..OPERATIONS {
            Operation::draw(change.rand_augment, &mut draws).apply(out);
        }
    }
    if change.erase > 0.0 && draws.chance(change.erase) {
        erase(&mut draws, out);
    }
}

/// A 32×32 crop at a random place of the picture with `crop_padding` reflected pixels around it
/// (the edge pixel itself is not repeated), mirrored half of the time.
fn crop_and_flip(image: &[u8], change: &Augment, draws: &mut Draws, out: &mut [f32]) {
    let padding = change.crop_padding;
    let positions = 2 * padding as u32 + 1;
    let (top, left) = (draws.below(positions), draws.below(positions));
    let mirror = change.flip && draws.chance(0.5);
    let source = |i: usize, shift: u32| reflect(i as isize + shift as isize - padding as isize);
    let columns: [usize; SIDE] = std::array::from_fn(|x| {
        let x = if mirror { SIDE - 1 - x } else { x };
        source(x, left)
    });
    for (plane, out) in image.chunks_exact(PLANE).zip(out.chunks_exact_mut(PLANE)) {
        for (y, out) in out.chunks_exact_mut(SIDE).enumerate() {
            let row = &plane[source(y, top) * SIDE..][..SIDE];
            for (value, &x) in out.iter_mut().zip(&columns) {
                *value = f32::from(row[x]) / 255.0;
            }
        }
    }
}

/// Index of the pixel that reflection puts at `i`.
fn reflect(i: isize) -> usize {
    let last = SIDE as isize - 1;
    (if i < 0 {
        -i
    } else if i > last {
        2 * last - i
    } else {
        i
    }) as usize
}

/// One RandAugment operation with its magnitude.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Operation {
    Identity,
    /// Scales every value.
    Brightness(f32),
    /// Scales the distance from the mean luminance.
    Contrast(f32),
    /// Scales the distance from the pixel's own luminance.
    Saturation(f32),
    /// Leaves this many levels.
    Posterize(f32),
    /// Output offset from the centre `(x, y)` reads the input at `(a x + b y, c x + d y)`.
    Warp([f32; 4]),
}

impl Operation {
    /// A random operation; `strength` in `0..=1` scales the magnitudes of the original at its upper
    /// end: factors within ±0.9, rotation ±30°, shear ±0.3, posterising down to 4 bits.
    fn draw(strength: f32, draws: &mut Draws) -> Self {
        let which = draws.below(8);
        let magnitude = strength * draws.between(-1.0, 1.0);
        match which {
            0 => Self::Identity,
            1 => Self::Brightness(1.0 + 0.9 * magnitude),
            2 => Self::Contrast(1.0 + 0.9 * magnitude),
            3 => Self::Saturation(1.0 + 0.9 * magnitude),
            4 => Self::Posterize((8.0 - 4.0 * magnitude.abs()).round().exp2()),
            5 => {
                let (sin, cos) = (30.0 * magnitude).to_radians().sin_cos();
                Self::Warp([cos, -sin, sin, cos])
            }
            6 => Self::Warp([1.0, 0.3 * magnitude, 0.0, 1.0]),
            _ => Self::Warp([1.0, 0.0, 0.3 * magnitude, 1.0]),
        }
    }

    fn apply(self, image: &mut [f32]) {
        match self {
            Self::Identity => {}
            Self::Brightness(factor) => blend(image, factor, |_| 0.0),
            Self::Contrast(factor) => {
                let mean = (0..PLANE).map(|i| luminance(image, i)).sum::<f32>() / PLANE as f32;
                blend(image, factor, |_| mean);
            }
            Self::Saturation(factor) => {
                let grey: [f32; PLANE] = std::array::from_fn(|i| luminance(image, i));
                blend(image, factor, |i| grey[i]);
            }
            Self::Posterize(levels) => {
                for value in image {
                    *value = (*value * levels).floor().min(levels - 1.0) / (levels - 1.0);
                }
            }
            Self::Warp(matrix) => warp(image, matrix),
        }
    }
}

fn luminance(image: &[f32], pixel: usize) -> f32 {
    (0..3)
        .map(|c| LUMINANCE[c] * image[c * PLANE + pixel])
        .sum()
}

/// Moves every value away from `base(pixel)` by `factor`, kept in `0..=1`.
fn blend(image: &mut [f32], factor: f32, base: impl Fn(usize) -> f32) {
    for plane in image.chunks_exact_mut(PLANE) {
        for (i, value) in plane.iter_mut().enumerate() {
            let base = base(i);
            *value = (base + factor * (*value - base)).clamp(0.0, 1.0);
        }
    }
}

/// Reads the picture through a matrix about its centre, bilinearly; beyond the edge the edge's
/// pixels go on.
fn warp(image: &mut [f32], [a, b, c, d]: [f32; 4]) {
    const CENTRE: f32 = (SIDE as f32 - 1.0) / 2.0;
    const LAST: f32 = SIDE as f32 - 1.0;
    let mut source = [0.0; IMAGE_BYTES];
    source.copy_from_slice(image);
    for i in 0..PLANE {
        let (x, y) = ((i % SIDE) as f32 - CENTRE, (i / SIDE) as f32 - CENTRE);
        let from_x = (a * x + b * y + CENTRE).clamp(0.0, LAST);
        let from_y = (c * x + d * y + CENTRE).clamp(0.0, LAST);
        let (x0, y0) = (from_x as usize, from_y as usize);
        let (x1, y1) = ((x0 + 1).min(SIDE - 1), (y0 + 1).min(SIDE - 1));
        let (fx, fy) = (from_x - x0 as f32, from_y - y0 as f32);
        for (plane, out) in source
            .chunks_exact(PLANE)
            .zip(image.chunks_exact_mut(PLANE))
        {
            let at = |y: usize, x: usize| plane[y * SIDE + x];
            let upper = at(y0, x0) + fx * (at(y0, x1) - at(y0, x0));
            let lower = at(y1, x0) + fx * (at(y1, x1) - at(y1, x0));
            out[i] = upper + fy * (lower - upper);
        }
    }
}

/// Covers a rectangle of 2 to 33 % of the area, aspect 0.3 to 3.3, with uniform noise.
fn erase(draws: &mut Draws, image: &mut [f32]) {
    for _ in 0..10 {
        let area = draws.between(0.02, 0.33) * PLANE as f32;
        let aspect = draws.between(0.3f32.ln(), 3.3f32.ln()).exp();
        let height = (area * aspect).sqrt().round() as usize;
        let width = (area / aspect).sqrt().round() as usize;
        if height == 0 || width == 0 || height > SIDE || width > SIDE {
            continue;
        }
        let top = draws.below((SIDE - height) as u32 + 1) as usize;
        let left = draws.below((SIDE - width) as u32 + 1) as usize;
        for plane in image.chunks_exact_mut(PLANE) {
            for row in plane.chunks_exact_mut(SIDE).skip(top).take(height) {
                row[left..left + width].fill_with(|| draws.unit());
            }
        }
        return;
    }
}
