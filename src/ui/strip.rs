//! Held-out images to choose from.

use super::app::Page;
use super::dom::{append, by_id, clear, make, on, on_click, set_attribute, show};
use super::picture::{self, Source, opaque, paint};
use crate::protocol::Command;
use js_sys::{ArrayBuffer, Uint8Array};
use std::cell::Cell;
use wasm_bindgen::prelude::*;
use web_sys::{Element, HtmlCanvasElement};

/// Images shown at a time.
const COUNT: usize = 24;
/// Bytes of a 32×32 RGB image.
const IMAGE_BYTES: usize = 32 * 32 * 3;

thread_local! {
    static FROM: Cell<usize> = const { Cell::new(0) };
}

/// Listen to More images.
pub fn connect(page: &Page) {
    let page = page.clone();
    on_click("more-images", move || {
        let held_out = page
            .state
            .borrow()
            .dataset
            .as_ref()
            .map_or(0, |info| info.held_out);
        let next = FROM.get() + COUNT;
        let from = if next < held_out { next } else { 0 };
        page.send(Command::Samples { from, count: COUNT });
    });
}

/// Ask for the first images of the data set in use.
pub fn ask(page: &Page) {
    page.send(Command::Samples {
        from: 0,
        count: COUNT,
    });
}

/// Show the images that arrived.
pub fn fill(page: &Page, from: usize, labels: &[usize], payload: &JsValue) {
    let Some(buffer) = payload.dyn_ref::<ArrayBuffer>() else {
        return;
    };
    FROM.set(from);
    let bytes = Uint8Array::new(buffer).to_vec();
    let strip: Element = by_id("held-out");
    clear(&strip);
    for (offset, (image, label)) in bytes.chunks_exact(IMAGE_BYTES).zip(labels).enumerate() {
        let index = from + offset;
        let name = page.state.borrow().dataset_class_name(*label);
        let button = make("button", "thumb", "");
        set_attribute(&button, "type", "button");
        set_attribute(
            &button,
            "aria-label",
            &format!("Held-out image {index}: {name}"),
        );
        set_attribute(&button, "title", &name);
        set_attribute(&button, "data-index", &index.to_string());
        if let Ok(canvas) = make("canvas", "", "").dyn_into::<HtmlCanvasElement>() {
            paint(&canvas, &opaque(image), 32);
            append(&button, &[&canvas]);
        }
        let page = page.clone();
        on(&button, "click", move |_: web_sys::Event| {
            picture::held_out(&page, index)
        });
        let item = make("li", "", "");
        append(&item, &[&button]);
        append(&strip, &[&item]);
    }
    show(&by_id("held-out-part"), !labels.is_empty());
    // Something to look at from the first second, without a camera; and after a change of data set
    // the index shown before is of another picture.
    let start = match page.pictures.borrow().source {
        Source::None => !labels.is_empty(),
        Source::HeldOut(_) => from == 0,
        _ => false,
    };
    if start {
        picture::held_out(page, from);
    }
}

/// Mark the image that is shown.
pub fn mark(page: &Page) {
    let shown = match page.pictures.borrow().source {
        Source::HeldOut(index) => Some(index.to_string()),
        _ => None,
    };
    let strip: Element = by_id("held-out");
    let buttons = strip.query_selector_all("button").ok();
    for index in 0..buttons.as_ref().map_or(0, web_sys::NodeList::length) {
        let button = buttons
            .as_ref()
            .and_then(|list| list.get(index))
            .and_then(|node| node.dyn_into::<Element>().ok());
        if let Some(button) = button {
            let on = button.get_attribute("data-index") == shown;
            set_attribute(&button, "aria-pressed", if on { "true" } else { "false" });
        }
    }
}
