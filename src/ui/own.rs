//! The visitor's own classes: taught by the engine, used at once, exported, and given up again. The examples
//! themselves are collected in `own_cards`.

use super::app::Page;
use super::dom::{by_id, enable, has_focus, on_click, set_attribute, set_text, show};
use super::examples::{Collection, Outcome};
use super::format::percent;
use super::history::History;
use super::notices::Action;
use super::state::{Networks, Run, State};
use super::url::freeze_from_name;
use super::words::Camera;
use super::{camera, own_cards};
use crate::config::Freeze;
use crate::protocol::{Command, Event, Level};
use js_sys::{ArrayBuffer, Uint8Array};
use wasm_bindgen::prelude::*;
use web_sys::{Element, HtmlElement, HtmlProgressElement, HtmlSelectElement, HtmlVideoElement};

/// What the networks from before are called when they come back.
const BEFORE: &str = "networks from before your own classes";

/// Said when they are back.
const BACK: &str = "Back to the networks from before. Your examples are still here.";
/// Said while a lesson is under way.
const LEARNING: &str = "Learning …";

/// Everything about the visitor's own classes.
#[derive(Debug, Default)]
pub struct Own {
    /// The examples.
    pub collection: Collection,
    /// What the last lesson came to, while its networks are in force.
    outcome: Option<Outcome>,
    /// The networks that were in force before the first lesson.
    before: Option<Before>,
    /// The next networks to get ready are those of the lesson.
    expected: bool,
    /// The visitor asked for the networks from before.
    returning: bool,
    /// Said last.
    words: String,
}

/// A run that can be gone back to.
#[derive(Debug, Clone)]
struct Before {
    bytes: ArrayBuffer,
    networks: Networks,
    run: Run,
    history: History,
}

/// Listen to the buttons of the section.
pub fn connect(page: &Page) {
    let own = page.clone();
    on_click("own-camera", move || {
        let state = own.state.borrow().camera;
        match state {
            Camera::Live | Camera::Asking => camera::stop(&own, Camera::Idle),
            _ => camera::start(&own),
        }
    });
    let own = page.clone();
    on_click("own-teach", move || teach(&own));
    let own = page.clone();
    on_click("own-stop", move || {
        own.send(Command::Pause);
        {
            let mut state = own.state.borrow_mut();
            state.teaching = false;
            state.progress = None;
        }
        say(&own, "Stopped. The networks are as they were.");
    });
    let own = page.clone();
    on_click("own-export", move || {
        own.engines.borrow_mut().download = true;
        own.send(Command::SaveCheckpoint);
    });
    let own = page.clone();
    on_click("own-back", move || back(&own));
}

/// Say something in the section's own live region.
pub fn say(page: &Page, text: &str) {
    text.clone_into(&mut page.own.borrow_mut().words);
    page.draw();
}

fn teach(page: &Page) {
    let material = page.own.borrow().collection.material();
    let material = match material {
        Ok(material) => material,
        Err(why) => return say(page, &why),
    };
    let freeze = freeze_from_name(&by_id::<HtmlSelectElement>("own-freeze").value());
    page.state.borrow_mut().teaching = true;
    page.send_with(
        Command::Teach {
            classes: material.classes,
            labels: material.labels,
            freeze: freeze.unwrap_or(Freeze::AllButHead),
        },
        &Uint8Array::from(material.pixels.as_slice()).buffer(),
    );
    say(page, LEARNING);
}

/// The engine is done; the networks follow as [`Event::Ready`].
pub fn taught(page: &Page, event: &Event, payload: JsValue) {
    let Event::Taught {
        learned,
        held_back,
        spiking_right,
        dense_right,
    } = *event
    else {
        return;
    };
    let outcome = Outcome {
        learned,
        held_back,
        spiking_right,
        dense_right,
    };
    {
        let mut own = page.own.borrow_mut();
        let state = page.state.borrow();
        if let (None, Some(networks), Ok(bytes)) = (
            &own.before,
            &state.networks,
            payload.dyn_into::<ArrayBuffer>(),
        ) {
            own.before = Some(Before {
                bytes,
                networks: networks.clone(),
                run: state.run.clone(),
                history: state.history.clone(),
            });
        }
        own.outcome = Some(outcome);
        own.expected = true;
    }
    say(page, &format!("Done. {}", outcome.words()));
}

/// Networks are in force: whose?
pub fn ready(page: &Page) {
    let mut own = page.own.borrow_mut();
    let mut state = page.state.borrow_mut();
    let expected = std::mem::take(&mut own.expected);
    let returning = std::mem::take(&mut own.returning);
    if state.own_classes().is_some() {
        if !expected {
            own.outcome = None;
        }
        return;
    }
    match own.before.take() {
        Some(before) if returning => {
            // As if the lesson had not been: with its curves and figures.
            let running = state.run.running;
            state.run = Run {
                running,
                ..before.run
            };
            state.history = before.history;
            if let Some(networks) = &mut state.networks {
                networks.weights = before.networks.weights;
            }
            BACK.clone_into(&mut own.words);
        }
        // Replaced by others, by Reset or another data set: what was learned before is still at hand.
        Some(before) if before.networks.trained => {
            let own = page.clone();
            let action = Action::new("Return to them", move || {
                own.open_checkpoint(BEFORE, &before.bytes);
            });
            let text = "The networks from before your own classes are still here, until you close this message.";
            page.notices.push(Level::Info, text, Some(action));
        }
        _ => {}
    }
    own.outcome = None;
}

fn back(page: &Page) {
    let Some(before) = page.own.borrow().before.clone() else {
        return;
    };
    page.own.borrow_mut().returning = true;
    if before.networks.trained {
        page.open_checkpoint(BEFORE, &before.bytes);
    } else {
        // Fresh weights follow from the seed, and then the page knows that they are fresh.
        let train_dense = page.state.borrow().settings.twin;
        page.state.borrow_mut().building = true;
        page.send(Command::Configure {
            spiking: before.networks.spiking,
            dense: before.networks.dense,
            train_dense,
        });
        page.draw();
    }
}

/// Bring the section in line with the state.
pub fn draw(page: &Page) {
    let own = page.own.borrow();
    let state = page.state.borrow();
    let element = |id: &str| by_id::<Element>(id);
    preview(state.camera);
    set_text(&element("own-camera-words"), &camera_words(state.camera));
    let on = matches!(state.camera, Camera::Live | Camera::Asking);
    let label = if on {
        "Turn off camera"
    } else {
        "Turn on camera"
    };
    set_text(&element("own-camera"), label);
    enable(&element("own-add"), own.collection.has_room());
    swap("own-teach", "own-stop", state.teaching);
    enable(
        &element("own-teach"),
        state.usable() && !state.teaching && !state.loading_dataset,
    );
    progress(&state);
    // A lesson that ended without a word was refused; the message about it stands elsewhere.
    let over = own.words == LEARNING && !state.teaching;
    set_text(&element("own-words"), if over { "" } else { &own.words });
    in_force(&own, &state);
    own_cards::draw(&own.collection);
}

/// Show one of two buttons in the same place; the focus goes along.
fn swap(first: &str, second: &str, show_second: bool) {
    let (first, second): (HtmlElement, HtmlElement) = (by_id(first), by_id(second));
    let (gone, shown) = if show_second {
        (first, second)
    } else {
        (second, first)
    };
    let focused = has_focus(&gone);
    show(&shown, true);
    show(&gone, false);
    if focused {
        enable(&shown, true);
        let _ = shown.focus();
    }
}

fn progress(state: &State) {
    let bar: HtmlProgressElement = by_id("own-progress");
    show(&bar, state.teaching);
    if let Some(progress) = state.progress.as_ref().filter(|_| state.teaching) {
        bar.set_max(progress.total.max(1) as f64);
        bar.set_value(progress.done as f64);
    }
}

fn in_force(own: &Own, state: &State) {
    let names = state.own_classes();
    show(&by_id::<Element>("own-result"), names.is_some());
    let Some(names) = names else { return };
    let text = format!("In use now, everywhere on this page: {}.", names.join(", "));
    set_text(&by_id::<Element>("own-names"), &text);
    let right = |right: fn(&Outcome) -> usize| {
        let outcome = own.outcome.filter(|outcome| outcome.held_back > 0)?;
        Some(right(&outcome) as f64 / outcome.held_back as f64)
    };
    show(&by_id::<Element>("own-estimate"), own.outcome.is_some());
    for (id, share) in [
        ("own-accuracy", right(|outcome| outcome.spiking_right)),
        ("own-dense-accuracy", right(|outcome| outcome.dense_right)),
    ] {
        let element: Element = by_id(id);
        let value = share.map_or(String::new(), |share| share.to_string());
        set_attribute(&element, "data-value", &value);
        set_text(&element, &share.map_or("–".to_owned(), percent));
    }
    let held_back = own.outcome.map_or(0, |outcome| outcome.held_back);
    for element in ["own-of", "own-dense-of"] {
        set_text(
            &by_id::<Element>(element),
            &format!("of {held_back} kept aside"),
        );
    }
    show(&by_id::<Element>("own-back"), own.before.is_some());
}

/// The camera's picture a second time, beside the classes.
fn preview(camera: Camera) {
    let (first, second): (HtmlVideoElement, HtmlVideoElement) =
        (by_id("video"), by_id("own-video"));
    let live = camera == Camera::Live;
    set_attribute(
        &by_id::<Element>("own-frame"),
        "data-source",
        if live { "camera" } else { "none" },
    );
    if !live {
        if second.src_object().is_some() {
            second.set_src_object(None);
        }
        return;
    }
    let mirrored = first.get_attribute("data-mirrored").unwrap_or_default();
    set_attribute(&second, "data-mirrored", &mirrored);
    if second.src_object() != first.src_object() {
        second.set_src_object(first.src_object().as_ref());
        // Rejects when the camera stops before it begins; the state has words for that.
        if let Ok(playing) = second.play() {
            wasm_bindgen_futures::spawn_local(async move {
                let _ = wasm_bindgen_futures::JsFuture::from(playing).await;
            });
        }
    }
}

/// The camera's words with the names of the buttons here.
fn camera_words(camera: Camera) -> String {
    if camera == Camera::Live {
        return "The camera is on. Hold a class’s button to keep what it sees as examples."
            .to_owned();
    }
    camera
        .words()
        .replace("Start camera", "Turn on camera")
        .replace("Stop camera", "Turn off camera")
        .replace("Open image", "Add pictures")
}
