//! One configuration for every place that runs a model: URL, page, command line, checkpoint header
//! and report. Nothing here knows about burn; a [`RunConfig`] is plain data with named presets and a
//! [`RunConfig::validate`] that reports everything wrong at once, in words.

mod model;
mod names;
mod preset;
mod validate;
mod what_if;

pub use model::*;
pub use names::{class_names, other_classes};
pub use preset::{CARD_LIF, PRESETS, Preset, dense_twin, preset};
pub use validate::ConfigErrors;
pub use what_if::{Knob, WhatIf};

use serde::{Deserialize, Serialize};

/// Version of the serialised [`RunConfig`]; a checkpoint of another version is refused by name.
pub const CONFIG_FORMAT: u32 = 2;

/// Everything that defines a run: the same value on the same CPU backend gives the same losses.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunConfig {
    /// Version of this structure ([`CONFIG_FORMAT`]).
    pub format: u32,
    /// Name of the preset this run started from.
    pub preset: String,
    /// Seed of initialisation, batch order and augmentation.
    pub seed: u64,
    /// The network.
    pub model: ModelConfig,
    /// Optimiser and schedule.
    pub train: TrainConfig,
    /// Which images.
    pub data: DataConfig,
}

/// Optimiser, schedule and regularisation. Defaults follow the common recipe of spiking
/// transformers on CIFAR (AdamW, linear warm-up, cosine; `spiking.md` §2.4), shortened for a browser.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainConfig {
    /// Images per step.
    pub batch: usize,
    /// The rule that moves hidden weight matrices; everything else is AdamW's.
    #[serde(default, skip_serializing_if = "Optimizer::is_default")]
    pub optimizer: Optimizer,
    /// Peak learning rate.
    pub lr: f64,
    /// Learning rate at the end of the cosine.
    pub lr_min: f64,
    /// Steps of linear warm-up.
    pub warmup_steps: u64,
    /// Length of the schedule in steps; beyond it the rate stays at `lr_min`.
    pub total_steps: u64,
    /// Decoupled weight decay; norms, biases and thresholds are exempt.
    pub weight_decay: f64,
    /// Upper bound of the gradient's global L2 norm; 0 switches clipping off.
    pub clip_norm: f64,
    /// Label smoothing in `[0, 1)`.
    pub label_smoothing: f64,
    /// Mixup Beta(a, a); 0 switches it off.
    pub mixup: f64,
    /// Weight of the mean firing rate in the loss (spike regulation); 0 switches it off.
    pub spike_penalty: f64,
    /// Weight of the spikes per synapse and picture in the loss; 0 switches it off. It presses on a spike by what it
    /// costs, where [`Self::spike_penalty`] presses on all alike.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub operation_penalty: f64,
    /// What is trained.
    pub freeze: Freeze,
    /// Image augmentation of training batches.
    pub augment: Augment,
}

fn is_zero(x: &f64) -> bool {
    *x == 0.0
}

/// How hidden weight matrices are moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Optimizer {
    /// AdamW, arXiv:1711.05101.
    #[default]
    AdamW,
    /// Muon: AdamW's momentum with equal singular values; fewer steps, more matrix products in each.
    Muon,
}

impl Optimizer {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// Which parameters a step may change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Freeze {
    /// Everything is trained.
    Nothing,
    /// Only the classifier is trained.
    AllButHead,
    /// The classifier and the last `blocks` transformer blocks are trained.
    AllButLast {
        /// Transformer blocks that stay trainable, counted from the output.
        blocks: usize,
    },
}

/// Augmentations of a training image, drawn from the run's seed.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Augment {
    /// Pixels of reflected padding around a random crop; 0 switches it off.
    pub crop_padding: usize,
    /// Mirror half of the images.
    pub flip: bool,
    /// Strength of the random colour and geometry change in `[0, 1]`; 0 switches it off.
    pub rand_augment: f32,
    /// Probability that a random rectangle is erased.
    pub erase: f32,
}

/// Which images a run sees.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataConfig {
    /// The data set.
    pub dataset: DatasetKind,
    /// Training images used, from the front of the training part; `None` is all of them.
    pub train_limit: Option<usize>,
    /// Images held out for evaluation in the page.
    pub held_out: usize,
    /// Names of the network's classes where they are not the data set's: a visitor's own. They travel in checkpoints.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub classes: Option<Vec<String>>,
}

/// Longest name of a class, in characters.
pub const CLASS_NAME_MAX: usize = 40;

/// The data sets this project reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DatasetKind {
    /// CIFAR-10, official binary layout.
    Cifar10,
    /// CIFAR-100, official binary layout, fine labels.
    Cifar100,
    /// Ten classes of generated shapes, for a page without CIFAR beside it. Always labelled as such.
    Synthetic,
}

impl DatasetKind {
    /// Number of classes.
    pub fn classes(self) -> usize {
        match self {
            Self::Cifar10 | Self::Synthetic => 10,
            Self::Cifar100 => 100,
        }
    }

    /// Name in URLs, paths and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cifar10 => "cifar10",
            Self::Cifar100 => "cifar100",
            Self::Synthetic => "synthetic",
        }
    }

    /// The data set of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Cifar10, Self::Cifar100, Self::Synthetic]
            .into_iter()
            .find(|kind| kind.name() == name)
    }
}
