//! Without a network: a service worker keeps the files of this build. It is started once the page is ready, so that it
//! takes nothing from the first minute; a newer build announces itself and waits for the visitor.

use super::adapter;
use super::app::Page;
use super::choice::Gpu;
use super::dom::{by_id, document, message, on, set_attribute, set_text, window};
use super::engine::build_id;
use super::js::{ask, call, get, listener, object, set, text};
use super::keep;
use super::notices::Action;
use crate::protocol::Level;
use js_sys::{Array, Date};
use std::cell::{Cell, RefCell};
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::spawn_local;
use web_sys::{Element, Event};

/// Milliseconds between two looks for a newer build.
const LOOK_MS: f64 = 3_600_000.0;

thread_local! {
    static STARTED: Cell<bool> = const { Cell::new(false) };
    static REGISTRATION: RefCell<JsValue> = const { RefCell::new(JsValue::UNDEFINED) };
    static LOOKED_MS: Cell<f64> = const { Cell::new(0.0) };
}

/// Listen to the service worker and to the network's coming and going.
pub fn connect(page: &Page) {
    for event in ["online", "offline"] {
        on(&window(), event, |_: Event| network());
    }
    network();
    let container = container();
    if !container.is_object() {
        return say("no", "Offline use needs https or localhost.");
    }
    let own = page.clone();
    set(
        &container,
        "onmessage",
        &listener(move |event| heard(&own, &get(&event, "data"))),
    );
    on(&document(), "visibilitychange", |_: Event| look());
}

/// The page is ready: have its files kept. Only the first call counts.
pub fn start() {
    let container = container();
    if STARTED.replace(true) || !container.is_object() {
        return;
    }
    say("loading", "Keeping this page’s files for offline use …");
    spawn_local(async move {
        if let Err(error) = register(&container).await {
            let why = message(&error);
            say(
                "no",
                &format!(
                    "This page is not kept for offline use: {}.",
                    why.trim_end_matches('.')
                ),
            );
        }
    });
}

async fn register(container: &JsValue) -> Result<(), JsValue> {
    // Asked of the server every time: a cached one would hide a newer build.
    let options = object(&[("updateViaCache", "none".into())]);
    let registration = ask(container, "register", &["./sw.js".into(), options]).await?;
    LOOKED_MS.set(Date::now());
    failing(&registration);
    REGISTRATION.replace(registration);
    let ready =
        wasm_bindgen_futures::JsFuture::from(js_sys::Promise::resolve(&get(container, "ready")))
            .await?;
    // No use for the WebGPU engine where nothing could run it.
    let without = match adapter::look().await {
        Gpu::Adapter(_) => Array::new(),
        Gpu::Missing | Gpu::NoAdapter(_) => Array::of1(&"worker_gpu".into()),
    };
    let wish = object(&[("ask", "keep".into()), ("without", without.into())]);
    call(&get(&ready, "active"), "postMessage", &[wish]).map(|_| ())
}

/// A first installation that fails leaves `ready` waiting for ever.
fn failing(registration: &JsValue) {
    let installing = get(registration, "installing");
    if !installing.is_object() || get(registration, "active").is_object() {
        return;
    }
    let worker = installing.clone();
    set(
        &installing,
        "onstatechange",
        &listener(move |_| match text(&worker, "state").as_deref() {
            // From here on it ends only for a newer one.
            Some("activated") => set(&worker, "onstatechange", &JsValue::NULL),
            Some("redundant") => say(
                "no",
                "This page is not kept for offline use: a file could not be loaded or stored. The next visit tries again.",
            ),
            _ => {}
        }),
    );
}

fn heard(page: &Page, data: &JsValue) {
    let Some(build) = text(data, "build") else {
        return;
    };
    if build != build_id() {
        return newer(page);
    }
    if let Some(why) = text(data, "failed") {
        let why = if get(data, "full").is_truthy() {
            "the browser’s storage for this page is full".to_owned()
        } else {
            why
        };
        say(
            "part",
            &format!("Ready for offline use, but not all of it: {why}."),
        );
    } else if get(data, "ready").is_truthy() {
        say(
            "ready",
            "Ready for offline use: this page opens without a network.",
        );
    }
}

/// A newer build was installed beside this one, which goes on.
fn newer(page: &Page) {
    let own = page.clone();
    let reload = Action::new("Reload", move || {
        keep::store(&own);
        let _ = window().location().reload();
    });
    page.notices.push(
        Level::Info,
        "There is a newer version of this page. This one goes on as it is; the run is kept and can be resumed after a reload.",
        Some(reload),
    );
}

/// Once an hour, when the visitor comes back: is there a newer build?
fn look() {
    let registration = REGISTRATION.with_borrow(Clone::clone);
    if document().hidden() || !registration.is_object() || Date::now() - LOOKED_MS.get() < LOOK_MS {
        return;
    }
    LOOKED_MS.set(Date::now());
    spawn_local(async move {
        // No network, most likely: the next look will tell.
        let _ = ask(&registration, "update", &[]).await;
    });
}

fn network() {
    let text = if window().navigator().on_line() {
        ""
    } else {
        "There is no network now."
    };
    set_text(&by_id::<Element>("network"), text);
}

fn say(state: &str, text: &str) {
    let line: Element = by_id("offline");
    set_attribute(&line, "data-value", state);
    set_text(&line, text);
}

fn container() -> JsValue {
    get(&window().navigator(), "serviceWorker")
}
