//! A look at `navigator.gpu`, without loading anything. Through `Reflect`: web-sys keeps WebGPU
//! behind an unstable flag.

use super::choice::{AdapterInfo, Gpu};
use super::dom::{message, window};
use js_sys::{Function, Promise, Reflect};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

/// What WebGPU offers here.
pub async fn look() -> Gpu {
    let gpu = get(&window().navigator(), "gpu");
    if gpu.is_undefined() || gpu.is_null() {
        return Gpu::Missing;
    }
    match request(&gpu).await {
        Ok(adapter) if adapter.is_null() || adapter.is_undefined() => Gpu::NoAdapter(String::new()),
        Ok(adapter) => Gpu::Adapter(describe(&adapter)),
        Err(error) => Gpu::NoAdapter(message(&error)),
    }
}

async fn request(gpu: &JsValue) -> Result<JsValue, JsValue> {
    let options = js_sys::Object::new();
    // The engine asks for the same one, and software is judged by what it would get.
    Reflect::set(
        &options,
        &"powerPreference".into(),
        &"high-performance".into(),
    )?;
    let request: Function = get(gpu, "requestAdapter").dyn_into()?;
    let promise: Promise = request.call1(gpu, &options)?.dyn_into()?;
    JsFuture::from(promise).await
}

fn describe(adapter: &JsValue) -> AdapterInfo {
    let info = get(adapter, "info");
    let text = |key: &str| get(&info, key).as_string().unwrap_or_default();
    let flag = |of: &JsValue| get(of, "isFallbackAdapter").as_bool().unwrap_or(false);
    AdapterInfo {
        vendor: text("vendor"),
        architecture: text("architecture"),
        device: text("device"),
        description: text("description"),
        // The flag moved from the adapter to its info.
        fallback: flag(&info) || flag(adapter),
    }
}

fn get(of: &JsValue, key: &str) -> JsValue {
    Reflect::get(of, &key.into()).unwrap_or(JsValue::UNDEFINED)
}
