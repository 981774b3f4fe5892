//! A camera frame or picture file as a 32×32 picture.

use super::{DataError, IMAGE_BYTES, PLANE, SIDE};

/// Centre crop to a square, then area averaging to 32×32. Input: `height·width·4` bytes RGBA, row
/// major, alpha not premultiplied (what a canvas gives). Output: planar RGB `[3, 32, 32]`.
///
/// A side of `s` pixels is cut into 32 intervals of `s/32`; each output pixel is the exact mean over
/// its interval square, pixels on a border counting by the share that lies inside, rounded to the
/// nearest integer once at the end. Pictures smaller than 32 pixels are enlarged by the same rule.
/// Averages are taken of the stored (gamma-encoded) values, as the makers of CIFAR and the common
/// resizers do. A transparent pixel lies on white, as on most pages and in most drawings.
///
/// # Errors
/// [`DataError::Frame`] if a side is zero or the bytes do not fit the size.
pub fn rgba_to_image(
    rgba: &[u8],
    width: usize,
    height: usize,
) -> Result<[u8; IMAGE_BYTES], DataError> {
    if width == 0 || height == 0 {
        return Err(DataError::Frame {
            why: format!("it is {width}×{height} pixels, both sides must be at least 1"),
        });
    }
    let need = width.checked_mul(height).and_then(|n| n.checked_mul(4));
    if need != Some(rgba.len()) {
        return Err(DataError::Frame {
            why: format!(
                "{} bytes came for {width}×{height} pixels of 4 bytes",
                rgba.len()
            ),
        });
    }
    let side = width.min(height);
    let (left, top) = ((width - side) / 2, (height - side) / 2);
    // Units of 1/32 pixel make every weight an integer: an input pixel is 32 long, an output
    // interval `side`. Values are 255 times the composited colour, so that nothing is rounded
    // before the end: at most 65025 · side², which fits u64 for any side below 2^24.
    let spans: Vec<Vec<(usize, u64)>> = (0..SIDE).map(|i| span(i, side)).collect();
    let mut sums = vec![[0u64; 3]; PLANE];
    let mut row_sums = [[0u64; 3]; SIDE];
    for y in 0..side {
        let row = &rgba[((top + y) * width + left) * 4..][..side * 4];
        for (sum, span) in row_sums.iter_mut().zip(&spans) {
            *sum = [0; 3];
            for &(x, weight) in span {
                let pixel = &row[x * 4..x * 4 + 4];
                let alpha = u64::from(pixel[3]);
                for (sum, &value) in sum.iter_mut().zip(pixel) {
                    *sum += weight * (u64::from(value) * alpha + 255 * (255 - alpha));
                }
            }
        }
        for (i, span) in spans.iter().enumerate() {
            // At most two output rows share an input row, more only when enlarging.
            let Some(weight) = weight_in(span, y) else {
                continue;
            };
            for (sum, row_sum) in sums[i * SIDE..(i + 1) * SIDE].iter_mut().zip(&row_sums) {
                for (sum, value) in sum.iter_mut().zip(row_sum) {
                    *sum += weight * value;
                }
            }
        }
    }
    let total = 255 * (side * side) as u64;
    let mut image = [0; IMAGE_BYTES];
    for (pixel, sum) in sums.iter().enumerate() {
        for (c, value) in sum.iter().enumerate() {
            image[c * PLANE + pixel] = ((value + total / 2) / total) as u8;
        }
    }
    Ok(image)
}

/// Input pixels of output interval `i` with their weights in 1/32 pixel; the weights sum to `side`.
fn span(i: usize, side: usize) -> Vec<(usize, u64)> {
    let (start, end) = (i * side, (i + 1) * side);
    (start / SIDE..end.div_ceil(SIDE))
        .map(|j| {
            let overlap = end.min((j + 1) * SIDE) - start.max(j * SIDE);
            (j, overlap as u64)
        })
        .collect()
}

/// Weight of input pixel `j` in a span.
fn weight_in(span: &[(usize, u64)], j: usize) -> Option<u64> {
    let first = span.first()?.0;
    Some(span.get(j.checked_sub(first)?)?.1)
}

/// A planar picture `[3, 32, 32]` as pixels R, G, B, R, G, B … (row major), for a canvas or the
/// protocol.
///
/// # Panics
/// If `image` is not [`IMAGE_BYTES`] long.
pub fn to_interleaved(image: &[u8]) -> Vec<u8> {
    assert_eq!(image.len(), IMAGE_BYTES, "a picture is [3, 32, 32] bytes");
    (0..IMAGE_BYTES)
        .map(|i| image[i % 3 * PLANE + i / 3])
        .collect()
}
