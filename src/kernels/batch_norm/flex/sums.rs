//! Sums over the samples of each channel. Rows are walked across channels, maps along positions.

use super::Extent;
use crate::kernels::flex::wide;

/// Rows after which partial sums are added up in `f64`.
const ROWS: usize = 64;
/// Partial sums along positions, so that the loop is SIMD.
const LANES: usize = 16;

/// Two sums per channel over its samples: of `f(x, g, around[c])`.
pub fn sums(
    x: &[f32],
    g: &[f32],
    around: &[f32],
    extent: Extent,
    f: impl Fn(f32, f32, f32) -> [f32; 2],
) -> [Vec<f64>; 2] {
    let mut totals = [(); 2].map(|()| vec![0.0f64; extent.channels]);
    if x.is_empty() {
        return totals;
    }
    wide(
        #[inline(always)]
        || match extent.positions {
            1 => sums_of_rows(x, g, around, &mut totals, f),
            _ => sums_of_maps(x, g, around, extent, &mut totals, f),
        },
    );
    totals
}

/// Maps: along positions, in [`LANES`] partial sums.
#[inline(always)]
fn sums_of_maps(
    x: &[f32],
    g: &[f32],
    around: &[f32],
    Extent {
        channels,
        positions,
        ..
    }: Extent,
    totals: &mut [Vec<f64>; 2],
    f: impl Fn(f32, f32, f32) -> [f32; 2],
) {
    let spans = x.chunks_exact(positions).zip(g.chunks_exact(positions));
    for (span, (x, g)) in spans.enumerate() {
        let c = span % channels;
        let around = around[c];
        let (mut a, mut b) = ([0.0f32; LANES], [0.0f32; LANES]);
        let ((x, x_rest), (g, g_rest)) = (x.as_chunks::<LANES>(), g.as_chunks::<LANES>());
        for (x, g) in x.iter().zip(g) {
            for lane in 0..LANES {
                let [p, q] = f(x[lane], g[lane], around);
                a[lane] += p;
                b[lane] += q;
            }
        }
        let rest = x_rest.iter().zip(g_rest).zip(a.iter_mut().zip(&mut b));
        for ((x, g), (a, b)) in rest {
            let [p, q] = f(*x, *g, around);
            *a += p;
            *b += q;
        }
        for (total, lanes) in totals.iter_mut().zip([a, b]) {
            total[c] += lanes.iter().copied().map(f64::from).sum::<f64>();
        }
    }
}

/// Rows: across channels, in one partial sum for each.
#[inline(always)]
fn sums_of_rows(
    x: &[f32],
    g: &[f32],
    around: &[f32],
    totals: &mut [Vec<f64>; 2],
    f: impl Fn(f32, f32, f32) -> [f32; 2],
) {
    let channels = around.len();
    let (mut a, mut b) = (vec![0.0f32; channels], vec![0.0f32; channels]);
    let block = ROWS * channels;
    for (x, g) in x.chunks(block).zip(g.chunks(block)) {
        for (x, g) in x.chunks_exact(channels).zip(g.chunks_exact(channels)) {
            let lanes = x.iter().zip(g).zip(around).zip(a.iter_mut().zip(&mut b));
            for (((x, g), around), (a, b)) in lanes {
                let [p, q] = f(*x, *g, *around);
                *a += p;
                *b += q;
            }
        }
        for (total, partial) in totals.iter_mut().zip([&mut a, &mut b]) {
            for (total, partial) in total.iter_mut().zip(partial) {
                *total += f64::from(std::mem::take(partial));
            }
        }
    }
}
