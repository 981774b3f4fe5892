//! The trail: what networks reached on held-out images and what they cost, one point per evaluation or trial. Only
//! networks that were run have a point.

use super::State;
use crate::config::{Knob, ModelConfig, WhatIf};
use crate::energy::{Activity, Assumptions, Census, Comparison, RulingKind, compare};
use crate::protocol::{Classification, Evaluation, Event};
use crate::report::TrailPoint;

/// Points kept; the oldest go first.
const CAPACITY: usize = 24;

/// One network on held-out images.
#[derive(Debug, Clone, PartialEq)]
pub struct Point {
    /// Which network, in words.
    pub label: String,
    /// Whether it is a changed copy.
    pub tried: bool,
    /// What it was not trained for.
    pub untrained: Vec<Knob>,
    /// Images run.
    pub images: usize,
    /// Share right, spiking.
    pub accuracy: f64,
    /// Share right, dense twin.
    pub dense_accuracy: f64,
    /// Mean bill.
    pub bill: Comparison,
    /// Answer to the picture shown, and its bill.
    pub picture: Option<(Classification, Comparison)>,
    counts: Counts,
}

/// What the bills are made of, to make them anew under other prices.
#[derive(Debug, Clone, PartialEq)]
struct Counts {
    spiking: Census,
    dense: Census,
    activity: Activity,
    picture: Option<Activity>,
    weight_bits: u32,
}

impl Counts {
    fn bill(&self, activity: &Activity, with: &Assumptions) -> Comparison {
        let mut with = with.clone();
        // Weights that were rounded to fewer bits are moved as such.
        with.weight_bits = with.weight_bits.min(self.weight_bits);
        with.quantised_weight_bits = with.quantised_weight_bits.min(self.weight_bits);
        compare(&self.spiking, activity, &self.dense, &with)
    }
}

impl Point {
    /// As the report keeps it.
    pub(super) fn record(&self) -> TrailPoint {
        TrailPoint {
            label: self.label.clone(),
            images: self.images,
            accuracy: self.accuracy,
            dense_accuracy: self.dense_accuracy,
            energy_pj: RulingKind::ALL.map(|kind| {
                let ruling = self.bill.ruling(kind);
                [ruling.spiking_pj, ruling.dense_pj]
            }),
        }
    }
}

impl State {
    /// The last changed copy that was run.
    pub fn tried(&self) -> Option<&Point> {
        self.trail.iter().rev().find(|point| point.tried)
    }

    /// A point for networks as they are.
    pub(super) fn evaluated(&mut self, step: u64, spiking: &Evaluation, dense: &Evaluation) {
        let Some(networks) = &self.networks else {
            return;
        };
        let run = &networks.spiking;
        let mut label = format!("{}, step {step}", run.preset);
        if self.settings.penalty > 0.0 {
            label.push_str(&format!(", spike penalty {}", self.settings.penalty));
        }
        let counts = Counts {
            spiking: networks.spiking_census.clone(),
            dense: networks.dense_census.clone(),
            activity: spiking.activity.clone().unwrap_or_default(),
            picture: None,
            weight_bits: 32,
        };
        self.push(label, false, [spiking, dense], None, counts);
    }

    /// A point for a changed copy.
    pub(super) fn tried_out(&mut self, event: &Event) {
        let Event::TriedOut {
            what_if,
            step,
            spiking_census,
            spiking,
            dense,
            picture,
        } = event
        else {
            return;
        };
        let Some(networks) = &self.networks else {
            return;
        };
        let run = &networks.spiking;
        let words = WhatIf::nothing(&run.model).map_or(String::new(), |own| what_if.words(&own));
        let label = format!("{}, step {step}: {words}", run.preset);
        let counts = Counts {
            spiking: spiking_census.clone(),
            dense: networks.dense_census.clone(),
            activity: spiking.activity.clone().unwrap_or_default(),
            picture: picture.as_ref().map(|(_, activity)| activity.clone()),
            weight_bits: what_if.weight_bits,
        };
        let answer = picture.as_ref().map(|(answer, _)| answer.clone());
        let untrained = match &run.model {
            ModelConfig::Ge2msT(model) => what_if.untrained(model),
            ModelConfig::DenseVit(_) => Vec::new(),
        };
        self.push(label, true, [spiking, dense], answer, counts);
        if let Some(point) = self.trail.last_mut() {
            point.untrained = untrained;
        }
    }

    fn push(
        &mut self,
        label: String,
        tried: bool,
        [spiking, dense]: [&Evaluation; 2],
        answer: Option<Classification>,
        counts: Counts,
    ) {
        let with = &self.pricing.with;
        let point = Point {
            tried,
            untrained: Vec::new(),
            images: spiking.images,
            accuracy: spiking.accuracy,
            dense_accuracy: dense.accuracy,
            bill: counts.bill(&counts.activity, with),
            picture: answer.zip(
                counts
                    .picture
                    .as_ref()
                    .map(|activity| counts.bill(activity, with)),
            ),
            label,
            counts,
        };
        // The same network again says the same: the newer figures stand.
        self.trail.retain(|other| other.label != point.label);
        if self.trail.len() >= CAPACITY {
            self.trail.remove(0);
        }
        self.trail.push(point);
    }

    /// Every point under the prices in force.
    pub(super) fn price_trail(&mut self) {
        let with = &self.pricing.with;
        for point in &mut self.trail {
            point.bill = point.counts.bill(&point.counts.activity, with);
            if let (Some((_, bill)), Some(activity)) = (&mut point.picture, &point.counts.picture) {
                *bill = point.counts.bill(activity, with);
            }
        }
    }
}
