//! The device of an engine.

use crate::protocol::Backend;
use burn::tensor::Device;

/// Open the device; the second value describes it to the visitor.
///
/// # Errors
/// In words, when the browser or the build has no such device.
pub async fn open_device(backend: Backend) -> Result<(Device, String), String> {
    match backend {
        Backend::Cpu => open_cpu(),
        Backend::Webgpu => open_gpu().await,
    }
}

#[cfg(feature = "cpu")]
fn open_cpu() -> Result<(Device, String), String> {
    Ok((Device::flex(), "WebAssembly SIMD, one thread".to_owned()))
}

#[cfg(not(feature = "cpu"))]
fn open_cpu() -> Result<(Device, String), String> {
    Err("this engine was built for WebGPU alone".to_owned())
}

#[cfg(feature = "gpu")]
async fn open_gpu() -> Result<(Device, String), String> {
    let device = Device::wgpu_options()
        .tasks_max(32)
        .init_async()
        .await
        .map_err(|error| format!("WebGPU could not be started: {error}"))?;
    Ok((
        device,
        adapter_name().await.unwrap_or_else(|| "WebGPU".to_owned()),
    ))
}

#[cfg(not(feature = "gpu"))]
async fn open_gpu() -> Result<(Device, String), String> {
    Err("this engine was built without WebGPU".to_owned())
}

/// What the browser tells about the adapter, asked through JavaScript: burn does not pass it on.
#[cfg(feature = "gpu")]
async fn adapter_name() -> Option<String> {
    use js_sys::{Function, Promise, Reflect};
    use wasm_bindgen::{JsCast, JsValue};
    let get = |object: &JsValue, key: &str| Reflect::get(object, &key.into()).ok();
    let navigator = get(&js_sys::global(), "navigator")?;
    let gpu = get(&navigator, "gpu")?;
    let request: Function = get(&gpu, "requestAdapter")?.dyn_into().ok()?;
    let promise: Promise = request.call0(&gpu).ok()?.dyn_into().ok()?;
    let adapter = wasm_bindgen_futures::JsFuture::from(promise).await.ok()?;
    let info = get(&adapter, "info")?;
    let words: Vec<String> = ["vendor", "architecture", "description"]
        .iter()
        .filter_map(|key| get(&info, key)?.as_string())
        .filter(|word| !word.is_empty())
        .collect();
    (!words.is_empty()).then(|| words.join(" "))
}
