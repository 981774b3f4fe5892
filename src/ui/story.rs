//! The stories on the page: a button for each, and the steps of the one under way.

use super::app::Page;
use super::controls;
use super::dom::{
    append, button, by_id, clear, enable, focus, make, on, on_click, set_attribute, set_text, show,
};
use super::stories::{STORIES, Telling};
use super::url::serialise;
use std::cell::Cell;
use web_sys::{Element, Event};

thread_local! {
    /// Story and steps done that are drawn.
    static DRAWN: Cell<Option<(usize, usize)>> = const { Cell::new(None) };
}

/// Offer the stories and listen to them.
pub fn connect(page: &Page) {
    let list: Element = by_id("stories");
    for (index, story) in STORIES.iter().enumerate() {
        let button = button("", story.title, "");
        set_attribute(&button, "id", &format!("story-{}", story.name));
        let own = page.clone();
        on(&button, "click", move |_: Event| begin(&own, index));
        let item = make("li", "", "");
        append(&item, &[&button]);
        append(&list, &[&item]);
    }
    let own = page.clone();
    on_click("leave-story", move || {
        let left = own.state.borrow_mut().telling.take();
        if let Some(telling) = left {
            focus(&by_id(&format!("story-{}", STORIES[telling.story].name)));
        }
        own.draw();
    });
}

/// Set what the story sets, with fresh weights, and tell it.
fn begin(page: &Page, index: usize) {
    let kind = {
        let mut state = page.state.borrow_mut();
        let settings = STORIES[index].settings(&state.settings);
        let wanted = settings.dataset;
        let in_use = state.dataset.as_ref().map(|info| info.kind);
        state.settings = settings;
        state.follow_story();
        state.telling = Some(Telling::new(index, &state.seen));
        // Generated images in place of what was asked for stay: asking again would not find it either.
        let names_images = STORIES[index].needs_model_of.is_some();
        (names_images && in_use != Some(wanted)).then_some(wanted)
    };
    if let Some(kind) = kind {
        page.load_kind(kind);
    }
    page.rebuild();
    controls::sync(page);
    draw(page);
    focus(&by_id("story-title"));
}

/// Mark the steps that have happened.
pub fn draw(page: &Page) {
    page.state.borrow_mut().follow_story();
    let state = page.state.borrow();
    let usable = state.usable() && !state.loading_dataset;
    for story in &STORIES {
        let button: Element = by_id(&format!("story-{}", story.name));
        enable(&button, usable);
        let there = story.needs_model_of.is_none_or(|kind| state.ships(kind));
        if let Some(item) = button.parent_element() {
            show(&item, there);
        }
    }
    let telling = state.telling.as_ref();
    if telling.is_some() {
        let settings = serialise(&state.settings);
        let settings = if settings.is_empty() {
            "the defaults".to_owned()
        } else {
            format!("?{settings}")
        };
        set_text(&by_id::<Element>("story-settings"), &settings);
    }
    let now = telling.map(|telling| (telling.story, telling.done));
    if DRAWN.replace(now) == now {
        return;
    }
    let part: Element = by_id("story");
    show(&part, now.is_some());
    for (index, story) in STORIES.iter().enumerate() {
        let on = now.is_some_and(|(told, _)| told == index);
        let button: Element = by_id(&format!("story-{}", story.name));
        set_attribute(&button, "aria-pressed", if on { "true" } else { "false" });
    }
    let name = now.map_or("", |(story, _)| STORIES[story].name);
    set_attribute(&part, "data-value", name);
    let Some((story, done)) = now else { return };
    let story = &STORIES[story];
    set_text(&by_id::<Element>("story-title"), story.title);
    set_text(&by_id::<Element>("story-words"), &story.words.join(" "));
    let steps: Element = by_id("story-steps");
    clear(&steps);
    for (index, (text, _)) in story.steps.iter().enumerate() {
        let item = make("li", "", text);
        let mark = if index < done {
            "done"
        } else if index == done {
            set_attribute(&item, "aria-current", "step");
            "now"
        } else {
            "later"
        };
        set_attribute(&item, "data-step", mark);
        if index < done {
            append(&item, &[&make("span", "step-done", " Done.")]);
        }
        append(&steps, &[&item]);
    }
    let said: Element = by_id("story-step");
    set_attribute(&said, "data-value", &done.to_string());
    let text = if done == story.steps.len() {
        "All steps are done.".to_owned()
    } else {
        format!("{done} of {} steps are done.", story.steps.len())
    };
    set_text(&said, &text);
}
