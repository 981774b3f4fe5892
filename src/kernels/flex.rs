//! What the CPU forms of the kernels share: loops in the widest SIMD of the processor, and memory used once.

pub(super) mod product;
pub(super) mod small;
pub(super) mod sparse;

use burn::backend::{TensorMetadata, flex::FlexTensor};
use burn::tensor::TensorData;
use std::mem::MaybeUninit;

/// Elements worked on before they are written out: a part of the first-level cache.
const PART: usize = 2048;

/// Runs `work`, compiled once for each level of x86's vector units, at the widest that this processor has; elsewhere
/// as the target has it (SIMD128 in WebAssembly). Products and sums are not fused, so that all give the same numbers.
/// Mark the closure and what it calls `#[inline(always)]`: only what is inlined is compiled for the level.
#[inline(always)]
pub(super) fn wide<R>(work: impl FnOnce() -> R) -> R {
    macerator::AutoArch::new().dispatch(work)
}

/// `x` in order in memory. The handle that came in is gone, so that [`FlexTensor::storage_mut`] need not copy.
pub(super) fn contiguous(x: FlexTensor) -> FlexTensor {
    let ordered = x.to_contiguous();
    drop(x);
    ordered
}

/// `len` numbers that `fill` writes, in memory that is not zeroed before: to write it twice would take twice as long.
///
/// # Safety
/// `fill` must write every number.
pub(super) unsafe fn written(len: usize, fill: impl FnOnce(&mut [MaybeUninit<f32>])) -> Vec<f32> {
    let mut out = Vec::with_capacity(len);
    fill(&mut out.spare_capacity_mut()[..len]);
    // SAFETY: there is room for them, and the caller answers for their being there.
    unsafe { out.set_len(len) };
    out
}

/// Every window of every picture of `[rows, tokens of a picture]`: its tokens' rows, and their regions where not all of
/// them may attend to each other. Windows are given by their members and, or none, their regions.
pub(super) fn visit(
    (members, regions): &(Vec<Vec<usize>>, Vec<Vec<usize>>),
    [rows, tokens]: [usize; 2],
    mut each: impl FnMut(&[usize], Option<&[usize]>),
) {
    let mut places = Vec::new();
    for first in (0..rows).step_by(tokens.max(1)) {
        for (window, members) in members.iter().enumerate() {
            places.clear();
            places.extend(members.iter().map(|token| first + token));
            each(&places, regions.get(window).map(Vec::as_slice));
        }
    }
}

/// The matrix `[rows, columns]` transposed, in squares whose lines stay in the cache.
pub(super) fn transpose(from: &[f32], [rows, columns]: [usize; 2], to: &mut [f32]) {
    const SIDE: usize = 16;
    for first in (0..rows).step_by(SIDE) {
        let lines = first..rows.min(first + SIDE);
        for left in (0..columns).step_by(SIDE) {
            for column in left..columns.min(left + SIDE) {
                let to = &mut to[column * rows..][lines.clone()];
                for (to, row) in to.iter_mut().zip(lines.clone()) {
                    *to = from[row * columns + column];
                }
            }
        }
    }
}

/// `f` of every element of `x`, which is in order.
pub(super) fn map(x: &FlexTensor, f: impl Fn(f32) -> f32) -> FlexTensor {
    let values: &[f32] = x.storage();
    // Filled part by part: memory is not written twice, once with zeros.
    let mut out = Vec::with_capacity(values.len());
    wide(
        #[inline(always)]
        || {
            let mut part = [0.0; PART];
            for values in values.chunks(PART) {
                let part = &mut part[..values.len()];
                for (part, value) in part.iter_mut().zip(values) {
                    *part = f(*value);
                }
                out.extend_from_slice(part);
            }
        },
    );
    FlexTensor::from_data(TensorData::new(out, x.shape()))
}

/// Adding and subtracting 1.5 · 2^23 leaves no room for a fraction: the nearest integer, in two instructions that every
/// SIMD unit has; after the addition alone it is in the low bits. `round`, `floor` and saturating conversions are calls
/// or long sequences per element on x86 without SSE 4.1.
pub(super) const SHIFTER: f32 = 12_582_912.0;

/// Sums kept side by side, so that a loop is SIMD.
const LANES: usize = 16;

/// Sum of `f` of the numbers at a place, over all places of slices as long as the first. Mark the closure
/// `#[inline(always)]`, see [`wide`].
#[inline(always)]
pub(super) fn sum<const N: usize>(slices: [&[f32]; N], f: impl Fn([f32; N]) -> f32) -> f32 {
    let mut sums = [0.0f32; LANES];
    let len = slices[0].len();
    let whole = len - len % LANES;
    for at in (0..whole).step_by(LANES) {
        // Arrays, so that a place needs a check once for all lanes, and not one for each, which would end the SIMD.
        let parts: [&[f32; LANES]; N] =
            slices.map(|slice| slice[at..][..LANES].try_into().expect("as long as that"));
        for lane in 0..LANES {
            sums[lane] += f(parts.map(|part| part[lane]));
        }
    }
    let rest: f32 = (whole..len)
        .map(|at| f(slices.map(|slice| slice[at])))
        .sum();
    sums.iter().sum::<f32>() + rest
}

/// e to the x, within 2 units in the last place, and 0 below -87: a loop over it is SIMD, which over a call into a
/// mathematical library is not. 2 to the nearest integer of `x log₂ e`, times a polynomial for the rest (the one of
/// Cephes' `expf`).
#[inline(always)]
pub(super) fn exp(x: f32) -> f32 {
    const LN_2_HIGH: f32 = 0.693_359_4;
    const LN_2_LOW: f32 = -2.121_944_4e-4;
    let clamped = x.clamp(-87.0, 88.0);
    let shifted = clamped * std::f32::consts::LOG2_E + SHIFTER;
    let n = shifted - SHIFTER;
    let r = (clamped - n * LN_2_HIGH) - n * LN_2_LOW;
    let mut p = 1.987_569_1e-4;
    for coefficient in [
        1.398_199_9e-3,
        8.333_452e-3,
        4.166_579_6e-2,
        0.166_666_65,
        0.5,
    ] {
        p = p * r + coefficient;
    }
    let power = f32::from_bits(shifted.to_bits().wrapping_add(127) << 23);
    let value = (p * r * r + r + 1.0) * power;
    if x < -87.0 { 0.0 } else { value }
}

#[cfg(test)]
mod tests {
    use super::exp;

    #[test]
    fn exponentials_are_those_of_the_library() {
        for step in -8_800_000..=8_800_000 {
            let x = step as f32 * 1e-5;
            let exact = f64::from(x).exp();
            let ours = f64::from(exp(x));
            if x < -87.0 {
                assert_eq!(ours, 0.0);
            } else {
                assert!(
                    (ours / exact - 1.0).abs() < 2.5e-7,
                    "exp({x}) is {ours}, not {exact}"
                );
            }
        }
        assert_eq!(
            (exp(0.0), exp(-1e9), exp(f32::NEG_INFINITY)),
            (1.0, 0.0, 0.0)
        );
    }
}
