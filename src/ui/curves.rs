//! The curves in words and as a table, for those who do not see the drawing.

use super::app::Page;
use super::dom::{append, by_id, clear, make, on, set_attribute};
use super::figures::UNKNOWN;
use super::format::{figure, percent};
use super::history::{Column, History};
use crate::energy::energy_text;
use web_sys::{Element, Event, HtmlDetailsElement};

/// Rows of the table, spread over the run.
const TABLE_ROWS: usize = 16;

/// A chart: its element, its title, its named columns and how their figures are written.
type Words = (
    &'static str,
    &'static str,
    &'static [(&'static str, Column)],
    fn(f64) -> String,
);

const CHARTS: [Words; 4] = [
    (
        "loss-chart",
        "Loss",
        &[
            ("spiking", Column::SpikingLoss),
            ("dense", Column::DenseLoss),
        ],
        figure,
    ),
    (
        "accuracy-chart",
        "Accuracy",
        &[
            ("spiking", Column::SpikingAccuracy),
            ("dense", Column::DenseAccuracy),
            ("spiking on held-out images", Column::SpikingHeldOut),
            ("dense on held-out images", Column::DenseHeldOut),
        ],
        percent,
    ),
    (
        "rate-chart",
        "Mean firing rate",
        &[("spiking", Column::FiringRate)],
        percent,
    ),
    (
        "energy-chart",
        "Modelled energy per image, compute only",
        &[
            ("spiking", Column::SpikingEnergy),
            ("dense", Column::DenseEnergy),
            ("spiking on held-out images", Column::HeldOutEnergy),
        ],
        energy_text,
    ),
];

/// Build the table when it is opened.
pub fn connect(page: &Page) {
    let own = page.clone();
    let details: Element = by_id("curves-table");
    on(&details, "toggle", move |_: Event| draw(&own));
}

/// Say what the charts show.
pub fn draw(page: &Page) {
    let state = page.state.borrow();
    let earlier = match state.runs.shown().count() {
        0 => String::new(),
        1 => "; one earlier run below it".to_owned(),
        count => format!("; {count} earlier runs below it"),
    };
    for (id, title, columns, write) in CHARTS {
        let text = summary(title, columns, write, &state.history) + &earlier;
        set_attribute(&by_id::<Element>(id), "aria-label", &text);
    }
    let empty = state.history.rows().is_empty() && earlier.is_empty();
    set_attribute(
        &by_id::<Element>("charts"),
        "data-empty",
        if empty { "yes" } else { "no" },
    );
    if by_id::<HtmlDetailsElement>("curves-table").open() {
        table(&state.history);
    }
}

fn summary(
    title: &str,
    columns: &[(&str, Column)],
    write: fn(f64) -> String,
    history: &History,
) -> String {
    let parts: Vec<String> = columns
        .iter()
        .filter_map(|(name, column)| {
            let values = match column {
                Column::SpikingLoss
                | Column::DenseLoss
                | Column::SpikingAccuracy
                | Column::DenseAccuracy
                | Column::FiringRate => history.smoothed(*column),
                _ => history.column(*column),
            };
            let last = values.into_iter().flatten().last()?;
            Some(format!("{name} {}", write(last)))
        })
        .collect();
    match history.rows().last() {
        Some(row) if !parts.is_empty() => {
            format!("{title} at step {}: {}", row.step, parts.join(", "))
        }
        _ => format!("{title}: no steps yet"),
    }
}

fn table(history: &History) {
    let rows = history.rows();
    let body: Element = by_id("curves-rows");
    clear(&body);
    let stride = rows.len().div_ceil(TABLE_ROWS).max(1);
    for row in rows.iter().rev().step_by(stride) {
        let line = make("tr", "", "");
        let head = make("th", "", &row.step.to_string());
        set_attribute(&head, "scope", "row");
        append(&line, &[&head]);
        for (_, _, columns, write) in CHARTS {
            for (_, column) in columns {
                let text = row.get(*column).map_or(UNKNOWN.to_owned(), write);
                append(&line, &[&make("td", "", &text)]);
            }
        }
        append(&body, &[&line]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::history::Row;

    #[test]
    fn a_chart_says_its_last_figures() {
        let mut history = History::default();
        let (_, title, columns, write) = CHARTS[1];
        assert_eq!(
            summary(title, columns, write, &history),
            "Accuracy: no steps yet"
        );
        let row = Row::new(12).with(Column::SpikingAccuracy, Some(0.5));
        history.push(row.with(Column::DenseHeldOut, Some(0.25)));
        assert_eq!(
            summary(title, columns, write, &history),
            "Accuracy at step 12: spiking 50\u{202f}%, dense on held-out images 25\u{202f}%"
        );
    }
}
