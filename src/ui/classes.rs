//! The classes: how many images each has, and how many of them each network names rightly.

use super::app::Page;
use super::browser;
use super::confusion::recall;
use super::dom::{
    append, button, by_id, clear, make, on, rebuilt, row_head, set_attribute, set_property,
};
use super::figures::UNKNOWN;
use super::format::{grouped, percent};
use super::gallery::Filter;
use std::cell::Cell;
use web_sys::{Element, Event};

thread_local! {
    /// Revision of the images that are drawn, and whether they are evaluated.
    static DRAWN: Cell<Option<(u64, bool)>> = const { Cell::new(None) };
}

/// Bring the table in line with the state.
pub fn draw(page: &Page) {
    let state = page.state.borrow();
    let evaluation = state.run.evaluation.as_ref();
    let now = Some((state.images.revision(), evaluation.is_some()));
    if DRAWN.replace(now) == now {
        return;
    }
    rebuilt(|| {
        let body: Element = by_id("class-rows");
        clear(&body);
        for (class, train) in state.images.train.iter().enumerate() {
            let name = state.dataset_class_name(class);
            let row = make("tr", "", "");
            set_attribute(&row, "data-class", &name);
            let button = button("quiet", &name, &format!("Show {name}"));
            set_attribute(&button, "id", &format!("class-{class}"));
            let own = page.clone();
            on(&button, "click", move |_: Event| {
                let filter = Filter {
                    truth: vec![class],
                    ..Filter::default()
                };
                browser::open(&own, filter);
            });
            append(&row, &[&row_head(&button)]);
            for count in [f64::from(*train), state.images.count(class) as f64] {
                append(&row, &[&make("td", "", &grouped(count))]);
            }
            for (side, of) in [
                ("spiking", evaluation.map(|(_, spiking, _)| spiking)),
                ("dense", evaluation.map(|(_, _, dense)| dense)),
            ] {
                let share = of.and_then(|of| recall(&of.confusion, class));
                let text = share.map_or(UNKNOWN.to_owned(), percent);
                let cell = make("td", &format!("class-share {side}"), &text);
                let share = share.unwrap_or(0.0);
                set_property(&cell, "--share", &format!("{share:.3}"));
                append(&row, &[&cell]);
            }
            append(&body, &[&row]);
        }
    });
}
