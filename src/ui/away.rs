//! The tab out of sight: training goes on in the worker if the browser lets it, the run is kept first, the title shows
//! how far it is. In sight, the screen stays on while it trains.

use super::app::Page;
use super::dom::{by_id, document, on, set_text, window};
use super::js::{ask, call, get};
use super::{keep, kept, recovery};
use crate::protocol::Level;
use js_sys::Date;
use std::cell::{Cell, RefCell};
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::spawn_local;
use web_sys::{Element, Event};

thread_local! {
    static TITLE: RefCell<String> = const { RefCell::new(String::new()) };
    /// When the tab went out of sight and at which step, if it was training.
    static LEFT: Cell<Option<(f64, u64)>> = const { Cell::new(None) };
    /// The screen's wake lock, while it is held.
    static AWAKE: RefCell<Option<JsValue>> = const { RefCell::new(None) };
    static ASKING: Cell<bool> = const { Cell::new(false) };
}

/// Listen to the tab's coming and going.
pub fn connect(page: &Page) {
    TITLE.set(document().title());
    let own = page.clone();
    on(&document(), "visibilitychange", move |_: Event| {
        if document().hidden() {
            hidden(&own);
        } else {
            shown(&own);
        }
    });
    let page = page.clone();
    on(&window(), "pagehide", move |_: Event| keep::store(&page));
}

fn hidden(page: &Page) {
    let (running, step) = {
        let run = &page.state.borrow().run;
        (run.running, run.step)
    };
    LEFT.set(running.then(|| (Date::now(), step)));
    // What there is now, and what the engine hands over next: the browser may end a hidden tab at any time.
    keep::store(page);
    recovery::autosave(page, true);
    title(page);
    // The browser has taken the wake lock back by itself.
    follow(page);
}

fn shown(page: &Page) {
    title(page);
    follow(page);
    let (running, step) = {
        let run = &page.state.borrow().run;
        (run.running, run.step)
    };
    if let Some((since, from)) = LEFT.take()
        && running
        && let Some(words) = kept::absence(Date::now() - since, from, step)
    {
        page.say(Level::Info, &words);
    }
}

/// Out of sight the title says how far the run is.
pub fn title(page: &Page) {
    let run = &page.state.borrow().run;
    let own = TITLE.with_borrow(Clone::clone);
    let title = if run.running && document().hidden() {
        format!("Step {} · {own}", run.step)
    } else {
        own
    };
    if document().title() != title {
        document().set_title(&title);
    }
}

/// Hold the screen on while a run is watched, and not longer.
pub fn follow(page: &Page) {
    title(page);
    let wanted = page.state.borrow().run.running && !document().hidden();
    if !wanted {
        if let Some(lock) = AWAKE.take() {
            let _ = call(&lock, "release", &[]);
        }
        return say();
    }
    let wake = get(&window().navigator(), "wakeLock");
    // Absent without https and in older browsers: the screen then goes by the system's own rules.
    if AWAKE.with_borrow(Option::is_some) || ASKING.get() || !wake.is_object() {
        return;
    }
    ASKING.set(true);
    let page = page.clone();
    spawn_local(async move {
        // Refused on a low battery, for one.
        let lock = ask(&wake, "request", &["screen".into()]).await.ok();
        ASKING.set(false);
        AWAKE.replace(lock);
        say();
        if !page.state.borrow().run.running || document().hidden() {
            follow(&page);
        }
    });
}

fn say() {
    let awake = AWAKE.with_borrow(Option::is_some);
    set_text(
        &by_id::<Element>("awake"),
        if awake {
            "The screen stays on while it trains."
        } else {
            ""
        },
    );
}
