//! A [`RunReport`] for a reader.

use super::{CurvePoint, RunReport};
use crate::config::{ModelConfig, RunConfig};
use crate::energy::{Account, Comparison, Quantity, Ruling, Side, energy_text};
use crate::protocol::Backend;
use std::fmt::Write;

/// Rows of the training curve in the Markdown; JSON has all of them.
const CURVE_ROWS: usize = 20;

pub(super) fn report(report: &RunReport) -> String {
    let mut text = String::new();
    head(&mut text, report);
    results(&mut text, report);
    if let Some(comparison) = &report.comparison {
        energy(&mut text, comparison);
    }
    curve(&mut text, &report.curve);
    for (title, config) in [("spiking", &report.config), ("dense", &report.dense_config)] {
        line(&mut text, &format!("\n## Configuration, {title}\n"));
        line(&mut text, &format!("```json\n{}\n```", json(config)));
    }
    text
}

fn line(text: &mut String, what: &str) {
    text.push_str(what);
    text.push('\n');
}

fn json(config: &RunConfig) -> String {
    serde_json::to_string_pretty(config).unwrap_or_else(|error| error.to_string())
}

/// A Markdown table; bars inside cells are escaped.
fn table(text: &mut String, header: &[&str], rows: impl IntoIterator<Item = Vec<String>>) {
    line(text, &format!("| {} |", header.join(" | ")));
    line(text, &format!("|{}", "---|".repeat(header.len())));
    for row in rows {
        let cells: Vec<String> = row.iter().map(|cell| cell.replace('|', "\\|")).collect();
        line(text, &format!("| {} |", cells.join(" | ")));
    }
}

fn head(text: &mut String, report: &RunReport) {
    let backend = match report.backend {
        Backend::Cpu => "CPU",
        Backend::Webgpu => "WebGPU",
    };
    let neuron = match &report.config.model {
        ModelConfig::Ge2msT(config) => format!(
            "T = {}, depth {}, width {}",
            config.time_steps,
            config.depth,
            config.dim()
        ),
        ModelConfig::DenseVit(_) => "dense".to_owned(),
    };
    line(text, &format!("# Run of {}\n", report.config.preset));
    let mut build = report.build.version.clone();
    if let Some(commit) = &report.build.commit {
        let _ = write!(build, " ({commit})");
    }
    for (what, value) in [
        ("build", build),
        ("model", neuron),
        ("seed", report.seed.to_string()),
        ("device", format!("{backend}, {}", report.adapter)),
        ("data", report.dataset.clone()),
        ("steps", report.step.to_string()),
    ] {
        line(text, &format!("- {what}: {value}"));
    }
    if report.backend == Backend::Webgpu {
        line(
            text,
            "- repeatable within a tolerance: sums on a GPU are not taken in a fixed order",
        );
    }
}

fn results(text: &mut String, report: &RunReport) {
    if report.evaluation.is_none() && report.measured.is_none() {
        return;
    }
    line(text, "\n## Results\n");
    let mut rows = Vec::new();
    if let Some(evaluation) = &report.evaluation {
        let (spiking, dense) = (&evaluation.spiking, &evaluation.dense);
        rows.push(vec![
            "held-out images".into(),
            spiking.images.to_string(),
            dense.images.to_string(),
        ]);
        rows.push(vec![
            "accuracy".into(),
            percent(spiking.accuracy),
            percent(dense.accuracy),
        ]);
        rows.push(vec![
            "loss".into(),
            format!("{:.4}", spiking.loss),
            format!("{:.4}", dense.loss),
        ]);
    }
    if let Some(measured) = &report.measured {
        rows.push(vec![
            "measured on this device, one picture".into(),
            format!("{:.2} ms", measured.spiking_ms),
            format!("{:.2} ms", measured.dense_ms),
        ]);
    }
    table(text, &["", "spiking", "dense"], rows);
}

fn energy(text: &mut String, comparison: &Comparison) {
    line(text, "\n## Modelled energy per picture\n");
    line(
        text,
        &format!(
            "Modelled for event-driven hardware, not measured. Mean over {} pictures, firing rate {}, {} spikes per \
             synapse.\n",
            comparison.spiking.images,
            comparison.spiking.firing_rate.map_or_else(unknown, percent),
            comparison
                .spiking
                .spikes_per_synapse
                .map_or_else(unknown, |value| format!("{value:.3}")),
        ),
    );
    for (letter, ruling) in ["a", "b", "c"].iter().zip(&comparison.rulings) {
        self::ruling(text, letter, ruling);
    }
    line(text, "\n### Published lines\n");
    let rows = comparison.thresholds.iter().map(|threshold| {
        let quantity = match threshold.quantity {
            Quantity::SpikesPerSynapse => "spikes per synapse and inference",
            Quantity::FiringRate => "firing rate",
        };
        let drawn = if threshold.low < threshold.high {
            format!("{} to {}", threshold.low, threshold.high)
        } else {
            threshold.low.to_string()
        };
        let side = match threshold.side {
            Side::Below => "below: an advantage is possible",
            Side::Within => "within: it depends on the hardware",
            Side::Above => "above: no advantage",
        };
        vec![
            threshold.citation.clone(),
            quantity.into(),
            drawn,
            format!("{:.4}", threshold.value),
            side.into(),
        ]
    });
    table(text, &["source", "quantity", "line", "here", "side"], rows);
    counts(text, "spiking", &comparison.spiking);
    counts(text, "dense", &comparison.dense);
    line(text, "\n### Assumptions\n");
    for assumption in &comparison.assumptions {
        line(text, &format!("- {assumption}."));
    }
    if !comparison.warnings.is_empty() {
        line(text, "\n### Warnings\n");
        for warning in &comparison.warnings {
            line(text, &format!("- {warning}."));
        }
    }
}

fn ruling(text: &mut String, letter: &str, ruling: &Ruling) {
    line(text, &format!("### ({letter}) {}\n", ruling.title));
    line(text, &format!("{}\n", ruling.sentence));
    let break_even = match ruling.break_even_rate {
        None => "even a silent network needs more".to_owned(),
        Some(rate) if rate >= 1.0 => "needs less at any rate".to_owned(),
        Some(rate) => percent(rate),
    };
    line(text, &format!("Break-even firing rate: {break_even}.\n"));
    let row = |name: &str, spiking: f64, dense: f64| {
        vec![name.to_owned(), energy_text(spiking), energy_text(dense)]
    };
    let items = ruling
        .breakdown_pj
        .iter()
        .map(|item| row(&item.name, item.spiking_pj, item.dense_pj));
    let sum = row("**sum**", ruling.spiking_pj, ruling.dense_pj);
    let others = ruling.alternatives.iter().map(|other| {
        row(
            &format!("*sum {}*", other.assumption),
            other.spiking_pj,
            other.dense_pj,
        )
    });
    table(
        text,
        &["", "spiking", &ruling.rival],
        items.chain([sum]).chain(others),
    );
    line(text, "");
}

fn counts(text: &mut String, name: &str, account: &Account) {
    line(text, &format!("\n### Counts per picture, {name}\n"));
    let whole = |value: f64| format!("{value:.0}");
    let row =
        |name: &str, ops: &crate::energy::Ops, rate: Option<f64>, dead: u64, saturated: u64| {
            vec![
                name.to_owned(),
                whole(ops.dense_macs),
                whole(ops.macs),
                whole(ops.acs),
                whole(ops.rate_acs),
                whole(ops.shifts),
                whole(ops.updates),
                whole(ops.weight_bytes),
                whole(ops.activation_bytes),
                rate.map_or_else(unknown, percent),
                dead.to_string(),
                saturated.to_string(),
            ]
        };
    let layers = account.layers.iter().map(|layer| {
        row(
            &layer.name,
            &layer.ops,
            layer.firing_rate,
            layer.dead,
            layer.saturated,
        )
    });
    let total = row(
        "**total**",
        &account.total,
        account.firing_rate,
        account.dead,
        account.saturated,
    );
    let header = [
        "layer",
        "dense MAC",
        "MAC",
        "AC",
        "rate × dense",
        "shifts",
        "updates",
        "weight bytes",
        "activation bytes",
        "rate",
        "dead",
        "saturated",
    ];
    table(text, &header, layers.chain([total]));
}

/// At most [`CURVE_ROWS`] points, evenly spread, the last one always.
fn curve(text: &mut String, points: &[CurvePoint]) {
    if points.is_empty() {
        return;
    }
    line(text, "\n## Training\n");
    let rows = points.len().min(CURVE_ROWS);
    let spread = (0..rows).map(|row| points[(row + 1) * points.len() / rows - 1]);
    let number = |value: Option<f64>| value.map_or_else(unknown, |value| format!("{value:.4}"));
    let share = |value: Option<f64>| value.map_or_else(unknown, percent);
    table(
        text,
        &[
            "step",
            "loss",
            "accuracy",
            "dense loss",
            "dense accuracy",
            "firing rate",
        ],
        spread.map(|point| {
            vec![
                point.step.to_string(),
                number(point.loss),
                share(point.accuracy),
                number(point.dense_loss),
                share(point.dense_accuracy),
                share(point.firing_rate),
            ]
        }),
    );
}

fn percent(share: f64) -> String {
    format!("{:.2} %", 100.0 * share)
}

fn unknown() -> String {
    "–".to_owned()
}
