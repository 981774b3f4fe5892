//! The keyboard: single keys for what is done most, and the dialog that lists them. A key presses the button that a
//! mouse would, so it can do no more than that button.

use super::app::Page;
use super::dom::{by_id, document, enable, on, on_click, window};
use super::guide;
use super::shortcut::{Focus, Shortcut, shortcut};
use wasm_bindgen::JsCast;
use web_sys::{
    Element, Event, HtmlDialogElement, HtmlElement, HtmlInputElement, KeyboardEvent, Storage,
};

/// Where the browser keeps that single keys are off.
const KEPT: &str = "gemst-keys";

/// Listen to the keyboard.
pub fn connect(page: &Page) {
    enable(&by_id::<Element>("open-keys"), true);
    on_click("open-keys", list);
    // The opening's two ways in press the parts' own buttons, which are further down.
    for (index, way, target) in [
        (0, "open-train", "train"),
        (1, "open-camera", "start-camera"),
    ] {
        on_click(way, move || {
            part(index);
            by_id::<HtmlElement>(target).click();
        });
    }
    let switch: HtmlInputElement = by_id("single-keys");
    let off = storage().and_then(|kept| kept.get_item(KEPT).ok().flatten());
    switch.set_checked(off.as_deref() != Some("off"));
    let own = switch.clone();
    on(&switch, "change", move |_: Event| {
        // A browser that keeps nothing forgets it with the page.
        if let Some(kept) = storage() {
            let _ = kept.set_item(KEPT, if own.checked() { "on" } else { "off" });
        }
    });
    let page = page.clone();
    on(&document(), "keydown", move |event: KeyboardEvent| {
        pressed(&page, &event);
    });
}

fn storage() -> Option<Storage> {
    window().local_storage().ok().flatten()
}

fn pressed(page: &Page, event: &KeyboardEvent) {
    let modified = event.ctrl_key() || event.alt_key() || event.meta_key();
    // A modal dialog has the keyboard to itself.
    let modal = document().query_selector("dialog:modal").ok().flatten();
    if event.default_prevented() || event.is_composing() || modified || modal.is_some() {
        return;
    }
    if event.key() == "Escape" {
        return guide::leave();
    }
    if !by_id::<HtmlInputElement>("single-keys").checked() {
        return;
    }
    let Some(wanted) = shortcut(&event.key(), focus()) else {
        return;
    };
    event.prevent_default();
    // A key that is held down is pressed once.
    if !event.repeat() {
        act(page, wanted);
    }
}

fn focus() -> Focus {
    let Some(active) = document().active_element() else {
        return Focus::Nothing;
    };
    let is = |selector: &str| active.matches(selector).unwrap_or(false);
    let typing = "select, textarea, [contenteditable], \
                  input:not([type=checkbox], [type=radio], [type=range], [type=button], [type=file])";
    if is(typing) {
        Focus::Typing
    } else if active
        .dyn_ref::<HtmlElement>()
        .is_some_and(|element| element.tab_index() >= 0)
    {
        Focus::Control
    } else {
        Focus::Nothing
    }
}

fn act(page: &Page, wanted: Shortcut) {
    let click = |id: &str| by_id::<HtmlElement>(id).click();
    match wanted {
        Shortcut::TrainOrPause => {
            let running = page.state.borrow().run.running;
            click(if running { "pause" } else { "train" });
        }
        Shortcut::Step => click("step-once"),
        Shortcut::Evaluate => click("evaluate"),
        Shortcut::NextImage => next_image(),
        Shortcut::Camera => {
            let off = by_id::<HtmlElement>("stop-camera").hidden();
            click(if off { "start-camera" } else { "stop-camera" });
            reveal("frame");
        }
        Shortcut::Part(index) => part(index),
        Shortcut::Keys => list(),
    }
}

fn list() {
    // Fails only where it is open already.
    let _ = by_id::<HtmlDialogElement>("keys").show_modal();
}

fn next_image() {
    let find = |selector: &str| document().query_selector(selector).ok().flatten();
    let next = if find("#held-out [aria-pressed=true]").is_some() {
        find("#held-out li:has([aria-pressed=true]) + li button").or_else(|| find("#more-images"))
    } else {
        find("#held-out button")
    };
    if let Some(button) = next.and_then(|button| button.dyn_into::<HtmlElement>().ok()) {
        button.click();
        reveal("frame");
    }
}

/// Scroll there, unless it is in view.
fn reveal(id: &str) {
    let element: Element = by_id(id);
    let place = element.get_bounding_client_rect();
    let height = window().inner_height().ok().and_then(|px| px.as_f64());
    if place.top() < 0.0 || place.bottom() > height.unwrap_or(0.0) {
        element.scroll_into_view();
    }
}

/// Go to a part: its heading gets the focus, so that Tab goes on from there.
fn part(index: usize) {
    let parts = document().query_selector_all("main .part-head h2").ok();
    let heading = parts.and_then(|parts| parts.get(index as u32));
    if let Some(heading) = heading.and_then(|node| node.dyn_into::<HtmlElement>().ok()) {
        heading.set_tab_index(-1);
        let _ = heading.focus();
        heading.scroll_into_view();
    }
}
