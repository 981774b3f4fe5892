//! One worker: starts it, sends commands, hands on what it says.

use super::dom::message;
use crate::protocol::{Backend, Command, Event, pack, unpack};
use js_sys::{Array, ArrayBuffer, Uint8Array};
use wasm_bindgen::prelude::*;
use web_sys::{ErrorEvent, MessageEvent, Worker, WorkerOptions, WorkerType};

/// What comes from a worker.
#[derive(Debug)]
pub enum Report {
    /// An event and its payload.
    Said(Box<Event>, JsValue),
    /// It said something unreadable, or figures that are no numbers.
    Garbled(String),
    /// It broke.
    Broke(String),
}

/// A running worker. Dropping it ends the worker.
#[derive(Debug)]
pub struct Engine {
    /// Its device.
    pub backend: Backend,
    worker: Worker,
    _on_message: Closure<dyn FnMut(MessageEvent)>,
    _on_error: Closure<dyn FnMut(ErrorEvent)>,
}

/// Build id, shown on the page and in the worker's address: worker files carry no hash.
pub fn build_id() -> &'static str {
    option_env!("GEMST_BUILD_ID").unwrap_or("dev")
}

impl Engine {
    /// Start the worker of a device; `hear` gets everything it says.
    ///
    /// # Errors
    /// The browser's words if it cannot make module workers.
    pub fn start(
        backend: Backend,
        hear: impl Fn(Report) + Clone + 'static,
    ) -> Result<Self, String> {
        let file = loader(backend);
        let options = WorkerOptions::new();
        options.set_type(WorkerType::Module);
        let address = format!("./{file}?v={}", build_id());
        let worker =
            Worker::new_with_options(&address, &options).map_err(|error| message(&error))?;
        let said = hear.clone();
        let on_message = Closure::<dyn FnMut(MessageEvent)>::new(move |event: MessageEvent| {
            said(read(&event.data()));
        });
        let on_error = Closure::<dyn FnMut(ErrorEvent)>::new(move |event: ErrorEvent| {
            // A script that cannot be loaded gives a plain Event without a message.
            let text = js_sys::Reflect::get(&event, &"message".into())
                .ok()
                .and_then(|text| text.as_string())
                .filter(|text| !text.is_empty())
                .unwrap_or_else(|| format!("{file} could not be loaded or started"));
            hear(Report::Broke(text));
        });
        worker.set_onmessage(Some(on_message.as_ref().unchecked_ref()));
        worker.set_onerror(Some(on_error.as_ref().unchecked_ref()));
        Ok(Self {
            backend,
            worker,
            _on_message: on_message,
            _on_error: on_error,
        })
    }

    /// End the worker now; its closures go once the one that may be running has returned.
    pub fn retire(self) {
        self.worker.terminate();
        wasm_bindgen_futures::spawn_local(async move { drop(self) });
    }

    /// Send a command. An `ArrayBuffer` payload is transferred, so it is gone here afterwards.
    pub fn send(&self, command: &Command, payload: Option<&JsValue>) {
        let bytes = pack(command).expect("commands are plain data");
        let parts = Array::of1(&Uint8Array::from(bytes.as_slice()).into());
        let transfer = Array::new();
        if let Some(payload) = payload {
            parts.push(payload);
            if payload.is_instance_of::<ArrayBuffer>() {
                transfer.push(payload);
            }
        }
        // Fails only for payloads that cannot be cloned; files and buffers can.
        if let Err(error) = self.worker.post_message_with_transfer(&parts, &transfer) {
            web_sys::console::error_2(&"postMessage failed".into(), &error);
        }
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.worker.set_onmessage(None);
        self.worker.set_onerror(None);
        self.worker.terminate();
    }
}

fn loader(backend: Backend) -> &'static str {
    match backend {
        Backend::Cpu => "worker_cpu_loader.js",
        Backend::Webgpu => "worker_gpu_loader.js",
    }
}

fn read(data: &JsValue) -> Report {
    let Some(parts) = data.dyn_ref::<Array>() else {
        return Report::Garbled("no message".into());
    };
    let first = parts.get(0);
    if let Some(text) = first.as_string() {
        return Report::Said(Box::new(Event::Fatal { text }), JsValue::UNDEFINED);
    }
    match unpack(&Uint8Array::new(&first).to_vec()) {
        Ok(event) if !Event::is_finite(&event) => {
            Report::Garbled("figures that are no numbers".into())
        }
        Ok(event) => Report::Said(Box::new(event), parts.get(1)),
        Err(error) => Report::Garbled(error),
    }
}
