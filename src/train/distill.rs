//! Distillation (Hinton, Vinyals & Dean 2015, arXiv:1503.02531, at temperature 1): beside its labels a network learns
//! what trained ones say of the same pictures.
//!
//! ```text
//! target = (1 - w) t + w Σ_k softmax(z_k) / K        t [B, classes] the recipe's, z_k [B, classes] of teacher k of K
//! ```
//!
//! The cross-entropy is linear in its target, so this is the paper's weighted sum of two.

use super::checkpoint::Member;
use super::eval::softmax;
use super::session::{RestoreError, Session};
use super::stats::StepStats;
use crate::data::batch::Batch;
use burn::tensor::{Device, ExecutionError, Tensor, TensorData};

/// Networks to learn from.
pub struct Teachers {
    sessions: Vec<Session>,
    weight: f32,
}

/// Why there is nothing to be learned from a network.
#[derive(Debug, thiserror::Error)]
pub enum TeacherError {
    /// The weight is no share.
    #[error("teachers can have a share of 0 to 1 of the target, not {0}")]
    Weight(f64),
    /// It knows other classes.
    #[error(
        "a teacher of {theirs} classes cannot teach {ours}: take one trained on the same data set"
    )]
    Classes {
        /// Classes of the teacher.
        theirs: usize,
        /// Classes of the network that learns.
        ours: usize,
    },
    /// It cannot be built.
    #[error(transparent)]
    Build(#[from] RestoreError),
}

impl Teachers {
    /// Teachers for a network of `classes` classes, with a share of `weight` of the target.
    ///
    /// # Errors
    /// A share that is none, a network of other classes, or one that cannot be built.
    pub fn new(
        members: &[Member],
        weight: f64,
        classes: usize,
        device: &Device,
    ) -> Result<Self, TeacherError> {
        if !(0.0..=1.0).contains(&weight) {
            return Err(TeacherError::Weight(weight));
        }
        let restored = members.iter().map(|member| {
            let session = Session::restore(member, device)?;
            match session.classes() {
                theirs if theirs == classes => Ok(session),
                theirs => Err(TeacherError::Classes {
                    theirs,
                    ours: classes,
                }),
            }
        });
        Ok(Self {
            sessions: restored.collect::<Result<_, _>>()?,
            weight: weight as f32,
        })
    }

    /// One optimiser step of `session` on a batch, which the teachers see too; `counting` as in
    /// [`Session::step_counting`].
    ///
    /// # Errors
    /// When the device fails.
    pub async fn step(
        &self,
        session: &mut Session,
        batch: &Batch,
        counting: bool,
    ) -> Result<StepStats, ExecutionError> {
        let wanted = session.wanted(batch);
        if self.sessions.is_empty() {
            return Ok(session.step_towards(batch, wanted, counting));
        }
        let said = self.say(batch, &wanted).await?;
        let wanted = wanted * (1.0 - self.weight) + said * self.weight;
        Ok(session.step_towards(batch, wanted, counting))
    }

    /// The mean of what they say, of the shape and on the device of `like`.
    async fn say(&self, batch: &Batch, like: &Tensor<2>) -> Result<Tensor<2>, ExecutionError> {
        let share = 1.0 / self.sessions.len() as f32;
        let shape = like.dims();
        let mut mean = vec![0.0; shape[0] * shape[1]];
        for teacher in &self.sessions {
            let (logits, _) = teacher.infer(batch).await?;
            let said = logits.iter().flat_map(|row| softmax(row));
            for (mean, said) in mean.iter_mut().zip(said) {
                *mean += share * said;
            }
        }
        let data = TensorData::new(mean, shape);
        Ok(Tensor::from_data(data, &like.device()))
    }
}
