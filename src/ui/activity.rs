//! A look inside the spiking network as it answers the picture shown: heatmap, raster, membrane, windows. The engine is
//! asked only while the pane is open and in sight, and never for more than a small share of its time.

mod heat;
mod pace;
mod raster;
mod show;
mod windows;
mod words;

use super::app::Page;
use super::dom::{by_id, now, on, window};
use super::words::Camera;
use crate::config::{ModelConfig, NeuronConfig, Reset};
use crate::protocol::{Command, Inspection};
use js_sys::{ArrayBuffer, Uint8Array};
use pace::Pace;
use std::cell::RefCell;
use wasm_bindgen::prelude::*;
use web_sys::{
    Element, Event, HtmlDetailsElement, HtmlElement, HtmlInputElement, KeyboardEvent, PointerEvent,
};

/// What the pane shows and has asked for.
#[derive(Default)]
struct Pane {
    inspection: Option<Inspection>,
    /// The picture of that look, 32×32 RGB.
    seen: Vec<u8>,
    /// Index of the layer under the pointer or the focus.
    layer: usize,
    /// Index in its sample of the neuron that is followed.
    neuron: usize,
    pace: Pace,
    /// Answers to pictures so far, and the step: what a look is of.
    pictures: u64,
    asked: Option<(u64, u64)>,
    /// Something of what is drawn changed.
    dirty: bool,
    /// Step of the evaluation whose dead neurons are shown.
    evaluated: Option<u64>,
}

thread_local! {
    static PANE: RefCell<Pane> = RefCell::default();
}

fn with<T>(then: impl FnOnce(&mut Pane) -> T) -> T {
    PANE.with(|pane| then(&mut pane.borrow_mut()))
}

impl Pane {
    fn choose(&mut self, layer: usize) {
        self.layer = layer;
        self.neuron = self.busiest();
        self.dirty = true;
    }

    /// The first of the layer's neurons that fire most.
    fn busiest(&self) -> usize {
        let sample = self.inspection.as_ref();
        let sample = sample.and_then(|inspection| inspection.layers.get(self.layer));
        let spikes = sample.map_or(&[][..], |sample| &sample.spikes);
        let most = spikes.iter().map(|spikes| spikes.count_ones()).max();
        let first = |of: &u64| Some(of.count_ones()) == most;
        spikes.iter().position(first).unwrap_or(0)
    }

    /// Neurons of the layer's sample.
    fn neurons(&self) -> usize {
        let sample = self.inspection.as_ref();
        let sample = sample.and_then(|inspection| inspection.layers.get(self.layer));
        sample.map_or(0, |sample| sample.neurons.len())
    }

    fn layers(&self) -> usize {
        let inspection = self.inspection.as_ref();
        inspection.map_or(0, |inspection| inspection.layers.len())
    }
}

/// Listen to the pane.
pub fn connect(page: &Page) {
    let own = page.clone();
    on(
        &by_id::<Element>("activity-pane"),
        "toggle",
        move |_: Event| {
            with(|pane| pane.dirty = true);
            own.draw();
        },
    );
    let own = page.clone();
    on(&window(), "scroll", move |_: Event| consider(&own));
    let rows: Element = by_id("heat-rows");
    let own = page.clone();
    on(&rows, "focusin", move |event: Event| point(&own, &event));
    let own = page.clone();
    on(&rows, "pointermove", move |event: PointerEvent| {
        // Rows that scroll past a pointer at rest were not pointed at.
        if event.movement_x() != 0 || event.movement_y() != 0 {
            point(&own, &event);
        }
    });
    let own = page.clone();
    on(&rows, "keydown", move |event: KeyboardEvent| {
        if keyed(&own, &event.key()) {
            event.prevent_default();
        }
    });
    let own = page.clone();
    on(&by_id::<Element>("neuron"), "input", move |_: Event| {
        follow(
            &own,
            by_id::<HtmlInputElement>("neuron").value_as_number() as usize,
        );
    });
    let own = page.clone();
    on(
        &by_id::<Element>("raster"),
        "pointerdown",
        move |event: PointerEvent| {
            let bounds = by_id::<Element>("raster").get_bounding_client_rect();
            let share = (f64::from(event.client_y()) - bounds.top()) / bounds.height().max(1.0);
            if let Some(neuron) = raster::row_at(share, with(|pane| pane.neurons())) {
                follow(&own, neuron);
            }
        },
    );
}

/// The layer whose row holds the event's target.
fn point(page: &Page, event: &Event) {
    let target = event
        .target()
        .and_then(|target| target.dyn_into::<Element>().ok());
    let row = target.and_then(|target| target.closest("tr").ok().flatten());
    let layer = row.and_then(|row| row.get_attribute("data-index")?.parse().ok());
    if let Some(layer) = layer.filter(|layer| with(|pane| pane.layer != *layer)) {
        with(|pane| pane.choose(layer));
        page.draw();
    }
}

fn follow(page: &Page, neuron: usize) {
    with(|pane| {
        pane.neuron = neuron;
        pane.dirty = true;
    });
    page.draw();
}

/// Arrows and the ends: up and down through the layers, left and right through the layer's neurons.
fn keyed(page: &Page, key: &str) -> bool {
    let (layer, layers, neuron, neurons) =
        with(|pane| (pane.layer, pane.layers(), pane.neuron, pane.neurons()));
    let to = match key {
        "ArrowUp" => layer.saturating_sub(1),
        "ArrowDown" => (layer + 1).min(layers.saturating_sub(1)),
        "Home" => 0,
        "End" => layers.saturating_sub(1),
        "ArrowLeft" => {
            follow(page, neuron.saturating_sub(1));
            return true;
        }
        "ArrowRight" => {
            follow(page, (neuron + 1).min(neurons.saturating_sub(1)));
            return true;
        }
        _ => return false,
    };
    // The focus chooses the layer.
    let row = by_id::<Element>("heat-rows").children().item(to as u32);
    let button = row.and_then(|row| row.query_selector("button").ok().flatten());
    if let Some(button) = button.and_then(|button| button.dyn_into::<HtmlElement>().ok()) {
        let _ = button.focus();
    }
    true
}

/// The networks answered another picture, or this one anew.
pub fn looked() {
    with(|pane| pane.pictures += 1);
}

/// Take in an answer.
pub fn take_in(page: &Page, inspection: Inspection, payload: &JsValue) {
    with(|pane| {
        pane.pace.answered(now(), inspection.ms);
        let names = |of: &Inspection| -> Vec<String> {
            let layers = of.activity.layers.iter();
            layers.map(|layer| layer.name.clone()).collect()
        };
        let same = pane.inspection.as_ref().map(names) == Some(names(&inspection));
        pane.inspection = Some(inspection);
        pane.seen = payload
            .dyn_ref::<ArrayBuffer>()
            .map(|buffer| Uint8Array::new(buffer).to_vec())
            .unwrap_or_default();
        pane.dirty = true;
        if !same {
            pane.choose(0);
        }
        pane.neuron = pane.neuron.min(pane.neurons().saturating_sub(1));
    });
    page.draw();
}

/// Whether a visitor can see the pane.
fn in_sight() -> bool {
    let pane: HtmlDetailsElement = by_id("activity-pane");
    let bounds = pane.get_bounding_client_rect();
    let height = window()
        .inner_height()
        .ok()
        .and_then(|height| height.as_f64());
    pane.open() && bounds.bottom() > 0.0 && bounds.top() < height.unwrap_or(f64::INFINITY)
}

/// Ask for a look, if there is something new to see and somebody to see it.
fn consider(page: &Page) {
    let (subject, busy) = {
        let state = page.state.borrow();
        if !state.usable() || state.answer.is_none() {
            return;
        }
        let busy = state.run.running || state.camera == Camera::Live;
        (state.run.step, busy)
    };
    let due =
        with(|pane| pane.asked != Some((pane.pictures, subject)) && pane.pace.may_ask(now(), busy));
    if !due || !in_sight() {
        return;
    }
    let Some((picture, pixels)) = page.pictures.borrow().shown() else {
        return;
    };
    with(|pane| {
        pane.asked = Some((pane.pictures, subject));
        pane.pace.asked(now());
    });
    let command = Command::Inspect { picture };
    match pixels {
        Some(pixels) => page.send_with(command, &pixels.buffer().into()),
        None => page.send(command),
    }
}

/// Bring the pane in line with the last look.
pub fn draw(page: &Page) {
    let state = page.state.borrow();
    if state.answer.is_none() {
        with(|pane| {
            pane.dirty |= pane.inspection.take().is_some();
            pane.asked = None;
        });
    }
    consider(page);
    if !by_id::<HtmlDetailsElement>("activity-pane").open() {
        return;
    }
    let evaluation = state.run.evaluation.as_ref();
    let evaluated = evaluation.map(|(step, ..)| *step);
    let held_out = evaluation.and_then(|(_, spiking, _)| spiking.activity.as_ref());
    let networks = state.networks.as_ref();
    let hard_reset = networks.is_none_or(|networks| is_reset_hard(&networks.spiking.model));
    with(|pane| {
        if pane.dirty || pane.evaluated != evaluated {
            pane.dirty = false;
            pane.evaluated = evaluated;
            show::all(pane, held_out, hard_reset);
        }
    });
}

fn is_reset_hard(model: &ModelConfig) -> bool {
    let ModelConfig::Ge2msT(model) = model else {
        return true;
    };
    match &model.neuron {
        NeuronConfig::Lif { reset, .. } | NeuronConfig::If { reset, .. } => *reset == Reset::Hard,
        NeuronConfig::ExpGIf { .. } => false,
    }
}
