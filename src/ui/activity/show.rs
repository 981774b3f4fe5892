//! The pane's drawings and tables, from the last look.

use super::{Pane, heat, raster, windows, words};
use crate::energy::Activity;
use crate::protocol::Inspection;
use crate::ui::dom::{append, by_id, clear, has_focus, make, set_attribute, set_text, show};
use crate::ui::format::grouped;
use crate::ui::meter::{readable, resize};
use crate::ui::picture::{opaque, paint};
use wasm_bindgen::JsCast;
use web_sys::{Element, HtmlCanvasElement, HtmlInputElement};

/// Draw the last look.
pub(super) fn all(pane: &Pane, held_out: Option<&Activity>, hard_reset: bool) {
    show(&by_id("activity-empty"), pane.inspection.is_none());
    show(&by_id("activity-grid"), pane.inspection.is_some());
    let Some(inspection) = &pane.inspection else {
        return;
    };
    heat::draw(pane, held_out);
    over_picture(inspection, &pane.seen);
    let layer = inspection.activity.layers.get(pane.layer);
    let Some((layer, sample)) = layer.zip(inspection.layers.get(pane.layer)) else {
        return;
    };
    let steps = layer.spikes.len();
    let at = pane.neuron;
    set_text(&by_id::<Element>("raster-of"), &readable(&layer.name));
    let picture: Element = by_id("raster");
    set_attribute(&picture, "data-layer", &layer.name);
    set_attribute(
        &picture,
        "aria-label",
        &words::raster(&layer.name, sample, steps),
    );
    picture.set_inner_html(&raster::raster(sample, steps, inspection.bits, at));
    if at >= sample.neurons.len() || sample.spikes.len() != sample.neurons.len() {
        return;
    }
    let said = words::neuron(sample, at, steps);
    let slider: HtmlInputElement = by_id("neuron");
    set_attribute(
        &slider,
        "max",
        &sample.neurons.len().saturating_sub(1).to_string(),
    );
    if !has_focus(&slider) || slider.value_as_number() as usize != at {
        slider.set_value(&at.to_string());
    }
    set_attribute(&slider, "aria-valuetext", &said);
    set_text(
        &by_id::<Element>("neuron-now"),
        &format!(
            "{} of {}",
            grouped(f64::from(sample.neurons[at])),
            grouped(layer.neurons as f64)
        ),
    );
    set_text(
        &by_id::<Element>("membrane-words"),
        &words::membrane(inspection, sample, hard_reset),
    );
    let picture: Element = by_id("membrane-drawing");
    set_attribute(&picture, "data-neuron", &sample.neurons[at].to_string());
    set_attribute(&picture, "aria-label", &said);
    match raster::membrane(sample, at, inspection.bits) {
        Some(drawing) => picture.set_inner_html(&drawing),
        None => set_text(
            &picture,
            "This membrane is no number: the weights have run away.",
        ),
    }
    let rows: Element = by_id("membrane-rows");
    clear(&rows);
    for cells in words::steps(inspection, sample, at) {
        let row = make("tr", "", "");
        for (index, text) in cells.iter().enumerate() {
            let cell = make(if index == 0 { "th" } else { "td" }, "", text);
            append(&row, &[&cell]);
        }
        append(&rows, &[&row]);
    }
}

/// Every head group's windows over the picture.
fn over_picture(inspection: &Inspection, seen: &[u8]) {
    let groups = &inspection.windows;
    show(&by_id("no-windows"), groups.is_empty());
    let list: Element = by_id("windows");
    resize(&list, groups.len(), || {
        let item = make("li", "", "");
        let picture = make("div", "window-picture", "");
        set_attribute(&picture, "role", "img");
        let over = make("div", "", "");
        append(&picture, &[&make("canvas", "", ""), &over]);
        append(&item, &[&picture, &make("p", "help", "")]);
        item
    });
    for (index, group) in groups.iter().enumerate() {
        let Some(item) = list.children().item(index as u32) else {
            continue;
        };
        for (name, value) in [
            ("data-block", group.block),
            ("data-window", group.window),
            ("data-shift", group.shift),
            (
                "data-spikes",
                windows::by_window(group).iter().sum::<u64>() as usize,
            ),
        ] {
            set_attribute(&item, name, &value.to_string());
        }
        let (Some(picture), Some(caption)) =
            (item.first_element_child(), item.last_element_child())
        else {
            continue;
        };
        let words = windows::words(groups, index);
        set_attribute(&picture, "aria-label", &words);
        set_text(&caption, &words);
        let canvas = picture.first_element_child();
        if let Some(canvas) = canvas.and_then(|canvas| canvas.dyn_into::<HtmlCanvasElement>().ok())
        {
            paint(&canvas, &opaque(seen), 32);
        }
        if let Some(over) = picture.last_element_child() {
            over.set_inner_html(&windows::drawing(group));
        }
    }
}
