//! The run on this page as the record that the command line writes too.

use super::{Point, State};
use crate::protocol::Backend;
use crate::report::{Build, CurvePoint, EnergyOf, Evaluations, Measured, REPORT_FORMAT, RunReport};
use crate::ui::history::Column;

impl State {
    /// The record of this run; `picture` says in words which picture is shown. `None` before there are networks.
    pub fn report(&self, picture: &str) -> Option<RunReport> {
        let networks = self.networks.as_ref()?;
        let mut energy = Vec::new();
        if let (Some(comparison), Some((step, spiking, _))) = (&self.run.bill, &self.run.evaluation)
        {
            energy.push(EnergyOf {
                subject: format!("{} held-out images at step {step}", spiking.images),
                comparison: comparison.clone(),
            });
        }
        if let Some(comparison) = self.answer.as_ref().and_then(|answer| answer.bill.clone()) {
            energy.push(EnergyOf {
                subject: format!("the picture shown ({})", picture.trim_end_matches('.')),
                comparison,
            });
        }
        let point = |row: &crate::ui::history::Row| CurvePoint {
            step: row.step,
            loss: row.get(Column::SpikingLoss),
            accuracy: row.get(Column::SpikingAccuracy),
            dense_loss: row.get(Column::DenseLoss),
            dense_accuracy: row.get(Column::DenseAccuracy),
            firing_rate: row.get(Column::FiringRate),
        };
        let evaluation = self.run.evaluation.clone();
        Some(RunReport {
            format: REPORT_FORMAT,
            build: Build::current(),
            config: networks.spiking.clone(),
            dense_config: networks.dense.clone(),
            seed: networks.spiking.seed,
            backend: self.engine.backend.unwrap_or(Backend::Cpu),
            adapter: self.engine.adapter.clone(),
            dataset: self.dataset.as_ref().map_or_else(String::new, |info| {
                format!("{}, {}", info.kind.name(), info.origin)
            }),
            classes: self
                .dataset
                .as_ref()
                .map_or_else(Vec::new, |info| info.classes.clone()),
            step: self.run.step,
            curve: self.history.rows().iter().map(point).collect(),
            evaluation: evaluation.map(|(_, spiking, dense)| Evaluations {
                spiking,
                dense: Some(dense),
            }),
            energy,
            trail: self.trail.iter().map(Point::record).collect(),
            measured: self.answer.as_ref().map(|answer| Measured {
                spiking_ms: answer.spiking.ms,
                dense_ms: answer.dense.ms,
            }),
        })
    }
}
