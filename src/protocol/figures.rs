//! What events carry: a data set, a training step's figures, an evaluation, an answer.

use crate::config::DatasetKind;
use crate::energy::Activity;
use serde::{Deserialize, Serialize};

/// A data set in use.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DatasetInfo {
    /// Which.
    pub kind: DatasetKind,
    /// Class names, in label order.
    pub classes: Vec<String>,
    /// Training images in use.
    pub train: usize,
    /// Held-out images.
    pub held_out: usize,
    /// Where it came from, in words ("shards beside the page", "browser storage", "cifar-10-binary.tar.gz", "generated").
    pub origin: String,
}

/// One training step. Loss and accuracy are read back every few steps on a GPU, hence optional.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepReport {
    /// Steps made so far.
    pub step: u64,
    /// Learning rate of this step.
    pub lr: f64,
    /// The spiking network's.
    pub spiking: Option<StepFigures>,
    /// The dense twin's, where it is trained.
    pub dense: Option<StepFigures>,
    /// Images per second over the last steps, both networks together counted once.
    pub images_per_second: f64,
    /// Mean firing rate over all spiking layers, sampled.
    pub firing_rate: Option<f64>,
}

/// Loss and accuracy of a training batch.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct StepFigures {
    /// Mean cross-entropy (with the recipe's smoothing).
    pub loss: f64,
    /// Share of the batch whose top class was right.
    pub accuracy: f64,
}

/// Figures over held-out images.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// Images evaluated.
    pub images: usize,
    /// Share whose top class was right.
    pub accuracy: f64,
    /// Mean cross-entropy.
    pub loss: f64,
    /// `confusion[truth][prediction]`, counts.
    pub confusion: Vec<Vec<u32>>,
    /// Summed activity of the images (spiking network only).
    pub activity: Option<Activity>,
}

/// One network's answer to one picture.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Classification {
    /// Class index and softmax confidence, best first, at most five.
    pub top: Vec<(usize, f32)>,
    /// Milliseconds measured from input upload to logits read back.
    pub ms: f64,
}
