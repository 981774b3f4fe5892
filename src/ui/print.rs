//! The run report as one printable page: it takes the place of everything else until it is closed.

use super::app::Page;
use super::dom::{by_id, document, next_frame, on, on_click, set_attribute, show, window};
use super::twin;
use web_sys::{Element, Event, HtmlElement, KeyboardEvent};

/// Listen to Print report and to the buttons of the report's page.
pub fn connect(page: &Page) {
    let own = page.clone();
    on_click("print-report", move || open(&own));
    on_click("report-print", print);
    on_click("report-close", close);
    on(
        &by_id::<Element>("report-view"),
        "keydown",
        |event: KeyboardEvent| {
            if event.key() == "Escape" {
                close();
            }
        },
    );
}

fn open(page: &Page) {
    let report = {
        let state = page.state.borrow();
        let picture = twin::truth(page, &state);
        state.report(&picture)
    };
    let Some(report) = report else { return };
    by_id::<Element>("report-body").set_inner_html(&report.to_html());
    show(&by_id("report-view"), true);
    view("report");
    window().scroll_to_with_x_and_y(0.0, 0.0);
    let _ = by_id::<HtmlElement>("report-print").focus();
    // Once it is laid out.
    next_frame(|| next_frame(print));
}

fn print() {
    // Blocked by a browser or refused by the visitor: the page is there to read.
    let _ = window().print();
}

fn close() {
    view("");
    show(&by_id("report-view"), false);
    by_id::<Element>("report-body").set_inner_html("");
    // The curves had no width meanwhile.
    if let Ok(event) = Event::new("resize") {
        let _ = window().dispatch_event(&event);
    }
    let _ = by_id::<HtmlElement>("print-report").focus();
}

fn view(name: &str) {
    if let Some(body) = document().body() {
        set_attribute(&body, "data-view", name);
    }
}
