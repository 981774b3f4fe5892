//! The few DOM helpers the page shares. Elements are static HTML: one that is missing is a mistake of
//! the build, so looking it up panics with its id.

use wasm_bindgen::prelude::*;
use web_sys::{Document, Element, EventTarget, HtmlElement, Window};

/// The window.
pub fn window() -> Window {
    web_sys::window().expect("the page runs in a window")
}

/// The document.
pub fn document() -> Document {
    window().document().expect("a window has a document")
}

/// Path of the folder that the page lies in, with a slash at its end.
pub fn base_path() -> String {
    let base = document().base_uri().ok().flatten().unwrap_or_default();
    web_sys::Url::new_with_base("./", &base).map_or_else(|_| "/".to_owned(), |url| url.pathname())
}

/// The element of that id, as its own type.
pub fn by_id<T: JsCast>(id: &str) -> T {
    document()
        .get_element_by_id(id)
        .unwrap_or_else(|| panic!("index.html has no #{id}"))
        .dyn_into()
        .unwrap_or_else(|_| panic!("#{id} is another kind of element"))
}

/// Listen for as long as the page lives.
pub fn on<E: JsCast>(target: &EventTarget, event: &str, mut then: impl FnMut(E) + 'static) {
    let closure = Closure::<dyn FnMut(web_sys::Event)>::new(move |event: web_sys::Event| {
        then(event.unchecked_into());
    });
    // Fails for no name and no target; there is nothing to tell the visitor.
    let _ = target.add_event_listener_with_callback(event, closure.as_ref().unchecked_ref());
    closure.forget();
}

/// Listen for clicks on the button of that id.
pub fn on_click(id: &str, mut then: impl FnMut() + 'static) {
    on(
        &by_id::<HtmlElement>(id),
        "click",
        move |_: web_sys::Event| then(),
    );
}

/// Replace the text, if it changes: a live region must not repeat itself.
pub fn set_text(element: &Element, text: &str) {
    if element.text_content().as_deref() != Some(text) {
        element.set_text_content(Some(text));
    }
}

/// Set an attribute, if it changes.
pub fn set_attribute(element: &Element, name: &str, value: &str) {
    if element.get_attribute(name).as_deref() != Some(value) {
        let _ = element.set_attribute(name, value);
    }
}

/// Show or hide.
pub fn show(element: &Element, visible: bool) {
    if visible {
        let _ = element.remove_attribute("hidden");
    } else {
        set_attribute(element, "hidden", "");
    }
}

/// Enable or disable a control.
pub fn enable(element: &Element, enabled: bool) {
    if enabled {
        let _ = element.remove_attribute("disabled");
    } else {
        set_attribute(element, "disabled", "");
    }
}

/// A new element with a class and a text.
pub fn make(tag: &str, class: &str, text: &str) -> Element {
    let element = document().create_element(tag).expect("a valid tag name");
    if !class.is_empty() {
        element.set_class_name(class);
    }
    if !text.is_empty() {
        element.set_text_content(Some(text));
    }
    element
}

/// Append children.
pub fn append(parent: &Element, children: &[&Element]) {
    for child in children {
        let _ = parent.append_child(child);
    }
}

/// Remove all children.
pub fn clear(element: &Element) {
    element.set_text_content(None);
}

/// Set a custom property (`--name`) of an element's style.
pub fn set_property(element: &Element, name: &str, value: &str) {
    if let Some(element) = element.dyn_ref::<HtmlElement>() {
        let _ = element.style().set_property(name, value);
    }
}

/// Whether this element has the focus.
pub fn has_focus(element: &Element) -> bool {
    document()
        .active_element()
        .is_some_and(|active| &active == element)
}

/// Give an element the focus.
pub fn focus(element: &Element) {
    if let Some(element) = element.dyn_ref::<HtmlElement>() {
        let _ = element.focus();
    }
}

/// Build elements anew; the one that has the focus gives it to its successor of the same id.
pub fn rebuilt(build: impl FnOnce()) {
    let id = document().active_element().map(|element| element.id());
    build();
    let successor = id
        .filter(|id| !id.is_empty())
        .and_then(|id| document().get_element_by_id(&id));
    if let Some(element) = successor.filter(|element| !has_focus(element)) {
        focus(&element);
    }
}

/// A button with an accessible name of its own, or named by its text.
pub fn button(class: &str, text: &str, name: &str) -> Element {
    let button = make("button", class, text);
    set_attribute(&button, "type", "button");
    if !name.is_empty() {
        set_attribute(&button, "aria-label", name);
    }
    button
}

/// A row's header.
pub fn row_head(child: &Element) -> Element {
    let head = make("th", "", "");
    set_attribute(&head, "scope", "row");
    append(&head, &[child]);
    head
}

/// Milliseconds since the page was opened.
pub fn now() -> f64 {
    window().performance().map_or(0.0, |clock| clock.now())
}

/// What a JavaScript exception says.
pub fn message(error: &JsValue) -> String {
    js_sys::Reflect::get(error, &"message".into())
        .ok()
        .and_then(|text| text.as_string())
        .or_else(|| error.as_string())
        .unwrap_or_else(|| "no reason given".to_owned())
}

/// Run once after so many milliseconds.
pub fn later(ms: i32, then: impl FnOnce() + 'static) {
    let closure = Closure::once_into_js(then);
    let _ =
        window().set_timeout_with_callback_and_timeout_and_arguments_0(closure.unchecked_ref(), ms);
}

/// Run once before the next painting; in a hidden tab nothing paints, so nothing runs.
pub fn next_frame(then: impl FnOnce() + 'static) {
    let closure = Closure::once_into_js(then);
    let _ = window().request_animation_frame(closure.unchecked_ref());
}
