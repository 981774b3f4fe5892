//! What the dataset browser asks for: what the images show, and single images.

use super::Engine;
use crate::data::Dataset;
use crate::protocol::Event;
use crate::worker::look::interleave;

/// Images sent at once at most; the page shows fewer.
const MOST: usize = 256;

impl Engine {
    /// Tell the true classes of the held-out images, and how many of each class are trained on.
    pub(super) fn send_labels(&self, data: &Dataset) {
        let mut train = vec![0; data.classes.len()];
        for label in &data.train.labels[..self.train_limit(data)] {
            train[usize::from(*label)] += 1;
        }
        self.host.send(&Event::Labels {
            held_out: data.held_out.labels.clone(),
            train,
        });
    }

    /// Send held-out images by their indices.
    pub(super) fn pick(&self, indices: &[u32]) {
        let Some(data) = &self.data else { return };
        let there = |index: &u32| (*index as usize) < data.held_out.len();
        let indices: Vec<u32> = indices.iter().copied().filter(there).take(MOST).collect();
        let pixels: Vec<u8> = indices
            .iter()
            .flat_map(|&index| interleave(data.held_out.image(index as usize)))
            .collect();
        self.host.send_with(&Event::Picked { indices }, &pixels);
    }
}
