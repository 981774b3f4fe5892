//! Other tabs of this page. Every tab holds a lock of its own and one for its run (Web Locks): what is held is alive,
//! and a tab that crashes lets go by itself. A channel only tells the others when to look again.

use super::app::Page;
use super::dom::{by_id, document, later, on, set_attribute, set_text, show, window};
use super::engine::build_id;
use super::js::{ask, call, get, listener, object, set, text};
use super::{keep, vault};
use js_sys::{Array, Function, Promise, Reflect};
use std::cell::RefCell;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{Element, Event};

/// A lock is let go a moment after the message that says so.
const SETTLE_MS: i32 = 400;

thread_local! {
    static OWN: String = format!("{} tab {} {}", vault::name(), build_id(), fresh_id());
    static CHANNEL: RefCell<JsValue> = const { RefCell::new(JsValue::UNDEFINED) };
    /// Lets go of the lock of this tab's run.
    static RELEASE: RefCell<Option<Function>> = const { RefCell::new(None) };
}

/// An id that no other tab or run has.
pub fn fresh_id() -> String {
    let random = (js_sys::Math::random() * 4_294_967_296.0) as u32;
    format!("{:x}-{random:08x}", js_sys::Date::now() as u64)
}

/// Be noticed, and notice.
pub fn connect(page: &Page) {
    let forever = Closure::once_into_js(|_: JsValue| Promise::new(&mut |_, _| {}));
    if let Ok(locks) = locks() {
        let _ = call(&locks, "request", &[OWN.with(|own| own.into()), forever]);
    }
    let make: Result<Function, _> = get(&window(), "BroadcastChannel").dyn_into();
    if let Ok(make) = make
        && let Ok(channel) = Reflect::construct(&make, &Array::of1(&vault::name().into()))
    {
        let own = page.clone();
        set(&channel, "onmessage", &listener(move |_| look_later(&own)));
        CHANNEL.replace(channel);
    }
    tell();
    look_later(page);
    on(&window(), "pagehide", |_: Event| tell());
    let own = page.clone();
    on(&document(), "visibilitychange", move |_: Event| {
        look_later(&own)
    });
}

/// Have the other tabs look again.
pub fn tell() {
    // There may be no channel; a look at the next change of tabs finds the rest.
    let _ = CHANNEL.with_borrow(|channel| call(channel, "postMessage", &["look".into()]));
}

fn look_later(page: &Page) {
    let page = page.clone();
    later(SETTLE_MS, move || {
        spawn_local(async move {
            let own = OWN.with(Clone::clone);
            let tabs = held("tab").await;
            let others = tabs.iter().filter(|name| **name != own).count();
            let line: Element = by_id("tabs-words");
            set_text(&line, &words(others));
            show(&line, others > 0);
            set_attribute(&line, "data-others", &others.to_string());
            keep::refresh(&page).await;
        });
    });
}

/// What other tabs mean.
pub fn words(others: usize) -> String {
    let place = match others {
        0 => return String::new(),
        1 => "another tab".to_owned(),
        more => format!("{more} other tabs"),
    };
    format!(
        "This page is open in {place} too. Each tab has a run of its own and keeps it apart, so none overwrites another’s; all share this device, so each trains more slowly."
    )
}

/// Ids of the runs that some tab has.
pub async fn live_runs() -> Vec<String> {
    let prefix = format!("{} run ", vault::name());
    let id = |name: String| name.strip_prefix(&prefix).map(str::to_owned);
    held("run").await.into_iter().filter_map(id).collect()
}

/// Make a run this tab's, and let go of the one before; false if another tab has it.
pub async fn hold(id: &str) -> bool {
    release();
    let Ok(locks) = locks() else { return true };
    let name = format!("{} run {id}", vault::name());
    let granted = Promise::new(&mut |resolve, _| {
        let answer = resolve.clone();
        let held = Closure::once_into_js(move |lock: JsValue| {
            let granted = !lock.is_null();
            let _ = answer.call1(&JsValue::NULL, &granted.into());
            // Held until this promise is kept.
            Promise::new(&mut |release, _| {
                if granted {
                    RELEASE.replace(Some(release));
                } else {
                    let _ = release.call0(&JsValue::NULL);
                }
            })
        });
        let options = object(&[("ifAvailable", true.into())]);
        if call(&locks, "request", &[name.as_str().into(), options, held]).is_err() {
            let _ = resolve.call1(&JsValue::NULL, &true.into());
        }
    });
    JsFuture::from(granted)
        .await
        .is_ok_and(|granted| granted.is_truthy())
}

fn release() {
    if let Some(release) = RELEASE.take() {
        let _ = release.call0(&JsValue::NULL);
    }
}

fn locks() -> Result<JsValue, ()> {
    let locks = get(&window().navigator(), "locks");
    // Only on https and localhost.
    if locks.is_object() {
        Ok(locks)
    } else {
        Err(())
    }
}

/// Names of the locks of a kind that are held, by any tab.
async fn held(kind: &str) -> Vec<String> {
    let Ok(locks) = locks() else { return vec![] };
    let Ok(found) = ask(&locks, "query", &[]).await else {
        return vec![];
    };
    let prefix = format!("{} {kind} ", vault::name());
    Array::from(&get(&found, "held"))
        .iter()
        .filter_map(|lock| text(&lock, "name"))
        .filter(|name| name.starts_with(&prefix))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::words;

    #[test]
    fn other_tabs_are_counted_in_words() {
        assert_eq!(words(0), "");
        assert!(words(1).contains("in another tab too"));
        assert!(words(3).contains("in 3 other tabs too"));
    }
}
