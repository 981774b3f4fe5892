//! The buttons and fields of training: from the visitor to the settings, and back to the fields.

use super::app::{App, Page};
use super::dom::{
    append, by_id, clear, document, enable, has_focus, make, on, on_click, set_attribute, set_text,
};
use super::engines;
use super::meter::resize;
use super::notices::Action;
use super::settings::{BATCH, LR, PENALTY, Settings, Wanted, page_presets};
use super::start::{Start, label as label_of_start, pair, wanted};
use super::state::State;
use super::url::{freeze_from_name, freeze_name};
use crate::config::{DatasetKind, Freeze, other_classes};
use crate::protocol::{Command, Level};
use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;
use wasm_bindgen::JsCast;
use web_sys::{Element, Event, HtmlElement, HtmlInputElement, HtmlSelectElement};

/// Listen to every control of training.
pub fn connect(page: &Page) {
    let presets: Element = by_id("preset");
    for (name, _) in page_presets() {
        let option = make("option", "", name);
        set_attribute(&option, "value", name);
        append(&presets, &[&option]);
    }
    buttons(page);
    fields(page);
    selects(page);
    sync(page);
}

fn buttons(page: &Page) {
    let own = page.clone();
    on_click("train", move || train(&own, None));
    let own = page.clone();
    on_click("pause", move || own.send(Command::Pause));
    let own = page.clone();
    on_click("step-once", move || train(&own, Some(1)));
    let own = page.clone();
    on_click("reset", move || {
        own.keep();
        own.state.borrow_mut().building = true;
        // Back to where the run began: shipped weights, or fresh ones of the configuration in force.
        let begin = match own.state.borrow().begin() {
            from @ Command::ConfigureFrom { .. } => from,
            _ => Command::Reset,
        };
        own.send(begin);
        own.draw();
    });
    let own = page.clone();
    on_click("evaluate", move || {
        if let Some((networks, images)) = own.state.borrow().other_classes() {
            return own.say(Level::Warning, &other_classes(networks, images));
        }
        let images = own.state.borrow().images_to_evaluate();
        own.state.borrow_mut().evaluating = true;
        own.send(Command::Evaluate { images });
        own.draw();
    });
    // A form would reload the page on Enter.
    if let Ok(Some(form)) = document().query_selector("form#recipe") {
        on(&form, "submit", |event: Event| event.prevent_default());
    }
}

/// Train. Networks that name other classes get new heads first: shipped ones at once, for they come back by
/// themselves; the visitor's own after a question.
fn train(page: &Page, steps: Option<u64>) {
    let (other, shipped) = {
        let state = page.state.borrow();
        (state.other_classes(), state.as_shipped())
    };
    let Some((networks, images)) = other else {
        return page.send(Command::Train { steps });
    };
    let (networks, images) = (networks.title(), images.title());
    if shipped {
        draw_heads(page, steps);
        let text = format!(
            "The networks named the classes of {networks}; they have new heads now, to learn {images}. Reset brings the shipped networks back."
        );
        return page.notices.push(Level::Info, &text, None);
    }
    let text = format!(
        "These networks name the classes of {networks}; to learn {images} they need new heads. What they learned before them stays."
    );
    let own = page.clone();
    let action = Action::new("Draw new heads and train", move || draw_heads(&own, steps));
    page.notices.push(Level::Warning, &text, Some(action));
}

fn draw_heads(page: &Page, steps: Option<u64>) {
    page.keep();
    page.state.borrow_mut().building = true;
    page.send(Command::NewHeads);
    page.send(Command::Train { steps });
    page.draw();
}

fn fields(page: &Page) {
    number(
        page,
        "lr",
        LR,
        |settings, value| settings.lr = value,
        App::tune,
    );
    number(
        page,
        "batch",
        BATCH,
        |settings, value| settings.batch = value,
        App::tune,
    );
    number(
        page,
        "penalty",
        PENALTY,
        |settings, value| settings.penalty = value,
        App::tune,
    );
    number(
        page,
        "seed",
        0..=u64::MAX,
        |settings, value| settings.seed = value,
        App::rebuild,
    );
    let twin: HtmlInputElement = by_id("twin");
    let own = page.clone();
    let field = twin.clone();
    on(&twin, "change", move |_: Event| {
        own.state.borrow_mut().settings.twin = field.checked();
        own.tune();
    });
}

fn selects(page: &Page) {
    select(page, "backend", |page, value| {
        if let Some(wanted) = Wanted::from_name(value) {
            page.state.borrow_mut().settings.backend = wanted;
            page.address();
            engines::switch(page);
        }
    });
    select(page, "freeze", |page, value| {
        if let Some(freeze) = freeze_from_name(value) {
            page.state.borrow_mut().settings.freeze = freeze;
            page.tune();
        }
    });
    select(page, "preset", |page, value| {
        {
            let mut state = page.state.borrow_mut();
            value.clone_into(&mut state.settings.preset);
            fit_freeze(&mut state.settings);
        }
        page.rebuild();
        sync(page);
    });
    select(page, "start", |page, value| {
        if let Some(start) = Start::from_name(value) {
            {
                let settings = &mut page.state.borrow_mut().settings;
                settings.start = (start != Start::of(settings.dataset)).then_some(start);
            }
            page.rebuild();
            sync(page);
        }
    });
    select(page, "dataset", |page, value| {
        if let Some(kind) = DatasetKind::from_name(value) {
            // Only what arrives becomes the setting; generated pictures always arrive.
            if kind == DatasetKind::Synthetic {
                page.state.borrow_mut().settings.dataset = kind;
            }
            page.load_kind(kind);
        }
    });
}

/// The number of trainable blocks may not exceed the preset's.
fn fit_freeze(settings: &mut Settings) {
    let depth = settings.depth();
    if let Freeze::AllButLast { blocks } = &mut settings.freeze {
        *blocks = (*blocks).min(depth);
    }
}

fn select(page: &Page, id: &str, then: impl Fn(&Page, &str) + 'static) {
    let field: HtmlSelectElement = by_id(id);
    let page = page.clone();
    let own = field.clone();
    on(&field, "change", move |_: Event| then(&page, &own.value()));
}

fn number<T: FromStr + PartialOrd + Copy + Display + 'static>(
    page: &Page,
    id: &'static str,
    range: RangeInclusive<T>,
    set: impl Fn(&mut Settings, T) + 'static,
    then: impl Fn(&Page) + 'static,
) {
    let field: HtmlInputElement = by_id(id);
    set_attribute(&field, "min", &range.start().to_string());
    set_attribute(&field, "max", &range.end().to_string());
    let page = page.clone();
    let own = field.clone();
    on(&field, "change", move |_: Event| {
        let Ok(value) = own.value().trim().parse::<T>() else {
            page.say(
                Level::Warning,
                &format!(
                    "“{}” is no {}; a number from {} to {} is. The old value stays.",
                    own.value(),
                    label(id),
                    range.start(),
                    range.end()
                ),
            );
            return sync(&page);
        };
        let fitting = if range.contains(&value) {
            value
        } else {
            let nearest = if value < *range.start() {
                *range.start()
            } else {
                *range.end()
            };
            page.say(
                Level::Warning,
                &format!(
                    "The {} goes from {} to {}; {nearest} is used.",
                    label(id),
                    range.start(),
                    range.end()
                ),
            );
            nearest
        };
        set(&mut page.state.borrow_mut().settings, fitting);
        then(&page);
        sync(&page);
    });
}

fn label(id: &str) -> &str {
    match id {
        "lr" => "learning rate",
        "batch" => "batch size",
        "penalty" => "spike penalty",
        other => other,
    }
}

/// Show the settings in the fields.
pub fn sync(page: &Page) {
    let state = page.state.borrow();
    let settings = &state.settings;
    options_of_freeze(settings);
    options_of_start(&state);
    let choose = |id: &str, value: &str| by_id::<HtmlSelectElement>(id).set_value(value);
    choose("backend", settings.backend.name());
    choose("preset", &settings.preset);
    choose("freeze", &freeze_name(settings.freeze));
    let dataset = state
        .dataset
        .as_ref()
        .map_or(settings.dataset, |info| info.kind);
    choose("dataset", dataset.name());
    let fill = |id: &str, value: String| by_id::<HtmlInputElement>(id).set_value(&value);
    fill("lr", settings.lr.to_string());
    fill("batch", settings.batch.to_string());
    fill("penalty", settings.penalty.to_string());
    fill("seed", settings.seed.to_string());
    by_id::<HtmlInputElement>("twin").set_checked(settings.twin);
    let about = page_presets()
        .into_iter()
        .find(|(name, _)| *name == settings.preset)
        .map_or("", |(_, about)| about);
    set_text(&by_id::<Element>("preset-about"), about);
}

/// The choices of weights to start from; shipped ones only where they are.
fn options_of_start(state: &State) {
    let select: Element = by_id("start");
    let (settings, index) = (&state.settings, state.shipment.index.as_ref());
    resize(&select, Start::ALL.len(), || make("option", "", ""));
    for (at, start) in Start::ALL.into_iter().enumerate() {
        let Some(option) = select.children().item(at as u32) else {
            continue;
        };
        set_attribute(&option, "value", start.name());
        set_text(&option, &label_of_start(settings, start, index));
        let there = index.and_then(|index| pair(settings, start, index));
        enable(&option, start == Start::Fresh || there.is_some());
    }
    let from = index.and_then(|index| pair(settings, wanted(settings), index));
    let shown = from.map_or(Start::Fresh, |_| wanted(settings));
    by_id::<HtmlSelectElement>("start").set_value(shown.name());
}

fn options_of_freeze(settings: &Settings) {
    let select: Element = by_id("freeze");
    let depth = settings.depth();
    // Training the last `depth` blocks still freezes the stem.
    if select.child_element_count() as usize == depth + 2 {
        return;
    }
    clear(&select);
    let mut choices = vec![
        (Freeze::Nothing, "nothing: train it all".to_owned()),
        (Freeze::AllButHead, "all but the head".to_owned()),
    ];
    choices.extend((1..=depth).map(|blocks| {
        let noun = if blocks == 1 {
            "block".to_owned()
        } else {
            format!("{blocks} blocks")
        };
        (
            Freeze::AllButLast { blocks },
            format!("all but head and last {noun}"),
        )
    }));
    for (freeze, text) in choices {
        let option = make("option", "", &text);
        set_attribute(&option, "value", &freeze_name(freeze));
        append(&select, &[&option]);
    }
}

/// Train gives way to Pause and back; whoever pressed one by keyboard stands on the other.
pub fn follow_focus(running: bool) {
    let (train, pause): (HtmlElement, HtmlElement) = (by_id("train"), by_id("pause"));
    let (gone, next) = if running {
        (train, pause)
    } else {
        (pause, train)
    };
    if has_focus(gone.unchecked_ref()) {
        enable(&next, true);
        let _ = next.focus();
    }
}

/// Enable what can be pressed now.
pub fn refresh(page: &Page) {
    let state = page.state.borrow();
    let (usable, running) = (state.usable(), state.run.running);
    let set = |id: &str, enabled: bool| enable(&by_id::<Element>(id), enabled);
    let trainable = usable && !running && !state.teaching;
    set("train", trainable);
    set("open-train", trainable);
    set("open-camera", state.engine.dead.is_none());
    set("pause", usable && running);
    set("step-once", trainable);
    set("reset", usable);
    set("evaluate", usable && !state.evaluating);
    let built = state.networks.is_some();
    set("save-report", built);
    set("save-report-json", built);
    set("print-report", built);
    set("save-checkpoint", usable);
    set("open-checkpoint", usable);
    set(
        "open-dataset",
        state.networks.is_some() && state.engine.dead.is_none(),
    );
    set("open-image", state.engine.dead.is_none());
}
