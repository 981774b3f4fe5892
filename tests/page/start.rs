//! Loading the page.

use crate::site::{LATER, SMALL_RUN, SOON, Site, ready};
use anyhow::{Result, ensure};
use xtask::browser::Options;
use xtask::page::Page;

/// The buttons that other programs and tests know by name. Stop camera and Pause show when there is
/// something to stop.
const BUTTONS: [&str; 8] = [
    "Train",
    "Step",
    "Reset",
    "Evaluate",
    "Start camera",
    "Open image",
    "Open dataset",
    "Open checkpoint",
];

#[test]
fn loads_from_a_sub_path_asking_no_other_host() -> Result<()> {
    let site = Site::serve()?;
    let mut page = ready(&site, SMALL_RUN)?;
    let metrics = page.metrics()?;
    for (name, value) in [("backend", "cpu"), ("dataset", "synthetic"), ("step", "0")] {
        ensure!(
            metrics.get(name).map(String::as_str) == Some(value),
            "{name} is not {value}: {metrics:?}"
        );
    }
    for button in BUTTONS {
        ensure!(
            page.offers(button)?,
            "no button {button:?}\n{}",
            page.describe()
        );
    }
    let origin = site.server.origin();
    let record = page.record()?;
    ensure!(
        record.errors.is_empty(),
        "console errors: {:#?}",
        record.errors
    );
    let elsewhere: Vec<&String> = record
        .requests
        .iter()
        .filter(|url| {
            !url.starts_with(&origin) && !url.starts_with("data:") && !url.starts_with("blob:")
        })
        .collect();
    ensure!(elsewhere.is_empty(), "asked other hosts: {elsewhere:?}");
    ensure!(
        record
            .requests
            .iter()
            .any(|url| url.ends_with("app_bg.wasm") || url.contains(".wasm")),
        "the record saw no wasm, so it proves nothing: {:?}",
        record.requests
    );
    let failed: Vec<_> = site
        .server
        .log()
        .into_iter()
        .filter(|served| {
            // The service worker asks whether what it keeps is still so: 304.
            ![200, 304].contains(&served.status)
                && !served.url.contains("/data/")
                && !served.url.contains("/model/")
        })
        .collect();
    ensure!(failed.is_empty(), "not found: {failed:?}");
    Ok(())
}

#[test]
fn shows_its_text_before_any_program_runs() -> Result<()> {
    let site = Site::serve()?;
    let mut page = Page::open(&Options::default())?;
    page.call(
        "Emulation.setScriptExecutionDisabled",
        serde_json::json!({ "value": true }),
    )?;
    page.go(&site.url(SMALL_RUN))?;
    page.wait_text(&["spiking"], SOON)?;
    Ok(())
}

#[test]
fn without_webgpu_it_says_so_and_works() -> Result<()> {
    let site = Site::serve()?;
    let mut page = ready(&site, "backend=auto&preset=tiny&dataset=synthetic")?;
    let gpu = page.eval("navigator.gpu === undefined ? 'none' : navigator.gpu.requestAdapter().then(a => a ? 'some' : 'none')")?;
    ensure!(
        gpu == "none",
        "this browser has WebGPU, so the test proves nothing"
    );
    page.wait_metric("backend", SOON, |backend| backend == "cpu")?;
    page.wait_text(&["WebGPU"], SOON)?;
    page.press("Step")?;
    page.wait_number("step", LATER, |step| step == 1.0)?;
    Ok(())
}

#[test]
fn asking_for_webgpu_without_it_says_so_and_works() -> Result<()> {
    let site = Site::serve()?;
    let mut page = ready(&site, "backend=webgpu&preset=tiny&dataset=synthetic")?;
    page.wait_metric("backend", SOON, |backend| backend == "cpu")?;
    page.wait_text(&["WebGPU"], SOON)?;
    page.press("Step")?;
    page.wait_number("step", LATER, |step| step == 1.0)?;
    Ok(())
}

#[test]
fn values_out_of_range_in_the_url_are_clamped_with_a_notice() -> Result<()> {
    let site = Site::serve()?;
    let mut page = ready(&site, &format!("{SMALL_RUN}&batch=1000000&lr=-3&seed=7"))?;
    let text = page.wait_text(&["batch"], SOON)?;
    ensure!(
        text.contains("1000000") || text.contains("1,000,000"),
        "no notice names the value that was refused:\n{text}"
    );
    page.press("Step")?;
    let loss = page.wait_number("loss", LATER, |loss| loss.is_finite())?;
    ensure!(loss > 0.0, "loss {loss}");
    Ok(())
}

#[test]
fn an_unknown_preset_and_dataset_leave_a_working_page() -> Result<()> {
    let site = Site::serve()?;
    let mut page = ready(&site, "backend=cpu&preset=enormous&dataset=mnist")?;
    page.wait_text(&["enormous"], SOON)?;
    page.wait_text(&["mnist"], SOON)?;
    Ok(())
}
