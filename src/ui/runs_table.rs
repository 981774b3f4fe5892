//! Earlier runs as a table: what differs from the run now, drawn or not, removed; and their place in the browser's
//! storage.

use super::app::Page;
use super::dom::{
    append, button, by_id, clear, focus, make, on, rebuilt, row_head, set_attribute, set_property,
    set_text, show, window,
};
use super::figures::UNKNOWN;
use super::format::{figure, grouped, percent};
use super::history::Column;
use super::runs::{KeptRun, Runs, difference};
use super::series::DASHES;
use super::settings::Settings;
use crate::energy::energy_text;
use std::cell::RefCell;
use wasm_bindgen::JsCast;
use web_sys::{Element, Event, HtmlInputElement, Storage};

/// Their name in the browser's storage.
const KEY: &str = "gemst-runs";

thread_local! {
    /// What the table shows: the runs' revision and the settings it was compared with.
    static DRAWN: RefCell<Option<(u64, Settings)>> = const { RefCell::new(None) };
}

/// The runs of earlier visits. A browser without storage has none.
pub fn stored() -> Runs {
    let text = storage().and_then(|storage| storage.get_item(KEY).ok().flatten());
    text.map_or_else(Runs::default, |text| Runs::from_text(&text))
}

fn storage() -> Option<Storage> {
    window().local_storage().ok().flatten()
}

/// Put them into the storage, as many as it takes; whether that was all.
fn store(runs: &Runs) -> bool {
    let Some(storage) = storage() else {
        return false;
    };
    let kept = |fewer: &usize| storage.set_item(KEY, &runs.to_text(*fewer)).is_ok();
    (0..=runs.list().len()).find(kept) == Some(0)
}

/// Bring the table in line with the runs.
pub fn draw(page: &Page) {
    let state = page.state.borrow();
    let now = (state.runs.revision(), state.settings_in_force());
    let before = DRAWN.with_borrow_mut(|drawn| drawn.replace(now.clone()));
    if before.as_ref() == Some(&now) {
        return;
    }
    let changed = before.is_some_and(|(revision, _)| revision != now.0);
    if changed {
        let words = if store(&state.runs) {
            "Kept in this browser when another run begins, and drawn under the run now."
        } else {
            "Drawn under the run now. This browser has no room to keep all of them: they last until this tab is closed."
        };
        set_text(&by_id::<Element>("runs-words"), words);
    }
    show(&by_id("runs-part"), !state.runs.list().is_empty());
    rebuilt(|| {
        let body: Element = by_id("runs-rows");
        clear(&body);
        for run in state.runs.list() {
            append(&body, &[&row(page, run, &now.1)]);
        }
    });
}

fn row(page: &Page, run: &KeptRun, now: &Settings) -> Element {
    let number = run.number;
    let row = make("tr", "", "");
    set_attribute(&row, "data-run", &number.to_string());
    let name = make("span", "run-name", "");
    append(
        &name,
        &[&swatch(run), &make("span", "", &format!("Run {number}"))],
    );
    append(&row, &[&row_head(&name)]);
    let last = |column| run.curve.column(column).into_iter().flatten().last();
    let smooth = |column| run.curve.smoothed(column).into_iter().flatten().last();
    let write =
        |value: Option<f64>, text: fn(f64) -> String| value.map_or(UNKNOWN.to_owned(), text);
    for text in [
        grouped(run.steps as f64),
        write(smooth(Column::SpikingLoss), figure),
        write(last(Column::SpikingHeldOut), percent),
        write(last(Column::DenseHeldOut), percent),
        write(smooth(Column::FiringRate), percent),
        write(last(Column::SpikingEnergy), energy_text),
    ] {
        append(&row, &[&make("td", "", &text)]);
    }
    let mut differs = difference(&run.settings, now);
    if !run.origin.is_empty() {
        differs.push(run.origin.clone());
    }
    let differs = if differs.is_empty() {
        "nothing: the same settings".to_owned()
    } else {
        differs.join("; ")
    };
    append(&row, &[&make("td", "differs", &differs)]);
    append(&row, &[&shown(page, run), &remove(page, number)]);
    row
}

/// The run's line as it is drawn.
fn swatch(run: &KeptRun) -> Element {
    let dashes: Vec<String> = DASHES[run.slot % DASHES.len()]
        .iter()
        .map(u32::to_string)
        .collect();
    let swatch = make("span", "run-swatch", "");
    set_property(&swatch, "--own", &format!("var(--run-{})", run.slot));
    swatch.set_inner_html(&format!(
        "<svg viewBox=\"0 0 34 8\" width=\"34\" height=\"8\" aria-hidden=\"true\"><path d=\"M0 4h34\" stroke-dasharray=\"{}\"/></svg>",
        dashes.join(" ")
    ));
    swatch
}

fn shown(page: &Page, run: &KeptRun) -> Element {
    let number = run.number;
    let check = make("input", "", "");
    set_attribute(&check, "type", "checkbox");
    set_attribute(&check, "id", &format!("draw-run-{number}"));
    set_attribute(&check, "aria-label", &format!("Draw run {number}"));
    let page = page.clone();
    if let Some(field) = check.dyn_ref::<HtmlInputElement>() {
        field.set_checked(run.shown);
        let own = field.clone();
        on(field, "change", move |_: Event| {
            page.state.borrow_mut().runs.show(number, own.checked());
            page.draw();
        });
    }
    let cell = make("td", "", "");
    append(&cell, &[&check]);
    cell
}

fn remove(page: &Page, number: u32) -> Element {
    let button = button("quiet", "Remove", &format!("Remove run {number}"));
    let page = page.clone();
    on(&button, "click", move |_: Event| {
        page.state.borrow_mut().runs.remove(number);
        // The button goes with its row.
        focus(&by_id("runs-title"));
        page.draw();
    });
    let cell = make("td", "", "");
    append(&cell, &[&button]);
    cell
}
