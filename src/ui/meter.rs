//! Firing rates layer by layer.

use super::app::Page;
use super::dom::{append, by_id, make, set_attribute, set_property, set_text};
use super::format::percent;
use super::state::State;
use crate::energy::LayerActivity;
use web_sys::Element;

/// Draw them.
pub fn draw(page: &Page) {
    let state = page.state.borrow();
    rates(&state);
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
pub fn resize(list: &Element, rows: usize, make_row: impl Fn() -> Element) {
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
pub fn readable(name: &str) -> String {
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
}
