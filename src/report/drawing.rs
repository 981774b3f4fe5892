//! The curves of a report as drawings that print: plain SVG, spiking solid, dense dashed, both named.

use super::CurvePoint;
use std::fmt::Write;

/// The drawing's box, and the room around the plot: left, top, right, bottom.
const SIZE: (f64, f64) = (640.0, 190.0);
const MARGIN: (f64, f64, f64, f64) = (48.0, 8.0, 70.0, 24.0);

/// A line of a drawing: its name, whether it is dashed, and its points.
type Line = (&'static str, bool, fn(&CurvePoint) -> Option<f64>);

/// A drawing: its title, the factor of its figures, its lines.
type Drawing = (&'static str, f64, &'static [Line]);

const DRAWINGS: [Drawing; 3] = [
    (
        "Loss on training batches",
        1.0,
        &[
            ("spiking", false, |point| point.loss),
            ("dense", true, |point| point.dense_loss),
        ],
    ),
    (
        "Accuracy on training batches, %",
        100.0,
        &[
            ("spiking", false, |point| point.accuracy),
            ("dense", true, |point| point.dense_accuracy),
        ],
    ),
    (
        "Mean firing rate, %",
        100.0,
        &[("spiking", false, |point| point.firing_rate)],
    ),
];

/// Every drawing that has two points or more.
pub(super) fn curves(points: &[CurvePoint]) -> String {
    DRAWINGS
        .iter()
        .filter_map(|drawing| draw(drawing, points))
        .collect()
}

fn draw((title, factor, lines): &Drawing, points: &[CurvePoint]) -> Option<String> {
    let of = |line: &Line| -> Vec<(f64, f64)> {
        let value = |point: &CurvePoint| Some((point.step as f64, line.2(point)? * factor));
        points.iter().filter_map(value).collect()
    };
    let lines: Vec<_> = lines.iter().map(|line| (line, of(line))).collect();
    let all = || lines.iter().flat_map(|line| &line.1);
    if !lines.iter().any(|line| line.1.len() > 1) {
        return None;
    }
    let range = |values: &mut dyn Iterator<Item = f64>| {
        values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
            (low.min(value), high.max(value))
        })
    };
    let (first, last) = range(&mut all().map(|point| point.0));
    // From nought: a part of the axis alone makes small differences large.
    let (_, top) = range(&mut all().map(|point| point.1));
    let (left, upper) = (MARGIN.0, MARGIN.1);
    let (right, lower) = (SIZE.0 - MARGIN.2, SIZE.1 - MARGIN.3);
    let x = |step: f64| left + (right - left) * (step - first) / (last - first).max(1.0);
    let y = |value: f64| lower - (lower - upper) * value / top.max(1e-9);
    let mut svg = format!(
        "<figure><figcaption>{title}</figcaption><svg viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"{title}\">",
        SIZE.0, SIZE.1
    );
    for (value, name) in [(0.0, "0".to_owned()), (top, short(top))] {
        let at = y(value);
        let _ = write!(
            svg,
            "<path class=\"axis\" d=\"M{left} {at:.1}H{right}\"/><text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{name}</text>",
            left - 6.0,
            at + 4.0
        );
    }
    for (step, anchor) in [(first, "start"), (last, "end")] {
        let _ = write!(
            svg,
            "<text x=\"{:.1}\" y=\"{}\" text-anchor=\"{anchor}\">step {step}</text>",
            x(step),
            SIZE.1 - 6.0
        );
    }
    let mut taken: Option<f64> = None;
    for ((name, _, _), points) in &lines {
        let Some(end) = points.last() else { continue };
        let path: Vec<String> = points
            .iter()
            .map(|(step, value)| format!("{:.1} {:.1}", x(*step), y(*value)))
            .collect();
        // Two names at the same height would be one blot.
        let mut at = y(end.1) + 4.0;
        if let Some(other) = taken
            && (other - at).abs() < 13.0
        {
            at = if other > 40.0 {
                other - 13.0
            } else {
                other + 13.0
            };
        }
        taken = Some(at);
        let _ = write!(
            svg,
            "<path class=\"{name}\" d=\"M{}\"/><text class=\"{name}\" x=\"{}\" y=\"{at:.1}\">{name}</text>",
            path.join("L"),
            right + 6.0
        );
    }
    svg.push_str("</svg></figure>");
    Some(svg)
}

fn short(value: f64) -> String {
    if value >= 10.0 {
        format!("{value:.0}")
    } else {
        format!("{value:.2}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(step: u64, loss: f64) -> CurvePoint {
        CurvePoint {
            step,
            loss: Some(loss),
            dense_loss: Some(loss / 2.0),
            ..CurvePoint::default()
        }
    }

    #[test]
    fn what_was_not_measured_is_not_drawn() {
        assert_eq!(curves(&[]), "");
        assert_eq!(curves(&[point(1, 2.0)]), "", "one point is no line");
        let drawn = curves(&[point(1, 2.0), point(11, 1.0)]);
        assert_eq!(drawn.matches("<svg").count(), 1, "{drawn}");
        assert!(
            drawn.contains("step 1<") && drawn.contains("step 11<"),
            "{drawn}"
        );
    }

    #[test]
    fn the_highest_value_is_at_the_top_and_nought_at_the_bottom() {
        let drawn = curves(&[point(0, 4.0), point(10, 0.0)]);
        // Left edge at the top, right edge at the bottom.
        assert!(drawn.contains("d=\"M48.0 8.0L570.0 166.0\""), "{drawn}");
    }
}
