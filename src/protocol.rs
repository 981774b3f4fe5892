//! Everything the page and a worker say to each other.
//!
//! A message is a JavaScript array `[bytes, payload?]`: `bytes` is a [`Command`] or an [`Event`] in postcard's
//! format ([`pack`]), `payload` a transferable (`ArrayBuffer`) or a `File` where a variant names one. A worker that
//! its program cannot speak for (it was not loaded, or its GPU is gone) sends a string instead, for
//! [`Event::Fatal`]. Both sides are built from this file, so a stale worker shows up as a wrong [`PROTOCOL`] number
//! in [`Event::Hello`], whose place and first field never change, not as a strange failure.

mod figures;
mod finite;
mod inspection;
mod shown;
mod text;
mod wire;

pub use figures::{Classification, DatasetInfo, Evaluation, StepFigures, StepReport};
pub use inspection::{HeadGroupSpikes, Inspection, LayerSample};
pub use shown::Shown;
pub use wire::{pack, unpack};

use crate::config::{DatasetKind, Freeze, RunConfig, WhatIf};
use crate::energy::{Activity, Census};
use crate::report::shipped::ShippedFile;
use serde::{Deserialize, Serialize};

/// Version of this file; sent with [`Event::Hello`].
pub const PROTOCOL: u32 = 5;
/// [`Event::Ready`]'s weights begin with this where they are those of shipped networks, heads included.
pub const SHIPPED_WEIGHTS: &str = "shipped weights";

/// The device a worker computes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Backend {
    /// burn's flex in WebAssembly SIMD.
    Cpu,
    /// burn's wgpu on WebGPU.
    Webgpu,
}

/// What the page asks of a worker.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(clippy::large_enum_variant)] // Messages are rare and short-lived; boxes would only clutter them.
pub enum Command {
    /// Build the networks of these runs (spiking first, then the dense twin) with fresh weights.
    /// Answered by [`Event::Ready`]. The data set in use stays unless [`Command::LoadDataset`] follows.
    Configure {
        /// The spiking run.
        #[serde(with = "text")]
        spiking: RunConfig,
        /// The dense twin's run; same seed, data and recipe.
        #[serde(with = "text")]
        dense: RunConfig,
        /// Whether Train and Step train the dense twin on the same batches too.
        train_dense: bool,
    },
    /// Build these runs' networks from shipped files: architectures and weights are theirs, heads for other classes
    /// are drawn anew, the step is 0. Files that cannot be used give [`Event::NotShipped`] and fresh weights.
    /// Answered by [`Event::Ready`].
    ConfigureFrom {
        /// The spiking run.
        #[serde(with = "text")]
        spiking: RunConfig,
        /// The dense twin's run.
        #[serde(with = "text")]
        dense: RunConfig,
        /// Whether Train and Step train the dense twin too.
        train_dense: bool,
        /// Absolute URL of the files' folder, with a slash at its end.
        base: String,
        /// The spiking network's file, and the dense twin's if it is shipped.
        files: Vec<ShippedFile>,
    },
    /// Go on with these networks on the data set in use: heads for its classes drawn anew, the step 0. Answered by
    /// [`Event::Ready`].
    NewHeads,
    /// Prove the device: spikes, a product, a loss and gradients against plain loops on the host, then
    /// `steps` timed training steps of one of the configured runs on generated data, of a network of its own. Answered
    /// by [`Event::Probed`].
    Probe {
        /// Timed steps after one warm-up step.
        steps: u32,
        /// Of the dense twin instead of the spiking network.
        dense: bool,
    },
    /// Load a data set; progress events follow, then [`Event::Dataset`]. On failure a
    /// [`Event::Notice`] says why and the set in use stays.
    LoadDataset {
        /// Where from. `Archive` takes the `File` as payload.
        source: DatasetSource,
    },
    /// Train until paused, or for `steps` more steps.
    Train {
        /// Number of steps, or until [`Command::Pause`].
        steps: Option<u64>,
    },
    /// Stop after the step under way.
    Pause,
    /// Fresh weights from the seed, step 0. Answered by [`Event::Ready`].
    Reset,
    /// Evaluate both networks on up to `images` held-out images.
    Evaluate {
        /// Upper bound of images.
        images: usize,
    },
    /// Change what can change without rebuilding; takes effect at the next step.
    Tune {
        /// Peak learning rate.
        lr: f64,
        /// Images per step.
        batch: usize,
        /// What is trained.
        freeze: Freeze,
        /// Weight of the firing rate in the loss.
        spike_penalty: f64,
        /// Train the dense twin too.
        train_dense: bool,
    },
    /// Classify one picture with both networks. Payload: RGBA bytes, row major. The worker centre
    /// crops and resizes by area averaging. Answered by [`Event::Classified`].
    Classify {
        /// Returned with the answer.
        id: u64,
        /// Width in pixels.
        width: u32,
        /// Height in pixels.
        height: u32,
    },
    /// Classify held-out image `index`. Answered by [`Event::Classified`].
    ClassifyHeldOut {
        /// Returned with the answer.
        id: u64,
        /// Index in the held-out part.
        index: usize,
    },
    /// Look inside the spiking network as it answers one picture. Payload: RGBA bytes where `picture` says so.
    /// Answered by [`Event::Inspected`].
    Inspect {
        /// The picture shown.
        picture: Shown,
    },
    /// Run a changed copy of both networks on up to `images` held-out images and on one picture; the run stays as it
    /// is. Payload: RGBA bytes where `picture` says so. Answered by [`Event::TriedOut`], or a [`Event::Notice`] that
    /// names what cannot follow the change.
    TryOut {
        /// The change.
        what_if: WhatIf,
        /// Upper bound of images.
        images: usize,
        /// The picture shown, if there is one.
        picture: Option<Shown>,
    },
    /// Send held-out images for the dataset browser. Answered by [`Event::Samples`].
    Samples {
        /// First index.
        from: usize,
        /// How many.
        count: usize,
    },
    /// Send these held-out images; what is not there is left out. Answered by [`Event::Picked`].
    Pick {
        /// Indices in the held-out part.
        indices: Vec<u32>,
    },
    /// Teach both networks these classes from the examples in the payload (32×32 RGB, row major, one after another),
    /// starting from the weights in use. Progress events follow, then [`Event::Taught`] and [`Event::Ready`];
    /// [`Command::Pause`] gives it up, and the networks stay as they are.
    Teach {
        /// Names of the classes.
        classes: Vec<String>,
        /// Class of each example.
        labels: Vec<u8>,
        /// What is not to learn.
        freeze: Freeze,
    },
    /// Answered by [`Event::Checkpoint`].
    SaveCheckpoint,
    /// Restore networks, optimiser and step. Payload: the file's bytes (`ArrayBuffer`). Answered by
    /// [`Event::Ready`], or a [`Event::Notice`] that names what does not fit.
    OpenCheckpoint {
        /// File name, for messages.
        name: String,
    },
}

/// Where a data set comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DatasetSource {
    /// Shards beside the page: `base` is the URL of the folder that holds `manifest.json`.
    Shards {
        /// Which set.
        kind: DatasetKind,
        /// Absolute URL of the folder, with a slash at its end.
        base: String,
    },
    /// An official archive (`.tar.gz`, `.tar`) or a bare `.bin` file dropped on the page; the payload is the `File`.
    Archive {
        /// File name, for messages.
        name: String,
    },
    /// Generated images.
    Synthetic,
}

/// What a worker tells the page.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(clippy::large_enum_variant)] // Messages are rare and short-lived; boxes would only clutter them.
pub enum Event {
    /// First message: the worker listens from here on.
    Hello {
        /// [`PROTOCOL`] of the worker's build.
        protocol: u32,
        /// Its device.
        backend: Backend,
        /// Adapter name and driver, or the CPU path's description.
        adapter: String,
    },
    /// The networks are built (after Configure, Reset or OpenCheckpoint).
    Ready {
        /// The runs in force; after OpenCheckpoint those of the file.
        #[serde(with = "text")]
        spiking: RunConfig,
        /// The dense twin's run.
        #[serde(with = "text")]
        dense: RunConfig,
        /// Step of the spiking run.
        step: u64,
        /// Parameters of the spiking network.
        spiking_params: u64,
        /// Parameters of the dense network.
        dense_params: u64,
        /// Closed-form operation counts of the spiking network.
        spiking_census: Census,
        /// Closed-form operation counts of the dense network.
        dense_census: Census,
        /// Where the weights came from, in words ("fresh, seed 7", "checkpoint small.safetensors, step 812").
        weights: String,
    },
    /// Shipped files cannot be used; fresh weights follow.
    NotShipped {
        /// Why, and what is used instead.
        text: String,
    },
    /// Answer to [`Command::Probe`].
    Probed {
        /// What failed in the self-test, or nothing.
        failure: Option<String>,
        /// Mean milliseconds of a training step of the probed run.
        step_ms: f64,
        /// Milliseconds of the first step, compilation included.
        first_step_ms: f64,
    },
    /// Something long is under way.
    Progress {
        /// What, for a reader.
        label: String,
        /// Done so far.
        done: u64,
        /// Of this many; 0 if unknown.
        total: u64,
    },
    /// A data set is in use.
    Dataset(DatasetInfo),
    /// Training started or stopped.
    Running {
        /// Whether steps are being made.
        running: bool,
    },
    /// One training step.
    Step(StepReport),
    /// Answer to [`Command::Evaluate`].
    Evaluated {
        /// Step of the spiking run.
        step: u64,
        /// The spiking network.
        spiking: Evaluation,
        /// The dense twin.
        dense: Evaluation,
    },
    /// Answer to [`Command::Classify`] and [`Command::ClassifyHeldOut`].
    Classified {
        /// Of the command.
        id: u64,
        /// True class, for a held-out image.
        label: Option<usize>,
        /// The 32×32 RGB picture the networks saw (row major, 3 bytes a pixel).
        seen: Vec<u8>,
        /// The spiking network's answer.
        spiking: Classification,
        /// The dense twin's.
        dense: Classification,
        /// Spikes of this picture in the spiking network.
        activity: Activity,
    },
    /// Answer to [`Command::Inspect`]. Payload: the 32×32 RGB picture that the network saw.
    Inspected(Inspection),
    /// Answer to [`Command::TryOut`].
    TriedOut {
        /// The change.
        what_if: WhatIf,
        /// Step of the spiking run.
        step: u64,
        /// Operation counts of the changed spiking network.
        spiking_census: Census,
        /// The changed spiking network.
        spiking: Evaluation,
        /// The dense twin; only the bits of its weights change.
        dense: Evaluation,
        /// The changed spiking network's answer to the picture, and its spikes.
        picture: Option<(Classification, Activity)>,
    },
    /// Answer to [`Command::Teach`]; the new networks are in force. Payload: a checkpoint of the ones from before.
    Taught {
        /// Examples learned from.
        learned: usize,
        /// Examples held back and not learned from.
        held_back: usize,
        /// How many of those the spiking network got right.
        spiking_right: usize,
        /// How many the dense twin got right.
        dense_right: usize,
    },
    /// Answer to [`Command::Samples`]. Payload: RGB bytes, one 32×32×3 image after another.
    Samples {
        /// First index.
        from: usize,
        /// True classes.
        labels: Vec<usize>,
    },
    /// Answer to [`Command::Pick`]. Payload as of [`Event::Samples`].
    Picked {
        /// Indices in the held-out part, in the order of the images.
        indices: Vec<u32>,
    },
    /// What the images of the set in use show; follows [`Event::Dataset`].
    Labels {
        /// True class of each held-out image.
        held_out: Vec<u8>,
        /// Training images in use of each class.
        train: Vec<u32>,
    },
    /// Spikes of a few images of the training batch of this step, sampled while training.
    Sampled {
        /// Step of the spiking run.
        step: u64,
        /// Their summed activity.
        activity: Activity,
    },
    /// The class that each network takes each held-out image for, from the first image on; follows
    /// [`Event::Evaluated`].
    Predicted {
        /// Step of the spiking run.
        step: u64,
        /// The spiking network's.
        spiking: Vec<u8>,
        /// The dense twin's.
        dense: Vec<u8>,
    },
    /// Answer to [`Command::SaveCheckpoint`]. Payload: the file's bytes.
    Checkpoint {
        /// Suggested file name.
        name: String,
        /// Step it was taken at.
        step: u64,
    },
    /// Something to tell the visitor. The worker goes on.
    Notice {
        /// How serious.
        level: Level,
        /// What happened and what to do.
        text: String,
    },
    /// The worker cannot go on; the page restarts it from the last checkpoint it holds.
    Fatal {
        /// What happened.
        text: String,
    },
}

/// Seriousness of an [`Event::Notice`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// Good to know.
    Info,
    /// Something was refused; what the visitor had is untouched.
    Warning,
}
