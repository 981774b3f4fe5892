//! What the page and its engine hold in memory.

use super::Page;
use anyhow::{Context, Result};
use serde_json::json;

/// Runs in a worker first, see [`crate::browser::Options::worker_script`]: keeps hold of the engine's WebAssembly
/// memory and counts the bytes of GPU buffers that were made and neither destroyed nor collected: an allocator that drops
/// a buffer leaves it to the browser's garbage collection. WebGPU's interfaces are not there yet while a worker is held at
/// its start, so buffers count from the worker's first message. [`Page::spare_the_gpu`] needs it, too.
pub const WATCH_MEMORY: &str = r"
self.held = { wasm: [], buffers: 0, counting: false, spared: false };
for (const name of ['instantiate', 'instantiateStreaming']) {
  const real = WebAssembly[name];
  WebAssembly[name] = async (...a) => {
    const made = await real.apply(WebAssembly, a);
    const instance = made.instance ?? made;
    for (const part of Object.values(instance.exports))
      if (part instanceof WebAssembly.Memory) self.held.wasm.push(part);
    return made;
  };
}
const count = () => {
  const device = self.GPUDevice?.prototype, buffer = self.GPUBuffer?.prototype;
  if (self.held.counting || !device) return;
  self.held.counting = true;
  const make = device.createBuffer, destroy = buffer.destroy;
  const alive = new WeakMap();
  const drop = (own) => { self.held.buffers -= own.size; own.size = 0; };
  const collected = new FinalizationRegistry(drop);
  device.createBuffer = function (...a) {
    const made = make.apply(this, a);
    const own = { size: made.size };
    alive.set(made, own);
    collected.register(made, own);
    self.held.buffers += own.size;
    return made;
  };
  buffer.destroy = function () {
    const own = alive.get(this);
    if (own) drop(own);
    return destroy.apply(this);
  };
  const pass = self.GPUComputePassEncoder.prototype;
  for (const name of ['dispatchWorkgroups', 'dispatchWorkgroupsIndirect']) {
    const real = pass[name];
    pass[name] = function (...a) { if (!self.held.spared) real.apply(this, a); };
  }
};
const post = self.postMessage.bind(self);
self.postMessage = (...a) => { count(); return post(...a); };";

/// Bytes held at one moment.
#[derive(Debug, Clone, Copy)]
pub struct Held {
    /// JavaScript's heap of the page, after a garbage collection.
    pub page: f64,
    /// The same of the engine's worker.
    pub worker: f64,
    /// The engine's WebAssembly memory.
    pub wasm: f64,
    /// GPU buffers; 0 for an engine without a GPU.
    pub buffers: f64,
}

impl Page {
    /// What is held now; the browser must run [`WATCH_MEMORY`] in its workers. `script` is part of the address of the
    /// engine's script.
    pub fn held(&mut self, script: &str) -> Result<Held> {
        let page = self.session.clone();
        let worker = self.worker(script)?;
        // Collects first, so that a turn of the worker's loop later what was collected has been counted.
        let worker_heap = self.heap(&worker)?;
        let mut number = |expression: &str| -> Result<f64> {
            let value = self.eval_in(&worker, expression)?;
            value
                .as_f64()
                .with_context(|| format!("{expression} is {value}"))
        };
        let wasm =
            number("self.held.wasm.reduce((sum, memory) => sum + memory.buffer.byteLength, 0)")?;
        let buffers =
            number("new Promise((then) => setTimeout(() => then(self.held.buffers), 50))")?;
        Ok(Held {
            page: self.heap(&page)?,
            worker: worker_heap,
            wasm,
            buffers,
        })
    }

    /// From now on the engine's GPU gets everything but the arithmetic: buffers, bindings, passes and readbacks are real,
    /// and its shaders do not run. For what does not depend on the numbers, such as which buffers are made and let go, at
    /// thirty steps a second instead of one in seven seconds.
    pub fn spare_the_gpu(&mut self, script: &str) -> Result<()> {
        self.eval_in_worker(script, "self.held.spared = self.held.counting")?
            .as_bool()
            .filter(|&spared| spared)
            .context("the engine has not sent a message yet")?;
        Ok(())
    }

    fn heap(&mut self, session: &str) -> Result<f64> {
        let connection = &mut self.browser.connection;
        connection.call(Some(session), "HeapProfiler.collectGarbage", json!({}))?;
        let usage = connection.call(Some(session), "Runtime.getHeapUsage", json!({}))?;
        usage["usedSize"]
            .as_f64()
            .context("the browser gives no heap usage")
    }
}
