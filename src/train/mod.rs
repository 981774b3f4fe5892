//! Training: one [`Session`] per network, the same natively and in the page's worker.

pub mod checkpoint;
pub mod conversion;
pub mod distill;
pub mod eval;
pub mod head;
mod inspect;
pub mod lesson;
pub mod loss;
mod muon;
pub mod optim;
pub mod params;
mod pool;
pub mod prune;
pub mod schedule;
mod self_test;
pub mod session;
pub mod stats;
pub mod transfer;
pub mod what_if;

pub use checkpoint::{Checkpoint, CheckpointError, Member, Precision};
pub use conversion::Conversion;
pub use distill::Teachers;
pub use eval::Tally;
pub use lesson::{Examples, Lesson};
pub use self_test::self_test;
pub use session::{RestoreError, Session};
pub use stats::{StepNumbers, StepStats};

use burn::tensor::{ExecutionError, Tensor};

/// The numbers of a tensor that no graph holds.
async fn numbers<const D: usize>(x: Tensor<D>) -> Result<Vec<f32>, ExecutionError> {
    Ok(x.into_data_async().await?.iter::<f32>().collect())
}
