//! The product's blocks of sums, and the convolution's, ended by what stands behind the layer. The shortcut is where the
//! potentials go: it is added to in place, which spares a buffer where WebGPU allows eight.

#![allow(clippy::needless_range_loop)] // Kernels index; they have no iterators.

mod conv;
mod linear;

use super::{Behind, SynapseOps};
use crate::kernels::ConvParams;
use crate::kernels::cube::{empty, grid, own};
use crate::kernels::exp_g_if::cube::output;
use burn::backend::{TensorMetadata, tensor::FloatTensor};
use burn::tensor::Shape;
use burn_cubecl::{CubeBackend, kernel::into_contiguous, tensor::CubeTensor};
use cubecl::prelude::*;

/// What a kernel does with a sum; the shape of its code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Ending {
    /// Adds to the potentials that are there.
    onto: bool,
    potentials: bool,
    spikes: bool,
}

impl Behind {
    fn ending(self) -> Ending {
        Ending {
            onto: self.shortcut,
            potentials: self.potentials,
            spikes: self.neurons.is_some(),
        }
    }

    /// The highest code.
    fn top(self) -> f32 {
        self.neurons.map_or(0.0, |code| code.top() as f32)
    }
}

/// Ends the sum of output channel `channel` of `channels`, which belongs at `place`. What `ending` has not is not
/// looked at.
#[cube]
fn end(
    sum: f32,
    channel: usize,
    channels: usize,
    place: usize,
    affine: &[f32],
    theta: &[f32],
    potentials: &mut [f32],
    spikes: &mut [f32],
    top: f32,
    #[comptime] ending: Ending,
) {
    let mut z = sum * affine[channel] + affine[channels + channel];
    if comptime!(ending.onto) {
        z += potentials[place];
    }
    if comptime!(ending.potentials) {
        potentials[place] = z;
    }
    if comptime!(ending.spikes) {
        spikes[place] = output(z, theta[0], top);
    }
}

#[cube(launch)]
fn folded_kernel(
    gamma: &[f32],
    beta: &[f32],
    mean: &[f32],
    var: &[f32],
    affine: &mut [f32],
    epsilon: f32,
) {
    let c = ABSOLUTE_POS;
    let channels = gamma.len();
    if c >= channels {
        terminate!();
    }
    let scale = gamma[c] / (var[c] + epsilon).sqrt();
    affine[c] = scale;
    affine[channels + c] = beta[c] - mean[c] * scale;
}

/// Where a layer's outputs go.
struct Outputs {
    potentials: CubeTensor,
    spikes: CubeTensor,
    ending: Ending,
}

impl Outputs {
    fn new(on: &CubeTensor, shape: Shape, shortcut: CubeTensor, behind: Behind) -> Self {
        let ending = behind.ending();
        // What no kernel writes.
        let nothing = || empty(on, Shape::from([1]));
        let new = || empty(on, shape.clone());
        Self {
            potentials: match ending {
                Ending { onto: true, .. } => own(shortcut),
                Ending {
                    potentials: true, ..
                } => new(),
                _ => nothing(),
            },
            spikes: if ending.spikes { new() } else { nothing() },
            ending,
        }
    }

    fn finish(self) -> (CubeTensor, CubeTensor) {
        match self.ending {
            Ending {
                potentials: false, ..
            } => (self.spikes.clone(), self.spikes),
            Ending { spikes: false, .. } => (self.potentials.clone(), self.potentials),
            _ => (self.potentials, self.spikes),
        }
    }
}

impl SynapseOps for CubeBackend {
    fn norm_folded(
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        mean: FloatTensor<Self>,
        var: FloatTensor<Self>,
        epsilon: f32,
    ) -> FloatTensor<Self> {
        let [gamma, beta, mean, var] = [gamma, beta, mean, var].map(into_contiguous);
        let channels = gamma.shape().num_elements();
        let affine = empty(&gamma, Shape::from([2, channels]));
        let (count, dim) = grid(&gamma, channels);
        folded_kernel::launch(
            &affine.client,
            count,
            dim,
            gamma.into_buffer_arg(),
            beta.into_buffer_arg(),
            mean.into_buffer_arg(),
            var.into_buffer_arg(),
            affine.clone().into_buffer_arg(),
            epsilon,
        );
        affine
    }

    fn linear_norm(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        affine: FloatTensor<Self>,
        shortcut: FloatTensor<Self>,
        theta: FloatTensor<Self>,
        behind: Behind,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        linear::launch([x, weight, affine, theta], shortcut, behind)
    }

    fn conv_norm(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        affine: FloatTensor<Self>,
        shortcut: FloatTensor<Self>,
        theta: FloatTensor<Self>,
        behind: Behind,
        tokens: bool,
        p: ConvParams,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        conv::launch([x, weight, affine, theta], shortcut, behind, tokens, p)
    }
}
