//! The two bills, the picture's and the held-out images': three rulings each, stacked item by item. Both networks
//! have the same type size in each of them, whoever needs less.

use super::app::Page;
use super::dom::{append, by_id, clear, make, on, set_attribute, set_property, set_text};
use super::figures::{ENERGIES, UNKNOWN};
use super::format::{grouped, percent};
use super::lines::{self, Mark};
use super::meter::{readable, resize};
use super::state::State;
use crate::energy::{Comparison, Ruling, RulingKind, energy_text};
use crate::report::{COUNT_COLUMNS, count_rows};
use web_sys::{Element, Event, HtmlDetailsElement};

/// Lists of rulings: the picture's and the held-out images'.
const LISTS: [&str; 2] = ["rulings", "held-out-rulings"];

/// How much of the network's own colour an item's segment has, in percent: neighbours stay apart.
const TONES: [u32; 8] = [100, 60, 82, 48, 92, 54, 74, 42];

/// Make the empty rulings.
pub fn once() {
    for (id, names) in LISTS.iter().zip(ENERGIES) {
        let list: Element = by_id(id);
        for (kind, names) in RulingKind::ALL.into_iter().zip(names) {
            append(&list, &[&empty(kind, names)]);
        }
    }
    let head: Element = by_id("counts-head");
    for column in COUNT_COLUMNS {
        let cell = make("th", "", column);
        set_attribute(&cell, "scope", "col");
        append(&head, &[&cell]);
    }
}

/// Build the table of counts when it is opened.
pub fn connect(page: &Page) {
    let page = page.clone();
    on(&by_id::<Element>("counts"), "toggle", move |_: Event| {
        page.draw()
    });
}

fn empty(kind: RulingKind, names: [&str; 3]) -> Element {
    let item = make("li", "ruling", "");
    let figure = |class: &str, name: &str| {
        let value = make("span", class, UNKNOWN);
        set_attribute(&value, "data-metric", name);
        set_attribute(&value, "data-value", "");
        value
    };
    append(&item, &[&make("h4", "ruling-title", kind.title())]);
    for (class, name, metric) in [
        ("ruling-bar spiking", "Spiking", names[0]),
        ("ruling-bar dense", "Dense", names[1]),
    ] {
        let bar = make("div", class, "");
        let stack = make("span", "stack", "");
        set_attribute(&stack, "role", "img");
        set_attribute(&stack, "aria-label", "No figures yet");
        append(
            &bar,
            &[
                &make("span", "ruling-name", name),
                &stack,
                &figure("ruling-value", metric),
            ],
        );
        append(&item, &[&bar]);
    }
    let ratio = make("p", "ruling-ratio", "");
    append(
        &ratio,
        &[
            &make("span", "ruling-name", "Dense"),
            &make("span", "", " over spiking: "),
            &figure("ruling-times", names[2]),
        ],
    );
    let items = make("details", "ruling-items", "");
    let summary = format!("Item by item: {}", kind.title().to_ascii_lowercase());
    let table = make("table", "", "");
    append(&items, &[&make("summary", "", &summary), &table]);
    append(
        &item,
        &[
            &ratio,
            &make("p", "ruling-words", ""),
            &lines::scale(),
            &make("p", "help ruling-even", ""),
            &items,
        ],
    );
    item
}

/// Draw both bills, what they rest on, and the counts.
pub fn draw(page: &Page) {
    let state = page.state.borrow();
    let picture = state
        .answer
        .as_ref()
        .and_then(|answer| answer.bill.as_ref());
    let bills = [picture, state.run.bill.as_ref()];
    for ((id, mark), bill) in LISTS.iter().zip([Mark::Picture, Mark::HeldOut]).zip(bills) {
        let items = by_id::<Element>(id).children();
        for index in 0..items.length() {
            let ruling = bill.and_then(|bill| bill.rulings.get(index as usize));
            match (items.item(index), bill, ruling) {
                (Some(item), Some(bill), Some(ruling)) => self::ruling(&item, ruling, bill, mark),
                (Some(item), _, _) => blank(&item),
                (None, _, _) => {}
            }
        }
    }
    set_text(&by_id::<Element>("held-out-words"), &evaluated(&state));
    lines::thresholds(bills);
    assumptions(bills);
    if by_id::<HtmlDetailsElement>("counts").open() {
        counts(bills[1].or(bills[0]));
    }
    let whose = match bills {
        [_, Some(_)] => "the held-out images",
        [Some(_), None] => "this picture",
        _ => "nothing yet",
    };
    set_text(&by_id::<Element>("counts-of"), whose);
}

/// Of which images the held-out bill is, with the accuracy that it buys.
fn evaluated(state: &State) -> String {
    match &state.run.evaluation {
        None => "Press Evaluate: both networks then answer held-out images, and their mean bill stands here.".to_owned(),
        Some((step, spiking, dense)) => format!(
            "Mean of {} held-out images at step {}. Accuracy: spiking {}, dense {}.",
            grouped(spiking.images as f64),
            grouped(*step as f64),
            percent(spiking.accuracy),
            percent(dense.accuracy)
        ),
    }
}

fn assumptions(bills: [Option<&Comparison>; 2]) {
    let lines = bills[0].or(bills[1]).map_or(Vec::new(), |bill| {
        bill.warnings.iter().chain(&bill.assumptions).collect()
    });
    let list: Element = by_id("assumptions");
    resize(&list, lines.len(), || make("li", "", ""));
    for (index, line) in lines.iter().enumerate() {
        if let Some(item) = list.children().item(index as u32) {
            set_text(&item, &format!("{line}."));
        }
    }
}

fn set(item: &Element, selector: &str, text: &str) {
    if let Ok(Some(part)) = item.query_selector(selector) {
        set_text(&part, text);
    }
}

fn ruling(item: &Element, ruling: &Ruling, bill: &Comparison, mark: Mark) {
    let rival = match ruling.kind {
        RulingKind::BitMatched => format!("{}-bit", bill.bits),
        _ => "Dense".to_owned(),
    };
    set(item, ".ruling-words", &ruling.sentence);
    let rate = bill.spiking.firing_rate;
    set(
        item,
        ".ruling-even",
        &break_even(ruling.break_even_rate, rate),
    );
    set(item, ".dense .ruling-name", &rival);
    set(item, ".ruling-ratio .ruling-name", &rival);
    let most = ruling.spiking_pj.max(ruling.dense_pj);
    let spiking = ruling.breakdown_pj.iter().map(|item| item.spiking_pj);
    stack(
        item,
        ".spiking .stack",
        ruling,
        &spiking.collect::<Vec<_>>(),
        most,
    );
    let dense = ruling.breakdown_pj.iter().map(|item| item.dense_pj);
    stack(
        item,
        ".dense .stack",
        ruling,
        &dense.collect::<Vec<_>>(),
        most,
    );
    if let Ok(Some(scale)) = item.query_selector(".scale") {
        let line = ruling.break_even_rate.filter(|rate| *rate < 1.0);
        lines::draw(&scale, line.map(|line| (line, line)), &[(mark, rate)]);
    }
    itemised(item, ruling, &rival);
}

/// The items of one network as segments of one bar, to the scale of the larger of both.
fn stack(item: &Element, selector: &str, ruling: &Ruling, pj: &[f64], most: f64) {
    let Ok(Some(bar)) = item.query_selector(selector) else {
        return;
    };
    resize(&bar, pj.len(), || make("i", "", ""));
    let mut words = Vec::new();
    for (index, (pj, item)) in pj.iter().zip(&ruling.breakdown_pj).enumerate() {
        let Some(segment) = bar.children().item(index as u32) else {
            continue;
        };
        let share = if most > 0.0 { pj / most } else { 0.0 };
        set_property(&segment, "--part", &format!("{share:.4}"));
        set_property(
            &segment,
            "--tone",
            &format!("{}%", TONES[index % TONES.len()]),
        );
        let text = format!("{}: {}", item.name, energy_text(*pj));
        set_attribute(&segment, "title", &text);
        if *pj > 0.0 {
            words.push(text);
        }
    }
    set_attribute(&bar, "aria-label", &words.join(", "));
}

fn itemised(item: &Element, ruling: &Ruling, rival: &str) {
    let Ok(Some(table)) = item.query_selector("table") else {
        return;
    };
    // Head, items, sum; cells are kept, so that an open table does not flicker with the camera.
    resize(&table, ruling.breakdown_pj.len() + 2, || {
        let row = make("tr", "", "");
        for _ in 0..3 {
            append(&row, &[&make("td", "", "")]);
        }
        row
    });
    let mut rows = vec![["".to_owned(), "Spiking".to_owned(), rival.to_owned()]];
    rows.extend(ruling.breakdown_pj.iter().map(|item| {
        [
            item.name.clone(),
            energy_text(item.spiking_pj),
            energy_text(item.dense_pj),
        ]
    }));
    rows.push([
        "sum".to_owned(),
        energy_text(ruling.spiking_pj),
        energy_text(ruling.dense_pj),
    ]);
    for (index, texts) in rows.iter().enumerate() {
        let Some(row) = table.children().item(index as u32) else {
            continue;
        };
        let tone = (1..=ruling.breakdown_pj.len())
            .contains(&index)
            .then(|| TONES[(index - 1) % TONES.len()]);
        set_attribute(&row, "class", if tone.is_some() { "item" } else { "" });
        if let Some(tone) = tone {
            set_property(&row, "--tone", &format!("{tone}%"));
        }
        for (cell, text) in texts.iter().enumerate() {
            if let Some(cell) = row.children().item(cell as u32) {
                set_text(&cell, text);
            }
        }
    }
}

/// No picture, no bill: what was said of an earlier one must not stand on.
fn blank(item: &Element) {
    set(item, ".ruling-words", "");
    set(item, ".ruling-even", "");
    for selector in [".spiking .stack", ".dense .stack", "table"] {
        if let Ok(Some(part)) = item.query_selector(selector) {
            clear(&part);
        }
    }
    if let Ok(Some(scale)) = item.query_selector(".scale") {
        lines::draw(&scale, None, &[]);
    }
}

fn break_even(rate: Option<f64>, now: Option<f64>) -> String {
    let now = now.map_or(String::new(), |now| {
        format!("; here it is {}", percent(now))
    });
    match rate {
        None => "Spiking would need more even if no neuron fired.".to_owned(),
        Some(rate) if rate >= 1.0 => "Spiking would need less at any firing rate.".to_owned(),
        Some(rate) => format!(
            "Both need the same at a mean firing rate of {}{now}.",
            percent(rate)
        ),
    }
}

/// Spiking network first, then the dense twin.
fn counts(bill: Option<&Comparison>) {
    let body: Element = by_id("counts-rows");
    clear(&body);
    let Some(bill) = bill else { return };
    for (network, account) in [("spiking", &bill.spiking), ("dense", &bill.dense)] {
        for cells in count_rows(account) {
            let row = make("tr", network, "");
            for (index, text) in cells.iter().enumerate() {
                let cell = if index == 0 {
                    let name = format!("{}, {network}", readable(text));
                    let head = make("th", "", &name);
                    set_attribute(&head, "scope", "row");
                    head
                } else {
                    make("td", "", text)
                };
                append(&row, &[&cell]);
            }
            append(&body, &[&row]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn break_even_is_said_at_both_ends_and_between() {
        assert!(break_even(None, Some(0.1)).contains("even if no neuron fired"));
        assert!(break_even(Some(1.0), Some(0.1)).contains("any firing rate"));
        assert!(break_even(Some(0.12), Some(0.2)).contains("12\u{202f}%; here it is 20\u{202f}%"));
    }

    #[test]
    fn the_held_out_bill_says_whose_it_is() {
        let mut state = State::default();
        assert!(evaluated(&state).contains("Press Evaluate"));
        let of = |accuracy| crate::protocol::Evaluation {
            images: 1000,
            accuracy,
            loss: 1.0,
            confusion: vec![],
            activity: None,
        };
        state.run.evaluation = Some((40, of(0.5), of(0.25)));
        let words = evaluated(&state);
        for part in ["1000 held-out images", "step 40", "spiking 50", "dense 25"] {
            assert!(words.contains(part), "{words}");
        }
    }
}
