//! On the GPU: a handful of tensors is packed in each dispatch, and a view is no dispatch.

use super::{AT_ONCE, FlatOps, Place};
use crate::kernels::cube::grid;
use burn::backend::{DType, tensor::FloatTensor};
use burn::tensor::Shape;
use burn_cubecl::{CubeBackend, kernel::into_contiguous, tensor::CubeTensor};
use cubecl::prelude::*;

/// Where each tensor of a dispatch goes; threads run over all of them, gaps included.
#[derive(CubeType, CubeLaunch, Clone, Copy)]
struct Target {
    /// First thread that copies it.
    thread: u32,
    start: u32,
    length: u32,
}

#[cube]
fn copy(part: &[f32], flat: &mut [f32], place: &Target, end: u32) {
    let thread = ABSOLUTE_POS as u32;
    if thread >= place.thread && thread < end {
        let at = thread - place.thread;
        let value = if at < place.length {
            part[at as usize]
        } else {
            f32::new(0.0)
        };
        flat[(place.start + at) as usize] = value;
    }
}

#[cube(launch)]
#[allow(clippy::too_many_arguments)]
fn write_kernel(
    a: &[f32],
    b: &[f32],
    c: &[f32],
    d: &[f32],
    e: &[f32],
    f: &[f32],
    flat: &mut [f32],
    a_at: &Target,
    b_at: &Target,
    c_at: &Target,
    d_at: &Target,
    e_at: &Target,
    f_at: &Target,
    end: u32,
) {
    copy(a, flat, a_at, b_at.thread);
    copy(b, flat, b_at, c_at.thread);
    copy(c, flat, c_at, d_at.thread);
    copy(d, flat, d_at, e_at.thread);
    copy(e, flat, e_at, f_at.thread);
    copy(f, flat, f_at, end);
}

impl FlatOps for CubeBackend {
    fn flat_write(
        flat: FloatTensor<Self>,
        a: FloatTensor<Self>,
        b: FloatTensor<Self>,
        c: FloatTensor<Self>,
        d: FloatTensor<Self>,
        e: FloatTensor<Self>,
        f: FloatTensor<Self>,
        places: Vec<Place>,
    ) -> FloatTensor<Self> {
        let mut threads = 0;
        let targets: [TargetLaunch; AT_ONCE] = std::array::from_fn(|index| {
            let (start, length, room) = match places.get(index) {
                Some(place) => (place.start, place.length, place.room),
                None => (0, 0, 0),
            };
            let target = TargetLaunch::new(threads as u32, start as u32, length as u32);
            threads += room;
            target
        });
        let [a, b, c, d, e, f] =
            [a, b, c, d, e, f].map(|part| into_contiguous(part).into_buffer_arg());
        let [a_at, b_at, c_at, d_at, e_at, f_at] = targets;
        let (count, dim) = grid(&flat, threads);
        write_kernel::launch(
            &flat.client,
            count,
            dim,
            a,
            b,
            c,
            d,
            e,
            f,
            flat.clone().into_buffer_arg(),
            a_at,
            b_at,
            c_at,
            d_at,
            e_at,
            f_at,
            threads as u32,
        );
        flat
    }

    fn flat_view(flat: FloatTensor<Self>, start: usize, shape: Vec<usize>) -> FloatTensor<Self> {
        const BYTES: u64 = size_of::<f32>() as u64;
        let length = shape.iter().product::<usize>();
        let behind = flat.meta.shape()[0] - start - length;
        let handle = flat
            .handle
            .clone()
            .offset_start(start as u64 * BYTES)
            .offset_end(behind as u64 * BYTES);
        CubeTensor::new_contiguous(
            flat.client.clone(),
            flat.device.clone(),
            Shape::from(shape),
            handle,
            DType::F32,
        )
    }
}
