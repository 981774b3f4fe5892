//! The picture that a question is about.

use serde::{Deserialize, Serialize};

/// A picture that a worker has or gets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Shown {
    /// A held-out image.
    HeldOut {
        /// Index in the held-out part.
        index: usize,
    },
    /// RGBA bytes in the payload, as in [`Command::Classify`](super::Command::Classify).
    Pixels {
        /// Width in pixels.
        width: u32,
        /// Height in pixels.
        height: u32,
    },
}
