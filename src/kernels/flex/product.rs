//! Matrix products whose result goes where it belongs. burn's own product zeroes its result and, since it makes it of
//! bytes, copies it into aligned memory afterwards: as much time as half the multiplications of a small layer.

/// A matrix in memory that something else owns.
#[derive(Clone, Copy)]
pub(in crate::kernels) struct Operand<'a> {
    values: &'a [f32],
    shape: [usize; 2],
    /// Distances of a row and of a column to the next.
    strides: [usize; 2],
}

impl<'a> Operand<'a> {
    /// A matrix `[rows, columns]` whose rows begin at multiples of `stride`.
    ///
    /// # Panics
    /// When `values` end before it.
    pub fn new(values: &'a [f32], shape: [usize; 2], stride: usize) -> Self {
        assert!(values.len() >= extent(shape, stride), "a matrix too short");
        Self {
            values,
            shape,
            strides: [stride, 1],
        }
    }

    /// The transposed matrix.
    pub fn turned(self) -> Self {
        let Self {
            values,
            shape: [rows, columns],
            strides: [row, column],
        } = self;
        Self {
            values,
            shape: [columns, rows],
            strides: [column, row],
        }
    }
}

/// Numbers from the first to the last of a matrix `[rows, columns]` whose rows begin at multiples of `stride`.
fn extent([rows, columns]: [usize; 2], stride: usize) -> usize {
    if rows == 0 || columns == 0 {
        return 0;
    }
    (rows - 1) * stride + columns
}

/// `a b`, row after row.
pub(in crate::kernels) fn product(a: Operand, b: Operand) -> Vec<f32> {
    let [rows, columns] = [a.shape[0], b.shape[1]];
    let mut out = Vec::with_capacity(rows * columns);
    if a.shape[1] == 0 {
        out.resize(rows * columns, 0.0);
        return out;
    }
    // SAFETY: there is room for rows · columns numbers, all of which the product writes and none of which it reads,
    // as its sums are not empty.
    unsafe {
        multiply(a, b, out.as_mut_ptr(), columns, false);
        out.set_len(rows * columns);
    }
    out
}

/// `a b` becomes, or with `add` is added to, the matrix at the beginning of `out` whose rows begin at multiples of
/// `stride`.
///
/// # Panics
/// When `out` ends before it.
pub(in crate::kernels) fn product_into(
    a: Operand,
    b: Operand,
    out: &mut [f32],
    stride: usize,
    add: bool,
) {
    let shape = [a.shape[0], b.shape[1]];
    assert!(
        out.len() >= extent(shape, stride),
        "no room for the product"
    );
    assert!(shape[1] <= stride, "rows that overlap");
    // SAFETY: every number of the result lies in `out`.
    unsafe { multiply(a, b, out.as_mut_ptr(), stride, add) }
}

/// # Safety
/// `out` must be valid for writes, and with `add` for reads, of a matrix `[a's rows, b's columns]` whose rows begin at
/// multiples of `stride`.
unsafe fn multiply(a: Operand, b: Operand, out: *mut f32, stride: usize, add: bool) {
    let ([rows, depth], [same, columns]) = (a.shape, b.shape);
    assert_eq!(depth, same, "the shapes do not match");
    let signed = |strides: [usize; 2]| strides.map(|stride| stride as isize);
    let ([a_row, a_column], [b_row, b_column]) = (signed(a.strides), signed(b.strides));
    let (a, b) = (a.values.as_ptr(), b.values.as_ptr());
    // SAFETY: an `Operand` lies within its values, the caller answers for `out`, and `out` is borrowed for writing,
    // so that it overlaps neither.
    unsafe {
        gemm::gemm(
            rows,
            columns,
            depth,
            out,
            1,
            stride as isize,
            add,
            a,
            a_column,
            a_row,
            b,
            b_column,
            b_row,
            if add { 1.0 } else { 0.0 },
            1.0,
            false,
            false,
            false,
            gemm::Parallelism::None,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `[1 2; 3 4; 5 6] · [1 0 2; 0 1 1]`, by hand.
    const A: [f32; 6] = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
    const B: [f32; 6] = [1.0, 0.0, 2.0, 0.0, 1.0, 1.0];
    const AB: [f32; 9] = [1.0, 2.0, 4.0, 3.0, 4.0, 10.0, 5.0, 6.0, 16.0];

    #[test]
    fn products_are_those_made_by_hand() {
        let (a, b) = (Operand::new(&A, [3, 2], 2), Operand::new(&B, [2, 3], 3));
        assert_eq!(product(a, b), AB);
        // Bᵀ Aᵀ = (A B)ᵀ.
        let turned = product(b.turned(), a.turned());
        assert_eq!(turned, [1.0, 3.0, 5.0, 2.0, 4.0, 6.0, 4.0, 10.0, 16.0]);
    }

    #[test]
    fn a_result_takes_its_place_and_nothing_else() {
        let (a, b) = (Operand::new(&A, [3, 2], 2), Operand::new(&B, [2, 3], 3));
        let mut out = vec![9.0; 4 * 3];
        product_into(a, b, &mut out, 4, false);
        let expected = [1., 2., 4., 9., 3., 4., 10., 9., 5., 6., 16., 9.];
        assert_eq!(out, expected);
        product_into(a, b, &mut out, 4, true);
        let expected = [2., 4., 8., 9., 6., 8., 20., 9., 10., 12., 32., 9.];
        assert_eq!(out, expected);
    }

    #[test]
    fn an_empty_sum_is_zero() {
        let (a, b) = (Operand::new(&[], [2, 0], 0), Operand::new(&[], [0, 3], 3));
        assert_eq!(product(a, b), [0.0; 6]);
        assert_eq!(product(b.turned(), a.turned()).len(), 6);
    }

    #[test]
    #[should_panic(expected = "no room")]
    fn a_result_without_room_is_refused() {
        let (a, b) = (Operand::new(&A, [3, 2], 2), Operand::new(&B, [2, 3], 3));
        product_into(a, b, &mut [0.0; 8], 3, false);
    }
}
