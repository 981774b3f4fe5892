//! Counts per layer as a table of text, for the Markdown and for the page.

use crate::energy::{Account, LayerAccount, Ops};

/// What the columns of [`count_rows`] hold.
pub const COUNT_COLUMNS: [&str; 18] = [
    "layer",
    "dense MAC",
    "MAC",
    "AC",
    "rate × dense",
    "shifts",
    "other additions",
    "updates",
    "membrane reads",
    "membrane writes",
    "weight bytes",
    "activation bytes",
    "addressing",
    "spikes per synapse",
    "firing rate",
    "rate per step",
    "dead",
    "saturated",
];

/// What stands in two of the columns beside the operations.
struct Neurons<'a> {
    spikes_per_synapse: Option<f64>,
    rate: Option<f64>,
    per_step: &'a [f64],
    dead: u64,
    saturated: u64,
}

/// A row per layer in forward order, then the total; a cell per [`COUNT_COLUMNS`].
pub fn count_rows(account: &Account) -> Vec<Vec<String>> {
    let layer = |layer: &LayerAccount| {
        let neurons = Neurons {
            spikes_per_synapse: layer.spikes_per_synapse,
            rate: layer.firing_rate,
            per_step: &layer.rate_per_step,
            dead: layer.dead,
            saturated: layer.saturated,
        };
        row(&layer.name, &layer.ops, &neurons)
    };
    let total = Neurons {
        spikes_per_synapse: account.spikes_per_synapse,
        rate: account.firing_rate,
        per_step: &account.rate_per_step,
        dead: account.dead,
        saturated: account.saturated,
    };
    let mut rows: Vec<Vec<String>> = account.layers.iter().map(layer).collect();
    rows.push(row("total", &account.total, &total));
    rows
}

fn row(name: &str, ops: &Ops, neurons: &Neurons) -> Vec<String> {
    let percent = |rate: f64| format!("{:.2} %", 100.0 * rate);
    let steps: Vec<String> = neurons.per_step.iter().map(|rate| percent(*rate)).collect();
    let mut cells = vec![name.to_owned()];
    cells.extend(
        [
            ops.dense_macs,
            ops.macs,
            ops.acs,
            ops.rate_acs,
            ops.shifts,
            ops.adds,
            ops.updates,
            ops.membrane_reads,
            ops.membrane_writes,
            ops.weight_bytes,
            ops.activation_bytes,
            ops.addressing_adds + ops.addressing_macs,
        ]
        .map(|count| format!("{count:.0}")),
    );
    cells.extend([
        neurons
            .spikes_per_synapse
            .map_or_else(super::unknown, |value| format!("{value:.4}")),
        neurons.rate.map_or_else(super::unknown, percent),
        if steps.is_empty() {
            super::unknown()
        } else {
            steps.join(", ")
        },
        neurons.dead.to_string(),
        neurons.saturated.to_string(),
    ]);
    cells
}
