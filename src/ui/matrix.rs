//! Confusion matrices of both networks. A cell is a button that opens the images behind it.

use super::app::Page;
use super::browser;
use super::confusion::{Group, folded, groups};
use super::dom::{
    append, button, by_id, clear, document, focus, make, on, rebuilt, row_head, set_attribute,
    set_property, set_text, show,
};
use super::format::grouped;
use super::gallery::{Filter, Side};
use super::state::State;
use crate::protocol::Evaluation;
use crate::report::mistakes;
use std::cell::Cell;
use wasm_bindgen::JsCast;
use web_sys::{Element, Event, KeyboardEvent};

/// Mistakes listed of each network.
const LISTED: usize = 10;

thread_local! {
    /// Revision of the images whose answers are drawn.
    static DRAWN: Cell<Option<u64>> = const { Cell::new(None) };
}

fn id(side: Side) -> &'static str {
    match side {
        Side::Spiking => "matrix-spiking",
        Side::Dense => "matrix-dense",
    }
}

fn of(state: &State, side: Side) -> Option<&Evaluation> {
    let (_, spiking, dense) = state.run.evaluation.as_ref()?;
    Some(match side {
        Side::Spiking => spiking,
        Side::Dense => dense,
    })
}

fn rows(state: &State) -> Vec<Group> {
    let info = state.dataset.as_ref();
    info.map_or(Vec::new(), |info| groups(info.kind, &info.classes))
}

/// Listen to the cells.
pub fn connect(page: &Page) {
    for side in Side::BOTH {
        let part: Element = by_id(id(side));
        let own = page.clone();
        on(&part, "click", move |event: Event| {
            let target = event.target().and_then(|target| target.dyn_into().ok());
            if let Some((row, column)) = target.and_then(cell) {
                open(&own, side, row, column);
            }
        });
        on(&part, "keydown", move |event: KeyboardEvent| {
            let by = match event.key().as_str() {
                "ArrowUp" => (-1, 0),
                "ArrowDown" => (1, 0),
                "ArrowLeft" => (0, -1),
                "ArrowRight" => (0, 1),
                _ => return,
            };
            if let Some(from) = document().active_element().and_then(cell) {
                event.prevent_default();
                walk(side, from, by);
            }
        });
    }
}

/// Row and column of a cell's button.
fn cell(element: Element) -> Option<(usize, usize)> {
    let cell = element.get_attribute("data-cell")?;
    let (row, column) = cell.split_once('-')?;
    Some((row.parse().ok()?, column.parse().ok()?))
}

fn open(page: &Page, side: Side, row: usize, column: usize) {
    let rows = rows(&page.state.borrow());
    if let (Some(truth), Some(said)) = (rows.get(row), rows.get(column)) {
        let filter = Filter {
            truth: truth.classes.clone(),
            said: Some((side, said.classes.clone())),
            ..Filter::default()
        };
        browser::open(page, filter);
    }
}

/// From one cell to the next in that direction that has images behind it.
fn walk(side: Side, from: (usize, usize), by: (isize, isize)) {
    let part: Element = by_id(id(side));
    let find = |row: usize, column: usize| {
        let found = part.query_selector(&format!("[data-cell=\"{row}-{column}\"]"));
        found.ok().flatten()
    };
    let (mut row, mut column) = from;
    for _ in 0..100 {
        let next = (
            row.checked_add_signed(by.0),
            column.checked_add_signed(by.1),
        );
        let (Some(to), Some(across)) = next else {
            return;
        };
        (row, column) = (to, across);
        if let Some(button) = find(row, column) {
            if let Some(old) = find(from.0, from.1) {
                set_attribute(&old, "tabindex", "-1");
            }
            set_attribute(&button, "tabindex", "0");
            return focus(&button);
        }
    }
}

/// Bring matrices and lists in line with the last evaluation.
pub fn draw(page: &Page) {
    let state = page.state.borrow();
    let now = state.images.revision();
    let there = state.run.evaluation.is_some() && state.images.step.is_some();
    let drawn = there.then_some(now);
    if DRAWN.replace(drawn) == drawn {
        return;
    }
    show(&by_id("matrices"), there);
    let rows = rows(&state);
    let words = match (&state.run.evaluation, &state.dataset) {
        (Some((step, spiking, _)), Some(info)) if there => {
            let folded = if rows.len() < info.classes.len() {
                format!(
                    " The {} classes are folded into the {} superclasses of the data set; the lists name single classes.",
                    info.classes.len(),
                    rows.len()
                )
            } else {
                String::new()
            };
            format!(
                "Of {} held-out images at step {}. A row is a true class, a column an answer; a cell opens its images.{folded}",
                grouped(spiking.images as f64),
                grouped(*step as f64)
            )
        }
        _ => {
            "Press Evaluate, and this shows which classes each network takes for which.".to_owned()
        }
    };
    set_text(&by_id::<Element>("matrix-words"), &words);
    rebuilt(|| {
        for side in Side::BOTH {
            let part: Element = by_id(id(side));
            clear(&part);
            if let Some(evaluation) = of(&state, side).filter(|_| there) {
                append(&part, &[&table(side, evaluation, &rows)]);
                list(page, &state, side, evaluation);
            }
        }
    });
}

fn table(side: Side, evaluation: &Evaluation, rows: &[Group]) -> Element {
    let counts = folded(&evaluation.confusion, rows);
    let table = make("table", "matrix", "");
    append(&table, &[&make("caption", "", side.name())]);
    let head = make("tr", "", "");
    append(&head, &[&make("td", "", "")]);
    for group in rows {
        let column = make("th", "", "");
        set_attribute(&column, "scope", "col");
        append(&column, &[&make("span", "", &group.name)]);
        append(&head, &[&column]);
    }
    let top = make("thead", "", "");
    append(&top, &[&head]);
    let body = make("tbody", "", "");
    // One cell is reached by Tab, the others from it by the arrow keys.
    let mut reached = false;
    for (row, group) in rows.iter().enumerate() {
        let line = make("tr", "", "");
        append(&line, &[&row_head(&make("span", "", &group.name))]);
        let total: u32 = counts[row].iter().sum();
        for (column, &count) in counts[row].iter().enumerate() {
            let own = make("td", if row == column { "hit" } else { "" }, "");
            if count > 0 {
                let fate = if row == column {
                    "right".to_owned()
                } else {
                    format!("taken for {}", rows[column].name)
                };
                let name = format!("{}: {count} of {total} {}, {fate}", side.name(), group.name);
                let button = button("", &count.to_string(), &name);
                let key = format!("{row}-{column}");
                set_attribute(&button, "data-cell", &key);
                set_attribute(&button, "id", &format!("{}-{key}", id(side)));
                set_attribute(&button, "tabindex", if reached { "-1" } else { "0" });
                set_attribute(&button, "title", &name);
                let share = f64::from(count) / f64::from(total.max(1));
                set_property(&button, "--share", &format!("{share:.3}"));
                reached = true;
                append(&own, &[&button]);
            }
            append(&line, &[&own]);
        }
        append(&body, &[&line]);
    }
    append(&table, &[&top, &body]);
    table
}

/// The mistakes made most often.
fn list(page: &Page, state: &State, side: Side, evaluation: &Evaluation) {
    let list: Element = by_id(match side {
        Side::Spiking => "mistakes-spiking",
        Side::Dense => "mistakes-dense",
    });
    clear(&list);
    for one in mistakes(&evaluation.confusion).into_iter().take(LISTED) {
        let (truth, said) = (state.class_name(one.truth), state.class_name(one.said));
        let text = format!("{truth} taken for {said}");
        let name = format!("{}: {text}, {} of {}", side.name(), one.count, one.of);
        let button = button("quiet", &text, &name);
        let page = page.clone();
        on(&button, "click", move |_: Event| {
            let filter = Filter {
                truth: vec![one.truth],
                said: Some((side, vec![one.said])),
                ..Filter::default()
            };
            browser::open(&page, filter);
        });
        let item = make("li", "", "");
        let count = make("span", "", &format!("{} of {}", one.count, one.of));
        append(&item, &[&button, &count]);
        append(&list, &[&item]);
    }
}
