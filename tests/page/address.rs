//! Prices and assumptions in the address.

use crate::site::{LATER, SMALL_RUN, SOON, Site, ready};
use anyhow::{Result, ensure};

#[test]
fn a_link_carries_prices_and_assumptions() -> Result<()> {
    let site = Site::serve()?;
    let mut page = ready(&site, SMALL_RUN)?;
    page.wait_number("dense-energy-pj", LATER, |pj| pj > 0.0)?;
    for (id, value) in [
        ("price-row", "45 nm INT8"),
        ("first-conv", "every-step"),
        ("membrane", "per-event"),
        ("weight-bits", "8"),
    ] {
        page.eval(&format!(
            "(() => {{ const field = document.getElementById('{id}'); field.value = '{value}'; \
             field.dispatchEvent(new Event('change', {{ bubbles: true }})); }})()"
        ))?;
    }
    let name = [
        "spiking-energy-pj",
        "spiking-energy-pj-b",
        "dense-energy-pj",
    ];
    let mut priced = Vec::new();
    for name in name {
        priced.push(page.number(name)?);
    }
    let address = page.eval("location.search")?;
    let address = address.as_str().unwrap_or_default().to_owned();
    ensure!(
        address
            .ends_with("prices=45+nm+INT8&first_conv=every-step&membrane=per-event&weight_bits=8"),
        "{address}"
    );
    drop(page);

    // Somebody else opens the link.
    let mut other = ready(&site, address.trim_start_matches('?'))?;
    for (name, wanted) in name.iter().zip(priced) {
        other.wait_number(name, LATER, |pj| pj == wanted)?;
    }
    let field = other.eval("document.getElementById('membrane').value")?;
    ensure!(field == "per-event", "the field shows {field}");

    let mut wrong = ready(&site, &format!("{SMALL_RUN}&prices=gold"))?;
    wrong.wait_text(&["asks for prices “gold”"], SOON)?;
    Ok(())
}
