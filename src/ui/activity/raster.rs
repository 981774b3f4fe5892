//! Two drawings of one layer as SVG text: its sampled neurons' spikes, and one neuron's membrane.

use crate::protocol::LayerSample;
use crate::ui::format::figure;
use std::fmt::Write;

/// Width of both drawings.
const WIDTH: f64 = 360.0;
/// The raster's margins, and the height of a neuron's row.
const RASTER: (f64, f64, f64) = (10.0, 20.0, 7.0);
/// The membrane drawing's height and its margins: left, top, right, bottom.
const HEIGHT: f64 = 210.0;
const MARGIN: (f64, f64, f64, f64) = (46.0, 16.0, 8.0, 24.0);
/// More steps than this cannot all be labelled.
const LABELLED: usize = 12;

/// Weight of a spike at `step`: `2^(K-k)`; 1 where all weigh the same.
pub fn weight(bits: usize, step: usize) -> u64 {
    match bits {
        0 => 1,
        bits => 1 << (bits - 1 - step % bits),
    }
}

/// A step as a column's head: `2`, or `2 (×4)`.
pub fn step_name(bits: usize, step: usize) -> String {
    match bits {
        0 => format!("{}", step + 1),
        _ => format!("{} (×{})", step + 1, weight(bits, step)),
    }
}

/// Steps at which a neuron fires.
pub fn fires(spikes: u64, step: usize) -> bool {
    (spikes >> step) & 1 == 1
}

/// Rows are neurons, columns are steps, a mark is a spike.
pub fn raster(sample: &LayerSample, steps: usize, bits: usize, chosen: usize) -> String {
    let (side, top, row) = RASTER;
    let rows = sample.neurons.len();
    let height = top + row * rows as f64 + 4.0;
    let column = (WIDTH - 2.0 * side) / steps.max(1) as f64;
    let mut svg = format!(
        "<svg viewBox=\"0 0 {WIDTH} {height}\" aria-hidden=\"true\">\
         <rect class=\"chosen\" x=\"1\" y=\"{}\" width=\"{}\" height=\"{row}\"/>",
        top + row * chosen as f64,
        WIDTH - 2.0
    );
    let (mut rules, mut marks) = (String::new(), String::new());
    for step in 0..steps {
        let x = side + column * (step as f64 + 0.5);
        if steps <= LABELLED {
            let _ = write!(
                svg,
                "<text x=\"{x:.1}\" y=\"12\" text-anchor=\"middle\">{}</text>",
                step_name(bits, step)
            );
        }
        let _ = write!(rules, "M{x:.1} {top}V{}", height - 4.0);
        for (at, spikes) in sample.spikes.iter().enumerate() {
            if fires(*spikes, step) {
                let _ = write!(
                    marks,
                    "M{x:.1} {:.1}v{}",
                    top + row * at as f64 + 0.8,
                    row - 1.6
                );
            }
        }
    }
    let _ = write!(
        svg,
        "<path class=\"rules\" d=\"{rules}\"/><path class=\"marks\" d=\"{marks}\"/></svg>"
    );
    svg
}

/// The row of the raster at this share of its height.
pub fn row_at(share: f64, neurons: usize) -> Option<usize> {
    let (_, top, row) = RASTER;
    let height = top + row * neurons as f64 + 4.0;
    let at = (share * height - top) / row;
    (at >= 0.0 && at < neurons as f64).then_some(at as usize)
}

/// Where a neuron's membrane stands at the beginning of a step.
fn start(sample: &LayerSample, neuron: usize, step: usize, bits: usize) -> f32 {
    if bits > 0 {
        sample.before[neuron][step]
    } else if step.is_multiple_of(sample.group.max(1)) {
        0.0
    } else {
        sample.after[neuron][step - 1]
    }
}

/// The membrane over the steps (line), the thresholds (dashes) and the spikes (dots), each with its reset. `None` where
/// the membrane is no number.
pub fn membrane(sample: &LayerSample, neuron: usize, bits: usize) -> Option<String> {
    let (before, after) = (sample.before.get(neuron)?, sample.after.get(neuron)?);
    let steps = sample.thresholds.len();
    if steps == 0 || before.len() != steps || after.len() != steps {
        return None;
    }
    let (left, top, right, bottom) = MARGIN;
    let all = before.iter().chain(after).chain(&sample.thresholds);
    let (low, high) = all.fold((0.0f64, 0.0f64), |(low, high), value| {
        (low.min(f64::from(*value)), high.max(f64::from(*value)))
    });
    let span = (high - low).max(1e-9);
    let y =
        |value: f32| HEIGHT - bottom - (HEIGHT - top - bottom) * (f64::from(value) - low) / span;
    let column = (WIDTH - left - right) / steps as f64;
    let (mut line, mut dashes, mut dots, mut texts) =
        (String::new(), String::new(), String::new(), String::new());
    for step in 0..steps {
        let x = left + column * step as f64;
        let (fire, end) = (x + column * 0.7, x + column);
        let (h, v) = (y(before[step]), y(after[step]));
        // A group that starts anew starts a new line.
        let anew = step == 0 || bits == 0 && step.is_multiple_of(sample.group.max(1));
        let pen = if anew { 'M' } else { 'L' };
        let _ = write!(
            line,
            "{pen}{x:.1} {:.1}L{fire:.1} {h:.1}V{v:.1}H{end:.1}",
            y(start(sample, neuron, step, bits))
        );
        let threshold = y(sample.thresholds[step]);
        let _ = write!(dashes, "M{x:.1} {threshold:.1}H{end:.1}");
        if fires(sample.spikes[neuron], step) {
            let _ = write!(dots, "<circle cx=\"{fire:.1}\" cy=\"{h:.1}\" r=\"4.5\"/>");
        }
        if steps <= LABELLED {
            let _ = write!(
                texts,
                "<text x=\"{:.1}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
                x + column / 2.0,
                HEIGHT - 6.0,
                step_name(bits, step)
            );
            if bits > 0 {
                let _ = write!(
                    texts,
                    "<text x=\"{:.1}\" y=\"{:.1}\">{}θ</text>",
                    x + 3.0,
                    threshold - 4.0,
                    weight(bits, step)
                );
            }
        }
    }
    let axis = |value: f32, name: &str| {
        format!(
            "<text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{name}{}</text>",
            left - 6.0,
            y(value) + 4.0,
            figure(f64::from(value))
        )
    };
    texts.push_str(&axis(0.0, ""));
    texts.push_str(&axis(sample.thresholds[0], ""));
    Some(format!(
        "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" aria-hidden=\"true\">\
         <path class=\"zero\" d=\"M{left} {:.1}H{}\"/><path class=\"dashes\" d=\"{dashes}\"/>\
         <path class=\"line\" d=\"{line}\"/>{dots}{texts}</svg>",
        y(0.0),
        WIDTH - right
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> LayerSample {
        LayerSample {
            neurons: vec![3, 90],
            spikes: vec![0b0101, 0],
            thresholds: vec![1.0; 4],
            group: 2,
            before: vec![vec![1.5, 0.5, 2.0, 0.25], vec![]],
            after: vec![vec![0.0, 0.5, 0.0, 0.25], vec![]],
        }
    }

    #[test]
    fn marks_are_spikes() {
        let svg = raster(&sample(), 4, 0, 1);
        let marks = svg.split("class=\"marks\"").nth(1).expect("it has marks");
        assert_eq!(marks.matches('M').count(), 2);
    }

    #[test]
    fn a_point_of_the_raster_is_a_neuron() {
        let height = 20.0 + 7.0 * 32.0 + 4.0;
        assert_eq!(row_at(10.0 / height, 32), None);
        assert_eq!(row_at(21.0 / height, 32), Some(0));
        assert_eq!(row_at((20.0 + 7.0 * 31.5) / height, 32), Some(31));
        assert_eq!(row_at(1.0, 32), None);
    }

    #[test]
    fn a_membrane_has_a_dot_per_spike_and_begins_anew_with_its_group() {
        let svg = membrane(&sample(), 0, 0).expect("numbers");
        assert_eq!(svg.matches("<circle").count(), 2);
        let line = svg.split("class=\"line\" d=\"").nth(1).expect("a line");
        let line = line.split('"').next().expect("it ends");
        assert_eq!(line.matches('M').count(), 2, "{line}");
        assert_eq!(membrane(&sample(), 1, 0), None, "no numbers, no drawing");
    }

    #[test]
    fn emissions_are_labelled_by_their_weight() {
        assert_eq!([0, 1, 2, 3, 4].map(|step| weight(3, step)), [4, 2, 1, 4, 2]);
        assert_eq!(step_name(4, 0), "1 (×8)");
        assert_eq!(step_name(0, 2), "3");
        let of = LayerSample {
            spikes: vec![0b01],
            thresholds: vec![0.5, 0.25],
            group: 2,
            before: vec![vec![0.7, 0.2]],
            after: vec![vec![0.2, 0.2]],
            ..sample()
        };
        let svg = membrane(&of, 0, 2).expect("numbers");
        assert!(svg.contains(">2θ<") && svg.contains(">1θ<"), "{svg}");
        assert_eq!(svg.matches("<circle").count(), 1);
    }
}
