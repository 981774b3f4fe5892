//! What web-sys has no stable names for, or no small ones: properties and methods by name.

use js_sys::{Array, Function, Promise, Reflect};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

/// A property; `undefined` where there is none or where reading it is refused.
pub fn get(of: &JsValue, key: &str) -> JsValue {
    Reflect::get(of, &key.into()).unwrap_or(JsValue::UNDEFINED)
}

/// A property that is a text.
pub fn text(of: &JsValue, key: &str) -> Option<String> {
    get(of, key).as_string()
}

/// Sets a property.
pub fn set(of: &JsValue, key: &str, value: &JsValue) {
    // Fails for frozen objects only; these are ours or made to be set.
    let _ = Reflect::set(of, &key.into(), value);
}

/// An object with these properties.
pub fn object(properties: &[(&str, JsValue)]) -> JsValue {
    let object = js_sys::Object::new();
    for (key, value) in properties {
        set(&object, key, value);
    }
    object.into()
}

/// Calls a method.
///
/// # Errors
/// What it throws, or that there is no such method.
pub fn call(of: &JsValue, method: &str, with: &[JsValue]) -> Result<JsValue, JsValue> {
    let function: Function = get(of, method)
        .dyn_into()
        .map_err(|_| JsValue::from(format!("there is no {method}")))?;
    Reflect::apply(&function, of, &with.iter().collect::<Array>())
}

/// Calls a method and waits for what it promises.
///
/// # Errors
/// What it throws or rejects with, or that there is no such method.
pub async fn ask(of: &JsValue, method: &str, with: &[JsValue]) -> Result<JsValue, JsValue> {
    JsFuture::from(Promise::resolve(&call(of, method, with)?)).await
}

/// Calls a function with one argument every time, for as long as the page lives.
pub fn listener(then: impl FnMut(JsValue) + 'static) -> JsValue {
    Closure::<dyn FnMut(JsValue)>::new(then).into_js_value()
}
