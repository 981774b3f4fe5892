//! Matrix products on the GPU, whose operands are read and whose result is written where they are: transposed, in
//! channel groups, with their channels interleaved, all of it in one dispatch.
//!
//! A thread keeps a block of sums in registers and reads its operands straight from memory, so that a number read serves
//! four or eight multiplications; caches do the rest. burn's own product without autotune and tensor cores stages its
//! operands in shared memory between barriers, which a processor (SwiftShader) pays dearly, and has its operands copied
//! into order first.

#![allow(clippy::needless_range_loop)] // Kernels index; they have no iterators.

use super::{
    block::{Deal, Spread, add_line, add_slabs, dealt, spread, zeros},
    empty,
};
use burn::tensor::Shape;
use burn_cubecl::{kernel::into_contiguous, tensor::CubeTensor};
use cubecl::prelude::*;

/// Where the matrices of a batch are: distances from one to the next, from a row and from a column to the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::kernels) struct Steps {
    pub matrix: usize,
    pub row: usize,
    pub column: usize,
}

#[derive(CubeType, CubeLaunch, Clone, Copy)]
pub(in crate::kernels) struct Strides {
    pub matrix: u32,
    pub row: u32,
    pub column: u32,
}

impl Steps {
    /// Matrices end to end, of rows of `columns`.
    pub fn packed([rows, columns]: [usize; 2]) -> Self {
        Self {
            matrix: rows * columns,
            row: columns,
            column: 1,
        }
    }

    fn launch(self) -> StridesLaunch {
        StridesLaunch::new(self.matrix as u32, self.row as u32, self.column as u32)
    }
}

/// A batch of matrices.
#[derive(Clone)]
pub(in crate::kernels) struct Operand {
    tensor: CubeTensor,
    shape: [usize; 2],
    steps: Steps,
}

impl Operand {
    /// Matrices `[rows, columns]` in a tensor, whose elements are counted in the order of its shape.
    pub fn new(tensor: CubeTensor, shape: [usize; 2], steps: Steps) -> Self {
        Self {
            tensor: into_contiguous(tensor),
            shape,
            steps,
        }
    }

    /// The transposed matrices.
    pub fn turned(self) -> Self {
        let [rows, columns] = self.shape;
        Self {
            tensor: self.tensor,
            shape: [columns, rows],
            steps: Steps {
                matrix: self.steps.matrix,
                row: self.steps.column,
                column: self.steps.row,
            },
        }
    }
}

/// A thread's block of sums at `at`, of the terms from `first` on that are `every` apart. What of the block lies outside
/// its matrix is clamped to the last row and column.
#[cube]
pub(in crate::kernels) fn sums_of(
    a: &[f32],
    b: &[f32],
    at: &Spread,
    first: u32,
    every: u32,
    rows: u32,
    inner: u32,
    columns: u32,
    a_strides: &Strides,
    b_strides: &Strides,
    #[comptime] side: usize,
) -> Sequence<RuntimeCell<f32>> {
    let mut rows_at = Array::<u32>::new(side);
    let mut columns_at = Array::<u32>::new(side);
    let sums = zeros(side);
    #[unroll]
    for i in 0..side {
        let row = min(at.top + i as u32 * at.down, rows - 1);
        let column = min(at.left + i as u32 * at.across, columns - 1);
        rows_at[i] = at.matrix * a_strides.matrix + row * a_strides.row;
        columns_at[i] = at.matrix * b_strides.matrix + column * b_strides.column;
    }
    let mut line = Array::<f32>::new(side);
    let mut e = first;
    let mut a_at = first * a_strides.column;
    let mut b_at = first * b_strides.row;
    while e < inner {
        #[unroll]
        for j in 0..side {
            line[j] = b[(columns_at[j] + b_at) as usize];
        }
        #[unroll]
        for i in 0..side {
            let own = a[(rows_at[i] + a_at) as usize];
            add_line(&sums, own, &line, i, side);
        }
        e += every;
        a_at += every * a_strides.column;
        b_at += every * b_strides.row;
    }
    sums
}

/// What lies outside a matrix is not written.
#[cube(launch_unchecked)]
fn product_kernel(
    a: &[f32],
    b: &[f32],
    out: &mut [f32],
    blocks: u32,
    rows: u32,
    inner: u32,
    columns: u32,
    a_strides: &Strides,
    b_strides: &Strides,
    out_strides: &Strides,
    #[comptime] side: usize,
    #[comptime] slabs: usize,
) {
    let (first, every, index) = dealt(slabs);
    let at = spread(min(index, blocks - 1), rows, columns, side);
    let sums = sums_of(
        a, b, &at, first, every, rows, inner, columns, a_strides, b_strides, side,
    );
    if comptime!(slabs > 1) {
        add_slabs(&sums, side, slabs);
    }
    let to = at.matrix * out_strides.matrix;
    #[unroll]
    for i in 0..side {
        let row = at.top + i as u32 * at.down;
        #[unroll]
        for j in 0..side {
            let column = at.left + j as u32 * at.across;
            if index < blocks && first == 0 && row < rows && column < columns {
                let place = to + row * out_strides.row + column * out_strides.column;
                out[place as usize] = sums[i * side + j].read();
            }
        }
    }
}

/// `a b` for `count` pairs of matrices, in a new tensor of that shape.
pub(in crate::kernels) fn product(
    a: Operand,
    b: Operand,
    count: usize,
    shape: Shape,
    steps: Steps,
) -> CubeTensor {
    let out = empty(&a.tensor, shape);
    let ([rows, inner], [_, columns]) = (a.shape, b.shape);
    let deal = Deal::new(&out, count, [rows, columns], inner);
    if deal.blocks == 0 {
        return out;
    }
    let client = out.client.clone();
    // SAFETY: rows and columns are clamped to those of the operands, which the shapes and distances given for them keep
    // inside the tensors; nothing outside the result's is written.
    unsafe {
        product_kernel::launch_unchecked(
            &client,
            deal.count,
            deal.dim,
            a.tensor.into_buffer_arg(),
            b.tensor.into_buffer_arg(),
            out.clone().into_buffer_arg(),
            deal.blocks as u32,
            rows as u32,
            inner as u32,
            columns as u32,
            a.steps.launch(),
            b.steps.launch(),
            steps.launch(),
            deal.side,
            deal.slabs,
        );
    }
    out
}
