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
    let noise = draws.between(0.03, 0.11);
    let spot = [0, 1].map(|_| draws.between(0.0, SIDE as f32));
    let spot_radius = draws.between(0.0, 3.5);
    let spot_colour = [0, 1, 2].map(|_| draws.unit());

    let covers = covers(label, radius, |x, y| {
        let (dx, dy) = ((x - centre[0]) / radius, (y - centre[1]) / radius);
        (cos * dx + sin * dy, cos * dy - sin * dx)
    });
    let spots = covered(
        1.0,
        |x, y| (x - spot[0], y - spot[1]),
        |x, y| length(x, y) - spot_radius,
    );
    // Ten bits for a channel's noise: a draw for each would take as long as all the rest.
    let bits: [u32; PLANE] = std::array::from_fn(|_| draws.word());

    let mut image = [0; IMAGE_BYTES];
    for (c, plane) in image.chunks_exact_mut(PLANE).enumerate() {
        for (i, pixel) in plane.iter_mut().enumerate() {
            let (x, y) = middle(i);
            let shade = shade_x * (x / SIDE as f32 - 0.5) + shade_y * (y / SIDE as f32 - 0.5);
            let shape = back[c] + covers[i] * (front[c] - back[c]);
            let value = shape + spots[i] * (spot_colour[c] - shape) + shade;
            let value = value + noise * ((bits[i] >> (10 * c) & 1023) as f32 / 511.5 - 1.0);
            // To the nearest, and into 0..=255, which `as` keeps to.
            *pixel = (value * 255.0 + 0.5) as u8;
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

/// How much of each pixel the shape covers. The order is that of the class names. `place` gives a pixel's coordinates
/// in radii, of `radius` pixels, the shape's middle at (0, 0).
fn covers(label: u8, radius: f32, place: impl Fn(f32, f32) -> (f32, f32)) -> [f32; PLANE] {
    let patch = |u, v| rectangle(u, v, 0.9, 0.9);
    // A loop for each form, not a form for each pixel: the page waits for thousands of pictures.
    match label {
        0 => covered(radius, place, |u, v| length(u, v) - 1.0),
        1 => covered(radius, place, |u, v| (length(u, v) - 0.78).abs() - 0.22),
        2 => covered(radius, place, patch),
        3 => covered(radius, place, |u, v| {
            let side = |x, y| u * x + v * y - 0.5;
            both(side(0.0, 1.0), both(side(0.866, -0.5), side(-0.866, -0.5)))
        }),
        4 => covered(radius, place, |u, v| {
            either(rectangle(u, v, 1.0, 0.3), rectangle(u, v, 0.3, 1.0))
        }),
        5 => covered(radius, place, star),
        6 => covered(radius, place, |u, v| {
            both(patch(u, v), 0.15 - triangle_wave(v, 0.6))
        }),
        7 => covered(radius, place, |u, v| {
            let wave = |t| triangle_wave(t, 0.9) - 0.225;
            both(patch(u, v), -wave(u) * wave(v) / 0.225)
        }),
        8 => covered(radius, place, |u, v| {
            let cell = |t: f32| t - 0.6 * (t / 0.6 + 0.5).floor().clamp(-1.0, 1.0);
            length(cell(u), cell(v)) - 0.22
        }),
        _ => covered(radius, place, |u, v| {
            both(length(u, v) - 1.0, 0.8 - length(u - 0.45, v - 0.1))
        }),
    }
}

/// Of a form given by the distance of a point from its edge, negative inside, roughly in radii.
fn covered(
    radius: f32,
    place: impl Fn(f32, f32) -> (f32, f32),
    distance: impl Fn(f32, f32) -> f32,
) -> [f32; PLANE] {
    std::array::from_fn(|i| {
        let (x, y) = middle(i);
        let (u, v) = place(x, y);
        // One pixel of soft edge.
        (0.5 - distance(u, v) * radius).clamp(0.0, 1.0)
    })
}

/// Of a pixel, in pixels.
fn middle(i: usize) -> (f32, f32) {
    ((i % SIDE) as f32 + 0.5, (i / SIDE) as f32 + 0.5)
}

/// Of (x, y), which is never so long that a square overflows: `hypot` would see to that, at several times the cost.
fn length(x: f32, y: f32) -> f32 {
    (x * x + y * y).sqrt()
}

/// Of what lies in both forms: the larger distance, of which neither is NaN, so that it needs no call.
fn both(a: f32, b: f32) -> f32 {
    if a > b { a } else { b }
}

/// Of what lies in one form or the other.
fn either(a: f32, b: f32) -> f32 {
    if a < b { a } else { b }
}

fn rectangle(u: f32, v: f32, half_width: f32, half_height: f32) -> f32 {
    both(u.abs() - half_width, v.abs() - half_height)
}

/// Distance of `t` from the nearest multiple of `period`, in `0..=period/2`.
fn triangle_wave(t: f32, period: f32) -> f32 {
    (t - (t / period + 0.5).floor() * period).abs()
}

/// A star with five points at radius 1 and dents at radius 0.45.
fn star(u: f32, v: f32) -> f32 {
    // Sine and cosine of a tenth of a turn, from tip to dent, and of a fifth.
    const TENTH: (f32, f32) = (0.587_785_25, 0.809_017);
    const FIFTH: (f32, f32) = (0.951_056_5, 0.309_017);
    // Folded at the star's mirrors onto half a point: the edge there is one straight line from tip to dent.
    let folded = |(x, y): (f32, f32), (sin, cos): (f32, f32)| {
        let beyond = 2.0 * both(cos * y - sin * x, 0.0);
        (x + beyond * sin, y - beyond * cos)
    };
    let (x, y) = folded((-v, u.abs()), FIFTH);
    let (x, y) = folded((x, y.abs()), TENTH);
    let (ex, ey) = (0.45 * TENTH.1 - 1.0, 0.45 * TENTH.0);
    ((x - 1.0) * ey - y * ex) / length(ex, ey)
}
