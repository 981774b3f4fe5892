//! Camera frames: crop, area averaging and transparency against hand counts.

use gemst::data::frame::{rgba_to_image, to_interleaved};
use gemst::data::{PLANE, SIDE};
use proptest::prelude::*;

/// A picture from a function of column and row.
fn rgba(width: usize, height: usize, pixel: impl Fn(usize, usize) -> [u8; 4]) -> Vec<u8> {
    (0..width * height)
        .flat_map(|i| pixel(i % width, i / width))
        .collect()
}

/// Mean over the exact square of an output pixel, by walking 1/32-pixel cells' borders in floating
/// point; slow and plain.
fn by_area(rgba: &[u8], width: usize, height: usize, c: usize, x: usize, y: usize) -> f64 {
    let side = width.min(height);
    let (left, top) = ((width - side) / 2, (height - side) / 2);
    let scale = side as f64 / SIDE as f64;
    let overlap = |out: usize, pixel: usize| {
        let (start, end) = (out as f64 * scale, (out + 1) as f64 * scale);
        (end.min(pixel as f64 + 1.0) - start.max(pixel as f64)).max(0.0)
    };
    let mut sum = 0.0;
    for j in 0..side {
        for i in 0..side {
            let pixel = &rgba[((top + j) * width + left + i) * 4..][..4];
            let alpha = f64::from(pixel[3]) / 255.0;
            let value = f64::from(pixel[c]) * alpha + 255.0 * (1.0 - alpha);
            sum += value * overlap(x, i) * overlap(y, j);
        }
    }
    sum / (scale * scale)
}

#[test]
fn a_picture_of_the_right_size_is_copied() {
    let frame = rgba(32, 32, |x, y| [x as u8, y as u8, (x * y % 256) as u8, 255]);
    let image = rgba_to_image(&frame, 32, 32).unwrap();
    for i in 0..PLANE {
        let (x, y) = (i % SIDE, i / SIDE);
        assert_eq!(image[i], x as u8);
        assert_eq!(image[PLANE + i], y as u8);
        assert_eq!(image[2 * PLANE + i], (x * y % 256) as u8);
    }
    let pixels = to_interleaved(&image);
    assert_eq!(pixels[(5 * 32 + 9) * 3..][..3], [9, 5, 45]);
}

#[test]
fn whole_factors_average_blocks() {
    // 64: each output pixel is the mean of 2×2: (10 + 20 + 30 + 42) / 4 = 25.5, which rounds up.
    let frame = rgba(64, 64, |x, y| {
        [[10, 20, 30, 42][x % 2 + 2 * (y % 2)], 7, 0, 255]
    });
    let image = rgba_to_image(&frame, 64, 64).unwrap();
    assert!(
        image[..PLANE].iter().all(|&value| value == 26),
        "25.5 rounds up"
    );
    assert!(image[PLANE..2 * PLANE].iter().all(|&value| value == 7));
}

#[test]
fn broken_factors_weigh_by_area() {
    // Side 40: an output pixel spans 1.25. Output 0 takes column 0 whole and a quarter of column 1;
    // output 1 takes 3/4 of column 1 and 1/2 of column 2; output 31 ends with column 39.
    let frame = rgba(40, 40, |x, _| [[200, 100, 0][x.min(2)], 0, 0, 255]);
    let image = rgba_to_image(&frame, 40, 40).unwrap();
    let first = (200.0 + 0.25 * 100.0) / 1.25;
    let second = 0.75 * 100.0 / 1.25;
    assert_eq!(
        (image[0], image[1], image[2]),
        (first as u8, second as u8, 0)
    );
    assert_eq!((first, second), (180.0, 60.0));
}

#[test]
fn the_centre_square_is_kept() {
    let red_centre = |i: usize| {
        if (48..112).contains(&i) {
            [255, 0, 0, 255]
        } else {
            [0, 0, 255, 255]
        }
    };
    let wide = rgba_to_image(&rgba(160, 64, |x, _| red_centre(x)), 160, 64).unwrap();
    let tall = rgba_to_image(&rgba(64, 160, |_, y| red_centre(y)), 64, 160).unwrap();
    for image in [wide, tall] {
        assert!(image[..PLANE].iter().all(|&value| value == 255));
        assert!(image[PLANE..].iter().all(|&value| value == 0));
    }
    // An odd rest: the column more is on the right.
    let frame = rgba(35, 32, |x, _| [x as u8, 0, 0, 255]);
    assert_eq!(rgba_to_image(&frame, 35, 32).unwrap()[0], 1);
}

#[test]
fn small_pictures_are_enlarged() {
    let image = rgba_to_image(&rgba(1, 1, |_, _| [9, 8, 7, 255]), 1, 1).unwrap();
    assert!(image[..PLANE].iter().all(|&value| value == 9));
    let image = rgba_to_image(
        &rgba(2, 2, |x, y| [(x * 100 + y * 50) as u8, 0, 0, 255]),
        2,
        2,
    )
    .unwrap();
    assert_eq!(
        (image[0], image[15], image[16], image[PLANE - 1]),
        (0, 0, 100, 150)
    );
}

#[test]
fn transparency_lies_on_white() {
    let clear = rgba_to_image(&rgba(50, 50, |_, _| [0, 0, 0, 0]), 50, 50).unwrap();
    assert!(clear.iter().all(|&value| value == 255));
    let half = rgba_to_image(&rgba(33, 33, |_, _| [0, 255, 100, 51]), 33, 33).unwrap();
    // 0.2 of the colour, 0.8 of white.
    assert_eq!((half[0], half[PLANE], half[2 * PLANE]), (204, 255, 224));
}

#[test]
fn a_picture_that_does_not_fit_its_size_is_refused() {
    for (bytes, width, height, says) in [
        (0, 0, 5, "0×5 pixels, both sides must be at least 1"),
        (16, 2, 3, "16 bytes came for 2×3 pixels"),
        (4, usize::MAX, 2, "4 bytes came"),
    ] {
        let text = rgba_to_image(&vec![0; bytes], width, height)
            .unwrap_err()
            .to_string();
        assert!(
            text.contains("cannot be used") && text.contains(says),
            "{text}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_size_matches_the_plain_count(width in 1usize..90, height in 1usize..90, salt in 0usize..99) {
        let frame = rgba(width, height, |x, y| {
            [0, 1, 2, 3].map(|c| ((x * 37 + y * 91 + c * 53 + salt * x * y) % 256) as u8)
        });
        let image = rgba_to_image(&frame, width, height).unwrap();
        for (c, x, y) in [(0, 0, 0), (1, 31, 31), (2, 16, 7), (0, 9, 30), (1, 5, 0), (2, 31, 1)] {
            let exact = by_area(&frame, width, height, c, x, y);
            let found = f64::from(image[c * PLANE + y * SIDE + x]);
            prop_assert!((found - exact).abs() <= 0.5 + 1e-6, "{c} {x} {y}: {found} for {exact}");
        }
    }
}
