//! A look at the spikes of a few training images now and then: enough for the curve of energy, at a small part of a
//! step's cost. It comes after the step, when the memory of its gradients is free again, and sees the network as it
//! classifies.

use super::Engine;
use crate::data::Batch;
use crate::protocol::Event;

/// Steps between two looks.
const EVERY: u64 = 10;
/// Images looked at.
const IMAGES: usize = 4;

/// Whether step `step` (from 1) is one of those that are followed by a look.
pub(super) fn is_due(step: u64) -> bool {
    step == 1 || step.is_multiple_of(EVERY)
}

impl Engine {
    /// Count the spikes of the batch's first images and tell the page.
    pub(super) async fn send_sample(&self, step: u64, batch: &Batch) {
        let Some(twins) = &self.twins else {
            return;
        };
        let counts = match twins.spiking.infer(&batch.first(IMAGES)).await {
            Ok((_, trace)) => trace.count().await,
            Err(error) => Err(error),
        };
        match counts {
            Ok(counts) => self.host.send(&Event::Sampled {
                step,
                activity: counts.activity(),
            }),
            // The step that follows meets the same device and ends the run with its words.
            Err(error) => self.host.warn(error.to_string()),
        }
    }
}
