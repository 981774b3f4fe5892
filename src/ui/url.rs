//! The address of a run: settings to query string and back, as a difference from the defaults.

mod pricing;

pub use pricing::{CHOICES, parse_pricing, row_text, serialise_pricing};

use super::settings::{
    BATCH, LR, PENALTY, Settings, TRAIN_LIMIT, Wanted, is_page_preset, page_presets,
};
use super::start::Start;
use crate::config::{DatasetKind, Freeze};
use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;

/// Settings from a query string (with or without its `?`), and a sentence for each value that could
/// not be taken as it stands.
pub fn parse(query: &str) -> (Settings, Vec<String>) {
    let mut settings = Settings::default();
    let mut notices = Vec::new();
    let query = query.strip_prefix('?').unwrap_or(query);
    for (key, value) in form_urlencoded::parse(query.as_bytes()) {
        let value = value.as_ref();
        match key.as_ref() {
            "backend" => {
                let names = Wanted::ALL.map(Wanted::name);
                let known = Wanted::from_name(value);
                name(
                    &mut settings.backend,
                    known,
                    "backend",
                    value,
                    &names,
                    &mut notices,
                );
            }
            "preset" => {
                let names: Vec<_> = page_presets().into_iter().map(|(name, _)| name).collect();
                let known = is_page_preset(value).then(|| value.to_owned());
                name(
                    &mut settings.preset,
                    known,
                    "preset",
                    value,
                    &names,
                    &mut notices,
                );
            }
            "dataset" => {
                let names = ["cifar10", "cifar100", "synthetic"];
                let known = DatasetKind::from_name(value);
                name(
                    &mut settings.dataset,
                    known,
                    "dataset",
                    value,
                    &names,
                    &mut notices,
                );
            }
            "seed" => number(
                &mut settings.seed,
                0..=u64::MAX,
                "seed",
                value,
                &mut notices,
            ),
            "batch" => number(&mut settings.batch, BATCH, "batch", value, &mut notices),
            "lr" => number(&mut settings.lr, LR, "lr", value, &mut notices),
            "penalty" => number(
                &mut settings.penalty,
                PENALTY,
                "penalty",
                value,
                &mut notices,
            ),
            "train_limit" => {
                let mut limit = *TRAIN_LIMIT.end();
                number(&mut limit, TRAIN_LIMIT, "train_limit", value, &mut notices);
                settings.train_limit = (limit < *TRAIN_LIMIT.end()).then_some(limit);
            }
            "freeze" => {
                let names = ["nothing", "all-but-head", "all-but-last-N"];
                let known = freeze_from_name(value);
                name(
                    &mut settings.freeze,
                    known,
                    "freeze",
                    value,
                    &names,
                    &mut notices,
                );
            }
            "twin" => {
                let known = match value {
                    "on" => Some(true),
                    "off" => Some(false),
                    _ => None,
                };
                name(
                    &mut settings.twin,
                    known,
                    "twin",
                    value,
                    &["on", "off"],
                    &mut notices,
                );
            }
            "start" => {
                let names = Start::ALL.map(Start::name);
                let known = Start::from_name(value).map(Some);
                name(
                    &mut settings.start,
                    known,
                    "start",
                    value,
                    &names,
                    &mut notices,
                );
            }
            // Other people's parameters are theirs.
            _ => {}
        }
    }
    let depth = settings.depth();
    if let Freeze::AllButLast { blocks } = &mut settings.freeze {
        let range = 1..=depth;
        let kept = nearest(*blocks, &range);
        if kept != *blocks {
            let what = "freeze: number of blocks that stay trainable";
            notices.push(outside(what, &blocks.to_string(), &range, kept));
        }
        *blocks = kept;
    }
    (settings, notices)
}

/// The query string of these settings without its `?`: empty for the defaults.
pub fn serialise(settings: &Settings) -> String {
    let default = Settings::default();
    let mut query = form_urlencoded::Serializer::new(String::new());
    let mut put = |key: &str, value: String, same: bool| {
        if !same {
            query.append_pair(key, &value);
        }
    };
    let (s, d) = (settings, &default);
    put(
        "backend",
        s.backend.name().to_owned(),
        s.backend == d.backend,
    );
    put("preset", s.preset.clone(), s.preset == d.preset);
    put("seed", s.seed.to_string(), s.seed == d.seed);
    put("batch", s.batch.to_string(), s.batch == d.batch);
    put("lr", s.lr.to_string(), s.lr == d.lr);
    put(
        "dataset",
        s.dataset.name().to_owned(),
        s.dataset == d.dataset,
    );
    let limit = s
        .train_limit
        .map_or(String::new(), |limit| limit.to_string());
    put("train_limit", limit, s.train_limit == d.train_limit);
    put("freeze", freeze_name(s.freeze), s.freeze == d.freeze);
    put("penalty", s.penalty.to_string(), s.penalty == d.penalty);
    put(
        "twin",
        if s.twin { "on" } else { "off" }.to_owned(),
        s.twin == d.twin,
    );
    let start = s.start.map_or("", Start::name);
    put("start", start.to_owned(), s.start == d.start);
    query.finish()
}

/// Name of a freeze policy in the URL and in the page's select.
pub fn freeze_name(freeze: Freeze) -> String {
    match freeze {
        Freeze::Nothing => "nothing".to_owned(),
        Freeze::AllButHead => "all-but-head".to_owned(),
        Freeze::AllButLast { blocks } => format!("all-but-last-{blocks}"),
    }
}

/// The freeze policy of that name.
pub fn freeze_from_name(name: &str) -> Option<Freeze> {
    match name {
        "nothing" => Some(Freeze::Nothing),
        "all-but-head" => Some(Freeze::AllButHead),
        _ => {
            let blocks = name.strip_prefix("all-but-last-")?.parse().ok()?;
            Some(Freeze::AllButLast { blocks })
        }
    }
}

fn name<T>(
    target: &mut T,
    known: Option<T>,
    what: &str,
    given: &str,
    names: &[&str],
    notices: &mut Vec<String>,
) {
    match known {
        Some(value) => *target = value,
        None => notices.push(format!(
            "The address asks for {what} “{given}”, which does not exist here; known are {}. The default is used.",
            names.join(", ")
        )),
    }
}

fn number<T: FromStr + PartialOrd + Copy + Display>(
    target: &mut T,
    range: RangeInclusive<T>,
    what: &str,
    given: &str,
    notices: &mut Vec<String>,
) {
    let given = given.trim();
    // NaN compares with nothing. -3 or 1e30 are numbers that only do not fit, so they clamp.
    let parsed = match given.parse::<T>() {
        Ok(value) => value.partial_cmp(&value).map(|_| value),
        Err(_) => match given.parse::<f64>() {
            Ok(value) if value < 0.0 => Some(*range.start()),
            Ok(value) if value > 1e15 => Some(*range.end()),
            _ => None,
        },
    };
    match parsed {
        Some(value) => {
            let nearest = nearest(value, &range);
            if nearest.to_string() != value.to_string() || given.parse::<T>().is_err() {
                notices.push(outside(what, given, &range, nearest));
            }
            *target = nearest;
        }
        None => notices.push(format!(
            "The address says {what} = “{given}”, which is not a number that fits; {target} is used."
        )),
    }
}

fn nearest<T: PartialOrd + Copy>(value: T, range: &RangeInclusive<T>) -> T {
    if value < *range.start() {
        *range.start()
    } else if value > *range.end() {
        *range.end()
    } else {
        value
    }
}

fn outside<T: Display>(what: &str, given: &str, range: &RangeInclusive<T>, used: T) -> String {
    format!(
        "The address says {what} = {given}, outside {} to {}; {used} is used.",
        range.start(),
        range.end()
    )
}

#[cfg(test)]
mod tests;
