//! The tour for a first-time visitor: a few steps that scroll to the real controls and mark them. Its words are in
//! `web/guide.html`; nothing about it is kept.

use super::dom::{
    by_id, document, enable, has_focus, on, on_click, set_attribute, set_text, show, window,
};
use std::cell::{Cell, RefCell};
use wasm_bindgen::JsCast;
use web_sys::{Element, Event, HtmlElement};

thread_local! {
    /// Steps whose control is on the page: words and control.
    static STEPS: RefCell<Vec<(Element, HtmlElement)>> = const { RefCell::new(Vec::new()) };
    static NOW: Cell<usize> = const { Cell::new(0) };
    /// How often the way to the control may still be corrected.
    static CORRECTIONS: Cell<u32> = const { Cell::new(0) };
}

/// Listen to the tour's buttons.
pub fn connect() {
    enable(&by_id::<Element>("open-guide"), true);
    on_click("open-guide", open);
    on_click("guide-back", || turn(NOW.get().saturating_sub(1)));
    on_click("guide-next", || {
        if NOW.get() + 1 < STEPS.with_borrow(Vec::len) {
            turn(NOW.get() + 1);
        } else {
            leave();
        }
    });
    on_click("guide-leave", leave);
    // What is marked may have moved.
    on(&window(), "resize", |_: Event| {
        if !by_id::<HtmlElement>("guide").hidden() {
            scroll();
        }
    });
    on(&document(), "scrollend", |_: Event| correct());
}

fn open() {
    let sections = document().query_selector_all("#guide-steps > section");
    let mut steps = Vec::new();
    if let Ok(sections) = sections {
        for index in 0..sections.length() {
            let words = sections.get(index).and_then(|node| node.dyn_into().ok());
            let words: Option<Element> = words;
            let target = words
                .as_ref()
                .and_then(|words| words.get_attribute("data-target"))
                .and_then(|target| document().query_selector(&target).ok().flatten())
                .and_then(|target| target.dyn_into::<HtmlElement>().ok());
            // A part that is hidden now has nothing to show.
            if let Some((words, target)) = words.zip(target)
                && target.offset_height() > 0
            {
                steps.push((words, target));
            }
        }
    }
    if steps.is_empty() {
        return;
    }
    set_text(&by_id::<Element>("guide-all"), &steps.len().to_string());
    STEPS.set(steps);
    show(&by_id::<Element>("guide"), true);
    turn(0);
    let _ = by_id::<HtmlElement>("guide-next").focus();
}

fn turn(to: usize) {
    NOW.set(to);
    STEPS.with_borrow(|steps| {
        for (index, (words, target)) in steps.iter().enumerate() {
            show(words, index == to);
            mark(target, index == to);
        }
        set_text(&by_id::<Element>("guide-now"), &(to + 1).to_string());
        let next: HtmlElement = by_id("guide-next");
        set_text(
            &next,
            if to + 1 == steps.len() {
                "Done"
            } else {
                "Next"
            },
        );
        let back: Element = by_id("guide-back");
        if to == 0 && has_focus(&back) {
            let _ = next.focus();
        }
        enable(&back, to > 0);
    });
    CORRECTIONS.set(3);
    scroll();
}

/// A part that comes into sight on the way fills itself and pushes the control on: then go there again. Only a few
/// times, so that a visitor who scrolls away is not held.
fn correct() {
    let left = CORRECTIONS.get();
    if left == 0 || by_id::<HtmlElement>("guide").hidden() {
        return;
    }
    CORRECTIONS.set(left - 1);
    let height = document()
        .document_element()
        .map_or(0, |root| root.client_height());
    let astray = STEPS.with_borrow(|steps| {
        steps.get(NOW.get()).is_some_and(|(_, target)| {
            let top = target.get_bounding_client_rect().top();
            top < 0.0 || top > f64::from(height) / 2.0
        })
    });
    if astray {
        scroll();
    }
}

fn mark(target: &HtmlElement, marked: bool) {
    if marked {
        set_attribute(target, "data-guided", "");
    } else {
        let _ = target.remove_attribute("data-guided");
    }
}

/// Smoothly or at once, as the style sheet says; its margins keep clear of the tour itself.
fn scroll() {
    STEPS.with_borrow(|steps| {
        if let Some((_, target)) = steps.get(NOW.get()) {
            target.scroll_into_view();
        }
    });
}

/// End the tour; the keyboard goes on from what was marked last.
pub fn leave() {
    let guide: HtmlElement = by_id("guide");
    if guide.hidden() {
        return;
    }
    show(&guide, false);
    STEPS.with_borrow(|steps| {
        for (_, target) in steps {
            mark(target, false);
        }
        if let Some((_, target)) = steps.get(NOW.get()) {
            target.set_tab_index(-1);
            let _ = target.focus();
        }
    });
}
