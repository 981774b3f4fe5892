// Starts an engine. What ends it without Rust's knowledge is told here, as plain text: a GPU that goes
// away while nothing is asked of it, and an error inside a promise, which no `error` event reports.
const stopped = (text) => postMessage([text]);

addEventListener("unhandledrejection", ({ reason }) => stopped(String(reason?.message ?? reason)));

if (globalThis.GPUAdapter) {
  const request = GPUAdapter.prototype.requestDevice;
  GPUAdapter.prototype.requestDevice = async function (...wishes) {
    const device = await request.apply(this, wishes);
    device.lost.then(({ reason, message }) => {
      // "destroyed": the engine let go of it by itself.
      if (reason !== "destroyed") stopped(`the GPU was lost (${message || "no reason given"})`);
    });
    return device;
  };
}

const { default: init } = await import("./ENGINE.js?v=BUILD");
await init({ module_or_path: new URL("./ENGINE_bg.wasm?v=BUILD", import.meta.url) });
