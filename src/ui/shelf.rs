//! The kept runs as the visitor sees them: the one offered after a reload, and the list of all.

use super::app::Page;
use super::dom::{
    append, by_id, clear, enable, has_focus, make, on, on_click, set_attribute, set_text, show,
};
use super::keep::{self, Keeper, resume};
use super::kept::Record;
use super::tabs;
use crate::protocol::Level;
use js_sys::Date;
use wasm_bindgen::JsCast;
use wasm_bindgen_futures::spawn_local;
use web_sys::{Element, HtmlElement};

/// Listen to the offer and to the list.
pub fn connect(page: &Page) {
    let own = page.clone();
    on_click("resume", move || {
        let offer = own.keeper.borrow().offer.clone();
        if let Some(id) = offer {
            resume(&own, &id);
        }
    });
    let own = page.clone();
    on_click("resume-later", move || {
        {
            let mut keeper = own.keeper.borrow_mut();
            keeper.put_off = true;
            keeper.offer = None;
        }
        draw(&own);
        let _ = by_id::<HtmlElement>("train").focus();
        own.say(
            Level::Info,
            "The run stays in this browser, under “Runs kept in this browser”, until you delete it there.",
        );
    });
    let own = page.clone();
    on(
        &by_id::<Element>("kept-list"),
        "click",
        move |event: web_sys::Event| pressed(&own, &event),
    );
}

/// Draw the offer and the list.
pub fn draw(page: &Page) {
    let keeper = page.keeper.borrow();
    let now = Date::now();
    let offered = keeper
        .offer
        .as_ref()
        .and_then(|id| keeper.runs.iter().find(|run| run.0.id == *id));
    let region: Element = by_id("kept-offer");
    if let Some((record, _)) = offered {
        let line = record.line(now);
        set_text(
            &by_id::<Element>("kept-offer-words"),
            &format!("A run is kept in this browser: {line}."),
        );
        set_text(&by_id::<Element>("resume"), &record.button());
    }
    let focused = has_focus(&by_id::<Element>("resume"));
    show(&region, offered.is_some());
    if focused && offered.is_none() {
        let _ = by_id::<HtmlElement>("train").focus();
    }
    state(&keeper);
    let list: Element = by_id("kept-list");
    // Not while somebody stands on one of its buttons.
    let inside = list.query_selector(":focus").ok().flatten().is_some();
    if inside && list.child_element_count() as usize == keeper.runs.len() {
        return;
    }
    clear(&list);
    for (record, _) in &keeper.runs {
        append(&list, &[&entry(&keeper, record, now)]);
    }
    drop(keeper);
    buttons(page);
}

fn entry(keeper: &Keeper, record: &Record, now: f64) -> Element {
    let item = make("li", "kept-run", "");
    set_attribute(&item, "data-run", &record.id);
    append(&item, &[&make("span", "", &record.line(now))]);
    if record.id == keeper.run {
        append(&item, &[&make("em", "", "the run shown")]);
        return item;
    }
    if keeper.live.contains(&record.id) {
        append(&item, &[&make("em", "", "open in another tab")]);
        return item;
    }
    let button = |label: &str, name: String, class: &str| {
        let button = make("button", class, label);
        set_attribute(&button, "type", "button");
        set_attribute(&button, "aria-label", &name);
        button
    };
    let of = format!("{}, step {}", record.preset, record.step);
    let go_on = button("Resume", format!("Resume kept run: {of}"), "go-on");
    let delete = button("Delete", format!("Delete kept run: {of}"), "quiet");
    append(&item, &[&go_on, &delete]);
    item
}

/// A button in the list: one listener for all, since the list is made anew again and again.
fn pressed(page: &Page, event: &web_sys::Event) {
    let target = event
        .target()
        .and_then(|target| target.dyn_into::<Element>().ok());
    let Some((button, item)) = target.and_then(|target| {
        let button = target.closest("button").ok().flatten()?;
        let item = button.closest("li").ok().flatten()?;
        Some((button, item))
    }) else {
        return;
    };
    let id = item.get_attribute("data-run").unwrap_or_default();
    if button.class_name() == "go-on" {
        resume(page, &id);
    } else {
        delete(page, id);
    }
}

fn delete(page: &Page, id: String) {
    let page = page.clone();
    spawn_local(async move {
        let found = {
            let keeper = page.keeper.borrow();
            let run = keeper.runs.iter().find(|run| run.0.id == id);
            run.map(|run| run.0.clone()).zip(keeper.vault.clone())
        };
        let Some((record, vault)) = found else { return };
        keep::remove(&page, &vault, &record, "was deleted").await;
        keep::refresh(&page).await;
        tabs::tell();
        // The button is gone; the list's own title is where the focus is understood.
        let _ = by_id::<HtmlElement>("kept-summary").focus();
    });
}

/// How far the run shown is kept, as a figure and in words.
fn state(keeper: &Keeper) {
    let own = keeper.runs.iter().find(|run| run.0.id == keeper.run);
    let step = own.map_or(String::new(), |run| run.0.step.to_string());
    let line: Element = by_id("kept-state");
    set_attribute(&line, "data-value", &step);
    let text = match (&keeper.trouble, own) {
        (Some(trouble), _) => trouble.words(),
        (None, Some(run)) => format!("This run is kept up to step {}.", run.0.step),
        (None, None) => {
            "This run is kept from its first pause on, or after 100 steps or half a minute."
                .to_owned()
        }
    };
    set_text(&line, &text);
}

/// Enable what can be pressed now.
pub fn buttons(page: &Page) {
    let usable = page.state.borrow().usable();
    enable(&by_id::<Element>("resume"), usable);
    let list: Element = by_id("kept-list");
    let Ok(found) = list.query_selector_all("button.go-on") else {
        return;
    };
    for index in 0..found.length() {
        if let Some(button) = found.get(index).and_then(|node| node.dyn_into().ok()) {
            enable(&button, usable);
        }
    }
}
