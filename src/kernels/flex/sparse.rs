//! Products with matrices most of whose numbers are 0, such as spikes: only the others are multiplied.

use super::wide;

/// Columns of a result that stay in registers while a row is summed.
const STRIP: usize = 32;

/// Numbers looked at to judge how many are 0.
const SAMPLE: usize = 2048;
/// Numbers of which one may be other than 0, for it to be quicker to find the few and multiply those alone.
const SPARE: usize = 4;
/// Columns of the other matrix, at least, for the same: what is found serves all of them.
const WIDE: usize = 16;

/// Whether a product of a matrix of `values` and another one of `width` columns is to be made of the few numbers other
/// than 0. Only in WebAssembly: natively, with vectors four times as wide, dense products were as quick as the search for
/// what is not 0.
pub(in crate::kernels) fn pays(values: &[f32], width: usize) -> bool {
    cfg!(target_family = "wasm") && width >= WIDE && are_few(values)
}

/// Whether few of `values` are other than 0, as far as a sample tells.
fn are_few(values: &[f32]) -> bool {
    // Odd, so that it is in step with no row.
    let step = (values.len() / SAMPLE) | 1;
    let sample = values.iter().step_by(step);
    let (all, others) = sample.fold((0, 0), |(all, others), value| {
        (all + 1, others + is_other(*value))
    });
    others * SPARE <= all
}

/// 1 for a number other than 0 (or -0), by its bits: quicker than a comparison that minds NaN.
#[inline(always)]
fn is_other(value: f32) -> usize {
    usize::from(value.to_bits() << 1 != 0)
}

/// Numbers looked at together.
const FOUR: usize = 4;
/// Places of the bits of 0 to 15, and then whatever.
const OTHERS: [[u32; FOUR]; 1 << FOUR] = {
    let mut others = [[0; FOUR]; 1 << FOUR];
    let mut bits = 0;
    while bits < others.len() {
        let (mut place, mut found) = (0, 0);
        while place < FOUR {
            if bits >> place & 1 == 1 {
                others[bits][found] = place as u32;
                found += 1;
            }
            place += 1;
        }
        bits += 1;
    }
    others
};

/// Which of four numbers are other than 0, as bits.
#[inline(always)]
fn others(four: &[f32; FOUR]) -> usize {
    #[cfg(target_arch = "wasm32")]
    {
        use std::arch::wasm32::{f32x4, f32x4_ne, f32x4_splat, i32x4_bitmask};
        let [a, b, c, d] = *four;
        usize::from(i32x4_bitmask(f32x4_ne(f32x4(a, b, c, d), f32x4_splat(0.0))))
    }
    #[cfg(not(target_arch = "wasm32"))]
    {
        let bits = four.map(is_other).into_iter().enumerate();
        bits.map(|(place, bit)| bit << place).sum()
    }
}

/// The numbers of a matrix other than 0.
#[derive(Default)]
pub(in crate::kernels) struct Sparse {
    /// Room for every number of a row.
    width: usize,
    /// How many a row has.
    counts: Vec<usize>,
    /// Where they are and what they are, each row's from a multiple of `width` on.
    columns: Vec<u32>,
    values: Vec<f32>,
}

impl Sparse {
    fn reset(&mut self, rows: usize, width: usize) {
        self.width = width;
        self.counts.clear();
        self.counts.resize(rows, 0);
        if self.values.len() < rows * width {
            self.columns.resize(rows * width + FOUR, 0);
            self.values.resize(rows * width, 0.0);
        }
    }

    /// Becomes the matrix `[rows, columns]` whose rows begin at multiples of `stride`.
    pub fn read(&mut self, from: &[f32], [rows, columns]: [usize; 2], stride: usize) {
        self.reset(rows, columns);
        for (row, count) in self.counts.iter_mut().enumerate() {
            let from = &from[row * stride..][..columns];
            // Written in any case and kept where it counts, since which ones do cannot be predicted; what is beyond the
            // row's end, the next row writes over.
            let (start, mut found) = (row * columns, 0);
            let (fours, rest) = from.as_chunks::<FOUR>();
            for (index, four) in fours.iter().enumerate() {
                let others = others(four);
                let first = (FOUR * index) as u32;
                if let Some(places) = self.columns[start + found..].first_chunk_mut::<FOUR>() {
                    *places = OTHERS[others].map(|place| first + place);
                }
                found += others.count_ones() as usize;
            }
            for (column, value) in (FOUR * fours.len()..).zip(rest) {
                self.columns[start + found] = column as u32;
                found += is_other(*value);
            }
            let places = &self.columns[start..start + found];
            for (value, column) in self.values[start..].iter_mut().zip(places) {
                *value = from[*column as usize];
            }
            *count = found;
        }
    }

    /// Becomes the transpose of the matrix `[columns, rows]` at the beginning of `from`.
    pub fn read_turned(&mut self, from: &[f32], [rows, columns]: [usize; 2]) {
        self.reset(rows, columns);
        for column in 0..columns {
            let line = &from[column * rows..][..rows];
            for (row, (value, count)) in line.iter().zip(&mut self.counts).enumerate() {
                self.columns[row * columns + *count] = column as u32;
                *count += is_other(*value);
            }
        }
        for (row, count) in self.counts.iter().enumerate() {
            let found = row * columns..row * columns + count;
            let places = &self.columns[found.clone()];
            for (value, column) in self.values[found].iter_mut().zip(places) {
                *value = from[*column as usize * rows + row];
            }
        }
    }

    /// This matrix times `b [columns, width]` into `out`, whose rows are `width` long.
    pub fn times(&self, b: &[f32], width: usize, out: &mut [f32]) {
        wide(
            #[inline(always)]
            || {
                let lines = out.chunks_exact_mut(width.max(1));
                for (row, out) in lines.enumerate().take(self.counts.len()) {
                    let row = self.row(row);
                    let mut at = 0;
                    while at < width {
                        let (b, out) = (&b[at..], &mut out[at..]);
                        at += match width - at {
                            STRIP.. => row.gather::<STRIP>(b, width, out),
                            16.. => row.gather::<16>(b, width, out),
                            8.. => row.gather::<8>(b, width, out),
                            4.. => row.gather::<4>(b, width, out),
                            _ => row.gather::<1>(b, width, out),
                        };
                    }
                }
            },
        );
    }

    /// Adds the transpose of this matrix times `b [rows, width]` to `sum [columns, width]`.
    pub fn add_turned_times(&self, b: &[f32], width: usize, sum: &mut [f32]) {
        wide(
            #[inline(always)]
            || {
                let lines = b.chunks_exact(width.max(1));
                for (row, b) in lines.enumerate().take(self.counts.len()) {
                    let row = self.row(row);
                    let mut at = 0;
                    while at < width {
                        let (b, sum) = (&b[at..], &mut sum[at..]);
                        at += match width - at {
                            STRIP.. => row.scatter::<STRIP>(b, width, sum),
                            16.. => row.scatter::<16>(b, width, sum),
                            8.. => row.scatter::<8>(b, width, sum),
                            4.. => row.scatter::<4>(b, width, sum),
                            _ => row.scatter::<1>(b, width, sum),
                        };
                    }
                }
            },
        );
    }

    #[inline(always)]
    fn row(&self, row: usize) -> Row<'_> {
        let from = row * self.width..row * self.width + self.counts[row];
        Row {
            columns: &self.columns[from.clone()],
            values: &self.values[from],
        }
    }
}

/// The numbers of a row.
struct Row<'a> {
    columns: &'a [u32],
    values: &'a [f32],
}

impl Row<'_> {
    /// The first N numbers of the row times the matrix whose rows begin at multiples of `width`; N.
    #[inline(always)]
    fn gather<const N: usize>(&self, b: &[f32], width: usize, out: &mut [f32]) -> usize {
        let mut sums = [0.0f32; N];
        for (column, value) in self.columns.iter().zip(self.values) {
            let b = &b[*column as usize * width..][..N];
            for i in 0..N {
                sums[i] += value * b[i];
            }
        }
        out[..N].copy_from_slice(&sums);
        N
    }

    /// Adds the first N numbers of `b`, times each of the row's, to the line that belongs to its column; N.
    #[inline(always)]
    fn scatter<const N: usize>(&self, b: &[f32], width: usize, sum: &mut [f32]) -> usize {
        let mut line = [0.0f32; N];
        line.copy_from_slice(&b[..N]);
        for (column, value) in self.columns.iter().zip(self.values) {
            let sum = &mut sum[*column as usize * width..][..N];
            for i in 0..N {
                sum[i] += value * line[i];
            }
        }
        N
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `[1 0 2; 0 0 0; 0 3 0]`, times rows of 1, 10 and 100 and their multiples.
    const A: [f32; 9] = [1.0, 0.0, 2.0, 0.0, 0.0, 0.0, 0.0, 3.0, 0.0];

    /// Three rows of `width` numbers, `10^row (column + 1)`.
    fn lines(width: usize) -> Vec<f32> {
        let line = |row: i32| (0..width).map(move |c| 10f32.powi(row) * (c + 1) as f32);
        (0..3).flat_map(line).collect()
    }

    /// Widths of every kind of strip.
    #[test]
    fn products_are_those_made_by_hand() {
        for width in [1, 3, 5, 13, 63] {
            let mut a = Sparse::default();
            a.read(&A, [3, 3], 3);
            let mut out = vec![9.0; 3 * width];
            a.times(&lines(width), width, &mut out);
            let by_hand = |weights: [f32; 3]| {
                let line = weights.map(|weight| (0..width).map(move |c| weight * (c + 1) as f32));
                line.into_iter().flatten().collect::<Vec<_>>()
            };
            assert_eq!(out, by_hand([201.0, 0.0, 30.0]), "{width}");

            let mut sum = vec![1.0; 3 * width];
            a.add_turned_times(&lines(width), width, &mut sum);
            let wanted = by_hand([1.0, 300.0, 2.0]);
            let wanted: Vec<f32> = wanted.iter().map(|x| x + 1.0).collect();
            assert_eq!(sum, wanted, "{width}");

            // The transpose of the transpose, in memory that was used before.
            let turned: Vec<f32> = (0..9).map(|i| A[i % 3 * 3 + i / 3]).collect();
            a.read_turned(&turned, [3, 3]);
            a.times(&lines(width), width, &mut out);
            assert_eq!(out, by_hand([201.0, 0.0, 30.0]), "{width}");
        }
    }

    #[test]
    fn few_are_judged_by_a_sample() {
        let mut values = vec![0.0; 10 * SAMPLE];
        assert!(are_few(&values) && are_few(&[]));
        for value in values.iter_mut().step_by(2 * SPARE) {
            *value = -1.0;
        }
        assert!(are_few(&values));
        values.fill(f32::NAN);
        assert!(!are_few(&values));
    }
}
