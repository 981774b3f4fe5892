//! What a training step leaves: figures on the device, read only when someone asks.

use super::eval::argmax;
use burn::tensor::{ExecutionError, Tensor, Transaction};

/// A training step's results, still on the device.
pub struct StepStats {
    /// Steps made, this one included.
    pub step: u64,
    /// Learning rate of the step.
    pub lr: f64,
    pub(super) loss: Tensor<1>,
    pub(super) logits: Tensor<2>,
    pub(super) labels: Vec<u8>,
    pub(super) firing_rate: Option<Tensor<1>>,
}

/// Numbers of a training step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StepNumbers {
    /// Mean cross-entropy with the recipe's smoothing, plus the penalties on spikes and operations.
    pub loss: f64,
    /// Share of the batch whose top class was right.
    pub accuracy: f64,
}

impl StepStats {
    /// Read the loss and the accuracy.
    ///
    /// # Errors
    /// When the device fails.
    pub async fn read(&self) -> Result<StepNumbers, ExecutionError> {
        let reads = Transaction::default()
            .register(self.loss.clone())
            .register(self.logits.clone());
        let mut data = reads.execute_async().await?.into_iter();
        let mut next = || -> Vec<f32> {
            data.next()
                .map(|data| data.iter::<f32>().collect())
                .unwrap_or_default()
        };
        let loss = next().first().copied().unwrap_or(f32::NAN);
        let logits = next();
        let classes = logits.len() / self.labels.len().max(1);
        let right = self
            .labels
            .iter()
            .zip(logits.chunks_exact(classes.max(1)))
            .filter(|(label, row)| argmax(row) == usize::from(**label))
            .count();
        Ok(StepNumbers {
            loss: f64::from(loss),
            accuracy: right as f64 / self.labels.len().max(1) as f64,
        })
    }

    /// Mean firing rate of the batch over all layers and steps; `None` for a dense network, and for a step that
    /// did not count ([`Session::step_counting`](super::Session::step_counting)).
    ///
    /// # Errors
    /// When the device fails.
    pub async fn firing_rate(&self) -> Result<Option<f64>, ExecutionError> {
        match &self.firing_rate {
            None => Ok(None),
            Some(rate) => {
                let data = rate.clone().into_data_async().await?;
                Ok(data.iter::<f64>().next())
            }
        }
    }
}
