//! What a run has shown so far, in bounded memory: the curves.

use serde::{Deserialize, Serialize};

/// Points kept; beyond that each stands for twice as many steps.
const CAPACITY: usize = 800;
/// Weight of the past in the smoothed curves.
const SMOOTHING: f64 = 0.92;

/// Columns of the curves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Column {
    /// Training loss of the spiking network.
    SpikingLoss,
    /// Training loss of the dense twin.
    DenseLoss,
    /// Training accuracy of the spiking network.
    SpikingAccuracy,
    /// Training accuracy of the dense twin.
    DenseAccuracy,
    /// Held-out accuracy of the spiking network.
    SpikingHeldOut,
    /// Held-out accuracy of the dense twin.
    DenseHeldOut,
    /// Mean firing rate.
    FiringRate,
    /// Modelled energy of a training image in the spiking network, in picojoules.
    SpikingEnergy,
    /// The same of the dense twin.
    DenseEnergy,
    /// Modelled energy of a held-out image in the spiking network, in picojoules.
    HeldOutEnergy,
}

impl Column {
    /// Every column, in the order in which a row holds them.
    pub const ALL: [Self; COLUMNS] = [
        Self::SpikingLoss,
        Self::DenseLoss,
        Self::SpikingAccuracy,
        Self::DenseAccuracy,
        Self::SpikingHeldOut,
        Self::DenseHeldOut,
        Self::FiringRate,
        Self::SpikingEnergy,
        Self::DenseEnergy,
        Self::HeldOutEnergy,
    ];
}

const COLUMNS: usize = 10;

/// One row of the curves: means over the steps it stands for. A missing figure was not read back.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Row {
    /// Last step of the row.
    pub step: u64,
    sums: [f64; COLUMNS],
    counts: [u32; COLUMNS],
}

impl Row {
    /// A row without figures.
    pub fn new(step: u64) -> Self {
        Self {
            step,
            ..Self::default()
        }
    }

    /// With one figure more; what is not finite is left out.
    pub fn with(mut self, column: Column, value: Option<f64>) -> Self {
        if let Some(value) = value.filter(|value| value.is_finite()) {
            self.sums[column as usize] += value;
            self.counts[column as usize] += 1;
        }
        self
    }

    /// The figure of a column.
    pub fn get(&self, column: Column) -> Option<f64> {
        let count = self.counts[column as usize];
        (count > 0).then(|| self.sums[column as usize] / f64::from(count))
    }

    fn is_empty(&self) -> bool {
        self.counts.iter().all(|count| *count == 0)
    }

    fn merge(&mut self, later: &Self) {
        self.step = later.step;
        for index in 0..COLUMNS {
            self.sums[index] += later.sums[index];
            self.counts[index] += later.counts[index];
        }
    }
}

/// The rows of a run, oldest first, steps strictly increasing, each standing for the same number of
/// steps.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct History {
    rows: Vec<Row>,
    /// Steps per row.
    stride: u64,
    /// Grows with every change.
    revision: u64,
}

impl Default for History {
    fn default() -> Self {
        Self {
            rows: Vec::new(),
            stride: 1,
            revision: 0,
        }
    }
}

impl History {
    /// Add a row; figures of the same stretch of steps are averaged, an older step is ignored.
    pub fn push(&mut self, row: Row) {
        if row.is_empty() || self.rows.last().is_some_and(|last| last.step > row.step) {
            return;
        }
        self.revision += 1;
        self.append(row);
        if self.rows.len() > CAPACITY {
            self.halve();
        }
    }

    /// Each row stands for twice as many steps.
    fn halve(&mut self) {
        self.stride *= 2;
        for row in std::mem::take(&mut self.rows) {
            self.append(row);
        }
    }

    /// The same run in at most `most` rows.
    pub fn thinned(&self, most: usize) -> Self {
        let mut thin = self.clone();
        while thin.rows.len() > most.max(1) {
            thin.halve();
        }
        thin
    }

    fn append(&mut self, row: Row) {
        let stride = self.stride;
        match self.rows.last_mut() {
            Some(last) if last.step.div_ceil(stride) == row.step.div_ceil(stride) => {
                last.merge(&row)
            }
            _ => self.rows.push(row),
        }
    }

    /// Forget everything after `step`: a run that goes on from an earlier checkpoint.
    pub fn rewind(&mut self, step: u64) {
        self.revision += 1;
        self.rows.retain(|row| row.step <= step);
    }

    /// Forget everything.
    pub fn clear(&mut self) {
        *self = Self {
            revision: self.revision + 1,
            ..Self::default()
        };
    }

    /// A number that changes whenever the rows do.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// The rows, oldest first.
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// A column as it was measured.
    pub fn column(&self, column: Column) -> Vec<Option<f64>> {
        self.rows.iter().map(|row| row.get(column)).collect()
    }

    /// A column as an exponential moving average over its measured rows, without the bias of its
    /// first value.
    pub fn smoothed(&self, column: Column) -> Vec<Option<f64>> {
        let (mut sum, mut weight) = (0.0, 0.0);
        self.rows
            .iter()
            .map(|row| {
                let value = row.get(column)?;
                sum = SMOOTHING * sum + (1.0 - SMOOTHING) * value;
                weight = SMOOTHING * weight + (1.0 - SMOOTHING);
                Some(sum / weight)
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loss(step: u64, value: f64) -> Row {
        Row::new(step).with(Column::SpikingLoss, Some(value))
    }

    #[test]
    fn memory_is_bounded_and_the_range_is_kept() {
        let mut history = History::default();
        for step in 1..=10_000 {
            history.push(loss(step, 1.0));
        }
        assert!(history.rows().len() <= CAPACITY);
        assert_eq!(history.rows().last().unwrap().step, 10_000);
        assert!(history.rows()[0].step < 100);
        assert!(
            history
                .rows()
                .windows(2)
                .all(|pair| pair[0].step < pair[1].step)
        );
        assert!(
            history
                .column(Column::SpikingLoss)
                .iter()
                .all(|value| value.is_some_and(|value| (value - 1.0).abs() < 1e-9))
        );
    }

    #[test]
    fn an_evaluation_completes_the_row_of_its_step() {
        let mut history = History::default();
        history.push(loss(5, 2.0));
        history.push(Row::new(5).with(Column::SpikingHeldOut, Some(0.4)));
        assert_eq!(history.rows().len(), 1);
        assert_eq!(history.rows()[0].get(Column::SpikingLoss), Some(2.0));
        assert_eq!(history.rows()[0].get(Column::SpikingHeldOut), Some(0.4));
    }

    #[test]
    fn rewinding_forgets_the_future_only() {
        let mut history = History::default();
        (1..=10).for_each(|step| history.push(loss(step, step as f64)));
        history.rewind(4);
        assert_eq!(history.rows().last().unwrap().step, 4);
        history.push(loss(3, 9.0));
        assert_eq!(history.rows().len(), 4);
    }

    #[test]
    fn smoothing_of_a_constant_is_the_constant_and_gaps_stay_gaps() {
        let mut history = History::default();
        history.push(loss(1, 3.0));
        history.push(Row::new(2).with(Column::DenseLoss, Some(1.0)));
        history.push(loss(3, 3.0));
        let smoothed = history.smoothed(Column::SpikingLoss);
        assert!((smoothed[0].unwrap() - 3.0).abs() < 1e-12);
        assert_eq!(smoothed[1], None);
        assert!((smoothed[2].unwrap() - 3.0).abs() < 1e-12);
    }

    #[test]
    fn a_thinned_run_has_its_means_and_its_end() {
        let mut history = History::default();
        (1..=700).for_each(|step| history.push(loss(step, f64::from(step as u32 % 2))));
        let thin = history.thinned(100);
        assert!(thin.rows().len() <= 100 && thin.rows().len() > 40);
        assert_eq!(thin.rows().last().map(|row| row.step), Some(700));
        let mean = thin.rows()[3].get(Column::SpikingLoss).unwrap();
        assert!((mean - 0.5).abs() < 0.01, "{mean}");
    }

    #[test]
    fn columns_are_listed_in_their_order() {
        for (index, column) in Column::ALL.into_iter().enumerate() {
            assert_eq!(column as usize, index);
        }
    }

    #[test]
    fn what_is_not_finite_is_not_drawn() {
        let mut history = History::default();
        history.push(loss(1, f64::NAN));
        assert!(history.rows().is_empty());
    }
}
