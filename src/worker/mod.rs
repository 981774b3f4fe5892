//! The dedicated worker: owns the device, the networks and the loop. The page sends
//! [`Command`](crate::protocol::Command)s, the worker answers with [`Event`](crate::protocol::Event)s; both engines run
//! this same code on their own device.

pub mod dataset;
mod device;
mod engine;
mod host;
mod look;
mod shipped;
mod speed;
pub mod storage;
mod try_out;

pub use device::open_device;

use crate::protocol::{Backend, Event, PROTOCOL};
use engine::Engine;
use host::Host;

unsafe extern "C" {
    fn __wasm_call_ctors();
}

/// Run the static constructors once. Without this call the linker wraps every export with them, and each call
/// from JavaScript runs them all again.
pub fn run_constructors() {
    // SAFETY: called once, first thing, before any other code of the module has run.
    unsafe { __wasm_call_ctors() }
}

/// Entry of both worker binaries: say hello, then obey.
pub fn start(backend: Backend) {
    let host = Host::install();
    wasm_bindgen_futures::spawn_local(async move {
        let (device, adapter) = match open_device(backend).await {
            Ok(opened) => opened,
            Err(text) => return host.send(&Event::Fatal { text }),
        };
        host.send(&Event::Hello {
            protocol: PROTOCOL,
            backend,
            adapter,
        });
        Engine::new(host, device, backend).run().await;
    });
}
