//! What the pictures cost: counts that came from the worker, priced here. A change of prices or of an assumption
//! writes every bill anew from the same counts; no worker is asked.

use super::State;
use crate::energy::{Activity, Assumptions, Comparison, PriceTable, compare};

/// The price rows to choose from, and the choices in force.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Pricing {
    /// Published rows, then the visitor's.
    pub table: PriceTable,
    /// Choices behind every figure.
    pub with: Assumptions,
}

impl State {
    /// Change prices or assumptions; every bill follows.
    pub fn reprice(&mut self, change: impl FnOnce(&mut Pricing)) {
        change(&mut self.pricing);
        if let Some(mut answer) = self.answer.take() {
            answer.bill = self.bill(&answer.activity);
            self.answer = Some(answer);
        }
        self.price_evaluation();
        self.price_trail();
    }

    /// The account of these spikes in the networks in force.
    pub(super) fn bill(&self, activity: &Activity) -> Option<Comparison> {
        let networks = self.networks.as_ref()?;
        let (spiking, dense) = (&networks.spiking_census, &networks.dense_census);
        Some(compare(spiking, activity, dense, &self.pricing.with))
    }

    /// The mean picture of the last evaluation.
    pub(super) fn price_evaluation(&mut self) {
        let evaluation = self.run.evaluation.as_ref();
        let activity = evaluation.and_then(|(_, spiking, _)| spiking.activity.as_ref());
        self.run.bill = activity.and_then(|activity| self.bill(activity));
    }
}
