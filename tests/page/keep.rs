//! Runs kept in the browser: after a reload, beside each other, with and without storage.

use crate::site::{LATER, SMALL_RUN, SOON, Site, ready};
use anyhow::{Result, ensure};
use serde_json::json;
use xtask::browser::Options;
use xtask::page::Page;

/// Presses Step and returns the loss of step `to`.
pub fn step(page: &mut Page, to: u32) -> Result<f64> {
    page.press("Step")?;
    page.wait_number("step", LATER, |step| step == f64::from(to))?;
    page.number("loss")
}

/// Makes this many steps one by one and waits until the last one is kept.
pub fn steps_kept(page: &mut Page, steps: u32) -> Result<()> {
    for to in 1..=steps {
        step(page, to)?;
    }
    page.wait_number("kept-step", SOON, |step| step == f64::from(steps))?;
    Ok(())
}

/// Loads the page again at this address.
pub fn again(page: &mut Page, url: &str) -> Result<()> {
    page.go(url)?;
    page.wait_metric("state", LATER, |state| state == "ready")?;
    Ok(())
}

#[test]
fn a_run_goes_on_after_a_reload_as_if_nothing_had_happened() -> Result<()> {
    const RECIPE: &str = "seed=3&lr=0.002&twin=off&first_conv=every-step";
    let site = Site::serve()?;
    let query = format!("{SMALL_RUN}&{RECIPE}");
    let mut whole = ready(&site, &query)?;
    let mut wanted = Vec::new();
    for to in 1..=5 {
        wanted.push(step(&mut whole, to)?);
    }
    drop(whole);

    let mut page = ready(&site, &query)?;
    steps_kept(&mut page, 3)?;
    // Another address: preset, recipe and prices come with the run.
    again(
        &mut page,
        &site.url("backend=cpu&preset=tiny-exp&dataset=synthetic"),
    )?;
    page.press("Resume from step 3")?;
    page.wait_number("step", LATER, |at| at == 3.0)?;
    page.wait_metric("state", SOON, |state| state == "paused")?;
    page.wait_text(&["Resumed from step 3"], SOON)?;
    let address = page.eval("location.search")?;
    let address = address.as_str().unwrap_or_default();
    for part in RECIPE.split('&').chain(["preset=tiny"]) {
        ensure!(address.contains(part), "{address} lacks {part}");
    }
    let curve = page.eval("document.getElementById('loss-chart').getAttribute('aria-label')")?;
    ensure!(
        curve
            .as_str()
            .is_some_and(|words| words.contains("at step 3")),
        "the curves are not those of the run: {curve}"
    );
    ensure!(!page.offers("Resume from step 3")?, "it is offered still");
    for (index, wanted) in wanted.iter().enumerate().skip(3) {
        let loss = step(&mut page, index as u32 + 1)?;
        ensure!(
            loss == *wanted,
            "step {}: loss {loss} after the reload, {wanted} without one",
            index + 1
        );
    }
    page.wait_number("kept-step", SOON, |kept| kept == 5.0)?;
    let runs = page.eval("document.querySelectorAll('#kept-list li').length")?;
    ensure!(runs == 1, "one run is kept {runs} times");
    Ok(())
}

#[test]
fn a_run_that_is_put_off_stays_beside_the_next_one() -> Result<()> {
    let site = Site::serve()?;
    let mut page = ready(&site, SMALL_RUN)?;
    steps_kept(&mut page, 2)?;
    again(&mut page, &site.url(SMALL_RUN))?;
    page.wait_text(&["A run is kept in this browser: tiny, step 2"], SOON)?;
    page.press("Not now")?;
    page.wait_text(&["until you delete it"], SOON)?;
    steps_kept(&mut page, 1)?;
    page.eval("document.getElementById('kept').open = true")?;
    page.wait_text(&["tiny, step 2, on generated shapes"], SOON)?;
    page.press("Resume kept run: tiny, step 2")?;
    page.wait_number("step", LATER, |step| step == 2.0)?;
    // The other one in turn: it can be returned to, and it is kept.
    page.press("Return to step 1")?;
    page.wait_number("step", LATER, |step| step == 1.0)?;
    page.wait_text(&["tiny, step 2, on generated shapes"], SOON)?;
    page.press("Delete kept run: tiny, step 2")?;
    page.wait_text(&["no longer in this browser"], SOON)?;
    let file = page.download("Save it as a file")?;
    ensure!(
        std::fs::metadata(&file)?.len() > 10_000,
        "{} is no checkpoint",
        file.display()
    );
    Ok(())
}

#[test]
fn the_shortest_of_five_runs_makes_room_with_words() -> Result<()> {
    let site = Site::serve()?;
    let mut page = ready(&site, SMALL_RUN)?;
    for steps in [2, 1, 2, 2] {
        steps_kept(&mut page, steps)?;
        page.press("Reset")?;
        page.wait_number("step", LATER, |step| step == 0.0)?;
    }
    step(&mut page, 1)?;
    page.wait_text(&["at step 1 made room for this one"], SOON)?;
    page.wait_number("kept-step", SOON, |kept| kept == 1.0)?;
    let runs = page.eval("document.querySelectorAll('#kept-list li').length")?;
    ensure!(runs == 4, "{runs} runs are kept");
    Ok(())
}

#[test]
fn without_storage_it_says_so_and_works() -> Result<()> {
    let site = Site::serve()?;
    let mut page = Page::open(&Options::default())?;
    page.before_load(
        "Object.defineProperty(window, 'indexedDB', \
         { get() { throw new DOMException('storage is blocked', 'SecurityError'); } })",
    )?;
    page.go(&site.url(SMALL_RUN))?;
    page.wait_metric("state", LATER, |state| state == "ready")?;
    step(&mut page, 1)?;
    page.wait_text(&["keeps nothing for this page (storage is blocked)"], SOON)?;
    step(&mut page, 2)?;
    page.download("Save checkpoint")?;
    Ok(())
}

#[test]
fn full_storage_has_words_and_the_run_goes_on() -> Result<()> {
    let site = Site::of(&xtask::site::dist())?;
    let mut page = ready(&site, SMALL_RUN)?;
    // What the page needs for offline use is in before the disk fills up.
    page.wait_metric("offline", LATER, |state| state == "ready")?;
    let origin = site.server.origin();
    page.call(
        "Storage.overrideQuotaForOrigin",
        json!({ "origin": origin, "quotaSize": 1000 }),
    )?;
    step(&mut page, 1)?;
    page.wait_text(&["storage for this page is full"], SOON)?;
    step(&mut page, 2)?;
    page.call(
        "Storage.overrideQuotaForOrigin",
        json!({ "origin": origin }),
    )?;
    step(&mut page, 3)?;
    page.wait_number("kept-step", SOON, |kept| kept == 3.0)?;
    Ok(())
}
