//! One ruling: sums, break-even, alternatives and the verdict in words.

use super::{Alternative, Outcome, Ruling};
use crate::energy::account::{Account, account, share};
use crate::energy::alternatives::alternatives;
use crate::energy::assumptions::Assumptions;
use crate::energy::counts::{Activity, Census};
use crate::energy::ruling::{RulingKind, price};
use crate::energy::text::{energy_text, short};

/// What is judged.
pub(super) struct Case<'a> {
    pub spiking: &'a Census,
    pub activity: &'a Activity,
    pub dense: &'a Census,
    pub with: &'a Assumptions,
    /// Account of the spiking network.
    pub counted: Account,
    /// Account of the dense twin.
    pub twin: Account,
    /// Bits of the quantised network's widest activations.
    pub bits: u32,
}

impl Case<'_> {
    pub fn rule(&self, kind: RulingKind) -> Ruling {
        let &Self {
            spiking,
            activity,
            dense,
            with,
            ..
        } = self;
        let priced = price(kind, &self.counted, &self.twin, with);
        let (spiking_pj, dense_pj) = (priced.spiking_pj(), priced.dense_pj());
        let rival = match kind {
            RulingKind::ComputeOnly | RulingKind::WithMovement => "the dense twin".to_owned(),
            RulingKind::BitMatched => {
                format!("the same network with {}-bit activations", self.bits)
            }
        };
        let mut alternatives = alternatives(kind, spiking, activity, dense, with);
        // A choice without a consequence here is no alternative.
        alternatives.retain(|other| (other.spiking_pj, other.dense_pj) != (spiking_pj, dense_pj));
        let less = spiking_pj < dense_pj;
        let outcome = if alternatives
            .iter()
            .any(|other| (other.spiking_pj < other.dense_pj) != less)
        {
            Outcome::Depends
        } else if less {
            Outcome::Wins
        } else {
            Outcome::Loses
        };
        let break_even_rate = break_even(activity, spiking, |activity| {
            let counted = account(spiking, activity, with);
            let priced = price(kind, &counted, &self.twin, with);
            priced.spiking_pj() <= priced.dense_pj()
        });
        Ruling {
            kind,
            title: kind.title().into(),
            sentence: sentence(&rival, spiking_pj, dense_pj, &alternatives),
            rival,
            breakdown_pj: priced.items,
            spiking_layers: priced.spiking_layers,
            dense_layers: priced.dense_layers,
            spiking_pj,
            dense_pj,
            ratio: share(dense_pj, spiking_pj),
            break_even_rate,
            outcome,
            alternatives,
        }
    }
}

/// The mean firing rate up to which `pays`, with the measured spikes scaled (or, without any, a uniform
/// rate).
fn break_even(
    activity: &Activity,
    census: &Census,
    pays: impl Fn(&Activity) -> bool,
) -> Option<f64> {
    let measured = activity.firing_rate().is_some_and(|rate| rate > 0.0);
    let uniform = Activity::uniform(census, 1.0);
    let pattern = if measured { activity } else { &uniform };
    if !pays(&pattern.scaled(census, 0.0)) {
        return None;
    }
    // Where the sparsest layer that fires at all fires at every step.
    let rates = pattern.layers.iter().filter_map(|layer| {
        share(
            layer.spikes.iter().sum(),
            layer.sites * layer.spikes.len() as f64,
        )
        .filter(|rate| *rate > 0.0)
    });
    let (mut low, mut high) = (0.0, rates.fold(1.0, |most: f64, rate| most.max(1.0 / rate)));
    if pays(&pattern.scaled(census, high)) {
        return Some(1.0);
    }
    for _ in 0..60 {
        let middle = (low + high) / 2.0;
        if pays(&pattern.scaled(census, middle)) {
            low = middle;
        } else {
            high = middle;
        }
    }
    pattern.scaled(census, low).firing_rate()
}

fn sentence(rival: &str, spiking_pj: f64, dense_pj: f64, alternatives: &[Alternative]) -> String {
    let figures = format!(
        "{} against {}",
        energy_text(spiking_pj),
        energy_text(dense_pj)
    );
    let less = spiking_pj < dense_pj;
    let mut text = match (
        less,
        share(dense_pj, spiking_pj),
        share(spiking_pj, dense_pj),
    ) {
        (true, Some(times), _) => {
            format!(
                "The spiking network needs {} times less modelled energy than {rival} ({figures}).",
                short(times)
            )
        }
        (false, _, Some(times)) => {
            format!(
                "Spiking loses: it needs {} times the modelled energy of {rival} ({figures}).",
                short(times)
            )
        }
        _ => format!("Spiking and {rival} cannot be compared ({figures})."),
    };
    let turned = alternatives
        .iter()
        .filter(|other| (other.spiking_pj < other.dense_pj) != less);
    for other in turned {
        let figures = format!(
            "{} against {}",
            energy_text(other.spiking_pj),
            energy_text(other.dense_pj)
        );
        let who = if less { "it loses" } else { "it wins" };
        text.push_str(&format!(" But {who} ({figures}) {}.", other.assumption));
    }
    text
}
