//! The curves, drawn by uPlot. In words and as a table they are in `curves`.

use super::app::Page;
use super::curves;
use super::dom::{by_id, document, on, window};
use super::history::{Column, History};
use js_sys::Array;
use serde_json::json;
use wasm_bindgen::prelude::*;
use web_sys::{Event, HtmlElement};

/// Height of the charts in CSS pixels.
const HEIGHT: u32 = 210;
/// Height of the chart below them.
const LOW: u32 = 130;

#[wasm_bindgen]
extern "C" {
    /// uPlot, loaded by index.html from web/vendor.
    #[wasm_bindgen(js_name = uPlot)]
    #[derive(Debug)]
    type Plot;
    #[wasm_bindgen(constructor, js_class = "uPlot", catch)]
    fn new(options: &JsValue, data: &Array, target: &HtmlElement) -> Result<Plot, JsValue>;
    #[wasm_bindgen(method, js_name = setData)]
    fn set_data(this: &Plot, data: &Array);
    #[wasm_bindgen(method, js_name = setSize)]
    fn set_size(this: &Plot, size: &JsValue);
    #[wasm_bindgen(method)]
    fn destroy(this: &Plot);
}

/// How a column is drawn.
#[derive(Debug, Clone, Copy)]
enum Style {
    /// Averaged, a firm line; dashed for the dense twin.
    Smooth { colour: &'static str, dashed: bool },
    /// As measured, a faint line behind it.
    Raw { colour: &'static str },
    /// Single measurements: marks joined by a thin line.
    Marks { colour: &'static str, dashed: bool },
}

#[derive(Debug)]
struct Chart {
    id: &'static str,
    height: u32,
    percent: bool,
    columns: &'static [(Column, Style)],
}

const SPIKING: &str = "--spiking";
const DENSE: &str = "--dense";

const CHARTS: [Chart; 3] = [
    Chart {
        id: "loss-chart",
        height: HEIGHT,
        percent: false,
        columns: &[
            (Column::SpikingLoss, Style::Raw { colour: SPIKING }),
            (Column::DenseLoss, Style::Raw { colour: DENSE }),
            (
                Column::DenseLoss,
                Style::Smooth {
                    colour: DENSE,
                    dashed: true,
                },
            ),
            (
                Column::SpikingLoss,
                Style::Smooth {
                    colour: SPIKING,
                    dashed: false,
                },
            ),
        ],
    },
    Chart {
        id: "accuracy-chart",
        height: HEIGHT,
        percent: true,
        columns: &[
            (
                Column::DenseAccuracy,
                Style::Smooth {
                    colour: DENSE,
                    dashed: true,
                },
            ),
            (
                Column::SpikingAccuracy,
                Style::Smooth {
                    colour: SPIKING,
                    dashed: false,
                },
            ),
            (
                Column::DenseHeldOut,
                Style::Marks {
                    colour: DENSE,
                    dashed: true,
                },
            ),
            (
                Column::SpikingHeldOut,
                Style::Marks {
                    colour: SPIKING,
                    dashed: false,
                },
            ),
        ],
    },
    Chart {
        id: "rate-chart",
        height: LOW,
        percent: true,
        columns: &[(
            Column::FiringRate,
            Style::Smooth {
                colour: SPIKING,
                dashed: false,
            },
        )],
    },
];

/// The charts on the page.
#[derive(Debug, Default)]
pub struct Charts {
    plots: Vec<Option<Plot>>,
    drawn: usize,
    last_step: Option<u64>,
}

/// Make the charts, and make them anew when colours or widths change.
pub fn connect(page: &Page) {
    let own = page.clone();
    on(&window(), "resize", move |_: Event| resize(&own));
    if let Ok(Some(scheme)) = window().match_media("(prefers-color-scheme: dark)") {
        let own = page.clone();
        on(&scheme, "change", move |_: Event| make_plots(&own));
    }
    make_plots(page);
}

/// Draw what is new.
pub fn draw(page: &Page) {
    let state = page.state.borrow();
    let rows = state.history.rows();
    {
        let charts = page.charts.borrow();
        // Evaluations add to a row that was drawn before; its figures only ever grow.
        let filled = count(&state.history);
        if charts.drawn == filled && charts.last_step == rows.last().map(|row| row.step) {
            return;
        }
    }
    {
        let mut charts = page.charts.borrow_mut();
        charts.drawn = count(&state.history);
        charts.last_step = rows.last().map(|row| row.step);
        for (chart, plot) in CHARTS.iter().zip(&charts.plots) {
            if let Some(plot) = plot {
                plot.set_data(&data(chart, &state.history));
            }
        }
    }
    drop(state);
    curves::draw(page);
}

fn count(history: &History) -> usize {
    let columns = [Column::SpikingHeldOut, Column::DenseHeldOut];
    let marks = |column| history.column(column).iter().flatten().count();
    history.rows().len() * 10_000 + columns.into_iter().map(marks).sum::<usize>()
}

fn make_plots(page: &Page) {
    let state = page.state.borrow();
    let mut charts = page.charts.borrow_mut();
    for plot in charts.plots.drain(..).flatten() {
        plot.destroy();
    }
    charts.plots = CHARTS
        .iter()
        .map(|chart| {
            let target: HtmlElement = by_id(chart.id);
            let plot = Plot::new(
                &options(chart, &target),
                &data(chart, &state.history),
                &target,
            );
            if let Err(error) = &plot {
                // The table below the charts still has the figures.
                web_sys::console::warn_2(&"no chart: ".into(), error);
            }
            plot.ok()
        })
        .collect();
}

fn resize(page: &Page) {
    for (chart, plot) in CHARTS.iter().zip(&page.charts.borrow().plots) {
        if let Some(plot) = plot {
            let size = json!({ "width": width(&by_id(chart.id)), "height": chart.height });
            plot.set_size(&object(&size));
        }
    }
}

fn width(target: &HtmlElement) -> i32 {
    target.client_width().max(120)
}

fn options(chart: &Chart, target: &HtmlElement) -> JsValue {
    let ink = property("--muted");
    let line = property("--line");
    let axis = json!({
        "stroke": ink,
        "font": "12px system-ui, sans-serif",
        "grid": { "stroke": line, "width": 1 },
        "ticks": { "show": false },
        "gap": 6,
    });
    let mut series = vec![json!({ "label": "step" })];
    for (column, style) in chart.columns {
        let (colour, width, dash, alpha) = match style {
            Style::Smooth { colour, dashed } => (colour, 2.0, *dashed, 1.0),
            Style::Raw { colour } => (colour, 1.0, false, 0.22),
            Style::Marks { colour, dashed } => (colour, 1.0, *dashed, 1.0),
        };
        let marks = matches!(style, Style::Marks { .. });
        let stroke = property(colour);
        let mut one = json!({
            "label": format!("{column:?}"),
            "stroke": stroke,
            "width": width,
            "alpha": alpha,
            "spanGaps": true,
            "points": { "show": marks, "size": 9, "width": 2, "stroke": stroke, "fill": property("--surface") },
        });
        if dash {
            one["dash"] = json!([6, 4]);
        }
        series.push(one);
    }
    let mut vertical = axis.clone();
    vertical["size"] = json!(46);
    let mut horizontal = axis;
    horizontal["size"] = json!(28);
    // Shares are drawn as percentages, from nought to at least ten.
    let range = json!({
        "min": { "pad": 0, "soft": 0, "hard": 0, "mode": 1 },
        "max": { "pad": 0.1, "soft": 10, "hard": 100, "mode": 1 },
    });
    let vertical_scale = if chart.percent {
        json!({ "range": range })
    } else {
        json!({})
    };
    object(&json!({
        "width": width(target),
        "height": chart.height,
        "legend": { "show": false },
        "cursor": { "show": false },
        "padding": [10, 12, 0, 0],
        "scales": { "x": { "time": false }, "y": vertical_scale },
        "axes": [horizontal, vertical],
        "series": series,
    }))
}

fn data(chart: &Chart, history: &History) -> Array {
    let steps = history
        .rows()
        .iter()
        .map(|row| JsValue::from(row.step as f64));
    let columns = Array::of1(&steps.collect::<Array>());
    for (column, style) in chart.columns {
        let values = match style {
            Style::Smooth { .. } => history.smoothed(*column),
            Style::Raw { .. } | Style::Marks { .. } => history.column(*column),
        };
        let scale = if chart.percent { 100.0 } else { 1.0 };
        let values = values
            .into_iter()
            .map(|value| value.map_or(JsValue::NULL, |value| JsValue::from(value * scale)));
        columns.push(&values.collect::<Array>());
    }
    columns
}

fn property(name: &str) -> String {
    document()
        .document_element()
        .and_then(|root| window().get_computed_style(&root).ok().flatten())
        .and_then(|style| style.get_property_value(name).ok())
        .map(|value| value.trim().to_owned())
        .unwrap_or_default()
}

fn object(value: &serde_json::Value) -> JsValue {
    js_sys::JSON::parse(&value.to_string()).unwrap_or_default()
}
