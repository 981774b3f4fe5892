//! The same picture through both networks: two columns of answers.

use super::app::Page;
use super::dom::{append, by_id, make, set_attribute, set_property, set_text, show};
use super::figures::UNKNOWN;
use super::format::percent;
use super::picture::{Source, opaque, paint};
use super::state::State;
use super::words::hint;
use crate::protocol::Classification;
use web_sys::{Element, HtmlCanvasElement};

/// Rows of answers.
const ROWS: usize = 5;

/// Make the empty rows.
pub fn once() {
    for id in ["spiking-top", "dense-top"] {
        let list: Element = by_id(id);
        for _ in 0..ROWS {
            let row = make("li", "answer", "");
            append(
                &row,
                &[
                    &make("span", "answer-name", UNKNOWN),
                    &make("span", "answer-share", ""),
                    &make("span", "answer-bar", ""),
                ],
            );
            append(&list, &[&row]);
        }
    }
}

/// Draw the answers.
pub fn draw(page: &Page) {
    let state = page.state.borrow();
    let answer = state.answer.as_ref();
    rows(&state, "spiking-top", answer.map(|answer| &answer.spiking));
    rows(&state, "dense-top", answer.map(|answer| &answer.dense));
    let words: Element = by_id("agreement");
    // A picture that was picked is worth an announcement; a camera's answers come too fast to be read out.
    let live = page.pictures.borrow().source != Source::Camera;
    set_attribute(&words, "aria-live", if live { "polite" } else { "off" });
    set_text(&words, &agreement(&state));
    let below = state.unsure_below();
    let trained = state
        .networks
        .as_ref()
        .is_some_and(|networks| networks.trained);
    let unsure = answer
        .and_then(|answer| answer.spiking.top.first())
        .map_or(String::new(), |(_, confidence)| {
            hint(trained, *confidence, below)
        });
    set_text(&by_id::<Element>("hint"), &unsure);
    set_text(&by_id::<Element>("truth"), &truth(page, &state));
    let seen: HtmlCanvasElement = by_id("seen");
    show(&seen, answer.is_some());
    if let Some(answer) = answer.filter(|answer| answer.seen.len() == 32 * 32 * 3) {
        paint(&seen, &opaque(&answer.seen), 32);
        set_attribute(
            &seen,
            "aria-label",
            "What the networks see: 32 by 32 pixels",
        );
    }
}

fn rows(state: &State, id: &str, answer: Option<&Classification>) {
    let list: Element = by_id(id);
    // A label of other classes is neither right nor wrong.
    let truth = state.answer.as_ref().and_then(|answer| answer.label);
    let truth = truth.filter(|_| state.other_classes().is_none());
    let rows = list.children();
    for index in 0..ROWS {
        let Some(row) = rows.item(index as u32) else {
            continue;
        };
        let top = answer.and_then(|answer| answer.top.get(index)).copied();
        let (name, share) = top.map_or((UNKNOWN.to_owned(), 0.0), |(class, share)| {
            let right = if truth == Some(class) { " ✓" } else { "" };
            (
                format!("{}{right}", state.class_name(class)),
                f64::from(share),
            )
        });
        let parts = row.children();
        if let (Some(label), Some(value)) = (parts.item(0), parts.item(1)) {
            set_text(&label, &name);
            set_text(
                &value,
                &if top.is_some() {
                    percent(share)
                } else {
                    String::new()
                },
            );
        }
        set_property(&row, "--share", &format!("{:.4}", share.clamp(0.0, 1.0)));
    }
}

fn agreement(state: &State) -> String {
    let Some(answer) = &state.answer else {
        return "Pick a picture, and both networks answer.".to_owned();
    };
    match (answer.spiking.top.first(), answer.dense.top.first()) {
        (Some((spiking, _)), Some((dense, _))) if spiking == dense => {
            format!("Both say {}.", state.class_name(*spiking))
        }
        (Some((spiking, _)), Some((dense, _))) => format!(
            "They disagree: spiking says {}, dense says {}.",
            state.class_name(*spiking),
            state.class_name(*dense)
        ),
        _ => String::new(),
    }
}

/// Which picture is shown.
pub fn truth(page: &Page, state: &State) -> String {
    let source = &page.pictures.borrow().source;
    match (
        source,
        state.answer.as_ref().and_then(|answer| answer.label),
    ) {
        (Source::HeldOut(index), Some(label)) => {
            format!(
                "Held-out image {index}: {}.",
                state.dataset_class_name(label)
            )
        }
        (Source::HeldOut(_), None) => "A held-out image.".to_owned(),
        (Source::Example(_), _) => {
            let about = state.glance.as_ref().map(|glance| &glance.recorded.picture);
            format!("A drawing of ours. {}", about.map_or("", String::as_str))
        }
        (Source::File(_), _) => "Your picture, cropped to its centre.".to_owned(),
        (Source::Camera, _) => "The camera, cropped to its centre.".to_owned(),
        (Source::Still(_), _) => "The camera’s last frame.".to_owned(),
        (Source::None, _) => "No picture yet.".to_owned(),
    }
}
