//! Which pictures a training step sees.

use super::rng::{Draws, Purpose};

/// Batches as a pure function of the step.
///
/// The pictures form an endless sequence, one seeded permutation of the set after another, and step
/// `s` takes positions `s·batch .. (s + 1)·batch` of it. So every batch is full (a GPU compiles no
/// second shape), no picture is left out, and a resumed run continues exactly where it stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sampler {
    /// Seed of the order.
    pub seed: u64,
    /// Pictures in the set.
    pub len: usize,
    /// Pictures in a batch.
    pub batch: usize,
}

impl Sampler {
    /// Indices of the pictures of `step`: `batch` of them, or none if the set is empty.
    pub fn indices(&self, step: u64) -> Vec<usize> {
        let mut indices = Vec::with_capacity(self.batch);
        if self.len == 0 {
            return indices;
        }
        let len = self.len as u64;
        let first = step * self.batch as u64;
        let mut epoch = first / len;
        let mut offset = (first % len) as usize;
        while indices.len() < self.batch {
            let order = self.epoch(epoch);
            let wanted = self.batch - indices.len();
            indices.extend(order[offset..].iter().take(wanted).map(|&i| i as usize));
            epoch += 1;
            offset = 0;
        }
        indices
    }

    /// Epoch that `step` begins in.
    pub fn epoch_of(&self, step: u64) -> u64 {
        step * self.batch as u64 / (self.len.max(1) as u64)
    }

    /// The epoch's permutation (Fisher-Yates). Made anew for each step: half a millisecond for
    /// 50,000 pictures, and no state to save.
    fn epoch(&self, epoch: u64) -> Vec<u32> {
        let mut draws = Draws::new(Purpose::Order, self.seed, epoch, 0);
        let mut order: Vec<u32> = (0..self.len as u32).collect();
        for i in (1..order.len()).rev() {
            order.swap(i, draws.below(i as u32 + 1) as usize);
        }
        order
    }
}
