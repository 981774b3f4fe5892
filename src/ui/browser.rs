//! The dataset browser: held-out images page by page, with what both networks take them for.

use super::app::Page;
use super::dom::{
    append, button, by_id, clear, enable, focus, make, on, on_click, rebuilt, set_attribute,
    set_text, show,
};
use super::format::grouped;
use super::gallery::{Answered, Filter, Side};
use super::picture::{self, opaque, paint};
use super::state::State;
use crate::protocol::Command;
use js_sys::{ArrayBuffer, Uint8Array};
use std::cell::RefCell;
use wasm_bindgen::prelude::*;
use web_sys::{Element, Event, HtmlCanvasElement, HtmlSelectElement};

/// Images on a page.
const PAGE: usize = 24;
/// Bytes of a 32×32 RGB image.
const IMAGE_BYTES: usize = 32 * 32 * 3;

#[derive(Default)]
struct Browser {
    filter: Filter,
    page: usize,
    /// Images that the filter lets through.
    matching: Vec<usize>,
    /// Revision of the images, filter and page that are drawn.
    drawn: Option<(u64, Filter, usize)>,
    /// Images that were asked for.
    asked: Vec<u32>,
    /// Their pixels, once they came.
    pixels: Vec<u8>,
    /// Classes that the select offers.
    classes: Vec<String>,
}

thread_local! {
    static BROWSER: RefCell<Browser> = RefCell::default();
}

/// Listen to the filter and the pages.
pub fn connect(page: &Page) {
    let answered: Element = by_id("browse-answered");
    for (_, name, words) in Answered::ALL {
        append(&answered, &[&option(name, words)]);
    }
    for id in ["browse-class", "browse-answered"] {
        let own = page.clone();
        on(&by_id::<Element>(id), "change", move |_: Event| {
            choose(&own)
        });
    }
    let own = page.clone();
    on_click("browse-all", move || {
        set_filter(&own, Filter::default());
        focus(&by_id("browse-class"));
    });
    for (id, by) in [("page-back", -1), ("page-on", 1)] {
        let own = page.clone();
        on_click(id, move || {
            BROWSER.with_borrow_mut(|browser| {
                browser.page = browser.page.saturating_add_signed(by);
            });
            own.draw();
        });
    }
}

fn option(value: &str, text: &str) -> Element {
    let option = make("option", "", text);
    set_attribute(&option, "value", value);
    option
}

/// What the selects say becomes the filter; a cell of the matrix that was opened no longer counts.
fn choose(page: &Page) {
    let value = |id: &str| by_id::<HtmlSelectElement>(id).value();
    let wanted = value("browse-answered");
    let answered = Answered::ALL.iter().find(|(_, name, _)| *name == wanted);
    let filter = Filter {
        truth: value("browse-class").parse().into_iter().collect(),
        said: None,
        answered: answered.map_or_else(Answered::default, |(answered, _, _)| *answered),
    };
    set_filter(page, filter);
}

fn set_filter(page: &Page, filter: Filter) {
    BROWSER.with_borrow_mut(|browser| {
        browser.filter = filter;
        browser.page = 0;
    });
    page.draw();
}

/// Show these images, and go there.
pub fn open(page: &Page, filter: Filter) {
    set_filter(page, filter);
    // Focus scrolls there.
    focus(&by_id("browser-title"));
}

/// A data set was loaded: other images, or the same in another engine.
pub fn reset(others: bool) {
    BROWSER.with_borrow_mut(|browser| {
        if others {
            *browser = Browser {
                classes: std::mem::take(&mut browser.classes),
                ..Browser::default()
            };
        } else if browser.pixels.is_empty() {
            // The engine that was asked for them may be gone.
            browser.asked.clear();
            browser.drawn = None;
        }
    });
}

/// Images that were asked for have come.
pub fn fill(page: &Page, indices: &[u32], payload: &JsValue) {
    let Some(buffer) = payload.dyn_ref::<ArrayBuffer>() else {
        return;
    };
    BROWSER.with_borrow_mut(|browser| {
        if browser.asked == indices {
            browser.pixels = Uint8Array::new(buffer).to_vec();
            browser.drawn = None;
        }
    });
    page.draw();
}

/// Bring the browser in line with the state.
pub fn draw(page: &Page) {
    let state = page.state.borrow();
    BROWSER.with_borrow_mut(|browser| {
        let key = (
            state.images.revision(),
            browser.filter.clone(),
            browser.page,
        );
        if browser.drawn.as_ref() == Some(&key) {
            return;
        }
        browser.matching = state.images.matching(&browser.filter);
        let pages = browser.matching.len().div_ceil(PAGE).max(1);
        browser.page = browser.page.min(pages - 1);
        browser.drawn = Some((key.0, key.1, browser.page));
        let from = browser.page * PAGE;
        let shown = browser.matching.iter().skip(from).take(PAGE);
        let wanted: Vec<u32> = shown.map(|&index| index as u32).collect();
        if browser.asked != wanted {
            browser.asked.clone_from(&wanted);
            browser.pixels.clear();
            if !wanted.is_empty() {
                page.send(Command::Pick { indices: wanted });
            }
        }
        selects(&state, browser);
        set_text(
            &by_id::<Element>("browser-words"),
            &words(&state, browser, pages),
        );
        let count: Element = by_id("browsed-images");
        set_attribute(&count, "data-value", &browser.matching.len().to_string());
        set_text(&count, &grouped(browser.matching.len() as f64));
        enable(&by_id("page-back"), browser.page > 0);
        enable(&by_id("page-on"), browser.page + 1 < pages);
        show(&by_id("browse-all"), browser.filter != Filter::default());
        rebuilt(|| {
            let list: Element = by_id("browser-images");
            clear(&list);
            let images = browser.pixels.chunks_exact(IMAGE_BYTES);
            for (index, image) in browser.asked.iter().zip(images) {
                append(&list, &[&shot(page, &state, *index as usize, image)]);
            }
        });
    });
}

fn selects(state: &State, browser: &mut Browser) {
    let list: Element = by_id("browse-class");
    let classes = state.dataset.as_ref().map(|info| info.classes.clone());
    let classes = classes.unwrap_or_default();
    if browser.classes != classes || list.child_element_count() == 0 {
        clear(&list);
        append(&list, &[&option("", "any class")]);
        for (class, name) in classes.iter().enumerate() {
            append(&list, &[&option(&class.to_string(), name)]);
        }
        browser.classes = classes;
    }
    let single = match browser.filter.truth[..] {
        [class] => class.to_string(),
        _ => String::new(),
    };
    by_id::<HtmlSelectElement>("browse-class").set_value(&single);
    let answered = Answered::ALL
        .iter()
        .find(|(answered, _, _)| *answered == browser.filter.answered);
    let name = answered.map_or("all", |(_, name, _)| name);
    by_id::<HtmlSelectElement>("browse-answered").set_value(name);
}

/// Which images these are, and of how many.
fn words(state: &State, browser: &Browser, pages: usize) -> String {
    let filter = &browser.filter;
    let names = |classes: &[usize]| {
        let names: Vec<String> = classes
            .iter()
            .map(|class| state.dataset_class_name(*class))
            .collect();
        names.join(", ")
    };
    let mut parts = Vec::new();
    if !filter.truth.is_empty() {
        parts.push(names(&filter.truth));
    }
    if let Some((side, said)) = &filter.said {
        let side = side.name().to_ascii_lowercase();
        parts.push(format!("taken for {} by the {side} network", names(said)));
    }
    let found = match browser.matching.len() {
        0 => "No image is like that",
        1 => "One image",
        _ if *filter == Filter::default() => "All images",
        _ => "Images",
    };
    let what = if parts.is_empty() {
        String::new()
    } else {
        format!(": {}", parts.join("; "))
    };
    let answers = match state.images.step {
        Some(step) => {
            let evaluated = state.run.evaluation.as_ref();
            let images = evaluated.map_or(0, |(_, spiking, _)| spiking.images);
            format!(
                "Answers of step {}, to the first {} images.",
                grouped(step as f64),
                grouped(images as f64)
            )
        }
        None => "Evaluate, and both networks’ answers stand below each image.".to_owned(),
    };
    format!(
        "{found}{what}. Page {} of {pages}. {answers}",
        browser.page + 1
    )
}

fn shot(page: &Page, state: &State, index: usize, rgb: &[u8]) -> Element {
    let item = make("li", "shot", "");
    let truth = state
        .images
        .truth
        .get(index)
        .map_or(0, |class| usize::from(*class));
    let truth_name = state.dataset_class_name(truth);
    let mut name = format!("Image {index}, {truth_name}.");
    let caption = make("span", "shot-truth", &truth_name);
    set_attribute(&caption, "aria-hidden", "true");
    let mut lines = vec![caption];
    for side in Side::BOTH {
        let Some(said) = state.images.said(side, index) else {
            continue;
        };
        let right = said == truth;
        let said = state.class_name(said);
        let (word, sign) = if right {
            ("right", "✓")
        } else {
            ("wrong", "✗")
        };
        let network = side.name();
        name.push_str(&format!(" {network}: {said}, {word}."));
        let text = format!("{} {sign} {said}", &network[..1]);
        let line = make("span", &format!("shot-said {word}"), &text);
        set_attribute(&line, "aria-hidden", "true");
        set_attribute(
            &item,
            &format!("data-{}", network.to_ascii_lowercase()),
            word,
        );
        lines.push(line);
    }
    let picture = button("thumb", "", &name);
    set_attribute(&picture, "id", &format!("browse-{index}"));
    set_attribute(&picture, "title", &name);
    if let Ok(canvas) = make("canvas", "", "").dyn_into::<HtmlCanvasElement>() {
        paint(&canvas, &opaque(rgb), 32);
        append(&picture, &[&canvas]);
    }
    let page = page.clone();
    on(&picture, "click", move |_: Event| {
        picture::held_out(&page, index);
        by_id::<Element>("look").scroll_into_view();
    });
    append(&item, &[&picture]);
    append(&item, &lines.iter().collect::<Vec<_>>());
    item
}
