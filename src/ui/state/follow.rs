//! What follows a run along: its settings, its energy curve, the runs before it, the steps of a story.

use super::{Column, Row, State};
use crate::energy::{Activity, Assumptions, Comparison, RulingKind, compare};
use crate::protocol::Evaluation;
use crate::ui::settings::Settings;
use crate::ui::stories::Seen;

impl State {
    /// The settings of the networks in force. What the visitor set may be on its way to them.
    pub fn settings_in_force(&self) -> Settings {
        let mut settings = self.settings.clone();
        if let Some(networks) = &self.networks {
            let run = &networks.spiking;
            settings.preset.clone_from(&run.preset);
            settings.seed = run.seed;
            settings.train_limit = run.data.train_limit;
            settings.dataset = run.data.dataset;
        }
        if let Some(info) = &self.dataset {
            settings.dataset = info.kind;
        }
        settings
    }

    /// The run so far becomes an earlier one.
    pub(super) fn end_run(&mut self) {
        if let Some(networks) = &self.networks {
            let under = self.run.under.clone();
            self.runs.keep(under, &networks.weights, &self.history);
        }
        self.history.clear();
        self.run.sampled_pj = None;
        self.run.evaluation = None;
        self.run.bill = None;
    }

    /// Spikes of a few training images: a point of the energy curve.
    pub(super) fn sampled(&mut self, step: u64, activity: &Activity) {
        let Some(comparison) = self.at_published_prices(activity) else {
            return;
        };
        let ruling = comparison.ruling(RulingKind::ComputeOnly);
        let (spiking, dense) = (ruling.spiking_pj, ruling.dense_pj);
        self.run.sampled_pj = Some((spiking, dense));
        self.history.push(
            Row::new(step)
                .with(Column::SpikingEnergy, Some(spiking))
                .with(Column::DenseEnergy, Some(dense)),
        );
    }

    /// Energy of the mean held-out image in the spiking network, compute only.
    pub(super) fn held_out_pj(&self, spiking: &Evaluation) -> Option<f64> {
        let comparison = self.at_published_prices(spiking.activity.as_ref()?)?;
        Some(comparison.ruling(RulingKind::ComputeOnly).spiking_pj)
    }

    /// Curves of energy stay comparable from run to run: the visitor's prices do not change them.
    fn at_published_prices(&self, activity: &Activity) -> Option<Comparison> {
        let networks = self.networks.as_ref()?;
        let (spiking, dense) = (&networks.spiking_census, &networks.dense_census);
        Some(compare(spiking, activity, dense, &Assumptions::default()))
    }

    /// Mark the steps of the story under way.
    pub fn follow_story(&mut self) {
        if let Some(networks) = &self.networks {
            let run = &networks.spiking;
            self.seen = Seen {
                penalty: self.settings.penalty,
                seed: run.seed,
                network: run.preset.clone(),
                fresh: networks.weights.starts_with("fresh"),
                ..self.seen.clone()
            };
        }
        if let Some(telling) = &mut self.telling {
            telling.follow(&self.seen);
        }
    }
}
