//! The WebGPU engine, on SwiftShader where there is no GPU: slow, so a few steps only.

use crate::site::{LATER, Site};
use anyhow::{Result, ensure};
use std::time::Duration;
use xtask::browser::Options;
use xtask::page::Page;

/// SwiftShader compiles and runs every kernel on a processor.
const MUCH_LATER: Duration = Duration::from_secs(1200);

#[test]
fn a_lost_gpu_has_words_and_the_run_goes_on() -> Result<()> {
    let site = Site::serve()?;
    let mut page = Page::open(&Options {
        webgpu: true,
        ..Options::default()
    })?;
    page.go(&site.url("backend=webgpu&preset=tiny&dataset=synthetic&batch=4&twin=off"))?;
    page.wait_metric("backend", MUCH_LATER, |backend| backend == "webgpu")?;
    page.wait_metric("state", MUCH_LATER, |state| state == "ready")?;
    page.press("Step")?;
    page.wait_number("step", MUCH_LATER, |at| at == 1.0)?;
    page.wait_number("kept-step", MUCH_LATER, |at| at == 1.0)?;
    // Nothing is asked of the engine now: only the lost device itself can tell.
    ensure!(
        page.browser.kill_gpu_process()?,
        "this browser has no GPU process"
    );
    page.wait_text(&["the graphics processor went away"], MUCH_LATER)?;
    page.wait_text(&["resumed from step 1"], MUCH_LATER)?;
    page.wait_metric("state", MUCH_LATER, |state| state == "paused")?;
    page.press("Step")?;
    page.wait_number("step", MUCH_LATER, |at| at == 2.0)?;
    Ok(())
}

#[test]
fn trains_on_webgpu() -> Result<()> {
    let site = Site::serve()?;
    let mut page = Page::open(&Options {
        webgpu: true,
        ..Options::default()
    })?;
    page.go(&site.url("backend=webgpu&preset=tiny&dataset=synthetic&batch=4"))?;
    page.wait_metric("backend", MUCH_LATER, |backend| backend == "webgpu")?;
    page.wait_metric("state", MUCH_LATER, |state| state == "ready")?;
    page.wait_metric("adapter", LATER, |adapter| !adapter.is_empty())?;
    for step in 1..=2 {
        page.press("Step")?;
        page.wait_number("step", MUCH_LATER, |at| at == f64::from(step))?;
    }
    let loss = page.wait_number("loss", MUCH_LATER, f64::is_finite)?;
    ensure!(
        loss > 0.5 && loss < 10.0,
        "loss {loss} after two steps of ten classes"
    );
    ensure!(
        page.metric("backend")?.as_deref() == Some("webgpu"),
        "the page fell back\n{}",
        page.describe()
    );
    Ok(())
}
