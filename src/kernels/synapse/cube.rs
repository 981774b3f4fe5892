//! A thread for each element of the output. The shortcut is the output: it is added to in place, which spares a buffer
//! where WebGPU allows eight.

use super::SynapseOps;
use crate::kernels::ConvParams;
use crate::kernels::cube::{empty, grid};
use burn::backend::{TensorMetadata, ops::FloatTensorOps, tensor::FloatTensor};
use burn::tensor::Shape;
use burn_cubecl::{CubeBackend, kernel::into_contiguous, tensor::CubeTensor};
use cubecl::prelude::*;

#[cube]
fn normalised(
    sum: f32,
    channel: usize,
    gamma: &[f32],
    beta: &[f32],
    mean: &[f32],
    var: &[f32],
    epsilon: f32,
) -> f32 {
    let deviation = (var[channel] + epsilon).sqrt();
    (sum - mean[channel]) / deviation * gamma[channel] + beta[channel]
}

#[cube(launch)]
fn linear_kernel(
    x: &[f32],
    weight: &[f32],
    gamma: &[f32],
    beta: &[f32],
    mean: &[f32],
    var: &[f32],
    y: &mut [f32],
    epsilon: f32,
    groups: u32,
    c_in: u32,
    c_out: u32,
    #[comptime] onto: bool,
) {
    if ABSOLUTE_POS >= y.len() {
        terminate!();
    }
    let (groups, c_in, c_out) = (groups as usize, c_in as usize, c_out as usize);
    let row = ABSOLUTE_POS / (groups * c_out);
    let channel = ABSOLUTE_POS % (groups * c_out);
    let group = channel % groups;
    let first = (row * groups + group) * c_in;
    let column = group * c_in * c_out + channel / groups;
    let mut sum = 0.0f32;
    for c in 0..c_in {
        sum += x[first + c] * weight[column + c * c_out];
    }
    let value = normalised(sum, channel, gamma, beta, mean, var, epsilon);
    if onto {
        y[ABSOLUTE_POS] += value;
    } else {
        y[ABSOLUTE_POS] = value;
    }
}

/// Sides and channels of a convolution.
#[derive(CubeType, CubeLaunch, Clone, Copy)]
struct Geometry {
    side: u32,
    out_side: u32,
    /// Input channels of a group.
    c_in: u32,
    c_out: u32,
    groups: u32,
    stride: u32,
    padding: u32,
}

#[cube(launch)]
fn conv_kernel(
    x: &[f32],
    weight: &[f32],
    gamma: &[f32],
    beta: &[f32],
    mean: &[f32],
    var: &[f32],
    y: &mut [f32],
    epsilon: f32,
    at: &Geometry,
    #[comptime] kernel: u32,
    #[comptime] onto: bool,
) {
    if ABSOLUTE_POS >= y.len() {
        terminate!();
    }
    let position = ABSOLUTE_POS as u32;
    let column = position % at.out_side;
    let line = position / at.out_side % at.out_side;
    let map = position / (at.out_side * at.out_side);
    let channel = map % at.c_out;
    let row = map / at.c_out;
    let group = channel / (at.c_out / at.groups);
    let first = (row * at.groups + group) * at.c_in;
    let taps = comptime!((kernel * kernel) as usize);
    let mut sum = 0.0f32;
    for c in 0..at.c_in {
        let from = (first + c) * at.side * at.side;
        let factors = ((channel * at.c_in + c) as usize) * taps;
        #[unroll]
        for u in 0..kernel {
            // Below zero wraps around and is outside too.
            let i = line * at.stride + u - at.padding;
            #[unroll]
            for v in 0..kernel {
                let j = column * at.stride + v - at.padding;
                if i < at.side && j < at.side {
                    let factor = weight[factors + comptime!((u * kernel + v) as usize)];
                    sum += x[(from + i * at.side + j) as usize] * factor;
                }
            }
        }
    }
    let value = normalised(sum, channel as usize, gamma, beta, mean, var, epsilon);
    if onto {
        y[ABSOLUTE_POS] += value;
    } else {
        y[ABSOLUTE_POS] = value;
    }
}

/// Where a layer's output goes: onto a shortcut that nobody else reads, or into new memory and then onto it.
struct Output {
    y: CubeTensor,
    onto: bool,
    shortcut: Option<CubeTensor>,
}

impl Output {
    fn new(on: &CubeTensor, shape: Shape, shortcut: Option<CubeTensor>) -> Self {
        match shortcut {
            Some(shortcut) if shortcut.can_mut() && shortcut.is_contiguous() => Self {
                y: shortcut,
                onto: true,
                shortcut: None,
            },
            shortcut => Self {
                y: empty(on, shape),
                onto: false,
                shortcut,
            },
        }
    }

    fn finish(self) -> CubeTensor {
        match self.shortcut {
            None => self.y,
            Some(shortcut) => CubeBackend::float_add(self.y, shortcut),
        }
    }
}

fn linear(
    shortcut: Option<CubeTensor>,
    x: CubeTensor,
    weight: CubeTensor,
    vectors: [CubeTensor; 4],
    epsilon: f32,
) -> CubeTensor {
    let [x, weight] = [x, weight].map(into_contiguous);
    let [gamma, beta, mean, var] = vectors.map(into_contiguous);
    let [rows, groups, c_in, c_out] = [
        x.shape()[0],
        weight.shape()[0],
        weight.shape()[1],
        weight.shape()[2],
    ];
    let out = Output::new(&x, Shape::from([rows, groups * c_out]), shortcut);
    let (count, dim) = grid(&x, rows * groups * c_out);
    linear_kernel::launch(
        &out.y.client,
        count,
        dim,
        x.into_buffer_arg(),
        weight.into_buffer_arg(),
        gamma.into_buffer_arg(),
        beta.into_buffer_arg(),
        mean.into_buffer_arg(),
        var.into_buffer_arg(),
        out.y.clone().into_buffer_arg(),
        epsilon,
        groups as u32,
        c_in as u32,
        c_out as u32,
        out.onto,
    );
    out.finish()
}

fn conv(
    shortcut: Option<CubeTensor>,
    x: CubeTensor,
    weight: CubeTensor,
    vectors: [CubeTensor; 4],
    epsilon: f32,
    p: ConvParams,
) -> CubeTensor {
    let [x, weight] = [x, weight].map(into_contiguous);
    let [gamma, beta, mean, var] = vectors.map(into_contiguous);
    let (input, taps) = (x.shape(), weight.shape());
    let shape = p.output_shape(&input, &taps);
    let geometry = GeometryLaunch::new(
        input[3] as u32,
        shape[3] as u32,
        taps[1] as u32,
        taps[0] as u32,
        p.groups as u32,
        p.stride as u32,
        p.padding as u32,
    );
    let (count, dim) = grid(&x, shape.num_elements());
    let out = Output::new(&x, shape, shortcut);
    conv_kernel::launch(
        &out.y.client,
        count,
        dim,
        x.into_buffer_arg(),
        weight.into_buffer_arg(),
        gamma.into_buffer_arg(),
        beta.into_buffer_arg(),
        mean.into_buffer_arg(),
        var.into_buffer_arg(),
        out.y.clone().into_buffer_arg(),
        epsilon,
        geometry,
        taps[2] as u32,
        out.onto,
    );
    out.finish()
}

impl SynapseOps for CubeBackend {
    fn linear_norm(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        mean: FloatTensor<Self>,
        var: FloatTensor<Self>,
        epsilon: f32,
    ) -> FloatTensor<Self> {
        linear(None, x, weight, [gamma, beta, mean, var], epsilon)
    }

    fn linear_norm_onto(
        shortcut: FloatTensor<Self>,
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        mean: FloatTensor<Self>,
        var: FloatTensor<Self>,
        epsilon: f32,
    ) -> FloatTensor<Self> {
        linear(Some(shortcut), x, weight, [gamma, beta, mean, var], epsilon)
    }

    fn conv_norm(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        mean: FloatTensor<Self>,
        var: FloatTensor<Self>,
        epsilon: f32,
        p: ConvParams,
    ) -> FloatTensor<Self> {
        conv(None, x, weight, [gamma, beta, mean, var], epsilon, p)
    }

    fn conv_norm_onto(
        shortcut: FloatTensor<Self>,
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        mean: FloatTensor<Self>,
        var: FloatTensor<Self>,
        epsilon: f32,
        p: ConvParams,
    ) -> FloatTensor<Self> {
        conv(
            Some(shortcut),
            x,
            weight,
            [gamma, beta, mean, var],
            epsilon,
            p,
        )
    }
}
