//! Messages to the visitor: in a live region, with a button to close each; nothing waits for them.

use super::dom::{append, by_id, make, on, set_attribute};
use crate::protocol::Level;
use std::cell::RefCell;
use web_sys::Element;

/// Messages kept in view; the oldest goes first.
const KEPT: usize = 4;

/// A way on, as a button inside a message.
pub struct Action {
    label: String,
    then: Box<dyn Fn()>,
}

impl Action {
    /// A button of that name.
    pub fn new(label: &str, then: impl Fn() + 'static) -> Self {
        Self {
            label: label.to_owned(),
            then: Box::new(then),
        }
    }
}

/// The messages in view.
#[derive(Debug, Default)]
pub struct Notices {
    shown: RefCell<Vec<(String, Element)>>,
}

impl Notices {
    /// Show a message. One that is in view already is not repeated.
    pub fn push(&self, level: Level, text: &str, action: Option<Action>) {
        let mut shown = self.shown.borrow_mut();
        shown.retain(|(_, element)| element.is_connected());
        if shown.iter().any(|(known, _)| known == text) {
            return;
        }
        let (class, word) = match level {
            Level::Info => ("notice", "Note"),
            Level::Warning => ("notice warning", "Attention"),
        };
        let notice = make("div", class, "");
        let words = make("p", "", "");
        append(
            &words,
            &[
                &make("strong", "", &format!("{word}: ")),
                &make("span", "", text),
            ],
        );
        append(&notice, &[&words]);
        let buttons = make("div", "notice-buttons", "");
        if let Some(action) = action {
            let button = button(&action.label, "");
            let closing = notice.clone();
            on(&button, "click", move |_: web_sys::Event| {
                closing.remove();
                (action.then)();
            });
            append(&buttons, &[&button]);
        }
        let dismiss = button("Dismiss", "quiet");
        let closing = notice.clone();
        on(&dismiss, "click", move |_: web_sys::Event| closing.remove());
        append(&buttons, &[&dismiss]);
        append(&notice, &[&buttons]);
        append(&by_id::<Element>("notices"), &[&notice]);
        shown.push((text.to_owned(), notice));
        if shown.len() > KEPT {
            shown.remove(0).1.remove();
        }
    }
}

fn button(label: &str, class: &str) -> Element {
    let button = make("button", class, label);
    set_attribute(&button, "type", "button");
    button
}
