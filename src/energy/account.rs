//! What one picture cost in operations and bytes: the closed form of a [`Census`] joined with the spikes
//! of an [`Activity`]. No prices here; the assumptions say what is read how often and how wide it is.

mod layer;

use super::assumptions::Assumptions;
use super::counts::{Activity, Census, LayerActivity, LayerSpec, Signal};
use super::ops::Ops;
use layer::Joined;
use serde::{Deserialize, Serialize};

/// Operations, bytes and spikes of a network, per picture.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Account {
    /// Pictures behind the means.
    pub images: u64,
    /// Synaptic layers in forward order.
    pub layers: Vec<LayerAccount>,
    /// Sum over the layers.
    pub total: Ops,
    /// Spikes per neuron and step over all spiking layers, each neuron counting the same.
    pub firing_rate: Option<f64>,
    /// The same for each time step (for ExpG-IF, each emission step).
    pub rate_per_step: Vec<f64>,
    /// Accumulates per connection of the spiking layers and inference.
    pub spikes_per_synapse: Option<f64>,
    /// Neurons that never fired.
    pub dead: u64,
    /// Neurons that fired at every step.
    pub saturated: u64,
    /// Neurons behind `dead` and `saturated`.
    pub neurons: u64,
    /// Where census and activity do not fit together, in words.
    pub warnings: Vec<String>,
}

/// One synaptic layer of an [`Account`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LayerAccount {
    /// Name ([`LayerSpec::name`]).
    pub name: String,
    /// What arrives.
    pub input: Signal,
    /// Bits of an activation that tells as much as the input's spike train: `ceil(log2(T+1))` for T binary
    /// spikes, K for K weighted ones; 0 for a real input.
    pub bits: u32,
    /// Operations and bytes per picture.
    pub ops: Ops,
    /// Sizes of the layer's memories.
    pub buffers: Buffers,
    /// Spikes per neuron and step of the layer's input.
    pub firing_rate: Option<f64>,
    /// The same for each step.
    pub rate_per_step: Vec<f64>,
    /// Accumulates per connection and inference.
    pub spikes_per_synapse: Option<f64>,
    /// Neurons that never fired.
    pub dead: u64,
    /// Neurons that fired at every step.
    pub saturated: u64,
    /// Neurons behind `dead` and `saturated`.
    pub neurons: u64,
}

/// Sizes in bytes of the memories beside a layer.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Buffers {
    /// Weights.
    pub weight_bytes: f64,
    /// Activations: the larger of input and output, or room for an event of every neuron.
    pub activation_bytes: f64,
    /// Membrane potentials.
    pub membrane_bytes: f64,
}

/// Join a census with measured activity. A spiking layer without activity counts as silent and is named
/// in the warnings.
pub fn account(census: &Census, activity: &Activity, assumptions: &Assumptions) -> Account {
    let mut account = Account {
        images: activity.images,
        ..Account::default()
    };
    let images = activity.images.max(1) as f64;
    let (mut connections, mut train) = (0.0, census.time_steps);
    let mut possible: Vec<f64> = Vec::new();
    let mut fired: Vec<f64> = Vec::new();
    for (index, spec) in census.layers.iter().enumerate() {
        let silent = LayerActivity::default();
        let found = activity.layers.iter().find(|layer| layer.name == spec.name);
        if spec.is_spiking() {
            train = spec.steps;
            check(spec, found, activity.images, &mut account.warnings);
        }
        let measured = found.filter(|_| spec.is_spiking()).unwrap_or(&silent);
        let joined = Joined {
            spec,
            measured,
            images,
            train,
            census,
            assumptions,
        };
        let layer = joined.account(index == 0);
        if spec.is_spiking() {
            connections += layer.ops.dense_macs;
            fired.resize(fired.len().max(measured.spikes.len()), 0.0);
            possible.resize(fired.len(), 0.0);
            for (t, spikes) in measured.spikes.iter().enumerate() {
                fired[t] += spikes;
                possible[t] += measured.sites;
            }
        }
        account.total += layer.ops;
        account.dead += layer.dead;
        account.saturated += layer.saturated;
        account.neurons += layer.neurons;
        account.layers.push(layer);
    }
    for layer in &activity.layers {
        if !census.layers.iter().any(|spec| spec.name == layer.name) {
            account.warnings.push(format!(
                "activity of {} is of no layer of this network and was left out",
                layer.name
            ));
        }
    }
    account.rate_per_step = fired
        .iter()
        .zip(&possible)
        .map(|(f, p)| share(*f, *p).unwrap_or(0.0))
        .collect();
    account.firing_rate = share(fired.iter().sum(), possible.iter().sum());
    account.spikes_per_synapse = share(account.total.acs, connections);
    account
}

/// Say what is wrong between a spiking layer and its trace.
fn check(spec: &LayerSpec, found: Option<&LayerActivity>, images: u64, warnings: &mut Vec<String>) {
    let Some(layer) = found else {
        if images > 0 {
            warnings.push(format!("no activity for {}: counted as silent", spec.name));
        }
        return;
    };
    if layer.spikes.len() != spec.steps {
        warnings.push(format!(
            "{} has spikes of {} steps, the configuration says {}",
            spec.name,
            layer.spikes.len(),
            spec.steps
        ));
    }
    let most = spec.dense_ops() as f64 * images as f64;
    if layer.accumulates > most {
        warnings.push(format!(
            "{} counted {} accumulates, its connections allow {most}: trace and configuration disagree",
            spec.name, layer.accumulates
        ));
    }
}

/// `part / whole`, or `None` without a whole.
pub(super) fn share(part: f64, whole: f64) -> Option<f64> {
    (whole > 0.0).then(|| part / whole)
}
