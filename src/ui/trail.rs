//! The trail of energy and accuracy, as a drawing and as a table.

use super::app::Page;
use super::dom::{append, by_id, clear, make, on, on_click, set_attribute};
use super::format::percent;
use super::state::Point;
use crate::energy::{RulingKind, energy_text};
use std::fmt::Write;
use web_sys::{Element, Event, HtmlSelectElement};

/// The drawing's box and its margins: left, top, right, bottom.
const SIZE: (f64, f64) = (360.0, 230.0);
const MARGIN: (f64, f64, f64, f64) = (64.0, 10.0, 14.0, 34.0);

/// Listen to the choice of a ruling and to Clear trail.
pub fn connect(page: &Page) {
    let own = page.clone();
    on(
        &by_id::<Element>("trail-ruling"),
        "change",
        move |_: Event| own.draw(),
    );
    let own = page.clone();
    on_click("clear-trail", move || {
        own.state.borrow_mut().trail.clear();
        own.draw();
    });
}

/// Draw both.
pub fn draw(page: &Page) {
    let state = page.state.borrow();
    let points = &state.trail;
    let kind = match by_id::<HtmlSelectElement>("trail-ruling").value().as_str() {
        "b" => RulingKind::WithMovement,
        "c" => RulingKind::BitMatched,
        _ => RulingKind::ComputeOnly,
    };
    let part: Element = by_id("trail");
    let drawing = chart(points, kind);
    // Drawn anew only if it changed: the camera draws the page at every frame.
    if part.get_attribute("data-drawn").as_deref() != Some(drawing.as_str()) {
        part.set_inner_html(&drawing);
        set_attribute(&part, "data-drawn", &drawing);
        set_attribute(&part, "aria-label", &summary(points, kind));
        table(points);
    }
}

fn summary(points: &[Point], kind: RulingKind) -> String {
    let said: Vec<String> = points
        .iter()
        .map(|point| {
            format!(
                "{}: accuracy {}, {}",
                point.label,
                percent(point.accuracy),
                energy_text(point.bill.ruling(kind).spiking_pj)
            )
        })
        .collect();
    if said.is_empty() {
        "No evaluation yet".to_owned()
    } else {
        said.join("; ")
    }
}

fn table(points: &[Point]) {
    let body: Element = by_id("trail-rows");
    clear(&body);
    for (index, point) in points.iter().enumerate() {
        let row = make("tr", "", "");
        let head = make("th", "", &format!("{}. {}", index + 1, point.label));
        set_attribute(&head, "scope", "row");
        append(&row, &[&head]);
        let mut cells = vec![percent(point.accuracy), percent(point.dense_accuracy)];
        for kind in RulingKind::ALL {
            let ruling = point.bill.ruling(kind);
            cells.push(format!(
                "{} / {}",
                energy_text(ruling.spiking_pj),
                energy_text(ruling.dense_pj)
            ));
        }
        for text in cells {
            append(&row, &[&make("td", "", &text)]);
        }
        append(&body, &[&row]);
    }
}

/// Energy to the right, accuracy upwards, both from zero; numbers are the table's. The rival of ruling (c) was not
/// run, so it has no accuracy and no mark.
fn chart(points: &[Point], kind: RulingKind) -> String {
    let (width, height) = SIZE;
    let (left, top, right, bottom) = MARGIN;
    let (x1, y0) = (width - right, height - bottom);
    let rival = kind != RulingKind::BitMatched;
    let most = points.iter().fold(0.0, |most: f64, point| {
        let ruling = point.bill.ruling(kind);
        let dense = if rival { ruling.dense_pj } else { 0.0 };
        most.max(ruling.spiking_pj).max(dense)
    });
    let best = points.iter().fold(0.0, |best: f64, point| {
        best.max(point.accuracy).max(point.dense_accuracy)
    });
    let mut svg = format!(
        "<svg viewBox=\"0 0 {width} {height}\" aria-hidden=\"true\">\
         <path class=\"axis\" d=\"M{left} {top}V{y0}H{x1}\"/>"
    );
    if points.is_empty() || most <= 0.0 {
        let _ = write!(
            svg,
            "<text x=\"{}\" y=\"{}\" text-anchor=\"middle\">Evaluate, or try something out</text></svg>",
            (left + x1) / 2.0,
            (top + y0) / 2.0
        );
        return svg;
    }
    let (most, best) = (most * 1.08, (best * 1.15).clamp(0.05, 1.0));
    let x = |pj: f64| left + (x1 - left) * pj / most;
    let y = |share: f64| y0 - (y0 - top) * share / best;
    let _ = write!(
        svg,
        "<text x=\"{x1}\" y=\"{}\" text-anchor=\"end\">{} per picture →</text>\
         <text x=\"{left}\" y=\"{}\">0</text>\
         <text x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text>",
        height - 10.0,
        energy_text(most),
        height - 10.0,
        left - 6.0,
        top + 10.0,
        percent(best)
    );
    let mut line = String::new();
    for point in points {
        let _ = write!(
            line,
            "{:.1},{:.1} ",
            x(point.bill.ruling(kind).spiking_pj),
            y(point.accuracy)
        );
    }
    let _ = write!(
        svg,
        "<polyline class=\"way\" points=\"{}\"/>",
        line.trim_end()
    );
    for (index, point) in points.iter().enumerate() {
        let ruling = point.bill.ruling(kind);
        if rival {
            let (x, y) = (x(ruling.dense_pj), y(point.dense_accuracy));
            let _ = write!(
                svg,
                "<path class=\"dense\" d=\"M{x:.1} {:.1}l5 5l-5 5l-5 -5z\"/>",
                y - 5.0
            );
        }
        let (x, y) = (x(ruling.spiking_pj), y(point.accuracy));
        let _ = write!(
            svg,
            "<circle class=\"spiking\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"5\"/>\
             <text x=\"{:.1}\" y=\"{:.1}\">{}</text>",
            x + 7.0,
            y - 6.0,
            index + 1
        );
    }
    svg.push_str("</svg>");
    svg
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::WhatIf;
    use crate::energy::{Activity, census};
    use crate::protocol::{Evaluation, Event};
    use crate::ui::state::State;

    /// Two changed copies that were run.
    fn state() -> State {
        let mut state = State::default();
        let (spiking, dense) = state.settings.runs();
        let own = WhatIf::nothing(&spiking.model).expect("a spiking preset");
        let (spiking_census, dense_census) = (census(&spiking.model), census(&dense.model));
        state.apply(
            &Event::Ready {
                spiking,
                dense,
                step: 3,
                spiking_params: 1,
                dense_params: 1,
                spiking_census: spiking_census.clone(),
                dense_census,
                weights: "checkpoint <b>".to_owned(),
            },
            false,
        );
        for (bits, rate, accuracy) in [(32, 0.2, 0.5), (4, 0.1, 0.4)] {
            let evaluation = |accuracy, activity| Evaluation {
                images: 10,
                accuracy,
                loss: 1.0,
                confusion: vec![],
                activity,
            };
            let activity = Activity::uniform(&spiking_census, rate);
            let event = Event::TriedOut {
                what_if: WhatIf {
                    weight_bits: bits,
                    ..own.clone()
                },
                step: 3,
                spiking_census: spiking_census.clone(),
                spiking: evaluation(accuracy, Some(activity)),
                dense: evaluation(0.6, None),
                picture: None,
            };
            state.apply(&event, false);
        }
        state
    }

    #[test]
    fn a_point_is_a_network_that_was_run() {
        let state = state();
        let labels: Vec<&str> = state
            .trail
            .iter()
            .map(|point| point.label.as_str())
            .collect();
        assert_eq!(
            labels,
            ["small, step 3: unchanged", "small, step 3: 4-bit weights"]
        );
        let [whole, rounded] = &state.trail[..] else {
            panic!("two points")
        };
        let moved = |point: &Point| point.bill.choices.weight_bits;
        assert_eq!((moved(whole), moved(rounded)), (32, 4));
        assert!(
            rounded.bill.spiking_pj < whole.bill.spiking_pj,
            "half the rate"
        );
    }

    #[test]
    fn the_rival_of_the_bit_matched_ruling_has_no_mark() {
        let state = state();
        let count = |kind, what: &str| chart(&state.trail, kind).matches(what).count();
        for kind in RulingKind::ALL {
            assert_eq!(count(kind, "<circle"), 2, "{kind:?}");
        }
        assert_eq!(count(RulingKind::ComputeOnly, "class=\"dense\""), 2);
        assert_eq!(count(RulingKind::BitMatched, "class=\"dense\""), 0);
        assert!(chart(&[], RulingKind::ComputeOnly).contains("try something out"));
    }

    #[test]
    fn prices_move_the_trail() {
        let mut state = state();
        let before: Vec<f64> = state
            .trail
            .iter()
            .map(|point| point.bill.spiking_pj)
            .collect();
        state.reprice(|pricing| {
            pricing.with.compute = pricing.table.find("45 nm INT8").expect("a row").clone();
        });
        for (point, before) in state.trail.iter().zip(before) {
            assert!(point.bill.spiking_pj < before / 2.0);
        }
        assert_eq!(state.trail[1].bill.choices.weight_bits, 4);
    }
}
