//! Matrices of a few dozen rows and columns, too small for a general product's packing.

use super::wide;

/// Numbers that are worked on together; rows are padded to a multiple of it.
const LANES: usize = if cfg!(target_family = "wasm") { 4 } else { 16 };
/// Rows whose sums are kept in registers at once.
const ROWS: usize = 4;

type Lane = [f32; LANES];

/// A matrix whose rows are padded with zeros.
pub(in crate::kernels) struct Matrix {
    rows: usize,
    columns: usize,
    /// Lanes a row.
    width: usize,
    lanes: Vec<Lane>,
}

impl Matrix {
    /// Zeros.
    pub fn new(rows: usize, columns: usize) -> Self {
        let width = columns.div_ceil(LANES);
        Self {
            rows,
            columns,
            width,
            lanes: vec![[0.0; LANES]; rows * width],
        }
    }

    fn row(&self, row: usize) -> &[f32] {
        &self.lanes[row * self.width..][..self.width].as_flattened()[..self.columns]
    }

    /// One row, without its padding.
    pub fn row_mut(&mut self, row: usize) -> &mut [f32] {
        &mut self.lanes[row * self.width..][..self.width].as_flattened_mut()[..self.columns]
    }

    /// Row i becomes `from[places[i] · stride + first ..]`.
    pub fn gather(&mut self, from: &[f32], places: &[usize], stride: usize, first: usize) {
        for (row, place) in places.iter().enumerate() {
            copy(
                &from[place * stride + first..][..self.columns],
                self.row_mut(row),
            );
        }
    }

    /// `to[places[i] · stride + first ..]` becomes row i.
    pub fn scatter(&self, to: &mut [f32], places: &[usize], stride: usize, first: usize) {
        for (row, place) in places.iter().enumerate() {
            copy(
                self.row(row),
                &mut to[place * stride + first..][..self.columns],
            );
        }
    }

    /// Whether no number is other than 0.
    pub fn is_zero(&self) -> bool {
        self.lanes
            .as_flattened()
            .iter()
            .all(|number| *number == 0.0)
    }

    /// Every number times `factor`.
    pub fn times(&mut self, factor: f32) {
        let numbers = self.lanes.as_flattened_mut().iter_mut();
        numbers.for_each(|number| *number *= factor);
    }

    /// Becomes the transpose of `other`, whatever its shape was.
    pub fn transpose(&mut self, other: &Self) {
        let width = other.rows.div_ceil(LANES);
        (self.rows, self.columns, self.width) = (other.columns, other.rows, width);
        self.lanes.clear();
        self.lanes.resize(self.rows * width, [0.0; LANES]);
        let numbers = self.lanes.as_flattened_mut();
        for row in 0..other.rows {
            for (column, value) in other.row(row).iter().enumerate() {
                numbers[column * width * LANES + row] = *value;
            }
        }
    }

    /// Becomes `a b`, of which it has the shape; sums run in the order of a's columns.
    pub fn product(&mut self, a: &Self, b: &Self) {
        let last = a.rows.saturating_sub(1);
        self.sums(
            b,
            #[inline(always)]
            |row| {
                // Beyond the last row, that row again: at most three quarters of a tile's work for nothing.
                let rows = std::array::from_fn(|r| a.row(last.min(row + r)));
                let [f0, f1, f2, f3] = rows.map(|row| &row[..b.rows]);
                #[inline(always)]
                move |e| [f0[e], f1[e], f2[e], f3[e]]
            },
        );
    }

    /// Becomes `aᵀ b`, of which it has the shape; sums run in the order of a's rows.
    pub fn turned_product(&mut self, a: &Self, b: &Self) {
        let (numbers, stride) = (a.lanes.as_flattened(), a.width * LANES);
        self.sums(
            b,
            #[inline(always)]
            |row| {
                #[inline(always)]
                move |e| {
                    let factors = numbers[e * stride + row..].first_chunk();
                    *factors.expect("rows are padded to more than a tile's")
                }
            },
        );
    }

    /// Every row becomes the sum of b's rows times its factors: for [`ROWS`] rows from the given one on, and by b's row.
    #[inline(always)]
    fn sums<F: Fn(usize) -> [f32; ROWS]>(&mut self, b: &Self, factors: impl Fn(usize) -> F) {
        wide(
            #[inline(always)]
            || {
                let mut at = 0;
                while at < self.width {
                    at += match self.width - at {
                        1 => self.strip::<1, F>(b, at, &factors),
                        _ => self.strip::<2, F>(b, at, &factors),
                    };
                }
            },
        );
    }

    /// The lanes `at..at + S` of every row; S.
    #[inline(always)]
    fn strip<const S: usize, F: Fn(usize) -> [f32; ROWS]>(
        &mut self,
        b: &Self,
        at: usize,
        factors: &impl Fn(usize) -> F,
    ) -> usize {
        for row in (0..self.rows).step_by(ROWS) {
            let sums = tile::<S>(factors(row), b, at);
            for (r, sums) in sums.iter().enumerate().take(self.rows - row) {
                self.lanes[(row + r) * self.width + at..][..S].copy_from_slice(sums);
            }
        }
        S
    }
}

/// Copies a row, as long as the other; the usual lengths of a head by a number known here, since a call to copy so few
/// bytes takes longer than the copy.
#[inline(always)]
fn copy(from: &[f32], to: &mut [f32]) {
    fn all<const N: usize>(from: &[f32], to: &mut [f32]) {
        if let (Some(to), Some(from)) = (to.first_chunk_mut::<N>(), from.first_chunk::<N>()) {
            *to = *from;
        }
    }
    match to.len() {
        8 => all::<8>(from, to),
        12 => all::<12>(from, to),
        16 => all::<16>(from, to),
        32 => all::<32>(from, to),
        64 => all::<64>(from, to),
        _ => to.copy_from_slice(from),
    }
}

/// Sums of the lanes `at..at + S` of b's rows, times their factors. The sums are variables of their own, not an array of
/// four: that is what the compiler keeps in vector registers, and it worked number by number before.
#[inline(always)]
fn tile<const S: usize>(
    factors: impl Fn(usize) -> [f32; ROWS],
    b: &Matrix,
    at: usize,
) -> [[Lane; S]; ROWS] {
    let zero = [[0.0f32; LANES]; S];
    let (mut s0, mut s1, mut s2, mut s3) = (zero, zero, zero, zero);
    for e in 0..b.rows {
        let lanes = b.lanes[e * b.width + at..]
            .first_chunk::<S>()
            .expect("the strip is in the row");
        let [f0, f1, f2, f3] = factors(e);
        add(&mut s0, f0, lanes);
        add(&mut s1, f1, lanes);
        add(&mut s2, f2, lanes);
        add(&mut s3, f3, lanes);
    }
    [s0, s1, s2, s3]
}

#[inline(always)]
fn add<const S: usize>(sums: &mut [Lane; S], factor: f32, lanes: &[Lane; S]) {
    for s in 0..S {
        for lane in 0..LANES {
            sums[s][lane] += factor * lanes[s][lane];
        }
    }
}
