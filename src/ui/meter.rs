//! Lists that keep their rows, and layers' names for a reader.

use super::dom::append;
use crate::energy::LayerActivity;
use web_sys::Element;

/// Spikes per neuron and step of one layer.
pub fn layer_rate(layer: &LayerActivity) -> f64 {
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
}
