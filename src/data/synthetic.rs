//! Generated pictures: ten shapes and textures, for a page without CIFAR and for tests.
//!
//! Place, size, angle, colours, shading, noise and a distracting spot vary; only the form tells the
//! class. The form is always the lighter part, so that a tiny network sees it within a hundred steps. A picture is a pure function of seed, part and index, so a longer set begins with the
//! shorter one.

use super::rng::{Draws, Purpose};
use super::{Dataset, IMAGE_BYTES, ImageSet, PLANE, SIDE, class_names};
use crate::config::DatasetKind;

/// Luminance by which a shape is lighter than its background, at least.
const CONTRAST: f32 = 0.35;

/// A data set of `train` and `held_out` pictures; labels go round the ten classes, so every front
/// part is balanced.
pub fn generate(seed: u64, train: usize, held_out: usize) -> Dataset {
    Dataset {
        kind: DatasetKind::Synthetic,
        classes: class_names(DatasetKind::Synthetic),
        train: part(Purpose::GenerateTrain, seed, train),
        held_out: part(Purpose::GenerateTest, seed, held_out),
        origin: "generated".into(),
    }
}

fn part(purpose: Purpose, seed: u64, len: usize) -> ImageSet {
    let mut set = ImageSet::with_capacity(len);
    for i in 0..len {
        let label = (i % DatasetKind::Synthetic.classes()) as u8;
        let picture = picture(label, &mut Draws::new(purpose, seed, i as u64, 0));
        set.push(&picture, label);
    }
    set
}

/// One picture of a class, `[3, 32, 32]`.
fn picture(label: u8, draws: &mut Draws) -> [u8; IMAGE_BYTES] {
    let radius = draws.between(10.0, 14.0);
    let slack = SIDE as f32 / 2.0 - radius;
    let centre = [0, 1].map(|_| SIDE as f32 / 2.0 + draws.between(-slack, slack));
    let (sin, cos) = draws.between(-0.3, 0.3).sin_cos();
    let (front, back) = colours(draws);
    let (shade_x, shade_y) = (draws.between(-0.15, 0.15), draws.between(-0.15, 0.15));
    let noise = draws.between(0.02, 0.08);
    let spot = [0, 1].map(|_| draws.between(0.0, SIDE as f32));
    let spot_radius = draws.between(0.0, 3.5);
    let spot_colour = [0, 1, 2].map(|_| draws.unit());

    let mut image = [0; IMAGE_BYTES];
    for i in 0..PLANE {
        let (x, y) = ((i % SIDE) as f32 + 0.5, (i / SIDE) as f32 + 0.5);
        let (dx, dy) = ((x - centre[0]) / radius, (y - centre[1]) / radius);
        let distance = distance(label, cos * dx + sin * dy, cos * dy - sin * dx);
        // One pixel of soft edge: distances are in radii.
        let cover = (0.5 - distance * radius).clamp(0.0, 1.0);
        let spot = (spot_radius + 0.5 - (x - spot[0]).hypot(y - spot[1])).clamp(0.0, 1.0);
        let shade = shade_x * (x / SIDE as f32 - 0.5) + shade_y * (y / SIDE as f32 - 0.5);
        for c in 0..3 {
            let shape = back[c] + cover * (front[c] - back[c]);
            let value = shape + spot * (spot_colour[c] - shape) + shade;
            let value = value + noise * (draws.unit() + draws.unit() - 1.0) * 2.0;
            image[c * PLANE + i] = (value * 255.0).round().clamp(0.0, 255.0) as u8;
        }
    }
    image
}

/// Colours of shape and background, far enough apart to be seen.
fn colours(draws: &mut Draws) -> ([f32; 3], [f32; 3]) {
    let luminance = |c: [f32; 3]| 0.299 * c[0] + 0.587 * c[1] + 0.114 * c[2];
    loop {
        let front = [0; 3].map(|_| draws.unit());
        let back = [0; 3].map(|_| draws.unit());
        if luminance(front) - luminance(back) >= CONTRAST {
            return (front, back);
        }
    }
}

/// Distance of a point from a shape's edge, negative inside, roughly in units of the shape's
/// radius. The order is that of the class names.
fn distance(label: u8, u: f32, v: f32) -> f32 {
    let r = u.hypot(v);
    let patch = rectangle(u, v, 0.9, 0.9);
    match label {
        0 => r - 1.0,
        1 => (r - 0.78).abs() - 0.22,
        2 => patch,
        3 => [(0.0, 1.0), (0.866, -0.5), (-0.866, -0.5)]
            .into_iter()
            .map(|(x, y)| u * x + v * y - 0.5)
            .fold(f32::MIN, f32::max),
        4 => rectangle(u, v, 1.0, 0.3).min(rectangle(u, v, 0.3, 1.0)),
        5 => star(u, v),
        6 => patch.max(0.15 - triangle_wave(v, 0.6)),
        7 => patch.max(-(triangle_wave(u, 0.9) - 0.225) * (triangle_wave(v, 0.9) - 0.225) / 0.225),
        8 => {
            let cell = |t: f32| t - 0.6 * (t / 0.6).round().clamp(-1.0, 1.0);
            cell(u).hypot(cell(v)) - 0.22
        }
        _ => (r - 1.0).max(0.8 - (u - 0.45).hypot(v - 0.1)),
    }
}

fn rectangle(u: f32, v: f32, half_width: f32, half_height: f32) -> f32 {
    (u.abs() - half_width).max(v.abs() - half_height)
}

/// Distance of `t` from the nearest multiple of `period`, in `0..=period/2`.
fn triangle_wave(t: f32, period: f32) -> f32 {
    (t - (t / period).round() * period).abs()
}

/// A star with five points at radius 1 and dents at radius 0.45.
fn star(u: f32, v: f32) -> f32 {
    const STEP: f32 = std::f32::consts::TAU / 5.0;
    // Fold the plane onto half a point: the edge there is one straight line from tip to dent.
    let angle = triangle_wave(u.atan2(-v), STEP);
    let r = u.hypot(v);
    let (x, y) = (r * angle.cos(), r * angle.sin());
    let half = STEP / 2.0;
    let (ex, ey) = (0.45 * half.cos() - 1.0, 0.45 * half.sin());
    ((x - 1.0) * ey - y * ex) / ex.hypot(ey)
}
