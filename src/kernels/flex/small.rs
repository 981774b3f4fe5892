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
        let columns = self.columns;
        for (row, place) in places.iter().enumerate() {
            let values = &from[place * stride + first..][..columns];
            let (lanes, rest) = values.as_chunks::<LANES>();
            if rest.is_empty() {
                copy(lanes, &mut self.lanes[row * self.width..][..self.width]);
            } else {
                self.row_mut(row).copy_from_slice(values);
            }
        }
    }

    /// `to[places[i] · stride + first ..]` becomes row i.
    pub fn scatter(&self, to: &mut [f32], places: &[usize], stride: usize, first: usize) {
        for (row, place) in places.iter().enumerate() {
            let values = &mut to[place * stride + first..][..self.columns];
            let (lanes, rest) = values.as_chunks_mut::<LANES>();
            if rest.is_empty() {
                copy(&self.lanes[row * self.width..][..self.width], lanes);
            } else {
                values.copy_from_slice(self.row(row));
            }
        }
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
        wide(
            #[inline(always)]
            || {
                let mut at = 0;
                while at < self.width {
                    at += match self.width - at {
                        1 => self.strip::<1>(a, b, at),
                        _ => self.strip::<2>(a, b, at),
                    };
                }
            },
        );
    }

    /// The product's lanes `at..at + S` of every row; S.
    #[inline(always)]
    fn strip<const S: usize>(&mut self, a: &Self, b: &Self, at: usize) -> usize {
        let whole = self.rows - self.rows % ROWS;
        for row in (0..whole).step_by(ROWS) {
            let sums = tile::<S>(std::array::from_fn(|r| a.row(row + r)), b, at);
            for (r, sums) in sums.iter().enumerate() {
                self.lanes[(row + r) * self.width + at..][..S].copy_from_slice(sums);
            }
        }
        for row in whole..self.rows {
            // The last rows alone: three quarters of a tile's work for nothing, for at most three of them.
            let [sums, ..] = tile::<S>([a.row(row); ROWS], b, at);
            self.lanes[row * self.width + at..][..S].copy_from_slice(&sums);
        }
        S
    }
}

/// Copies as many lanes as there are. Of a number known here: a call to copy so few bytes takes longer than the copy.
fn copy(from: &[Lane], to: &mut [Lane]) {
    fn all<const N: usize>(from: &[Lane], to: &mut [Lane]) {
        if let (Some(to), Some(from)) = (to.first_chunk_mut::<N>(), from.first_chunk::<N>()) {
            *to = *from;
        }
    }
    match to.len() {
        1 => all::<1>(from, to),
        2 => all::<2>(from, to),
        3 => all::<3>(from, to),
        4 => all::<4>(from, to),
        8 => all::<8>(from, to),
        _ => to.copy_from_slice(from),
    }
}

/// Rows times the lanes `at..at + S` of b. The sums are variables of their own, not an array of four: that is what the
/// compiler keeps in vector registers, and it worked number by number before.
#[inline(always)]
fn tile<const S: usize>(rows: [&[f32]; ROWS], b: &Matrix, at: usize) -> [[Lane; S]; ROWS] {
    let [f0, f1, f2, f3] = rows.map(|row| &row[..b.rows]);
    let zero = [[0.0f32; LANES]; S];
    let (mut s0, mut s1, mut s2, mut s3) = (zero, zero, zero, zero);
    for e in 0..b.rows {
        let lanes = b.lanes[e * b.width + at..]
            .first_chunk::<S>()
            .expect("the strip is in the row");
        add(&mut s0, f0[e], lanes);
        add(&mut s1, f1[e], lanes);
        add(&mut s2, f2[e], lanes);
        add(&mut s3, f3[e], lanes);
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
