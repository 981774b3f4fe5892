//! Convolution of inputs most of which are 0, such as spikes: patch by patch, with the weights of what is not.

use super::Plan;
use super::patches::Patches;
use crate::kernels::flex::{sparse::Sparse, transpose};

/// Working memory of one convolution.
pub(super) struct Few {
    spikes: Sparse,
    /// `[g, C_in/g k k, C_out/g]`: the weights, or the sum of their gradient.
    weights: Vec<f32>,
    /// `[columns, C_out/g]`.
    outputs: Vec<f32>,
    /// C_in/g k k and C_out/g.
    shape: [usize; 2],
}

impl Few {
    fn new(plan: &Plan, weights: Vec<f32>) -> Self {
        Self {
            spikes: Sparse::default(),
            weights,
            outputs: Vec::new(),
            shape: [plan.depth(), plan.c_out / plan.groups],
        }
    }

    /// With weights `[C_out, C_in/g, k, k]`.
    pub(super) fn forward(plan: &Plan, w: &[f32]) -> Self {
        let mut few = Self::new(plan, vec![0.0; w.len()]);
        let [depth, channels] = few.shape;
        let groups = few.weights.chunks_exact_mut(depth * channels);
        for (to, from) in groups.zip(w.chunks_exact(depth * channels)) {
            transpose(from, [channels, depth], to);
        }
        few
    }

    /// With no gradient of weights yet.
    pub(super) fn backward(plan: &Plan) -> Self {
        let count = plan.groups * plan.depth() * (plan.c_out / plan.groups);
        Self::new(plan, vec![0.0; count])
    }

    /// A group's outputs become its weights times its patches.
    pub(super) fn multiply(&mut self, patches: &mut Patches, group: usize) {
        let [depth, channels] = self.shape;
        let columns = self.read(patches);
        let weights = &self.weights[group * depth * channels..];
        self.spikes.times(weights, channels, &mut self.outputs);
        let to = patches.room_for_outputs();
        transpose(&self.outputs, [columns, channels], to);
    }

    /// Adds a group's outputs times its patches to the gradient of its weights.
    pub(super) fn add(&mut self, patches: &Patches, group: usize) {
        let [depth, channels] = self.shape;
        let columns = self.read(patches);
        let from = patches.output_numbers();
        transpose(from, [channels, columns], &mut self.outputs);
        let sum = &mut self.weights[group * depth * channels..];
        self.spikes.add_turned_times(&self.outputs, channels, sum);
    }

    /// The gradient of the weights `[C_out, C_in/g, k, k]`.
    pub(super) fn into_gradient(self) -> Vec<f32> {
        let [depth, channels] = self.shape;
        let mut gradient = vec![0.0; self.weights.len()];
        let groups = gradient.chunks_exact_mut(depth * channels);
        for (to, from) in groups.zip(self.weights.chunks_exact(depth * channels)) {
            transpose(from, [depth, channels], to);
        }
        gradient
    }

    /// Finds the spikes of a group's patches and makes room for its outputs; the number of patches.
    fn read(&mut self, patches: &Patches) -> usize {
        let [depth, channels] = self.shape;
        let from = patches.patch_numbers();
        let columns = from.len() / depth.max(1);
        self.spikes.read_turned(from, [columns, depth]);
        self.outputs.resize(columns * channels, 0.0);
        columns
    }
}
