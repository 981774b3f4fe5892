//! Firing rates layer by layer, and the bill.

use super::app::Page;
use super::dom::{append, by_id, make, set_attribute, set_property, set_text};
use super::figures::UNKNOWN;
use super::format::{percent, times};
use super::state::State;
use crate::energy::{Comparison, LayerActivity, Ruling, RulingKind, energy_text};
use web_sys::Element;

/// Draw both.
pub fn draw(page: &Page) {
    let state = page.state.borrow();
    rates(&state);
    bill(
        state
            .answer
            .as_ref()
            .and_then(|answer| answer.bill.as_ref()),
    );
}

fn rates(state: &State) {
    let list: Element = by_id("rates");
    let empty = Vec::new();
    let layers = state
        .answer
        .as_ref()
        .map_or(&empty, |answer| &answer.activity.layers);
    resize(&list, layers.len(), || {
        let row = make("li", "rate", "");
        append(
            &row,
            &[
                &make("span", "rate-name", ""),
                &make("span", "rate-bar", ""),
                &make("span", "rate-share", ""),
            ],
        );
        row
    });
    for (index, layer) in layers.iter().enumerate() {
        let Some(row) = list.children().item(index as u32) else {
            continue;
        };
        let rate = layer_rate(layer);
        let parts = row.children();
        if let (Some(name), Some(share)) = (parts.item(0), parts.item(2)) {
            set_text(&name, &readable(&layer.name));
            set_attribute(&name, "title", &layer.name);
            set_text(&share, &percent(rate));
        }
        set_property(&row, "--share", &format!("{:.4}", rate.clamp(0.0, 1.0)));
    }
}

fn bill(bill: Option<&Comparison>) {
    let items = by_id::<Element>("rulings").children();
    for index in 0..items.length() {
        let ruling = bill.and_then(|bill| bill.rulings.get(index as usize));
        match (items.item(index), ruling) {
            (Some(item), Some(ruling)) => self::ruling(&item, ruling, bill),
            (Some(item), None) => blank(&item),
            (None, _) => {}
        }
    }
    let lines = bill.map_or(Vec::new(), |bill| {
        bill.warnings.iter().chain(&bill.assumptions).collect()
    });
    let list: Element = by_id("assumptions");
    resize(&list, lines.len(), || make("li", "", ""));
    for (index, line) in lines.iter().enumerate() {
        if let Some(item) = list.children().item(index as u32) {
            set_text(&item, &format!("{line}."));
        }
    }
}

fn ruling(item: &Element, ruling: &Ruling, bill: Option<&Comparison>) {
    let (bits, rate) = bill.map_or((0, None), |bill| (bill.bits, bill.spiking.firing_rate));
    let rival = match ruling.kind {
        RulingKind::BitMatched => format!("{bits}-bit"),
        _ => "Dense".to_owned(),
    };
    let set = |selector: &str, text: &str| {
        if let Ok(Some(part)) = item.query_selector(selector) {
            set_text(&part, text);
        }
    };
    set(".ruling-title", &ruling.title);
    set(".ruling-words", &ruling.sentence);
    set(".ruling-even", &break_even(ruling.break_even_rate, rate));
    set(".dense .ruling-name", &rival);
    set(".ruling-ratio .ruling-name", &rival);
    set(
        ".ruling-times",
        &ruling.ratio.map_or(UNKNOWN.to_owned(), times),
    );
    set(".spiking .ruling-value", &energy_text(ruling.spiking_pj));
    set(".dense .ruling-value", &energy_text(ruling.dense_pj));
    let most = ruling.spiking_pj.max(ruling.dense_pj);
    for (class, pj) in [(".spiking", ruling.spiking_pj), (".dense", ruling.dense_pj)] {
        if let Ok(Some(bar)) = item.query_selector(class) {
            let share = if most > 0.0 { pj / most } else { 0.0 };
            set_property(&bar, "--share", &format!("{share:.4}"));
        }
    }
}

/// No picture, no bill: figures of an earlier one must not stand on.
fn blank(item: &Element) {
    for (selector, text) in [
        (".spiking .ruling-value", UNKNOWN),
        (".dense .ruling-value", UNKNOWN),
        (".ruling-times", UNKNOWN),
        (".ruling-words", ""),
        (".ruling-even", ""),
    ] {
        if let Ok(Some(part)) = item.query_selector(selector) {
            set_text(&part, text);
        }
    }
    for class in [".spiking", ".dense"] {
        if let Ok(Some(bar)) = item.query_selector(class) {
            set_property(&bar, "--share", "0");
        }
    }
}

fn break_even(rate: Option<f64>, now: Option<f64>) -> String {
    let now = now.map_or(String::new(), |now| {
        format!("; here it is {}", percent(now))
    });
    match rate {
        None => "Spiking would need more even if no neuron fired.".to_owned(),
        Some(rate) if rate >= 1.0 => "Spiking would need less at any firing rate.".to_owned(),
        Some(rate) => format!(
            "Both need the same at a mean firing rate of {}{now}.",
            percent(rate)
        ),
    }
}

/// Spikes per neuron and step of one layer.
fn layer_rate(layer: &LayerActivity) -> f64 {
    let chances = layer.sites * layer.spikes.len() as f64;
    if chances > 0.0 {
        layer.spikes.iter().sum::<f64>() / chances
    } else {
        0.0
    }
}

/// As many rows as needed, keeping those that are there.
fn resize(list: &Element, rows: usize, make_row: impl Fn() -> Element) {
    while list.child_element_count() as usize > rows {
        if let Some(last) = list.last_element_child() {
            last.remove();
        }
    }
    while (list.child_element_count() as usize) < rows {
        append(list, &[&make_row()]);
    }
}

/// `block.2.mlp.0` as a reader would say it.
fn readable(name: &str) -> String {
    let parts: Vec<&str> = name.split('.').collect();
    let number = |text: &str| {
        text.parse::<usize>()
            .map_or_else(|_| text.to_owned(), |n| (n + 1).to_string())
    };
    match parts.as_slice() {
        ["head"] => "Head".to_owned(),
        ["readout"] => "Read-out".to_owned(),
        ["stem", conv] => format!("Stem {}", number(conv)),
        ["stem", conv, "block", block, kind] => {
            let kind = if *kind == "dw" {
                "depth-wise"
            } else {
                "point-wise"
            };
            format!("Stem {}, {kind} {}", number(conv), number(block))
        }
        ["block", block, "mlp", layer] => format!("Block {}, MLP {}", number(block), number(layer)),
        ["block", block, part] => {
            let part = match *part {
                "qkv" => "q, k, v",
                "qk" => "q, k",
                "v" => "v",
                "scores" => "q kᵀ",
                "kv" => "kᵀ v",
                "context" => "context",
                "out" => "out",
                other => other,
            };
            format!("Block {}, {part}", number(block))
        }
        _ => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layer_names_become_readable() {
        for (name, text) in [
            ("stem.1", "Stem 2"),
            ("stem.1.block.0.dw", "Stem 2, depth-wise 1"),
            ("block.2.mlp.0", "Block 3, MLP 1"),
            ("block.0.scores", "Block 1, q kᵀ"),
            ("head", "Head"),
            ("something.new", "something.new"),
        ] {
            assert_eq!(readable(name), text);
        }
    }

    #[test]
    fn a_layer_that_fires_once_in_four_steps_has_a_rate_of_a_quarter() {
        let layer = LayerActivity {
            spikes: vec![0.0, 10.0, 0.0, 0.0],
            sites: 10.0,
            ..LayerActivity::default()
        };
        assert_eq!(layer_rate(&layer), 0.25);
        assert_eq!(layer_rate(&LayerActivity::default()), 0.0);
    }

    #[test]
    fn break_even_is_said_at_both_ends_and_between() {
        assert!(break_even(None, Some(0.1)).contains("even if no neuron fired"));
        assert!(break_even(Some(1.0), Some(0.1)).contains("any firing rate"));
        assert!(break_even(Some(0.12), Some(0.2)).contains("12\u{202f}%; here it is 20\u{202f}%"));
    }
}
