//! What if: a change of the trained network, asked for here and run by the worker. Nothing is extrapolated.

use super::app::{App, Page};
use super::controls;
use super::dom::{
    append, by_id, clear, document, enable, has_focus, make, on, on_click, set_attribute, set_text,
    show,
};
use super::format::percent;
use super::state::{Point, State};
use crate::config::{Ge2msTConfig, Knob, ModelConfig, NeuronConfig, TemporalForm, WhatIf};
use crate::energy::{RulingKind, energy_text};
use crate::protocol::Command;
use std::cell::RefCell;
use wasm_bindgen::JsValue;
use web_sys::{Element, Event, HtmlInputElement, HtmlSelectElement};

thread_local! {
    /// The network that the fields are made for.
    static MADE_FOR: RefCell<Option<ModelConfig>> = const { RefCell::new(None) };
}

/// Listen to the fields and to Try it out.
pub fn connect(page: &Page) {
    let own = page.clone();
    on_click("try-out", move || ask(&own));
    let own = page.clone();
    on(&by_id::<Element>("what-steps"), "input", move |_: Event| {
        if let Some(model) = model(&own.state.borrow()) {
            groups(model);
        }
        say();
    });
    on(
        &by_id::<Element>("what-threshold"),
        "input",
        move |_: Event| say(),
    );
    let own = page.clone();
    on(
        &by_id::<Element>("what-penalty"),
        "input",
        move |_: Event| {
            own.state.borrow_mut().settings.penalty = number("what-penalty");
            App::tune(&own);
            controls::sync(&own);
        },
    );
    // Both bubble up from every field, after the field's own listener.
    for event in ["input", "change"] {
        let own = page.clone();
        on(&by_id::<Element>("what-if"), event, move |_: Event| {
            mark(&own.state.borrow());
        });
    }
    // A form would reload the page on Enter.
    if let Ok(Some(form)) = document().query_selector("form#what-if") {
        on(&form, "submit", |event: Event| event.prevent_default());
    }
}

fn model(state: &State) -> Option<&Ge2msTConfig> {
    match &state.networks.as_ref()?.spiking.model {
        ModelConfig::Ge2msT(model) => Some(model),
        ModelConfig::DenseVit(_) => None,
    }
}

fn number(id: &str) -> f64 {
    by_id::<HtmlInputElement>(id).value_as_number()
}

fn chosen(id: &str) -> Option<usize> {
    by_id::<HtmlSelectElement>(id).value().parse().ok()
}

fn ask(page: &Page) {
    let command = {
        let state = page.state.borrow();
        let Some(what_if) = model(&state).filter(|_| state.idle()).map(wanted) else {
            return;
        };
        (what_if, state.images_to_evaluate())
    };
    let (what_if, images) = command;
    let shown = page.pictures.borrow().shown();
    let (picture, pixels) = shown.unzip();
    let command = Command::TryOut {
        what_if,
        images,
        picture,
    };
    page.state.borrow_mut().trying = true;
    match pixels.flatten() {
        Some(pixels) => page.send_with(command, &JsValue::from(pixels.buffer())),
        None => page.send(command),
    }
    page.draw();
}

/// The change that the fields describe.
fn wanted(model: &Ge2msTConfig) -> WhatIf {
    WhatIf {
        steps: number("what-steps") as usize,
        threshold_scale: number("what-threshold") as f32,
        group: chosen("what-group").unwrap_or(model.temporal.group),
        window: chosen("what-window"),
        weight_bits: chosen("what-bits").map_or(32, |bits| bits as u32),
    }
}

/// Mark the fields whose values the weights were not trained for.
fn mark(state: &State) {
    let untrained = model(state).map_or(Vec::new(), |model| wanted(model).untrained(model));
    for knob in Knob::ALL {
        let mark: Element = by_id(match knob {
            Knob::Steps => "what-steps-mark",
            Knob::Threshold => "what-threshold-mark",
            Knob::Group => "what-group-mark",
            Knob::Window => "what-window-mark",
            Knob::WeightBits => "what-bits-mark",
        });
        show(&mark, untrained.contains(&knob));
    }
}

/// Bring fields and words in line with the state.
pub fn draw(page: &Page) {
    let state = page.state.borrow();
    let now = state
        .networks
        .as_ref()
        .map(|networks| &networks.spiking.model);
    if MADE_FOR.with(|made| made.borrow().as_ref() != now) {
        if let Some(model) = model(&state) {
            fields(model);
        }
        mark(&state);
        MADE_FOR.with(|made| *made.borrow_mut() = now.cloned());
    }
    let penalty: HtmlInputElement = by_id("what-penalty");
    if !has_focus(&penalty) {
        penalty.set_value(&state.settings.penalty.to_string());
    }
    let text = format!("{}", state.settings.penalty);
    set_text(&by_id::<Element>("what-penalty-now"), &text);
    enable(
        &by_id::<Element>("try-out"),
        state.idle() && model(&state).is_some(),
    );
    let words = state
        .tried()
        .map_or(String::new(), |point| answer(point, &state));
    set_text(&by_id::<Element>("what-if-words"), &words);
}

/// What the change came to.
fn answer(point: &Point, state: &State) -> String {
    let energies: Vec<String> = RulingKind::ALL
        .iter()
        .map(|kind| {
            let ruling = point.bill.ruling(*kind);
            format!(
                "({}) {} against {}",
                kind.letter(),
                energy_text(ruling.spiking_pj),
                energy_text(ruling.dense_pj)
            )
        })
        .collect();
    let picture = point.picture.as_ref().and_then(|(answer, bill)| {
        let (class, share) = answer.top.first()?;
        Some(format!(
            " The picture shown: {}, {}, {}.",
            state.class_name(*class),
            percent(f64::from(*share)),
            energy_text(bill.spiking_pj)
        ))
    });
    let untrained = if point.untrained.is_empty() {
        String::new()
    } else {
        let names: Vec<_> = point.untrained.iter().map(|knob| knob.name()).collect();
        format!("Not trained for: {}. ", names.join(", "))
    };
    format!(
        "{}. {}Run on {} held-out images: accuracy {}, dense {}. Energy {}.{}",
        point.label,
        untrained,
        point.images,
        percent(point.accuracy),
        percent(point.dense_accuracy),
        energies.join("; "),
        picture.unwrap_or_default()
    )
}

/// Fields of a network, all at "no change".
fn fields(model: &Ge2msTConfig) {
    let exponential = matches!(model.neuron, NeuronConfig::ExpGIf { .. });
    set_text(
        &by_id::<Element>("what-steps-label"),
        if exponential {
            "Spikes K of a number"
        } else {
            "Time steps T"
        },
    );
    let choices = WhatIf::steps(model);
    let steps: HtmlInputElement = by_id("what-steps");
    let (first, last) = (choices.first(), choices.last());
    let stride = choices
        .get(1)
        .zip(first)
        .map_or(1, |(next, first)| next - first);
    for (name, value) in [("min", first), ("max", last), ("step", Some(&stride))] {
        if let Some(value) = value {
            set_attribute(&steps, name, &value.to_string());
        }
    }
    let own = WhatIf::nothing(&ModelConfig::Ge2msT(model.clone()));
    steps.set_value(&own.map_or(model.time_steps, |own| own.steps).to_string());
    by_id::<HtmlInputElement>("what-threshold").set_value("1");
    by_id::<HtmlSelectElement>("what-bits").set_value("32");
    let windows: Element = by_id("what-window");
    clear(&windows);
    let trained: Vec<String> = model
        .attention
        .windows
        .iter()
        .map(usize::to_string)
        .collect();
    option(
        &windows,
        "",
        &format!("as trained ({})", trained.join(", ")),
    );
    let grid = model.grid();
    for window in (2..=grid).filter(|window| grid.is_multiple_of(*window)) {
        option(
            &windows,
            &window.to_string(),
            &format!("{window} × {window} tokens"),
        );
    }
    groups(model);
    say();
}

/// Temporal groups at the number of steps that is set.
fn groups(model: &Ge2msTConfig) {
    let steps = number("what-steps") as usize;
    let list: HtmlSelectElement = by_id("what-group");
    let before = chosen("what-group").unwrap_or(model.temporal.group);
    clear(&list);
    let choices = WhatIf::groups(model, steps);
    for group in &choices {
        option(&list, &group.to_string(), &format!("{group} steps"));
    }
    let kept = choices.iter().rev().find(|group| **group <= before);
    if let Some(group) = kept.or(choices.first()) {
        list.set_value(&group.to_string());
    }
    let folded = model.temporal.form == TemporalForm::FoldIntoChannels;
    enable(&list, choices.len() > 1 && !folded);
}

fn option(list: &Element, value: &str, text: &str) {
    let option = make("option", "", text);
    set_attribute(&option, "value", value);
    append(list, &[&option]);
}

/// The sliders' values in figures.
fn say() {
    set_text(
        &by_id::<Element>("what-steps-now"),
        &number("what-steps").to_string(),
    );
    set_text(
        &by_id::<Element>("what-threshold-now"),
        &format!("× {:.2}", number("what-threshold")),
    );
}
