//! Examples for the visitor's own classes: frames while a button is held, and picture files.

use super::app::Page;
use super::dom::{by_id, message, next_frame, now, on};
use super::examples::{MOST, counted, shrink};
use super::own::say;
use super::words::Camera;
use super::{camera, own_cards, picture};
use std::cell::Cell;
use wasm_bindgen_futures::spawn_local;
use web_sys::{Event, File, HtmlElement, HtmlInputElement, KeyboardEvent, PointerEvent};

/// Milliseconds between two examples while a button is held.
const INTERVAL_MS: f64 = 125.0;
/// A click this soon after a button was let go is the end of the holding.
const AFTER_HOLD_MS: f64 = 400.0;

thread_local! {
    /// The class whose button is held, and which holding of how many that is.
    static HELD: Cell<Option<(u32, u32)>> = const { Cell::new(None) };
    static HOLDINGS: Cell<u32> = const { Cell::new(0) };
    static LET_GO: Cell<f64> = const { Cell::new(f64::NEG_INFINITY) };
    /// The class that chosen files are for.
    static FILES_FOR: Cell<u32> = const { Cell::new(0) };
}

/// Listen to the file input that all classes share.
pub fn connect(page: &Page) {
    let input: HtmlInputElement = by_id("own-files");
    let own = page.clone();
    let field = input.clone();
    on(&input, "change", move |_: Event| {
        let files: Vec<File> = field
            .files()
            .map(|list| (0..list.length()).filter_map(|at| list.get(at)).collect())
            .unwrap_or_default();
        field.set_value("");
        let own = own.clone();
        spawn_local(async move { take_files(&own, FILES_FOR.get(), files).await });
    });
}

/// Ask for picture files of a class.
pub fn choose_files(id: u32) {
    FILES_FOR.set(id);
    by_id::<HtmlElement>("own-files").click();
}

/// Listen to a class's button.
pub fn holding(page: &Page, id: u32, hold_button: &HtmlElement) {
    let own = page.clone();
    let button = hold_button.clone();
    on(hold_button, "pointerdown", move |event: PointerEvent| {
        if event.button() == 0 {
            // The finger may slide off the button while it is held.
            let _ = button.set_pointer_capture(event.pointer_id());
            hold(&own, id);
        }
    });
    let own = page.clone();
    on(hold_button, "keydown", move |event: KeyboardEvent| {
        if matches!(event.key().as_str(), " " | "Enter") {
            event.prevent_default();
            if !event.repeat() {
                hold(&own, id);
            }
        }
    });
    let own = page.clone();
    on(hold_button, "keyup", move |event: KeyboardEvent| {
        if matches!(event.key().as_str(), " " | "Enter") {
            event.prevent_default();
            let_go(&own, id);
        }
    });
    for end in ["pointerup", "pointercancel", "blur"] {
        let own = page.clone();
        on(hold_button, end, move |_: Event| let_go(&own, id));
    }
    // A long press on a phone would open a menu.
    on(hold_button, "contextmenu", |event: Event| {
        event.prevent_default()
    });
    // Screen readers press without holding: one example.
    let own = page.clone();
    on(hold_button, "click", move |_: Event| {
        if now() - LET_GO.get() > AFTER_HOLD_MS {
            hold(&own, id);
            let_go(&own, id);
        }
    });
}

fn hold(page: &Page, id: u32) {
    let serial = HOLDINGS.get() + 1;
    HOLDINGS.set(serial);
    HELD.set(Some((id, serial)));
    own_cards::held(id, true);
    let camera = page.state.borrow().camera;
    match camera {
        Camera::Live => {}
        Camera::Asking => return,
        _ => {
            say(
                page,
                "The camera starts first. Hold the button again once you see its picture.",
            );
            return camera::start(page);
        }
    }
    take_frame(page, id);
    repeat(page.clone(), id, serial, now());
}

/// One example after another while the button is held.
fn repeat(page: Page, id: u32, serial: u32, last: f64) {
    next_frame(move || {
        if HELD.get() != Some((id, serial)) || page.state.borrow().camera != Camera::Live {
            return;
        }
        let due = now() - last >= INTERVAL_MS;
        if due {
            take_frame(&page, id);
        }
        repeat(page, id, serial, if due { now() } else { last });
    });
}

/// The button of this class is no longer held. Pressing another one takes the focus from it, so that it may hear of
/// that when the other is held already.
fn let_go(page: &Page, id: u32) {
    if HELD.get().is_none_or(|(held, _)| held != id) {
        return;
    }
    HELD.set(None);
    LET_GO.set(now());
    own_cards::held(id, false);
    let words = {
        let own = page.own.borrow();
        let class = own.collection.class(id);
        // A full class has been told of.
        class
            .filter(|class| (1..MOST).contains(&class.examples.len()))
            .map(|class| format!("{}: {}.", class.shown(), counted(class.examples.len())))
    };
    if let Some(words) = words {
        say(page, &words);
    }
}

fn take_frame(page: &Page, id: u32) {
    if let Some(rgba) = picture::grab(&by_id("video"))
        && let Err(full) = push(page, id, &rgba)
    {
        HELD.set(None);
        LET_GO.set(now());
        own_cards::held(id, false);
        say(page, &full);
    }
}

fn push(page: &Page, id: u32, rgba: &[u8]) -> Result<(), String> {
    let example = shrink(rgba);
    page.own.borrow_mut().collection.push(id, example)?;
    page.draw();
    Ok(())
}

async fn take_files(page: &Page, id: u32, files: Vec<File>) {
    let (mut taken, mut refused) = (0, Vec::new());
    for file in files {
        match picture::pixels_of(&file).await {
            Err(error) => refused.push(format!(
                "{} cannot be read as a picture ({}).",
                file.name(),
                message(&error)
            )),
            Ok(rgba) => match push(page, id, &rgba) {
                Ok(()) => taken += 1,
                Err(full) => {
                    refused.push(full);
                    break;
                }
            },
        }
    }
    let own = page.own.borrow();
    let Some(class) = own.collection.class(id) else {
        return;
    };
    let pictures = if taken == 1 { "picture" } else { "pictures" };
    let words = format!(
        "{taken} {pictures} added to {}. {}",
        class.shown(),
        refused.join(" ")
    );
    drop(own);
    say(page, words.trim());
}
