//! Brings the page in line with the state.

use super::app::Page;
use super::dom::{by_id, document, set_attribute, set_text, show};
use super::engine::build_id;
use super::figures::{figures, status};
use super::format::{bytes, duration, grouped};
use super::state::{Progress, State};
use super::{
    activity, bill, browser, charts, classes, controls, glance, matrix, offline, own, runs_table,
    shelf, story, strip, trail, twin, what_if,
};
use crate::config::other_classes;
use wasm_bindgen::JsCast;
use web_sys::{Element, HtmlProgressElement};

/// Amounts from here on are bytes: no data set has a million images, no run a million steps.
const BYTES_FROM: u64 = 1_000_000;

/// What is drawn once.
pub fn once() {
    twin::once();
    bill::once();
    set_text(&by_id::<Element>("build"), build_id());
}

/// Draw everything. Elements that do not change are not touched.
pub fn all(page: &Page) {
    {
        let state = page.state.borrow();
        for figure in figures(&state) {
            let selector = format!("[data-metric=\"{}\"]", figure.name);
            let Ok(elements) = document().query_selector_all(&selector) else {
                continue;
            };
            for index in 0..elements.length() {
                if let Some(element) = elements
                    .get(index)
                    .and_then(|node| node.dyn_into::<Element>().ok())
                {
                    set_attribute(&element, "data-value", &figure.value);
                    set_text(&element, &figure.text);
                }
            }
        }
        set_text(&by_id::<Element>("status"), &status(&state));
        set_text(&by_id::<Element>("weights"), &weights(&state));
        set_text(
            &by_id::<Element>("seed-shown"),
            &state.settings.seed.to_string(),
        );
        engine(&state);
        progress(state.progress.as_ref());
        camera(&state);
        set_attribute(
            &by_id::<Element>("generated"),
            "data-shown",
            generated(&state),
        );
        let other = state.other_classes();
        let other = other.map(|(networks, images)| other_classes(networks, images));
        let note: Element = by_id("other-classes");
        set_attribute(
            &note,
            "data-shown",
            if other.is_some() { "yes" } else { "no" },
        );
        set_text(&note, &other.unwrap_or_default());
    }
    controls::refresh(page);
    shelf::buttons(page);
    if page.state.borrow().usable() {
        offline::start();
    }
    glance::draw(page);
    twin::draw(page);
    strip::mark(page);
    activity::draw(page);
    own::draw(page);

    bill::draw(page);
    what_if::draw(page);
    trail::draw(page);
    runs_table::draw(page);
    charts::draw(page);
    matrix::draw(page);
    classes::draw(page);
    browser::draw(page);
    story::draw(page);
}

fn weights(state: &State) -> String {
    state.networks.as_ref().map_or(String::new(), |networks| {
        let count = |census: &crate::energy::Census| grouped(census.params as f64);
        format!(
            "In force: {}. Parameters: spiking {}, dense {}.",
            networks.weights,
            count(&networks.spiking_census),
            count(&networks.dense_census)
        )
    })
}

fn engine(state: &State) {
    let engine = &state.engine;
    let time = |name: &str, ms: Option<f64>| ms.map(|ms| format!("{name} {} a step", duration(ms)));
    let times = [time("CPU", engine.cpu_ms), time("WebGPU", engine.gpu_ms)];
    let measured: Vec<String> = times.into_iter().flatten().collect();
    set_text(&by_id::<Element>("engine-reason"), &engine.reason);
    let measured = if measured.is_empty() {
        String::new()
    } else {
        format!("Measured here: {}.", measured.join(", "))
    };
    set_text(&by_id::<Element>("engine-times"), &measured);
}

fn progress(progress: Option<&Progress>) {
    let part: Element = by_id("progress-part");
    show(&part, progress.is_some());
    let Some(progress) = progress else { return };
    let bar: HtmlProgressElement = by_id("progress");
    if progress.total > 0 {
        bar.set_max(progress.total as f64);
        bar.set_value(progress.done as f64);
    } else {
        // Without a value the bar says "under way".
        let _ = bar.remove_attribute("value");
    }
    set_text(&by_id::<Element>("progress-label"), &amounts(progress));
}

fn amounts(progress: &Progress) -> String {
    let Progress { label, done, total } = progress;
    let write = |count: u64| {
        if (*done).max(*total) >= BYTES_FROM {
            bytes(count as f64)
        } else {
            grouped(count as f64)
        }
    };
    match (*done, *total) {
        (0, 0) => label.clone(),
        (done, 0) => format!("{label}: {}", write(done)),
        (done, total) => format!("{label}: {} of {}", write(done), write(total)),
    }
}

fn camera(state: &State) {
    set_text(&by_id::<Element>("camera-words"), state.camera.words());
    set_attribute(
        &by_id::<Element>("look"),
        "data-camera",
        state.camera.name(),
    );
}

fn generated(state: &State) -> &'static str {
    match &state.dataset {
        Some(info) if info.kind == crate::config::DatasetKind::Synthetic => "yes",
        _ => "no",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_is_in_bytes_where_it_counts_bytes() {
        let say = |done, total| {
            amounts(&Progress {
                label: "x".to_owned(),
                done,
                total,
            })
        };
        assert_eq!(say(0, 0), "x");
        assert_eq!(say(200, 1000), "x: 200 of 1000");
        assert_eq!(
            say(15_000_000, 170_498_071),
            "x: 15.0\u{202f}MB of 170\u{202f}MB"
        );
        assert_eq!(say(2_000_000, 0), "x: 2.00\u{202f}MB");
    }
}
