//! The heatmap: a table of layers and time steps, whose cells are tinted and say their rate.

use super::Pane;
use super::raster::step_name;
use super::words::{of_neurons, rate, spikes, totals};
use crate::energy::{Activity, LayerActivity};
use crate::ui::dom::{append, by_id, make, set_attribute, set_property, set_text};
use crate::ui::format::{grouped, percent};
use crate::ui::meter::{readable, resize};
use web_sys::Element;

/// Columns behind the steps: name of the metric in `data-count`, heading, what it counts.
const BEHIND: [(&str, &str, &str); 5] = [
    ("spikes", "Spikes", "of all steps"),
    ("silent", "Silent", "at every step of this picture"),
    ("always", "Always", "firing at every step of this picture"),
    (
        "dead",
        "Dead",
        "silent for every held-out image of Evaluate",
    ),
    (
        "saturated",
        "Saturated",
        "firing at every step of every held-out image of Evaluate",
    ),
];

/// Bring the table in line with the pane. Rows stay: one of them may have the focus.
pub(super) fn draw(pane: &Pane, held_out: Option<&Activity>) {
    let Some(inspection) = &pane.inspection else {
        return;
    };
    let layers = &inspection.activity.layers;
    let steps = layers.iter().map(|layer| layer.spikes.len()).max();
    let steps = steps.unwrap_or(0);
    let head: Element = by_id("heat-head");
    resize(&head, 1 + steps + BEHIND.len(), || {
        let cell = make("th", "", "");
        set_attribute(&cell, "scope", "col");
        cell
    });
    let mut heads = vec![("Layer, by step".to_owned(), String::new())];
    heads.extend((0..steps).map(|step| {
        let name = step_name(inspection.bits, step);
        (name.clone(), format!("Step {name}"))
    }));
    heads.extend(BEHIND.map(|(_, name, what)| (name.to_owned(), format!("{name}: {what}"))));
    for (index, (name, what)) in heads.iter().enumerate() {
        if let Some(cell) = head.children().item(index as u32) {
            set_text(&cell, name);
            set_attribute(&cell, "title", what);
        }
    }
    let body: Element = by_id("heat-rows");
    resize(&body, layers.len(), || {
        let row = make("tr", "", "");
        let name = make("th", "", "");
        set_attribute(&name, "scope", "row");
        let button = make("button", "layer", "");
        set_attribute(&button, "type", "button");
        append(&name, &[&button]);
        append(&row, &[&name]);
        row
    });
    for (index, layer) in layers.iter().enumerate() {
        if let Some(row) = body.children().item(index as u32) {
            let chosen = index == pane.layer;
            let over = held_out.and_then(|all| all.layers.iter().find(|of| of.name == layer.name));
            self::row(&row, index, layer, steps, chosen, over);
        }
    }
    let [all, silent, always, neurons] = totals(&inspection.activity);
    figure("activity-spikes", all, &grouped(all));
    let share = |count: f64| of_neurons(count as u64, neurons as u64);
    figure("activity-silent", silent, &share(silent));
    figure("activity-saturated", always, &share(always));
}

fn row(
    row: &Element,
    index: usize,
    layer: &LayerActivity,
    steps: usize,
    chosen: bool,
    held_out: Option<&LayerActivity>,
) {
    resize(row, 1 + steps + BEHIND.len(), || make("td", "", ""));
    set_attribute(row, "data-index", &index.to_string());
    set_attribute(row, "data-layer", &layer.name);
    set_attribute(row, "data-chosen", if chosen { "yes" } else { "no" });
    let cells = row.children();
    let button = cells.item(0).and_then(|cell| cell.first_element_child());
    if let Some(button) = button {
        set_text(&button, &readable(&layer.name));
        set_attribute(
            &button,
            "aria-pressed",
            if chosen { "true" } else { "false" },
        );
        // One stop of the Tab key for all of them; the arrows move between them.
        set_attribute(&button, "tabindex", if chosen { "0" } else { "-1" });
    }
    for step in 0..steps {
        let Some(cell) = cells.item(1 + step as u32) else {
            continue;
        };
        // Folded time: the blocks have fewer steps than the stem.
        let there = step < layer.spikes.len();
        let share = rate(layer, step);
        let count = layer.spikes.get(step).copied().unwrap_or(0.0);
        set_attribute(&cell, "class", if there { "heat" } else { "" });
        set_text(&cell, &if there { percent(share) } else { String::new() });
        set_property(&cell, "--heat", &format!("{:.0}%", 100.0 * share.sqrt()));
        set_attribute(&cell, "data-value", &count.to_string());
        let title = format!("{} of {} neurons", grouped(count), grouped(layer.sites));
        set_attribute(&cell, "title", &title);
    }
    let over = |count: fn(&LayerActivity) -> u64| held_out.map(|of| (count(of), of.neurons));
    let all = spikes(layer);
    let behind = [
        [all.to_string(), grouped(all), String::new()],
        told(Some((layer.dead, layer.neurons))),
        told(Some((layer.saturated, layer.neurons))),
        told(over(|of| of.dead)),
        told(over(|of| of.saturated)),
    ];
    for (index, ((name, ..), [value, text, title])) in BEHIND.iter().zip(behind).enumerate() {
        if let Some(cell) = cells.item((1 + steps + index) as u32) {
            set_attribute(&cell, "class", "");
            set_attribute(&cell, "title", &title);
            set_attribute(&cell, "data-count", name);
            set_attribute(&cell, "data-value", &value);
            set_text(&cell, &text);
        }
    }
}

/// A count of a layer's neurons: the number, its share, and both in words.
fn told(count: Option<(u64, u64)>) -> [String; 3] {
    match count {
        None => [String::new(), "–".to_owned(), String::new()],
        Some((count, neurons)) => [
            count.to_string(),
            percent(count as f64 / neurons.max(1) as f64),
            format!(
                "{} of {} neurons",
                grouped(count as f64),
                grouped(neurons as f64)
            ),
        ],
    }
}

/// A live figure of the pane.
pub fn figure(name: &str, value: f64, text: &str) {
    let element: Element = by_id(name);
    set_attribute(&element, "data-value", &value.to_string());
    set_text(&element, text);
}
