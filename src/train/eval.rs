//! Accuracy, loss, confusion and spikes over a set of images.

use super::session::Session;
use crate::data::ImageSet;
use crate::data::batch::eval_batch;
use crate::model::trace::SpikeCounts;
use crate::protocol::Evaluation;
use burn::tensor::ExecutionError;

/// Sums over evaluated images; grow it batch by batch with [`Tally::add`], so that a page can breathe in between.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Tally {
    /// Images so far.
    pub images: usize,
    /// Summed cross-entropy (hard labels, no smoothing).
    pub loss: f64,
    /// `confusion[truth][prediction]`.
    pub confusion: Vec<Vec<u32>>,
    /// Predicted class of each image, in the order in which they came.
    pub predicted: Vec<u8>,
    /// Spikes (spiking networks).
    pub spikes: SpikeCounts,
    /// Confidence of each answer, and whether it was right.
    pub answers: Vec<(f32, bool)>,
}

impl Tally {
    /// Evaluate images `range` of `set` and add them.
    ///
    /// # Errors
    /// When the device fails.
    pub async fn add(
        &mut self,
        session: &Session,
        set: &ImageSet,
        range: std::ops::Range<usize>,
    ) -> Result<(), ExecutionError> {
        let batch = eval_batch(set, range);
        let (logits, trace) = session.infer(&batch).await?;
        for (row, &label) in logits.iter().zip(&batch.labels) {
            let classes = row.len();
            if self.confusion.len() != classes {
                self.confusion = vec![vec![0; classes]; classes];
            }
            let probabilities = softmax(row);
            self.loss -= f64::from(probabilities[usize::from(label)].max(1e-30).ln());
            let prediction = argmax(row);
            self.confusion[usize::from(label)][prediction] += 1;
            // Labels are bytes, so there are at most 256 classes.
            self.predicted.push(prediction as u8);
            self.answers
                .push((probabilities[prediction], prediction == usize::from(label)));
            self.images += 1;
        }
        self.spikes.merge(trace.count().await?);
        Ok(())
    }

    /// Share of images whose top class was right.
    pub fn accuracy(&self) -> f64 {
        let right: u32 = self
            .confusion
            .iter()
            .enumerate()
            .map(|(class, row)| row[class])
            .sum();
        f64::from(right) / self.images.max(1) as f64
    }

    /// As the page and the report take it, with spikes if it is a spiking network's.
    pub fn evaluation(self, spiking: bool) -> Evaluation {
        Evaluation {
            images: self.images,
            accuracy: self.accuracy(),
            loss: self.mean_loss(),
            activity: spiking.then(|| self.spikes.activity()),
            confusion: self.confusion,
        }
    }

    /// The confidence that all but `share` of the right answers reach, and the share of the wrong ones that do not.
    pub fn unsure_below(&self, share: f64) -> (f64, f64) {
        let of = |right: bool| {
            let answers = self.answers.iter().filter(move |answer| answer.1 == right);
            answers.map(|answer| answer.0)
        };
        let mut right: Vec<f32> = of(true).collect();
        right.sort_by(f32::total_cmp);
        let below = right.get((share * right.len() as f64) as usize);
        let below = below.copied().unwrap_or(0.0);
        let wrong = of(false).filter(|&confidence| confidence < below).count();
        (
            f64::from(below),
            wrong as f64 / of(false).count().max(1) as f64,
        )
    }

    /// Mean cross-entropy.
    pub fn mean_loss(&self) -> f64 {
        self.loss / self.images.max(1) as f64
    }
}

/// Index of the largest value; the first of equals.
pub fn argmax(row: &[f32]) -> usize {
    let mut best = 0;
    for (index, value) in row.iter().enumerate() {
        if *value > row[best] {
            best = index;
        }
    }
    best
}

/// Softmax on the host.
pub fn softmax(row: &[f32]) -> Vec<f32> {
    let max = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let exps: Vec<f32> = row.iter().map(|value| (value - max).exp()).collect();
    let sum: f32 = exps.iter().sum();
    exps.iter().map(|value| value / sum).collect()
}

/// Class and confidence of the best `count` classes, best first.
pub fn top(row: &[f32], count: usize) -> Vec<(usize, f32)> {
    let mut classes: Vec<(usize, f32)> = softmax(row).into_iter().enumerate().collect();
    classes.sort_by(|a, b| b.1.total_cmp(&a.1));
    classes.truncate(count);
    classes
}
