//! The worker's end of the wire: messages in and out, yielding to the browser, time.

use super::dataset::Loaded;
use crate::protocol::{Command, Event, Level, pack, unpack};
use async_channel::{Receiver, Sender};
use js_sys::{Array, Uint8Array};
use std::cell::RefCell;
use std::rc::Rc;
use wasm_bindgen::prelude::*;
use web_sys::{DedicatedWorkerGlobalScope, MessageEvent};

/// What the worker's loop takes in.
#[allow(clippy::large_enum_variant)] // A message at a time; as the protocol's own.
pub enum Incoming {
    /// A command and what came with it.
    Asked(Command, JsValue),
    /// A data set that was asked for as the nth one, or why there is none.
    Loaded(u32, Box<Result<Loaded, String>>),
}

/// Messages from and to the page.
#[derive(Clone)]
pub struct Host {
    incoming: Receiver<Incoming>,
    inbox: Sender<Incoming>,
}

fn scope() -> DedicatedWorkerGlobalScope {
    js_sys::global().unchecked_into()
}

impl Host {
    /// Listen from now on; a panic anywhere becomes [`Event::Fatal`].
    pub fn install() -> Self {
        std::panic::set_hook(Box::new(|info| {
            post(
                &Event::Fatal {
                    text: info.to_string(),
                },
                None,
            );
        }));
        let (inbox, incoming) = async_channel::unbounded();
        let sender = inbox.clone();
        let listen = Closure::<dyn FnMut(MessageEvent)>::new(move |event: MessageEvent| {
            receive(&event.data(), &sender);
        });
        scope().set_onmessage(Some(listen.as_ref().unchecked_ref()));
        listen.forget(); // Lives as long as the worker.
        Self { incoming, inbox }
    }

    /// Hand something to the worker's own loop.
    pub fn put(&self, incoming: Incoming) {
        // As for a command: the receiver lives in the loop.
        drop(self.inbox.try_send(incoming));
    }

    /// The next command; waits for one.
    pub async fn next(&self) -> Option<Incoming> {
        self.incoming.recv().await.ok()
    }

    /// A command that has already arrived.
    pub fn try_next(&self) -> Option<Incoming> {
        self.incoming.try_recv().ok()
    }

    /// Tell the page.
    pub fn send(&self, event: &Event) {
        post(event, None);
    }

    /// Tell the page, handing over bytes.
    pub fn send_with(&self, event: &Event, bytes: &[u8]) {
        post(event, Some(bytes));
    }

    /// Something was refused; what the visitor had stays.
    pub fn warn(&self, text: impl Into<String>) {
        self.send(&Event::Notice {
            level: Level::Warning,
            text: text.into(),
        });
    }

    /// Let the browser deliver messages. A message channel is not throttled as timers are.
    pub async fn breathe(&self) {
        thread_local! {
            static CHANNEL: web_sys::MessageChannel =
                web_sys::MessageChannel::new().expect("workers have message channels");
        }
        let promise = js_sys::Promise::new(&mut |resolve, _| {
            CHANNEL.with(|channel| {
                channel.port1().set_onmessage(Some(&resolve));
                // A message that cannot be posted would leave the promise open: resolve at once then.
                if channel.port2().post_message(&JsValue::NULL).is_err() {
                    let _ = resolve.call0(&JsValue::NULL);
                }
            });
        });
        let _ = wasm_bindgen_futures::JsFuture::from(promise).await;
    }
}

/// Milliseconds since the worker started.
pub fn now_ms() -> f64 {
    scope()
        .performance()
        .map_or(0.0, |performance| performance.now())
}

fn receive(data: &JsValue, sender: &Sender<Incoming>) {
    let message = Array::from(data);
    match unpack::<Command>(&Uint8Array::new(&message.get(0)).to_vec()) {
        // The channel is unbounded and its receiver lives in the loop; a closed channel means the loop ended.
        Ok(command) => drop(sender.try_send(Incoming::Asked(command, message.get(1)))),
        Err(error) => post(
            &Event::Notice {
                level: Level::Warning,
                text: format!(
                    "the engine does not understand the page ({error}): reload the page to get matching versions"
                ),
            },
            None,
        ),
    }
}

fn post(event: &Event, bytes: Option<&[u8]>) {
    let first = match pack(event) {
        Ok(bytes) => Uint8Array::from(bytes.as_slice()).into(),
        Err(error) => JsValue::from_str(&format!("a message could not be written: {error}")),
    };
    let message = Array::of1(&first);
    let sent = match bytes {
        None => scope().post_message(&message),
        Some(bytes) => {
            let buffer = Uint8Array::from(bytes).buffer();
            message.push(&buffer);
            scope().post_message_with_transfer(&message, &Array::of1(&buffer))
        }
    };
    if let Err(error) = sent {
        web_sys::console::error_2(&"gemst: a message to the page was lost".into(), &error);
    }
}

/// Progress events, at most one each 100 ms and one at the end.
#[derive(Clone)]
pub struct Progress {
    host: Host,
    last: Rc<RefCell<f64>>,
}

impl Progress {
    /// Progress reports to the page.
    pub fn new(host: &Host) -> Self {
        Self {
            host: host.clone(),
            last: Rc::new(RefCell::new(f64::NEG_INFINITY)),
        }
    }

    /// `done` of `total` (0: unknown) of `label`.
    pub fn report(&self, label: &str, done: u64, total: u64) {
        let now = now_ms();
        if done != total && now - *self.last.borrow() < 100.0 {
            return;
        }
        *self.last.borrow_mut() = now;
        self.host.send(&Event::Progress {
            label: label.to_owned(),
            done,
            total,
        });
    }
}
