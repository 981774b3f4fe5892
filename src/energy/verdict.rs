//! A spiking network against its rivals, under all three rulings at once.

mod judge;

use super::account::{Account, account};
use super::assumptions::Assumptions;
use super::counts::{Activity, Census, LayerOp, Signal};
use super::ruling::{Item, LayerEnergy, RulingKind, price};
use super::threshold::{Threshold, thresholds};
use judge::Case;
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
    /// The spiking network's sum under the compute-only ruling, the figure that papers print. Never show it
    /// without the other rulings.
    pub spiking_pj: f64,
    /// The dense twin's.
    pub dense_pj: f64,
    /// `dense_pj / spiking_pj`.
    pub ratio: Option<f64>,
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

impl Outcome {
    /// For a table: who needs less.
    pub fn words(self) -> &'static str {
        match self {
            Self::Wins => "spiking needs less",
            Self::Loses => "spiking needs more",
            Self::Depends => "depends on an assumption",
        }
    }
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

impl Ruling {
    /// The break-even rate for a table.
    pub fn break_even_text(&self) -> String {
        match self.break_even_rate {
            None => "none: even a silent network needs more".to_owned(),
            Some(rate) if rate >= 1.0 => "none: needs less at any rate".to_owned(),
            Some(rate) => format!("{:.2} %", 100.0 * rate),
        }
    }
}

/// Count, price and judge. `activity` may be of one picture or of many; all figures are per picture.
pub fn compare(
    spiking: &Census,
    activity: &Activity,
    dense: &Census,
    with: &Assumptions,
) -> Comparison {
    let case = Case {
        spiking,
        activity,
        dense,
        with,
        counted: account(spiking, activity, with),
        twin: account(dense, &Activity::default(), with),
        bits: spiking
            .layers
            .iter()
            .map(|spec| spec.bits())
            .max()
            .unwrap_or(0),
    };
    let weighted = spiking
        .layers
        .iter()
        .any(|spec| matches!(spec.input, Signal::WeightedSpikes { .. }));
    let emission_steps = weighted.then(|| emission_steps(spiking));
    let rulings = RulingKind::ALL.map(|kind| case.rule(kind));
    let Case {
        counted,
        twin,
        bits,
        ..
    } = case;
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
    let [compute_only, ..] = &rulings;
    Comparison {
        spiking_pj: compute_only.spiking_pj,
        dense_pj: compute_only.dense_pj,
        ratio: compute_only.ratio,
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

/// Energy of a network without spikes under the compute-only ruling, in picojoules per picture.
pub fn dense_pj(census: &Census, with: &Assumptions) -> f64 {
    let counted = account(census, &Activity::default(), with);
    let empty = Account::default();
    price(RulingKind::ComputeOnly, &empty, &counted, with).dense_pj()
}

/// K·G steps for each neuron layer on the way. Those of q, k and v emit together; the neurons before the
/// head come last.
fn emission_steps(census: &Census) -> u64 {
    let mut products_of = None;
    let mut layers = 1;
    for spec in census.layers.iter().filter(|spec| spec.is_spiking()) {
        let block = spec.name.rsplit_once('.').map(|(block, _)| block);
        match spec.op {
            LayerOp::Product { .. } if block == products_of => {}
            LayerOp::Product { .. } => {
                products_of = block;
                layers += 1;
            }
            // None where another layer reads the same neurons, two where neurons feed neurons.
            _ => layers += spec.updates / (spec.neurons * spec.steps as u64).max(1),
        }
    }
    layers * census.time_steps as u64
}
