//! A second tab, and a tab out of sight.

use crate::keep::{again, step, steps_kept};
use crate::site::{LATER, SMALL_RUN, SOON, Site, pause, ready};
use anyhow::{Result, ensure};
use std::time::Duration;
use xtask::browser::Options;
use xtask::page::Page;

#[test]
fn a_second_tab_says_so_and_keeps_its_run_apart() -> Result<()> {
    const WORDS: &str = "open in another tab too";
    let site = Site::serve()?;
    let mut page = ready(&site, SMALL_RUN)?;
    steps_kept(&mut page, 3)?;
    let first = page.another_tab()?;
    again(&mut page, &site.url(SMALL_RUN))?;
    page.wait_text(&[WORDS], SOON)?;
    ensure!(
        !page.offers("Resume from step 3")?,
        "the run of a living tab is offered to another"
    );
    steps_kept(&mut page, 1)?;
    page.eval("document.getElementById('kept').open = true")?;
    // innerText of a flex row has its parts on lines of their own.
    page.wait_text(&["tiny, step 3, on generated shapes"], SOON)?;
    page.wait_text(&["the run shown"], SOON)?;

    let second = page.turn_to(first)?;
    page.wait_text(&[WORDS], SOON)?;
    ensure!(
        page.number("kept-step")? == 3.0,
        "the first tab's run was overwritten"
    );
    again(&mut page, &site.url(SMALL_RUN))?;
    page.press("Resume from step 3")?;
    page.wait_number("step", LATER, |at| at == 3.0)?;
    step(&mut page, 4)?;
    page.wait_number("kept-step", SOON, |kept| kept == 4.0)?;

    // Gone again, it is no longer spoken of.
    let first = page.turn_to(second)?;
    page.go("about:blank")?;
    page.turn_to(first)?;
    page.wait("the words about another tab to go", SOON, |page| {
        Ok((!page.text()?.contains(WORDS)).then_some(()))
    })?;
    Ok(())
}

/// A headless tab cannot be covered by another; this is the event it would get.
fn sight(page: &mut Page, hidden: bool) -> Result<()> {
    let state = if hidden { "hidden" } else { "visible" };
    page.eval(&format!(
        "Object.defineProperty(document, 'visibilityState', {{ value: '{state}', configurable: true }}); \
         Object.defineProperty(document, 'hidden', {{ value: {hidden}, configurable: true }}); \
         document.dispatchEvent(new Event('visibilitychange', {{ bubbles: true }}))"
    ))?;
    Ok(())
}

#[test]
fn out_of_sight_it_trains_on_and_the_screen_may_sleep() -> Result<()> {
    let site = Site::serve()?;
    let mut page = Page::open(&Options::default())?;
    page.before_load(
        "window.awake = 0; Object.defineProperty(navigator, 'wakeLock', { value: { request: async () => { \
         window.awake++; return { release: async () => { window.awake--; } }; } } })",
    )?;
    page.go(&site.url(SMALL_RUN))?;
    page.wait_metric("state", LATER, |state| state == "ready")?;
    let awake = |page: &mut Page, wanted: u64| {
        page.wait(&format!("{wanted} wake locks"), SOON, |page| {
            Ok((page.eval("window.awake")? == wanted).then_some(()))
        })
    };
    page.press("Train")?;
    page.wait_number("step", LATER, |step| step >= 2.0)?;
    awake(&mut page, 1)?;
    sight(&mut page, true)?;
    awake(&mut page, 0)?;
    page.wait_number("kept-step", SOON, |kept| kept >= 2.0)?;
    page.wait("the step in the title", SOON, |page| {
        let title = page.eval("document.title")?;
        Ok(title
            .as_str()
            .is_some_and(|title| title.starts_with("Step "))
            .then_some(()))
    })?;
    std::thread::sleep(Duration::from_secs(6));
    sight(&mut page, false)?;
    page.wait_text(&["Training went on while this tab was out of sight"], SOON)?;
    awake(&mut page, 1)?;
    pause(&mut page)?;
    awake(&mut page, 0)?;
    let title = page.eval("document.title")?;
    ensure!(
        title
            .as_str()
            .is_some_and(|title| !title.starts_with("Step ")),
        "the title is {title}"
    );
    Ok(())
}
