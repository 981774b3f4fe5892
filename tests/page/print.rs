//! The report as one page to print.

use crate::site::{SMALL_RUN, SOON, Site, evaluate, ready, train_to};
use anyhow::{Result, ensure};
use serde_json::json;

#[test]
fn the_report_is_one_page_that_prints() -> Result<()> {
    let site = Site::serve()?;
    let mut page = ready(&site, &format!("{SMALL_RUN}&seed=7"))?;
    train_to(&mut page, 8.0)?;
    evaluate(&mut page)?;
    let build = page.eval("document.getElementById('build').textContent")?;
    let build = build.as_str().unwrap_or_default().to_owned();
    page.eval("window.printed = 0; window.print = () => { window.printed++; }")?;
    page.press("Print report")?;
    page.wait("the print dialogue", SOON, |page| {
        Ok((page.eval("window.printed")? == 1).then_some(()))
    })?;
    // What goes on paper: no buttons, none of the page around it.
    page.call("Emulation.setEmulatedMedia", json!({ "media": "print" }))?;
    let text = page.text()?;
    for words in [
        "Run of tiny",
        "seed: 7",
        &build,
        "WebAssembly SIMD",
        "Accuracy on training batches",
        "Confusion, spiking",
        "Modelled energy",
        "Break-even firing rate",
        "Assumptions",
        "Configuration, dense",
        "\"batch\": 32",
    ] {
        ensure!(text.contains(words), "the report lacks {words:?}:\n{text}");
    }
    for words in ["Start camera", "Close report", "Save checkpoint"] {
        ensure!(!text.contains(words), "{words:?} would be printed");
    }
    let drawn = page.eval("document.querySelectorAll('#report-body svg path.spiking').length")?;
    ensure!(drawn.as_u64() >= Some(2), "{drawn} curves are drawn");
    let wide = page.eval("document.documentElement.scrollWidth <= innerWidth")?;
    ensure!(wide == true, "the report is wider than the window");
    let pdf = page.pdf()?;
    ensure!(
        pdf.starts_with(b"%PDF") && pdf.len() > 20_000,
        "a PDF of {} bytes",
        pdf.len()
    );
    std::fs::write(xtask::shell::target_dir().join("report.pdf"), pdf)?;

    page.call("Emulation.setEmulatedMedia", json!({ "media": "" }))?;
    page.press("Close report")?;
    page.wait_text(&["Start camera"], SOON)?;
    page.press("Step")?;
    Ok(())
}
