//! Prices and assumptions: chosen here, applied to counts that are already here. No worker is asked.

use super::app::Page;
use super::dom::{append, by_id, clear, document, make, on, on_click, set_attribute};
use super::state::Pricing;
use super::url::{CHOICES, row_text};
use crate::energy::{Assumptions, PriceRow};
use crate::protocol::Level;
use web_sys::{Element, Event, HtmlInputElement, HtmlSelectElement};

/// Listen to every choice and to the form for prices of the visitor's own.
pub fn connect(page: &Page) {
    for choice in &CHOICES {
        select(page, choice.id, move |pricing, value| {
            if let Some(at) = choice.values.iter().position(|known| *known == value) {
                (choice.set)(&mut pricing.with, at);
            }
        });
    }
    select(page, "price-row", |pricing, value| {
        if let Some(row) = pricing.table.find(value) {
            pricing.with.compute = row.clone();
        }
    });
    let own = page.clone();
    on_click("add-prices", move || add(&own));
    // A form would reload the page on Enter.
    if let Ok(Some(form)) = document().query_selector("form#choices") {
        on(&form, "submit", |event: Event| event.prevent_default());
    }
    sync(page);
}

/// Show the prices and choices in force in the fields.
pub fn sync(page: &Page) {
    rows(page);
    let state = page.state.borrow();
    for choice in &CHOICES {
        let value = choice.values[(choice.get)(&state.pricing.with)];
        by_id::<HtmlSelectElement>(choice.id).set_value(value);
    }
}

fn select(page: &Page, id: &str, change: impl Fn(&mut Pricing, &str) + 'static) {
    let field: HtmlSelectElement = by_id(id);
    let page = page.clone();
    let own = field.clone();
    on(&field, "change", move |_: Event| {
        let value = own.value();
        page.state
            .borrow_mut()
            .reprice(|pricing| change(pricing, &value));
        page.address();
        page.draw();
    });
}

/// A row of the visitor's, chosen at once.
fn add(page: &Page) {
    let text = |id: &str| by_id::<HtmlInputElement>(id).value().trim().to_owned();
    // What is no number is refused by the table, in words.
    let number = |id: &str| text(id).parse().unwrap_or(f64::NAN);
    let row = PriceRow {
        name: text("price-name"),
        mac_pj: number("price-mac"),
        ac_pj: number("price-ac"),
        shift_pj: number("price-shift"),
        citation: text("price-source"),
    };
    let mut added = Ok(());
    page.state.borrow_mut().reprice(|pricing| {
        added = pricing.table.add(row.clone());
        if added.is_ok() {
            pricing.with.compute = row;
        }
    });
    match added {
        Ok(()) => {
            rows(page);
            page.address();
            let pricing = &page.state.borrow().pricing;
            if row_text(&Pricing::default(), &pricing.with.compute).is_none() {
                page.say(
                    Level::Info,
                    "These prices are in force, but they are too long for the address of this page: a link to it will not carry them.",
                );
            }
        }
        Err(error) => page.say(
            Level::Warning,
            &format!("The prices were not added: {error}."),
        ),
    }
    page.draw();
}

/// The select and the table of price rows, with their sources; below them what the other rulings are priced with.
fn rows(page: &Page) {
    let state = page.state.borrow();
    let (choices, table): (Element, Element) = (by_id("price-row"), by_id("price-rows"));
    clear(&choices);
    clear(&table);
    for row in &state.pricing.table.rows {
        let option = make("option", "", &row.name);
        set_attribute(&option, "value", &row.name);
        append(&choices, &[&option]);
        let pj = [row.mac_pj, row.ac_pj, row.shift_pj].map(|pj| pj.to_string());
        line(&table, &format!("a. {}", row.name), &pj, &row.citation);
    }
    let Assumptions {
        memory, quantised, ..
    } = &state.pricing.with;
    let pj = [memory.mac_pj(), memory.add_pj, memory.shift_pj].map(|pj| pj.to_string());
    line(&table, "b. memory curve", &pj, &memory.citation);
    let accumulate = quantised.accumulate_pj.to_string();
    let pj = [
        format!("{accumulate} a bit"),
        accumulate.clone(),
        accumulate.clone(),
    ];
    line(&table, "c. 22 nm", &pj, &quantised.citation);
    by_id::<HtmlSelectElement>("price-row").set_value(&state.pricing.with.compute.name);
}

fn line(table: &Element, name: &str, pj: &[String; 3], citation: &str) {
    let line = make("tr", "", "");
    let head = make("th", "", name);
    set_attribute(&head, "scope", "row");
    append(&line, &[&head]);
    for pj in pj {
        append(&line, &[&make("td", "", pj)]);
    }
    append(&line, &[&make("td", "source", citation)]);
    append(table, &[&line]);
}
