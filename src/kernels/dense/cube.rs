//! A dense layer on the GPU: the matrix product's blocks, ended by what follows the product.

#![allow(clippy::needless_range_loop)] // Kernels index; they have no iterators.

use super::DenseOps;
use crate::kernels::bias::cube::gelu;
use crate::kernels::cube::{
    block::{Deal, add_slabs, dealt, spread},
    empty,
    product::{Strides, sums_of},
};
use burn::backend::{TensorMetadata, tensor::FloatTensor};
use burn::tensor::Shape;
use burn_cubecl::{CubeBackend, kernel::into_contiguous, tensor::CubeTensor};
use cubecl::prelude::*;

/// What happens to the sum of a product and its bias.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Ending {
    Plain,
    Gelu,
    Residual,
}

/// `residual` is read for [`Ending::Residual`] only.
#[cube(launch_unchecked)]
fn dense_kernel(
    x: &[f32],
    w: &[f32],
    bias: &[f32],
    residual: &[f32],
    y: &mut [f32],
    blocks: u32,
    rows: u32,
    inner: u32,
    columns: u32,
    #[comptime] side: usize,
    #[comptime] slabs: usize,
    #[comptime] ending: Ending,
) {
    let (first, every, index) = dealt(slabs);
    let at = spread(min(index, blocks - 1), rows, columns, side);
    let x_strides = Strides {
        matrix: 0u32.runtime(),
        row: inner,
        column: 1u32.runtime(),
    };
    let w_strides = Strides {
        matrix: 0u32.runtime(),
        row: columns,
        column: 1u32.runtime(),
    };
    let sums = sums_of(
        x, w, &at, first, every, rows, inner, columns, &x_strides, &w_strides, side,
    );
    if comptime!(slabs > 1) {
        add_slabs(&sums, side, slabs);
    }
    #[unroll]
    for i in 0..side {
        let row = at.top + i as u32 * at.down;
        #[unroll]
        for j in 0..side {
            let column = at.left + j as u32 * at.across;
            if index < blocks && first == 0 && row < rows && column < columns {
                let place = (row * columns + column) as usize;
                let mut value = sums[i * side + j].read() + bias[column as usize];
                if comptime!(ending == Ending::Gelu) {
                    value = gelu(value);
                }
                if comptime!(ending == Ending::Residual) {
                    value += residual[place];
                }
                y[place] = value;
            }
        }
    }
}

fn launch(
    x: CubeTensor,
    w: CubeTensor,
    bias: CubeTensor,
    residual: Option<CubeTensor>,
    ending: Ending,
) -> CubeTensor {
    let [x, w, bias] = [x, w, bias].map(into_contiguous);
    let residual = residual.map_or_else(|| bias.clone(), into_contiguous);
    let [rows, inner, columns] = [x.shape()[0], x.shape()[1], w.shape()[1]];
    let y = empty(&x, Shape::from([rows, columns]));
    let deal = Deal::new(&y, 1, [rows, columns], inner);
    if deal.blocks == 0 {
        return y;
    }
    let client = y.client.clone();
    // SAFETY: rows and columns are clamped to those of x and w; what is read beside them and written lies at a row and a
    // column that are inside.
    unsafe {
        dense_kernel::launch_unchecked(
            &client,
            deal.count,
            deal.dim,
            x.into_buffer_arg(),
            w.into_buffer_arg(),
            bias.into_buffer_arg(),
            residual.into_buffer_arg(),
            y.clone().into_buffer_arg(),
            deal.blocks as u32,
            rows as u32,
            inner as u32,
            columns as u32,
            deal.side,
            deal.slabs,
            ending,
        );
    }
    y
}

impl DenseOps for CubeBackend {
    fn fused_dense(
        x: FloatTensor<Self>,
        w: FloatTensor<Self>,
        bias: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        launch(x, w, bias, None, Ending::Plain)
    }

    fn fused_dense_gelu(
        x: FloatTensor<Self>,
        w: FloatTensor<Self>,
        bias: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        launch(x, w, bias, None, Ending::Gelu)
    }

    fn fused_dense_residual(
        x: FloatTensor<Self>,
        w: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        residual: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        launch(x, w, bias, Some(residual), Ending::Residual)
    }
}
