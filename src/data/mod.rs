//! Pictures: reading them, cutting them into batches, changing them at random.
//!
//! | module | what it does |
//! |---|---|
//! | [`cifar`] | the official binary layout of CIFAR-10 and CIFAR-100, from bytes or a folder |
//! | [`archive`] | the official `.tar.gz`, a `.tar` or one `.bin`, decoded while its bytes arrive |
//! | [`shards`] | the same pictures as a few dozen files beside a page, with a manifest |
//! | [`synthetic`] | generated shapes, for a page without CIFAR |
//! | [`sampler`], [`batch`], [`augment`] | which pictures a step sees, and how they are changed |
//! | [`frame`] | a camera frame or picture file as 32×32 pixels |
//!
//! Everything random is a pure function of a seed and a position (step, slot), so a run that is
//! resumed sees the pictures it would have seen. A failure is a [`DataError`] that names the file,
//! the record and the remedy; nothing here replaces a set that is in use.

pub mod archive;
pub mod augment;
pub mod batch;
pub mod cifar;
mod error;
pub mod frame;
mod names;
mod record;
mod rng;
pub mod sampler;
mod set;
pub mod shards;
pub mod synthetic;

pub use batch::{Batch, eval_batch, train_batch};
pub use error::DataError;
pub use sampler::Sampler;
pub use set::ImageSet;

pub use crate::config::class_names;

use crate::config::DatasetKind;
use serde::{Deserialize, Serialize};

/// Side of every picture in pixels.
pub const SIDE: usize = 32;

/// Pixels of one colour plane.
pub const PLANE: usize = SIDE * SIDE;

/// Bytes of one picture: planes R, G, B, each row major.
pub const IMAGE_BYTES: usize = 3 * PLANE;

/// One of the two official parts of a data set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Split {
    /// The training part.
    Train,
    /// The test part; what a page holds out comes from here.
    Test,
}

impl Split {
    /// Name in file names, manifests and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Test => "test",
        }
    }
}

/// A data set in memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dataset {
    /// Which set.
    pub kind: DatasetKind,
    /// Class names in label order.
    pub classes: Vec<String>,
    /// The official training part, or its front.
    pub train: ImageSet,
    /// The official test part, or its front.
    pub held_out: ImageSet,
    /// Where the pictures came from, in words for a reader.
    pub origin: String,
}

impl Dataset {
    /// Keeps the first `train_limit` training pictures (`None`: all) and the first `held_out`
    /// held-out ones, and gives the rest of the memory back.
    #[must_use]
    pub fn limit(self, train_limit: Option<usize>, held_out: usize) -> Self {
        Self {
            train: match train_limit {
                Some(n) => self.train.take(n),
                None => self.train,
            },
            held_out: self.held_out.take(held_out),
            ..self
        }
    }
}
