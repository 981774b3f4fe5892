//! Muon's step on the GPU: one dispatch for the norms, and for each product of a Newton–Schulz step one for all matrices
//! that are dealt to threads alike. The last product is subtracted from the weights where they are.

mod plan;

use self::plan::{Coefficients, CoefficientsLaunch, Dispatch, FIELDS, Plan};
use super::{EPSILON, FlatMatrix, NewtonSchulz, NewtonSchulzOps};
use crate::kernels::cube::{
    THREADS,
    block::{Spread, add_slabs, spread, tiles},
    empty, own,
    product::{Strides, sums_of},
    total_of_threads,
};
use burn::backend::tensor::FloatTensor;
use burn::tensor::Shape;
use burn_cubecl::{CubeBackend, kernel::into_contiguous, tensor::CubeTensor};
use cubecl::prelude::*;
use std::sync::Arc;

/// What becomes of a product.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Ending {
    /// It is written.
    Plain,
    /// `a I + b G + c G²` of the product `G²`.
    Polynomial,
    /// It is subtracted, √max(rows, columns) times the learning rate.
    Step,
}

/// A workgroup divides a matrix by its norm: `jobs [n, 3]` say where it begins, its length, and where it goes.
#[cube(launch)]
fn normalise_kernel(x: &[f32], out: &mut [f32], jobs: &[u32], job: u32) {
    let threads = comptime!(THREADS as usize);
    let job = job as usize + CUBE_POS * 3;
    let from = jobs[job] as usize;
    let length = jobs[job + 1] as usize;
    let to = jobs[job + 2] as usize;
    let mut sum = 0.0f32;
    let mut at = UNIT_POS as usize;
    while at < length {
        sum += x[from + at] * x[from + at];
        at += threads;
    }
    let scale = 1.0 / (total_of_threads(sum).sqrt() + EPSILON);
    at = UNIT_POS as usize;
    while at < length {
        out[to + at] = x[from + at] * scale;
        at += threads;
    }
}

/// Products of matrices of many shapes, a workgroup of one of them: `jobs [n, FIELDS]`, from number `job` on, see
/// [`plan::Job`].
#[cube(launch_unchecked)]
fn products_kernel(
    a: &[f32],
    b: &[f32],
    out: &mut [f32],
    jobs: &[u32],
    job: u32,
    p: &Coefficients,
    lr: f32,
    #[comptime] side: usize,
    #[comptime] slabs: usize,
    #[comptime] ending: Ending,
) {
    let job = job as usize + CUBE_POS * FIELDS;
    let (blocks, rows, inner, columns) =
        (jobs[job + 1], jobs[job + 2], jobs[job + 3], jobs[job + 4]);
    let a_strides = Strides {
        matrix: jobs[job + 5],
        row: jobs[job + 6],
        column: jobs[job + 7],
    };
    let b_strides = Strides {
        matrix: jobs[job + 8],
        row: jobs[job + 9],
        column: jobs[job + 10],
    };
    let (to, line) = (jobs[job + 11], jobs[job + 12]);
    let shared = comptime!(slabs > 1);
    let index = jobs[job] + if shared { UNIT_POS_X } else { UNIT_POS };
    let (first, every) = if shared {
        (UNIT_POS_Y, comptime!(slabs as u32).runtime())
    } else {
        (0u32.runtime(), 1u32.runtime())
    };
    let own = spread(min(index, blocks - 1), rows, columns, side);
    // The first matrix of an operand lies one distance from its buffer's beginning.
    let at = Spread {
        matrix: 1u32.runtime(),
        top: own.top,
        down: own.down,
        left: own.left,
        across: own.across,
    };
    let sums = sums_of(
        a, b, &at, first, every, rows, inner, columns, &a_strides, &b_strides, side,
    );
    if shared {
        add_slabs(&sums, side, slabs);
    }
    let scale = lr * f32::cast_from(max(rows, columns)).sqrt();
    #[unroll]
    for i in 0..side {
        let row = at.top + i as u32 * at.down;
        #[unroll]
        for j in 0..side {
            let column = at.left + j as u32 * at.across;
            if index < blocks && first == 0 && row < rows && column < columns {
                let mut value = sums[i * side + j].read();
                let place = (to + row * line + column) as usize;
                if comptime!(ending == Ending::Polynomial) {
                    let own = a_strides.matrix + row * a_strides.row + column * a_strides.column;
                    value = p.product * value + p.own * a[own as usize];
                    value += select(row == column, p.diagonal, 0.0f32);
                }
                if comptime!(ending == Ending::Step) {
                    value = out[place] - scale * value;
                }
                out[place] = value;
            }
        }
    }
}

/// The numbers of a step, and the jobs on the device.
struct Numbers {
    jobs: cubecl::server::Handle,
    length: usize,
    p: NewtonSchulz,
    lr: f32,
}

impl Numbers {
    fn jobs(&self) -> BufferArg {
        // SAFETY: the buffer has that many numbers.
        unsafe { BufferArg::from_raw_parts(self.jobs.clone(), self.length) }
    }

    fn products(
        &self,
        dispatches: &[Dispatch],
        a: &CubeTensor,
        b: &CubeTensor,
        out: &CubeTensor,
        ending: Ending,
    ) {
        let [diagonal, own, product] = self.p.coefficients;
        for dispatch in dispatches {
            let dim = match dispatch.slabs {
                1 => CubeDim::new_1d(plan::ALONE as u32),
                slabs => CubeDim::new_2d(tiles(slabs) as u32, slabs as u32),
            };
            // SAFETY: the plan's matrices are inside the vectors that it was made for, and rows and columns are clamped to
            // theirs.
            unsafe {
                products_kernel::launch_unchecked(
                    &out.client,
                    CubeCount::new_1d(dispatch.jobs as u32),
                    dim,
                    a.clone().into_buffer_arg(),
                    b.clone().into_buffer_arg(),
                    out.clone().into_buffer_arg(),
                    self.jobs(),
                    dispatch.from as u32,
                    CoefficientsLaunch::new(diagonal, own, product),
                    self.lr,
                    dispatch.side,
                    dispatch.slabs,
                    ending,
                );
            }
        }
    }
}

impl NewtonSchulzOps for CubeBackend {
    fn muon_step(
        weights: FloatTensor<Self>,
        momentum: FloatTensor<Self>,
        matrices: Arc<Vec<FlatMatrix>>,
        p: NewtonSchulz,
        lr: f32,
    ) -> FloatTensor<Self> {
        let weights = own(weights);
        let momentum = into_contiguous(momentum);
        let plan = Plan::new(&matrices);
        if plan.matrices == 0 || p.steps == 0 {
            return weights;
        }
        let numbers = Numbers {
            jobs: weights.client.create_from_slice(u32::as_bytes(&plan.jobs)),
            length: plan.jobs.len(),
            p,
            lr,
        };
        let new = |length: usize| empty(&momentum, Shape::from([length]));
        let mut x = new(plan.elements);
        normalise_kernel::launch(
            &x.client,
            CubeCount::new_1d(plan.matrices as u32),
            CubeDim::new_1d(THREADS),
            momentum.clone().into_buffer_arg(),
            x.clone().into_buffer_arg(),
            numbers.jobs(),
            0,
        );
        for step in 1..=p.steps {
            let gram = new(plan.squares);
            numbers.products(&plan.gram, &x, &x, &gram, Ending::Plain);
            let sum = new(plan.squares);
            numbers.products(&plan.square, &gram, &gram, &sum, Ending::Polynomial);
            let last = step == p.steps;
            let (of_wide, of_tall, out, ending) = if last {
                (
                    &plan.last_wide,
                    &plan.last_tall,
                    weights.clone(),
                    Ending::Step,
                )
            } else {
                (&plan.wide, &plan.tall, new(plan.elements), Ending::Plain)
            };
            numbers.products(of_wide, &sum, &x, &out, ending);
            numbers.products(of_tall, &x, &sum, &out, ending);
            x = out;
        }
        weights
    }
}
