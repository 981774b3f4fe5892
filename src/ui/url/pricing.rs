//! Prices and assumptions in the address, as a difference from the defaults.

use super::name;
use crate::energy::{
    Assumptions, FirstConv, MembraneAccess, Movement, PriceRow, WeightReads, ZeroSkipping,
};
use crate::ui::state::Pricing;

/// Between the parts of a row of the visitor's: one of the few characters that an address holds as they are.
const BETWEEN: char = '*';
/// Longest row of the visitor's that goes into the address; a source may be a whole bibliography.
const LONGEST: usize = 160;

/// A choice between a few: an assumption.
pub struct Choice {
    /// Id of its select.
    pub id: &'static str,
    /// Name in the address.
    pub key: &'static str,
    /// Values of the select and of the address.
    pub values: &'static [&'static str],
    /// Index of the value in force.
    pub get: fn(&Assumptions) -> usize,
    /// Puts the value of that index in force.
    pub set: fn(&mut Assumptions, usize),
}

const BITS: [u32; 4] = [32, 16, 8, 4];

/// Every assumption that the page lets one choose.
pub const CHOICES: [Choice; 7] = [
    Choice {
        id: "first-conv",
        key: "first_conv",
        values: &["once", "every-step"],
        get: |with| usize::from(with.first_conv == FirstConv::EveryStep),
        set: |with, at| with.first_conv = [FirstConv::Once, FirstConv::EveryStep][at],
    },
    Choice {
        id: "dense-weights",
        key: "dense_weights",
        values: &["per-operation", "once-per-picture"],
        get: |with| usize::from(with.dense_weights == WeightReads::OncePerPicture),
        set: |with, at| {
            with.dense_weights = [WeightReads::PerOperation, WeightReads::OncePerPicture][at];
        },
    },
    Choice {
        id: "membrane",
        key: "membrane",
        values: &["per-step", "per-event"],
        get: |with| usize::from(with.membrane == MembraneAccess::PerEvent),
        set: |with, at| with.membrane = [MembraneAccess::PerStep, MembraneAccess::PerEvent][at],
    },
    Choice {
        id: "movement",
        key: "movement",
        values: &["per-operation", "multicast"],
        get: |with| usize::from(with.movement == Movement::Multicast),
        set: |with, at| with.movement = [Movement::PerOperation, Movement::Multicast][at],
    },
    Choice {
        id: "zero-skipping",
        key: "zero_skipping",
        values: &["off", "on"],
        get: |with| usize::from(with.zero_skipping == ZeroSkipping::On),
        set: |with, at| with.zero_skipping = [ZeroSkipping::Off, ZeroSkipping::On][at],
    },
    Choice {
        id: "weights-from",
        key: "weights_from",
        values: &["chip", "dram"],
        get: |with| usize::from(with.weights_from_dram),
        set: |with, at| with.weights_from_dram = at == 1,
    },
    Choice {
        id: "weight-bits",
        key: "weight_bits",
        values: &["32", "16", "8", "4"],
        get: |with| {
            BITS.iter()
                .position(|bits| *bits == with.weight_bits)
                .unwrap_or(0)
        },
        set: |with, at| with.weight_bits = BITS[at],
    },
];

/// Prices and assumptions from a query string, and a sentence for each value that could not be taken.
pub fn parse_pricing(query: &str) -> (Pricing, Vec<String>) {
    let mut pricing = Pricing::default();
    let mut notices = Vec::new();
    let query = query.strip_prefix('?').unwrap_or(query);
    for (key, value) in form_urlencoded::parse(query.as_bytes()) {
        if key == "prices" {
            prices(&mut pricing, &value, &mut notices);
        }
        let Some(choice) = CHOICES.iter().find(|choice| choice.key == key) else {
            continue;
        };
        let known = choice.values.iter().position(|known| **known == *value);
        let mut at = (choice.get)(&pricing.with);
        name(
            &mut at,
            known,
            choice.key,
            &value,
            choice.values,
            &mut notices,
        );
        (choice.set)(&mut pricing.with, at);
    }
    (pricing, notices)
}

fn prices(pricing: &mut Pricing, value: &str, notices: &mut Vec<String>) {
    if let Some(row) = pricing.table.find(value) {
        pricing.with.compute = row.clone();
        return;
    }
    let parts: Vec<&str> = value.splitn(5, BETWEEN).collect();
    let [own, mac, ac, shift, citation] = parts[..] else {
        let rows: Vec<&str> = pricing
            .table
            .rows
            .iter()
            .map(|row| row.name.as_str())
            .collect();
        return notices.push(format!(
            "The address asks for prices “{value}”, which do not exist here; known are {}, and name{BETWEEN}MAC{BETWEEN}accumulate{BETWEEN}shift{BETWEEN}source. The default is used.",
            rows.join(", ")
        ));
    };
    let number = |text: &str| text.trim().parse().unwrap_or(f64::NAN);
    let row = PriceRow {
        name: own.to_owned(),
        mac_pj: number(mac),
        ac_pj: number(ac),
        shift_pj: number(shift),
        citation: citation.to_owned(),
    };
    match pricing.table.add(row.clone()) {
        Ok(()) => pricing.with.compute = row,
        Err(error) => notices.push(format!(
            "The prices in the address were not taken: {error}. The default is used."
        )),
    }
}

/// What differs from the defaults, as a query string without its `?`.
pub fn serialise_pricing(pricing: &Pricing) -> String {
    let default = Pricing::default();
    let mut query = form_urlencoded::Serializer::new(String::new());
    let row = &pricing.with.compute;
    if *row != default.with.compute
        && let Some(value) = row_text(&default, row)
    {
        query.append_pair("prices", &value);
    }
    for choice in &CHOICES {
        let at = (choice.get)(&pricing.with);
        if at != (choice.get)(&default.with) {
            query.append_pair(choice.key, choice.values[at]);
        }
    }
    query.finish()
}

/// A row as the address has it; `None` where it is too long for one, or would not come back as it is.
pub fn row_text(published: &Pricing, row: &PriceRow) -> Option<String> {
    if published.table.find(&row.name) == Some(row) {
        return Some(row.name.clone());
    }
    let text = format!(
        "{}{BETWEEN}{}{BETWEEN}{}{BETWEEN}{}{BETWEEN}{}",
        row.name, row.mac_pj, row.ac_pj, row.shift_pj, row.citation
    );
    (text.len() <= LONGEST && !row.name.contains(BETWEEN)).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own(name: &str, citation: &str) -> PriceRow {
        PriceRow {
            name: name.to_owned(),
            mac_pj: 9.25,
            ac_pj: 1.0,
            shift_pj: 0.0,
            citation: citation.to_owned(),
        }
    }

    #[test]
    fn the_defaults_need_no_address() {
        assert_eq!(serialise_pricing(&Pricing::default()), "");
        assert_eq!(parse_pricing("?seed=7"), (Pricing::default(), vec![]));
    }

    #[test]
    fn every_value_of_every_choice_survives_the_round_trip() {
        for choice in &CHOICES {
            for at in 0..choice.values.len() {
                let mut pricing = Pricing::default();
                (choice.set)(&mut pricing.with, at);
                assert_eq!((choice.get)(&pricing.with), at, "{}", choice.key);
                let query = serialise_pricing(&pricing);
                assert_eq!(
                    query.is_empty(),
                    at == 0,
                    "{query}: the first value is the default"
                );
                assert_eq!(parse_pricing(&query), (pricing, vec![]), "{query}");
            }
        }
    }

    #[test]
    fn published_and_own_prices_survive_the_round_trip() {
        let mut pricing = Pricing::default();
        pricing.with.compute = pricing.table.rows[2].clone();
        let query = serialise_pricing(&pricing);
        assert_eq!(query, "prices=45+nm+INT8");
        assert_eq!(parse_pricing(&query), (pricing, vec![]));

        let mut pricing = Pricing::default();
        let row = own("mine", "my chip, page 3 * table 2 & co.");
        pricing.table.add(row.clone()).unwrap();
        pricing.with.compute = row;
        let query = serialise_pricing(&pricing);
        assert_eq!(parse_pricing(&query), (pricing, vec![]), "{query}");
    }

    #[test]
    fn what_is_too_long_or_would_come_back_changed_stays_out_of_the_address() {
        let published = Pricing::default();
        assert_eq!(row_text(&published, &own("a*b", "source")), None);
        assert_eq!(row_text(&published, &own("mine", &"x".repeat(200))), None);
    }

    #[test]
    fn wrong_values_give_the_default_and_say_so() {
        for query in [
            "prices=gold",
            "prices=mine*1*x*0*source",
            "prices=mine*1*1*0*",
            "first_conv=twice",
            "weight_bits=7",
        ] {
            let (pricing, notices) = parse_pricing(query);
            assert_eq!(pricing, Pricing::default(), "{query}");
            assert_eq!(notices.len(), 1, "{query}: {notices:?}");
        }
    }
}
