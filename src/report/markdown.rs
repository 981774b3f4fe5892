//! A [`RunReport`] for a reader.

use super::confusion::confusions;
use super::counts::{COUNT_COLUMNS, count_rows};
use super::{CurvePoint, RunReport, TrailPoint, percent, table, unknown};
use crate::config::{ModelConfig, RunConfig};
use crate::energy::{Account, Comparison, Ruling, energy_text};
use crate::protocol::{Backend, Evaluation};
use std::fmt::Write;

/// Rows of the training curve in the Markdown; JSON has all of them.
const CURVE_ROWS: usize = 20;

/// A part of the report; the printable page has drawings beside some.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Section {
    /// The training curves.
    Training,
    /// Anything else.
    Other,
}

pub(super) fn report(report: &RunReport) -> String {
    sections(report).into_iter().map(|part| part.1).collect()
}

/// The report, section by section.
pub(super) fn sections(report: &RunReport) -> Vec<(Section, String)> {
    let mut sections = Vec::new();
    let mut section = |what: Section, write: &dyn Fn(&mut String)| {
        let mut text = String::new();
        write(&mut text);
        sections.push((what, text));
    };
    section(Section::Other, &|text| {
        head(text, report);
        results(text, report);
        confusions(text, report);
        for account in &report.energy {
            energy(text, &account.subject, &account.comparison);
        }
        trail(text, &report.trail);
    });
    section(Section::Training, &|text| curve(text, &report.curve));
    section(Section::Other, &|text| {
        for (title, config) in [("spiking", &report.config), ("dense", &report.dense_config)] {
            line(text, &format!("\n## Configuration, {title}\n"));
            line(text, &format!("```json\n{}\n```", json(config)));
        }
    });
    sections
}

fn line(text: &mut String, what: &str) {
    text.push_str(what);
    text.push('\n');
}

fn json(config: &RunConfig) -> String {
    serde_json::to_string_pretty(config).unwrap_or_else(|error| error.to_string())
}

fn head(text: &mut String, report: &RunReport) {
    let backend = match report.backend {
        Backend::Cpu => "CPU",
        Backend::Webgpu => "GPU",
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
        let mut row = |what: &str, show: &dyn Fn(&Evaluation) -> String| {
            let dense = dense.as_ref().map_or_else(unknown, show);
            rows.push(vec![what.into(), show(spiking), dense]);
        };
        row("images", &|evaluation| evaluation.images.to_string());
        row("accuracy", &|evaluation| percent(evaluation.accuracy));
        row("loss", &|evaluation| format!("{:.4}", evaluation.loss));
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

fn energy(text: &mut String, subject: &str, comparison: &Comparison) {
    line(text, &format!("\n## Modelled energy, {subject}\n"));
    let pictures = match comparison.spiking.images {
        1 => "One picture".to_owned(),
        images => format!("Mean over {images} pictures"),
    };
    line(
        text,
        &format!(
            "Modelled for event-driven hardware, not measured. {pictures}, firing rate {}, {} spikes per synapse.\n",
            comparison.spiking.firing_rate.map_or_else(unknown, percent),
            comparison
                .spiking
                .spikes_per_synapse
                .map_or_else(unknown, |value| format!("{value:.3}")),
        ),
    );
    for ruling in &comparison.rulings {
        self::ruling(text, ruling);
    }
    line(text, "\n### Published lines\n");
    let rows = comparison.thresholds.iter().map(|threshold| {
        let drawn = if threshold.low < threshold.high {
            format!("{} to {}", threshold.low, threshold.high)
        } else {
            threshold.low.to_string()
        };
        vec![
            threshold.citation.clone(),
            threshold.quantity.words().into(),
            drawn,
            format!("{:.4}", threshold.value),
            threshold.side.words().into(),
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

fn ruling(text: &mut String, ruling: &Ruling) {
    line(
        text,
        &format!("### ({}) {}\n", ruling.kind.letter(), ruling.title),
    );
    line(text, &format!("{}\n", ruling.sentence));
    line(
        text,
        &format!("Break-even firing rate: {}.\n", ruling.break_even_text()),
    );
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
    table(text, &COUNT_COLUMNS, count_rows(account));
}

fn trail(text: &mut String, points: &[TrailPoint]) {
    if points.is_empty() {
        return;
    }
    line(
        text,
        "\n## Energy and accuracy, every network that was run\n",
    );
    let header = [
        "network",
        "images",
        "accuracy",
        "dense accuracy",
        "(a) spiking, dense",
        "(b) spiking, dense",
        "(c) spiking, quantised",
    ];
    let rows =
        points.iter().map(|point| {
            let mut cells = vec![
                point.label.clone(),
                point.images.to_string(),
                percent(point.accuracy),
                percent(point.dense_accuracy),
            ];
            cells.extend(point.energy_pj.map(|[spiking, rival]| {
                format!("{}, {}", energy_text(spiking), energy_text(rival))
            }));
            cells
        });
    table(text, &header, rows);
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
