//! A look at the spikes of a few training images now and then: enough for the curve of energy, at a small part of a
//! step's cost.

use super::Engine;
use crate::model::trace::Trace;
use crate::protocol::Event;

/// Steps between two looks.
const EVERY: u64 = 10;
/// Images looked at.
const IMAGES: usize = 4;

/// Images to look at at step `step` (from 1), if it is one of those that are looked at. `read`: the device is waited
/// for anyway.
pub(super) fn images(step: u64, read: bool) -> usize {
    let due = step == 1 || step.is_multiple_of(EVERY);
    if read && due { IMAGES } else { 0 }
}

impl Engine {
    /// Count a sample and tell the page.
    pub(super) async fn send_sample(&self, step: u64, trace: Trace) {
        match trace.count().await {
            Ok(counts) => self.host.send(&Event::Sampled {
                step,
                activity: counts.activity(),
            }),
            // The step that follows meets the same device and ends the run with its words.
            Err(error) => self.host.warn(error.to_string()),
        }
    }
}
