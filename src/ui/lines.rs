//! Scales with a line or a band on them: the published thresholds, and where a ruling's both sides need the same.

use super::dom::{append, by_id, make, set_attribute, set_property, set_text};
use super::format::{figure, percent};
use super::meter::resize;
use crate::energy::{Comparison, Quantity, Threshold};
use web_sys::Element;

/// Whose figure a mark stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// The picture's: a dot.
    Picture,
    /// The held-out images': a diamond.
    HeldOut,
}

/// An empty scale.
pub fn scale() -> Element {
    let scale = make("span", "scale", "");
    // The sentence beside it says the same.
    set_attribute(&scale, "aria-hidden", "true");
    append(
        &scale,
        &[
            &make("i", "pin picture", ""),
            &make("i", "pin held-out", ""),
        ],
    );
    scale
}

/// Put a band (or a line, where both ends are one) and marks on a scale from 0; none of them hides it.
pub fn draw(scale: &Element, band: Option<(f64, f64)>, marks: &[(Mark, Option<f64>)]) {
    let most = marks
        .iter()
        .filter_map(|(_, value)| *value)
        .chain(band.map(|(_, high)| high))
        .fold(0.0, f64::max);
    set_attribute(
        scale,
        "data-shown",
        if band.is_some() && most > 0.0 {
            "yes"
        } else {
            "no"
        },
    );
    let Some((low, high)) = band.filter(|_| most > 0.0) else {
        return;
    };
    let place = |value: f64| format!("{:.4}", value / (1.2 * most));
    set_property(scale, "--low", &place(low));
    set_property(scale, "--high", &place(high));
    for (mark, selector) in [(Mark::Picture, ".picture"), (Mark::HeldOut, ".held-out")] {
        let value = marks
            .iter()
            .find(|(whose, _)| *whose == mark)
            .and_then(|(_, value)| *value);
        if let Ok(Some(element)) = scale.query_selector(selector) {
            set_attribute(
                &element,
                "data-shown",
                if value.is_some() { "yes" } else { "no" },
            );
            set_property(&element, "--at", &place(value.unwrap_or(0.0)));
        }
    }
}

/// The published thresholds, and on which side the picture and the held-out images fall.
pub fn thresholds(bills: [Option<&Comparison>; 2]) {
    let of = |bill: Option<&Comparison>, index: usize| -> Option<Threshold> {
        bill.and_then(|bill| bill.thresholds.get(index)).cloned()
    };
    let count = bills
        .iter()
        .flatten()
        .map(|bill| bill.thresholds.len())
        .max();
    let list: Element = by_id("thresholds");
    resize(&list, count.unwrap_or(0), || {
        let row = make("li", "threshold", "");
        append(
            &row,
            &[
                &make("p", "threshold-name", ""),
                &scale(),
                &make("p", "threshold-words", ""),
                &make("p", "help", ""),
            ],
        );
        row
    });
    for index in 0..count.unwrap_or(0) {
        let both = bills.map(|bill| of(bill, index));
        let (Some(row), Some(one)) = (
            list.children().item(index as u32),
            both[0].as_ref().or(both[1].as_ref()),
        ) else {
            continue;
        };
        let parts = row.children();
        let text = |at: u32, text: &str| {
            if let Some(part) = parts.item(at) {
                set_text(&part, text);
            }
        };
        text(0, &format!("{}: {}", one.name, one.quantity.words()));
        text(2, &words(&both));
        text(3, &format!("{}.", one.citation));
        if let Some(scale) = parts.item(1) {
            let value = |threshold: &Option<Threshold>| threshold.as_ref().map(|one| one.value);
            let marks = [
                (Mark::Picture, value(&both[0])),
                (Mark::HeldOut, value(&both[1])),
            ];
            draw(&scale, Some((one.low, one.high)), &marks);
        }
    }
}

fn words(both: &[Option<Threshold>; 2]) -> String {
    let parts = ["This picture", "Held-out images"].iter().zip(both);
    let parts = parts.filter_map(|(whose, threshold)| {
        let threshold = threshold.as_ref()?;
        let value = match threshold.quantity {
            Quantity::SpikesPerSynapse => figure(threshold.value),
            Quantity::FiringRate => percent(threshold.value),
        };
        Some(format!("{whose}: {value}, {}.", threshold.side.words()))
    });
    parts.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{DatasetKind, preset};
    use crate::energy::{Activity, Assumptions, census, compare};

    #[test]
    fn each_bill_says_its_side() {
        let run = |name: &str| preset(name, DatasetKind::Cifar10).expect("a preset");
        let spiking = census(&run("tiny").model);
        let dense = census(&run("dense-tiny").model);
        let at = |rate| {
            let activity = Activity::uniform(&spiking, rate);
            compare(&spiking, &activity, &dense, &Assumptions::default())
        };
        let [quiet, loud] = [at(0.02), at(0.6)].map(|bill| bill.thresholds.last().cloned());
        assert_eq!(
            words(&[quiet, loud]),
            "This picture: 2.0\u{202f}%, below: an advantage is possible. Held-out images: 60\u{202f}%, above: no advantage."
        );
        assert_eq!(words(&[None, None]), "");
    }
}
