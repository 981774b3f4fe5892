//! Which workgroup does which part of which product.

use super::super::FlatMatrix;
use crate::kernels::cube::block::{dealing, tiles};
use cubecl::prelude::*;
use std::collections::BTreeMap;

/// Numbers of a [`Job`].
pub(super) const FIELDS: usize = 13;
/// Blocks of a workgroup whose threads have one each.
pub(super) const ALONE: usize = 64;

#[derive(CubeType, CubeLaunch, Clone, Copy)]
pub(super) struct Coefficients {
    pub diagonal: f32,
    pub own: f32,
    pub product: f32,
}

/// Where a matrix is: its beginning, and the distances from a row and from a column to the next.
#[derive(Clone, Copy)]
struct View {
    at: usize,
    row: usize,
    column: usize,
}

impl View {
    fn packed(at: usize, columns: usize) -> Self {
        Self {
            at,
            row: columns,
            column: 1,
        }
    }

    fn turned(self) -> Self {
        Self {
            at: self.at,
            row: self.column,
            column: self.row,
        }
    }
}

/// `out [rows, columns] = a [rows, inner] b [inner, columns]`.
#[derive(Clone, Copy)]
struct Job {
    rows: usize,
    inner: usize,
    columns: usize,
    a: View,
    b: View,
    out: View,
}

/// Workgroups of one launch, whose jobs begin at number `from`.
#[derive(Debug)]
pub(super) struct Dispatch {
    pub from: usize,
    pub jobs: usize,
    pub side: usize,
    pub slabs: usize,
}

/// The launches of a step and the numbers that they read.
#[derive(Default)]
pub(super) struct Plan {
    pub jobs: Vec<u32>,
    pub matrices: usize,
    /// Of all matrices, and of the squares of their shorter sides.
    pub elements: usize,
    pub squares: usize,
    /// `X Xᵀ`, or `Xᵀ X`.
    pub gram: Vec<Dispatch>,
    pub square: Vec<Dispatch>,
    /// `P X` of wide matrices, `X P` of tall ones; the last ones go into the flat vector.
    pub wide: Vec<Dispatch>,
    pub tall: Vec<Dispatch>,
    pub last_wide: Vec<Dispatch>,
    pub last_tall: Vec<Dispatch>,
}

impl Plan {
    pub fn new(matrices: &[FlatMatrix]) -> Self {
        let mut plan = Self::default();
        let [mut gram, mut square] = [(); 2].map(|()| Vec::new());
        let [mut wide, mut tall, mut last_wide, mut last_tall] = [(); 4].map(|()| Vec::new());
        for matrix in matrices.iter().filter(|matrix| matrix.len() > 0) {
            let &FlatMatrix {
                start,
                rows,
                columns,
            } = matrix;
            let numbers = [start, matrix.len(), plan.elements];
            plan.jobs.extend(numbers.map(|number| number as u32));
            let side = rows.min(columns);
            let x = View::packed(plan.elements, columns);
            let of_square = View::packed(plan.squares, side);
            let of_weights = View::packed(start, columns);
            let is_tall = rows > columns;
            let (left, right) = if is_tall {
                (x.turned(), x)
            } else {
                (x, x.turned())
            };
            gram.push(Job {
                rows: side,
                inner: rows.max(columns),
                columns: side,
                a: left,
                b: right,
                out: of_square,
            });
            square.push(Job {
                rows: side,
                inner: side,
                columns: side,
                a: of_square,
                b: of_square,
                out: of_square,
            });
            let (a, b) = if is_tall {
                (x, of_square)
            } else {
                (of_square, x)
            };
            let (own, last) = if is_tall {
                (&mut tall, &mut last_tall)
            } else {
                (&mut wide, &mut last_wide)
            };
            for (jobs, out) in [(own, x), (last, of_weights)] {
                jobs.push(Job {
                    rows,
                    inner: side,
                    columns,
                    a,
                    b,
                    out,
                });
            }
            plan.matrices += 1;
            plan.elements += matrix.len();
            plan.squares += side * side;
        }
        plan.gram = plan.dispatches(&gram);
        plan.square = plan.dispatches(&square);
        plan.wide = plan.dispatches(&wide);
        plan.tall = plan.dispatches(&tall);
        plan.last_wide = plan.dispatches(&last_wide);
        plan.last_tall = plan.dispatches(&last_tall);
        plan
    }

    /// One for all jobs that are dealt alike. Matrices of one shape are dealt as one batch would be.
    fn dispatches(&mut self, jobs: &[Job]) -> Vec<Dispatch> {
        let mut alike: BTreeMap<[usize; 3], Vec<Job>> = BTreeMap::new();
        for job in jobs {
            let shape = [job.rows, job.inner, job.columns];
            alike.entry(shape).or_default().push(*job);
        }
        let mut dealt: BTreeMap<(usize, usize), Vec<Job>> = BTreeMap::new();
        for ([rows, inner, columns], jobs) in alike {
            let way = dealing(jobs.len(), [rows, columns], inner);
            dealt.entry(way).or_default().extend(jobs);
        }
        let dealt = dealt.into_iter();
        dealt
            .map(|((side, slabs), jobs)| {
                let from = self.jobs.len();
                jobs.iter().for_each(|job| self.deal(job, side, slabs));
                Dispatch {
                    from,
                    jobs: (self.jobs.len() - from) / FIELDS,
                    side,
                    slabs,
                }
            })
            .collect()
    }

    /// The job's workgroups.
    fn deal(&mut self, job: &Job, side: usize, slabs: usize) {
        let blocks = job.rows.div_ceil(side) * job.columns.div_ceil(side);
        let at_once = if slabs > 1 { tiles(slabs) } else { ALONE };
        for first in (0..blocks).step_by(at_once) {
            let numbers: [usize; FIELDS] = [
                first,
                blocks,
                job.rows,
                job.inner,
                job.columns,
                job.a.at,
                job.a.row,
                job.a.column,
                job.b.at,
                job.b.row,
                job.b.column,
                job.out.at,
                job.out.row,
            ];
            self.jobs.extend(numbers.map(|number| number as u32));
        }
    }
}
