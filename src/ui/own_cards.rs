//! One card per class of the visitor's: its name, the button that is held to collect, its examples.

use super::app::Page;
use super::dom::{append, by_id, document, enable, make, on, on_click, set_attribute, set_text};
use super::examples::{Collection, counted};
use super::own::say;
use super::own_collect;
use super::picture::{opaque, paint};
use crate::config::CLASS_NAME_MAX;
use std::cell::{Cell, RefCell};
use wasm_bindgen::JsCast;
use web_sys::{Element, Event, HtmlCanvasElement, HtmlElement, HtmlInputElement, KeyboardEvent};

/// The elements of a class.
struct Card {
    id: u32,
    root: Element,
    name: HtmlInputElement,
    count: Element,
    hold: HtmlElement,
    files: Element,
    remove: Element,
    strip: Element,
}

thread_local! {
    static CARDS: RefCell<Vec<Card>> = const { RefCell::new(Vec::new()) };
    /// The state of the collection that is shown.
    static SHOWN: Cell<Option<u64>> = const { Cell::new(None) };
}

/// Make the first cards; listen to Add a class and to the files.
pub fn connect(page: &Page) {
    let ids: Vec<u32> = {
        let own = page.own.borrow();
        own.collection
            .classes()
            .iter()
            .map(|class| class.id)
            .collect()
    };
    for id in ids {
        add(page, id);
    }
    let own = page.clone();
    on_click("own-add", move || {
        let id = own.own.borrow_mut().collection.add();
        if let Some(id) = id {
            add(&own, id);
            with(id, |card| {
                let _ = card.name.focus();
                card.name.select();
            });
            own.draw();
        }
    });
    own_collect::connect(page);
}

/// Do something with the card of a class.
fn with(id: u32, then: impl FnOnce(&Card)) {
    CARDS.with_borrow(|cards| {
        if let Some(card) = cards.iter().find(|card| card.id == id) {
            then(card);
        }
    });
}

fn add(page: &Page, id: u32) {
    let button = |class: &str, text: &str| {
        let button = make("button", class, text);
        set_attribute(&button, "type", "button");
        button
    };
    let card = Card {
        id,
        root: make("li", "own-class", ""),
        name: make("input", "", "").unchecked_into(),
        count: make("span", "own-count", ""),
        hold: button("own-hold", "Hold to collect").unchecked_into(),
        files: button("", "Add pictures"),
        remove: button("quiet", "Remove"),
        strip: make("ul", "strip", ""),
    };
    for (name, value) in [("type", "text"), ("autocomplete", "off")] {
        set_attribute(&card.name, name, value);
    }
    set_attribute(&card.name, "maxlength", &CLASS_NAME_MAX.to_string());
    if let Some(class) = page.own.borrow().collection.class(id) {
        card.name.set_value(&class.name);
    }
    let (head, actions) = (make("div", "own-head", ""), make("div", "actions", ""));
    append(&head, &[&card.name, &card.count]);
    append(&actions, &[&card.hold, &card.files, &card.remove]);
    append(&card.root, &[&head, &actions, &card.strip]);
    append(&by_id("own-classes"), &[&card.root]);
    listen(page, &card);
    CARDS.with_borrow_mut(|cards| cards.push(card));
}

fn listen(page: &Page, card: &Card) {
    let id = card.id;
    let (own, field) = (page.clone(), card.name.clone());
    on(&card.name, "input", move |_: Event| {
        own.own.borrow_mut().collection.rename(id, &field.value());
        own.draw();
    });
    on(&card.files, "click", move |_: Event| {
        own_collect::choose_files(id)
    });
    let own = page.clone();
    on(&card.remove, "click", move |_: Event| remove(&own, id));
    let (own, strip) = (page.clone(), card.strip.clone());
    on(&card.strip, "click", move |event: Event| {
        if let Some(at) = place(&strip, &event) {
            delete(&own, id, &strip, at);
        }
    });
    let strip = card.strip.clone();
    on(&card.strip, "keydown", move |event: KeyboardEvent| {
        let (Some(at), last) = (place(&strip, &event), strip.child_element_count()) else {
            return;
        };
        let to = match event.key().as_str() {
            "ArrowRight" => (at + 1).min(last.saturating_sub(1)),
            "ArrowLeft" => at.saturating_sub(1),
            "Home" => 0,
            "End" => last.saturating_sub(1),
            _ => return,
        };
        event.prevent_default();
        stand_on(&strip, to, true);
    });
    own_collect::holding(page, id, &card.hold);
}

/// Show whether a class's button is held.
pub fn held(id: u32, held: bool) {
    let value = if held { "yes" } else { "no" };
    with(id, |card| set_attribute(&card.hold, "data-held", value));
}

fn remove(page: &Page, id: u32) {
    let name = {
        let mut own = page.own.borrow_mut();
        let name = own.collection.class(id).map(|class| class.shown());
        own.collection.remove(id);
        name.unwrap_or_default()
    };
    CARDS.with_borrow_mut(|cards| {
        cards.retain(|card| {
            let stays = card.id != id;
            if !stays {
                card.root.remove();
            }
            stays
        });
    });
    let _ = by_id::<HtmlElement>("own-add").focus();
    say(page, &format!("{name} was removed, with its examples."));
}

fn delete(page: &Page, id: u32, strip: &Element, at: u32) {
    page.own.borrow_mut().collection.delete(id, at as usize);
    if let Some(item) = strip.children().item(at) {
        item.remove();
    }
    let left = strip.child_element_count();
    if left > 0 {
        stand_on(strip, at.min(left - 1), true);
    } else {
        with(id, |card| {
            let _ = card.hold.focus();
        });
    }
    page.draw();
}

/// The item of a strip that an event is about.
fn place(strip: &Element, event: &Event) -> Option<u32> {
    let target: Element = event.target()?.dyn_into().ok()?;
    let item = target.closest("li").ok().flatten()?;
    (0..strip.child_element_count()).find(|at| strip.children().item(*at).as_ref() == Some(&item))
}

/// Make one example the strip's only stop of the tab key: sixty stops for each class would be a wall.
fn stand_on(strip: &Element, at: u32, focus: bool) {
    for index in 0..strip.child_element_count() {
        let button = strip
            .children()
            .item(index)
            .and_then(|item| item.first_element_child());
        let Some(button) = button else { continue };
        set_attribute(&button, "tabindex", if index == at { "0" } else { "-1" });
        if focus && index == at {
            let _ = button.unchecked_into::<HtmlElement>().focus();
        }
    }
}

/// Bring the cards in line with the collection.
pub fn draw(collection: &Collection) {
    if SHOWN.replace(Some(collection.revision())) == Some(collection.revision()) {
        return;
    }
    CARDS.with_borrow(|cards| {
        for (index, card) in cards.iter().enumerate() {
            let Some(class) = collection.class(card.id) else {
                continue;
            };
            let name = match class.name.trim() {
                "" => format!("class {}", index + 1),
                name => name.to_owned(),
            };
            set_attribute(
                &card.name,
                "aria-label",
                &format!("Name of class {}", index + 1),
            );
            for (element, before) in [
                (card.hold.as_ref(), "Hold to collect"),
                (&card.files, "Add pictures of"),
                (&card.remove, "Remove"),
                (&card.strip, "Examples of"),
            ] {
                set_attribute(element, "aria-label", &format!("{before} {name}"));
            }
            enable(&card.remove, cards.len() > 1);
            set_text(&card.count, &counted(class.examples.len()));
            set_attribute(&card.count, "data-value", &class.examples.len().to_string());
            examples(&card.strip, &class.examples, &name);
        }
    });
}

/// Items are only ever added at the end here; [`delete`] takes them out.
fn examples(strip: &Element, examples: &[Vec<u8>], name: &str) {
    let there = strip.child_element_count() as usize;
    for example in examples.iter().skip(there) {
        let button = make("button", "thumb", "");
        set_attribute(&button, "type", "button");
        let canvas: HtmlCanvasElement = make("canvas", "", "").unchecked_into();
        paint(&canvas, &opaque(example), 32);
        append(&button, &[&canvas]);
        let item = make("li", "", "");
        append(&item, &[&button]);
        append(strip, &[&item]);
    }
    let inside = document()
        .active_element()
        .is_some_and(|active| strip.contains(Some(&active)));
    if !inside && !examples.is_empty() {
        stand_on(strip, examples.len() as u32 - 1, false);
    }
    for index in 0..strip.child_element_count() {
        let button = strip
            .children()
            .item(index)
            .and_then(|item| item.first_element_child());
        if let Some(button) = button {
            let label = format!("Delete example {} of {name}", index + 1);
            set_attribute(&button, "aria-label", &label);
        }
    }
}
