//! The curves, drawn by uPlot. In words and as a table they are in `curves`.

use super::app::Page;
use super::curves;
use super::dom::{by_id, document, on, window};
use super::history::History;
use super::runs::KeptRun;
use super::series::{CHARTS, Chart, options, points};
use js_sys::Array;
use serde_json::json;
use wasm_bindgen::prelude::*;
use web_sys::{Event, HtmlElement};

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

/// The charts on the page.
#[derive(Debug, Default)]
pub struct Charts {
    plots: Vec<Option<Plot>>,
    /// Revisions of the curves and of the earlier runs that are drawn.
    drawn: Option<(u64, u64)>,
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
    let (now, before) = {
        let state = page.state.borrow();
        let now = (state.history.revision(), state.runs.revision());
        (now, page.charts.borrow_mut().drawn.replace(now))
    };
    if before == Some(now) {
        return;
    }
    if before.is_none_or(|(_, runs)| runs != now.1) {
        // Other lines, which only a new plot takes.
        make_plots(page);
    } else {
        let state = page.state.borrow();
        let earlier: Vec<&KeptRun> = state.runs.shown().collect();
        for (chart, plot) in CHARTS.iter().zip(&page.charts.borrow().plots) {
            if let Some(plot) = plot {
                plot.set_data(&data(chart, &state.history, &earlier));
            }
        }
    }
    curves::draw(page);
}

fn make_plots(page: &Page) {
    let state = page.state.borrow();
    let earlier: Vec<&KeptRun> = state.runs.shown().collect();
    let mut charts = page.charts.borrow_mut();
    for plot in charts.plots.drain(..).flatten() {
        plot.destroy();
    }
    charts.plots = CHARTS
        .iter()
        .map(|chart| {
            let target: HtmlElement = by_id(chart.id);
            let options = options(chart, width(&target), &earlier, property);
            let data = data(chart, &state.history, &earlier);
            let plot = Plot::new(&object(&options), &data, &target);
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

fn data(chart: &Chart, history: &History, earlier: &[&KeptRun]) -> Array {
    let (steps, lines) = points(chart, history, earlier);
    let axis = steps.iter().map(|step| JsValue::from(*step as f64));
    let columns = Array::of1(&axis.collect::<Array>());
    for line in lines {
        let mut rest = line.into_iter().peekable();
        let values = steps.iter().map(|step| {
            let value = rest.next_if(|(at, _)| at == step);
            value.map_or(JsValue::NULL, |(_, value)| JsValue::from(value))
        });
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
