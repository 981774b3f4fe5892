//! A spiking network against its rivals, under all three rulings at once.

use super::account::{Account, account, share};
use super::alternatives::alternatives;
use super::assumptions::Assumptions;
use super::counts::{Activity, Census, Signal};
use super::ruling::{Item, LayerEnergy, RulingKind, price};
use super::text::{energy_text, short};
use super::threshold::{Threshold, thresholds};
use serde::{Deserialize, Serialize};

/// Everything said about the energy of one network: counts, prices' result and verdicts, with what they rest on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// Counts of the spiking network.
    pub spiking: Account,
    /// Counts of the dense twin.
    pub dense: Account,
    /// Bits of the quantised network's widest activations.
    pub bits: u32,
    /// Steps until the last neuron has emitted, if every layer must hear its whole input first (ExpG-IF);
    /// `None` where spikes are passed on in the step they arrive in.
    pub emission_steps: Option<u64>,
    /// Compute only, with movement, bit-matched: always all three, in this order.
    pub rulings: Vec<Ruling>,
    /// Published lines.
    pub thresholds: Vec<Threshold>,
    /// The choices behind the figures.
    pub choices: Assumptions,
    /// The same in words, with the citation of each price.
    pub assumptions: Vec<String>,
    /// What a reader must know before quoting a figure.
    pub warnings: Vec<String>,
}

/// Both networks under one ruling, per picture.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ruling {
    /// Which.
    pub kind: RulingKind,
    /// For a heading.
    pub title: String,
    /// Whom the spiking network is compared with.
    pub rival: String,
    /// Items, summed over layers.
    pub breakdown_pj: Vec<Item>,
    /// The spiking network's layers.
    pub spiking_layers: Vec<LayerEnergy>,
    /// The rival's layers.
    pub dense_layers: Vec<LayerEnergy>,
    /// The spiking network's sum.
    pub spiking_pj: f64,
    /// The rival's sum.
    pub dense_pj: f64,
    /// `dense_pj / spiking_pj`: above one the spiking network needs less.
    pub ratio: Option<f64>,
    /// Mean firing rate at which both need the same if spikes grow or thin out as they are spread now;
    /// `None` if the spiking network needs more even in silence, 1 if it needs less at any rate.
    pub break_even_rate: Option<f64>,
    /// Who needs less.
    pub outcome: Outcome,
    /// The verdict in a sentence.
    pub sentence: String,
    /// What the figures become under other defensible assumptions.
    pub alternatives: Vec<Alternative>,
}

/// Who needs less energy under a ruling.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// The spiking network, under the alternatives too.
    Wins,
    /// The rival, under the alternatives too.
    Loses,
    /// It turns with one of the alternatives.
    Depends,
}

/// A ruling under one other assumption.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Alternative {
    /// What is assumed instead.
    pub assumption: String,
    /// The spiking network's sum.
    pub spiking_pj: f64,
    /// The rival's sum.
    pub dense_pj: f64,
    /// `dense_pj / spiking_pj`.
    pub ratio: Option<f64>,
}

impl Comparison {
    /// One of the three rulings.
    pub fn ruling(&self, kind: RulingKind) -> &Ruling {
        let at = match kind {
            RulingKind::ComputeOnly => 0,
            RulingKind::WithMovement => 1,
            RulingKind::BitMatched => 2,
        };
        &self.rulings[at]
    }
}

/// Count, price and judge. `activity` may be of one picture or of many; all figures are per picture.
pub fn compare(
    spiking: &Census,
    activity: &Activity,
    dense: &Census,
    with: &Assumptions,
) -> Comparison {
    let counted = account(spiking, activity, with);
    let twin = account(dense, &Activity::default(), with);
    let weighted = spiking
        .layers
        .iter()
        .any(|spec| matches!(spec.input, Signal::WeightedSpikes { .. }));
    let bits = spiking
        .layers
        .iter()
        .map(|spec| spec.bits())
        .max()
        .unwrap_or(0);
    let emission_steps = weighted.then(|| emission_steps(spiking));
    let kinds = [
        RulingKind::ComputeOnly,
        RulingKind::WithMovement,
        RulingKind::BitMatched,
    ];
    let rulings = kinds.map(|kind| {
        rule(
            kind,
            spiking,
            activity,
            dense,
            with,
            bits,
            (&counted, &twin),
        )
    });
    let mut warnings = counted.warnings.clone();
    if activity.images == 0 {
        warnings
            .push("no picture has been counted: the spiking layers are priced as silent".into());
    }
    if let Some(steps) = emission_steps {
        warnings.push(format!(
            "ExpG-IF emits its most significant spike first and must hear its whole input before: {steps} emission \
             steps pass before the last neurons have spoken. Time is not priced. Arithmetically it is a {bits}-bit \
             bit-serial network, which is why ruling (c) is its proper rival"
        ));
    }
    Comparison {
        thresholds: thresholds(
            counted.spikes_per_synapse.unwrap_or(0.0),
            counted.firing_rate.unwrap_or(0.0),
            weighted,
        ),
        spiking: counted,
        dense: twin,
        bits,
        emission_steps,
        rulings: rulings.into(),
        choices: with.clone(),
        assumptions: with.listed(),
        warnings,
    }
}

/// K·G steps for each neuron layer on the way; the products of attention follow in the step of their spikes, and
/// the neurons before the head come last.
fn emission_steps(census: &Census) -> u64 {
    let sites = census
        .layers
        .iter()
        .filter(|spec| spec.is_spiking() && spec.updates > 0 && !spec.name.ends_with(".context"));
    (sites.count() as u64 + 1) * census.time_steps as u64
}

fn rule(
    kind: RulingKind,
    spiking: &Census,
    activity: &Activity,
    dense: &Census,
    with: &Assumptions,
    bits: u32,
    (counted, twin): (&Account, &Account),
) -> Ruling {
    let priced = price(kind, counted, twin, with);
    let (spiking_pj, dense_pj) = (priced.spiking_pj(), priced.dense_pj());
    let (title, rival) = match kind {
        RulingKind::ComputeOnly => ("Compute only", "the dense twin".to_owned()),
        RulingKind::WithMovement => (
            "With memory, addressing and state",
            "the dense twin".to_owned(),
        ),
        RulingKind::BitMatched => (
            "Against a quantised network of the same bits",
            format!("the same network with {bits}-bit activations"),
        ),
    };
    let alternatives: Vec<Alternative> = alternatives(kind, spiking, activity, dense, with);
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
        let priced = price(kind, &counted, twin, with);
        priced.spiking_pj() <= priced.dense_pj()
    });
    Ruling {
        kind,
        title: title.into(),
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
