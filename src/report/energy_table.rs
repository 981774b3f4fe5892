//! The README's table: one row per network and ruling, whichever way it falls.

use super::{EnergyOf, RunReport, percent, table, unknown};
use crate::energy::{Ruling, energy_text};
use std::fmt::Write;

/// Networks under all three rulings as a Markdown table, with what turns a verdict and every assumption below it.
/// Reports without energy have no row.
pub fn energy_table(reports: &[RunReport]) -> String {
    let accounts = || {
        reports
            .iter()
            .flat_map(|report| report.energy.iter().map(move |energy| (report, energy)))
    };
    let rows = accounts().flat_map(|(report, energy)| {
        energy
            .comparison
            .rulings
            .iter()
            .map(|ruling| row(report, energy, ruling))
            .collect::<Vec<_>>()
    });
    let mut text = String::new();
    let header = [
        "network, images",
        "accuracy, dense twin’s",
        "firing rate, spikes per synapse",
        "ruling",
        "spiking",
        "rival",
        "rival ÷ spiking",
        "break-even rate",
        "verdict",
    ];
    table(&mut text, &header, rows);
    text.push_str(
        "\nModelled per image for event-driven hardware from published constants; nothing is measured.\n",
    );
    for (report, energy) in accounts() {
        let _ = writeln!(text, "\n{}, {}:\n", report.config.preset, energy.subject);
        for ruling in &energy.comparison.rulings {
            let _ = writeln!(text, "- ({}) {}", ruling.kind.letter(), ruling.sentence);
        }
        for threshold in &energy.comparison.thresholds {
            let _ = writeln!(
                text,
                "- {}: {} {:.4}, {}.",
                threshold.name,
                threshold.quantity.words(),
                threshold.value,
                threshold.side.words()
            );
        }
    }
    // The same choices stand behind every row; warnings are of single networks.
    let mut listed: Vec<&str> = Vec::new();
    for (_, energy) in accounts() {
        let lines = energy.comparison.assumptions.iter();
        for line in lines.chain(&energy.comparison.warnings) {
            if !listed.contains(&line.as_str()) {
                listed.push(line);
            }
        }
    }
    text.push_str("\n<details><summary>Assumptions</summary>\n\n");
    for line in listed {
        let _ = writeln!(text, "- {line}.");
    }
    text.push_str("\n</details>\n");
    text
}

fn row(report: &RunReport, energy: &EnergyOf, ruling: &Ruling) -> Vec<String> {
    let account = &energy.comparison.spiking;
    let accuracy = report.evaluation.as_ref().map_or_else(unknown, |both| {
        let dense = both.dense.as_ref();
        format!(
            "{}, {}",
            percent(both.spiking.accuracy),
            dense.map_or_else(unknown, |dense| percent(dense.accuracy))
        )
    });
    let rate = account.firing_rate.map_or_else(unknown, percent);
    let per_synapse = account
        .spikes_per_synapse
        .map_or_else(unknown, |value| format!("{value:.3}"));
    vec![
        format!("{}, {}", report.config.preset, energy.subject),
        accuracy,
        format!("{rate}, {per_synapse}"),
        format!("({}) {}", ruling.kind.letter(), ruling.title),
        energy_text(ruling.spiking_pj),
        format!("{} ({})", energy_text(ruling.dense_pj), ruling.rival),
        ruling
            .ratio
            .map_or_else(unknown, |ratio| format!("{ratio:.2}")),
        ruling.break_even_text(),
        ruling.outcome.words().to_owned(),
    ]
}
