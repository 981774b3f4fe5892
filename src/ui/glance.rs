//! The first minute: both shipped networks on a picture of ours, recorded until this browser's engine answers; and
//! what the shipped networks are good and bad at.

use super::app::Page;
use super::dom::{append, by_id, make, set_attribute, set_property, set_text, show};
use super::format::{duration, percent};
use super::meter::{layer_rate, readable, resize};
use super::picture::{opaque, paint};
use super::start::{FromShipped, character, from_shipped, introduction};
use super::state::{Glance, State};
use crate::config::class_names;
use crate::energy::{Activity, energy_text};
use crate::protocol::Classification;
use std::cell::Cell;
use web_sys::Element;

/// Answers shown of each network.
const ROWS: usize = 5;

thread_local! {
    /// The answer drawn last: whether it is live, and how long it took.
    static DRAWN: Cell<Option<(bool, u64)>> = const { Cell::new(None) };
}

/// Draw both parts.
pub fn draw(page: &Page) {
    let state = page.state.borrow();
    words(&state);
    let part: Element = by_id("glance");
    show(&part, state.glance.is_some());
    let Some(glance) = &state.glance else { return };
    // Hundreds of cells: only when the answer is another one.
    let now = Some((glance.live, glance.answer.spiking.ms.to_bits()));
    if DRAWN.replace(now) == now {
        return;
    }
    let run = if glance.live { "live" } else { "recorded" };
    set_attribute(&part, "data-run", run);
    set_text(&by_id::<Element>("glance-run"), &headline(glance));
    if let Some(rgb) = glance.recorded.rgb() {
        let canvas = by_id("glance-picture");
        paint(&canvas, &opaque(&rgb), 32);
        set_attribute(&canvas, "aria-label", &glance.recorded.picture);
    }
    let kind = glance.recorded.runs[0].data.dataset;
    let names = class_names(kind);
    answers("glance-spiking", &names, &glance.answer.spiking);
    answers("glance-dense", &names, &glance.answer.dense);
    rates(&glance.answer.activity);
    set_text(&by_id::<Element>("glance-energy"), &energy(glance));
}

/// Whose answer it is.
fn headline(glance: &Glance) -> String {
    if glance.live {
        format!(
            "Live: your browser has just asked both networks, spiking {}, dense {}.",
            duration(glance.answer.spiking.ms),
            duration(glance.answer.dense.ms)
        )
    } else {
        "Recorded: what both networks said of this drawing when the page was made. Your browser’s own answer takes its place as soon as it is ready.".to_owned()
    }
}

fn answers(id: &str, names: &[String], answer: &Classification) {
    let list: Element = by_id(id);
    resize(&list, answer.top.len().min(ROWS), || {
        let row = make("li", "answer", "");
        append(
            &row,
            &[
                &make("span", "answer-name", ""),
                &make("span", "answer-share", ""),
                &make("span", "answer-bar", ""),
            ],
        );
        row
    });
    for (index, (class, share)) in answer.top.iter().take(ROWS).enumerate() {
        let Some(row) = list.children().item(index as u32) else {
            continue;
        };
        let parts = row.children();
        let share = f64::from(*share);
        if let (Some(name), Some(value)) = (parts.item(0), parts.item(1)) {
            set_text(&name, names.get(*class).map_or("", String::as_str));
            set_text(&value, &percent(share));
        }
        set_property(&row, "--share", &format!("{:.4}", share.clamp(0.0, 1.0)));
    }
}

/// A column per layer, a cell per time step: the more neurons fire, the darker.
fn rates(activity: &Activity) {
    let grid: Element = by_id("glance-rates");
    let layers = &activity.layers;
    resize(&grid, layers.len(), || make("span", "glance-layer", ""));
    for (index, layer) in layers.iter().enumerate() {
        let Some(column) = grid.children().item(index as u32) else {
            continue;
        };
        let text = format!("{}: {}", readable(&layer.name), percent(layer_rate(layer)));
        set_attribute(&column, "title", &text);
        resize(&column, layer.spikes.len(), || make("i", "", ""));
        for (step, spikes) in layer.spikes.iter().enumerate() {
            if let Some(cell) = column.children().item(step as u32) {
                let rate = spikes / layer.sites.max(1.0);
                set_property(&cell, "--rate", &format!("{:.3}", rate.clamp(0.0, 1.0)));
                set_property(&cell, "--step", &step.to_string());
            }
        }
    }
    let rate = activity.firing_rate().map_or(String::new(), |rate| {
        format!(
            ": in the mean {} of the neurons in a time step",
            percent(rate)
        )
    });
    set_attribute(
        &grid,
        "aria-label",
        &format!("Spikes in {} layers{rate}", layers.len()),
    );
}

/// All three rulings, whoever needs less.
fn energy(glance: &Glance) -> String {
    let rulings = glance.answer.bill.as_ref().map(|bill| &bill.rulings);
    let lines: Vec<String> = rulings
        .into_iter()
        .flatten()
        .map(|ruling| {
            format!(
                "({}) {}, {} {}",
                ruling.kind.letter(),
                energy_text(ruling.spiking_pj),
                ruling.rival,
                energy_text(ruling.dense_pj)
            )
        })
        .collect();
    format!(
        "Energy of this picture, spiking network first, modelled for event-driven hardware under three rulings: {}.",
        lines.join("; ")
    )
}

/// What the shipped networks are, wherever the settings start from them.
fn words(state: &State) {
    let in_use = state.dataset.as_ref().map(|info| info.kind);
    let from = from_shipped(&state.settings, state.shipment.index.as_ref(), in_use);
    show(&by_id::<Element>("shipped"), from.is_some());
    let Some(FromShipped { pair, dataset }) = from else {
        return;
    };
    let mut text = introduction(pair);
    if dataset != pair.spiking.dataset {
        text.push_str(&format!(
            " They are a start for {}: the head is drawn anew, so the first answers are guesses until you press Train.",
            dataset.title()
        ));
    }
    set_text(&by_id::<Element>("shipped-words"), &text);
    let lines = character(pair.spiking);
    let list: Element = by_id("shipped-lines");
    resize(&list, lines.len(), || make("li", "", ""));
    for (index, line) in lines.iter().enumerate() {
        if let Some(item) = list.children().item(index as u32) {
            set_text(&item, line);
        }
    }
}
