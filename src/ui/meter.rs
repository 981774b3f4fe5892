//! Firing rates layer by layer, and the bill.

use super::app::Page;
use super::dom::{append, by_id, make, set_attribute, set_property, set_text};
use super::figures::layer_rate;
use super::format::{energy, percent};
use super::ledger::{Ruling, rulings};
use super::state::State;
use web_sys::Element;

/// Draw both.
pub fn draw(page: &Page) {
    let state = page.state.borrow();
    rates(&state);
    bill(&rulings(&state));
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
        let rate = layer_rate(layer).unwrap_or(0.0);
        let parts = row.children();
        if let (Some(name), Some(share)) = (parts.item(0), parts.item(2)) {
            set_text(&name, &readable(&layer.name));
            set_attribute(&name, "title", &layer.name);
            set_text(&share, &percent(rate));
        }
        set_property(&row, "--share", &format!("{:.4}", rate.clamp(0.0, 1.0)));
    }
}

fn bill(rulings: &[Ruling]) {
    let list: Element = by_id("rulings");
    resize(&list, rulings.len(), || {
        let item = make("li", "ruling", "");
        append(
            &item,
            &[
                &make("p", "ruling-title", ""),
                &bar("spiking"),
                &bar("dense"),
                &make("p", "ruling-words", ""),
            ],
        );
        item
    });
    for (index, ruling) in rulings.iter().enumerate() {
        let Some(item) = list.children().item(index as u32) else {
            continue;
        };
        let parts = item.children();
        if let (Some(title), Some(words)) = (parts.item(0), parts.item(3)) {
            set_text(&title, &ruling.title);
            set_text(&words, &ruling.words);
        }
        let most = ruling.spiking_pj.max(ruling.other_pj);
        for (place, name, pj) in [
            (1, "Spiking", ruling.spiking_pj),
            (2, ruling.other.as_str(), ruling.other_pj),
        ] {
            let Some(bar) = parts.item(place) else {
                continue;
            };
            let inner = bar.children();
            if let (Some(label), Some(value)) = (inner.item(0), inner.item(2)) {
                set_text(&label, name);
                set_text(&value, &energy(pj));
            }
            let share = if most > 0.0 { pj / most } else { 0.0 };
            set_property(&bar, "--share", &format!("{share:.4}"));
        }
    }
}

fn bar(class: &str) -> Element {
    let bar = make("div", &format!("ruling-bar {class}"), "");
    append(
        &bar,
        &[
            &make("span", "ruling-name", ""),
            &make("span", "rate-bar", ""),
            &make("span", "ruling-value", ""),
        ],
    );
    bar
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
            let kind = if *kind == "dw" { "depth-wise" } else { "1×1" };
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
}
