//! The page by keyboard alone.

use crate::site::{LATER, SMALL_RUN, SOON, Site, ready};
use anyhow::{Context, Result, bail, ensure};
use std::time::Duration;
use xtask::page::Page;

/// Far more than there are controls.
const MOST_TABS: usize = 400;

/// What has the focus: its name for a reader, its id, and whether a person would see that it has it.
#[derive(Debug, Clone, PartialEq)]
struct Focused {
    name: String,
    visible: bool,
}

fn focused(page: &mut Page) -> Result<Focused> {
    let found = page.eval(
        "(() => { const e = document.activeElement; if (!e || e === document.body) return null; \
         const style = getComputedStyle(e); \
         const outlined = style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2; \
         const box = e.getBoundingClientRect(); \
         const heard = e.cloneNode(true); \
         heard.querySelectorAll('[aria-hidden=true]').forEach(one => one.remove()); \
         const label = e.getAttribute('aria-label') || e.labels?.[0]?.textContent || heard.textContent || e.id; \
         return [label.trim().replace(/\\s+/g, ' ').slice(0, 60), outlined && box.width > 0 && box.height > 0]; })()",
    )?;
    Ok(Focused {
        name: found[0].as_str().unwrap_or_default().to_owned(),
        visible: found[1] == true,
    })
}

/// Tabs on until the focus is on something of this name.
pub fn tab_to(page: &mut Page, name: &str) -> Result<()> {
    for _ in 0..MOST_TABS {
        if focused(page)?.name.starts_with(name) {
            return Ok(());
        }
        page.key("Tab")?;
    }
    bail!("Tab never reaches {name:?}")
}

#[test]
fn trains_and_classifies_by_keyboard_alone() -> Result<()> {
    let site = Site::serve()?;
    let mut page = ready(&site, SMALL_RUN)?;
    tab_to(&mut page, "Train")?;
    page.key("Enter")?;
    page.wait_number("step", LATER, |step| step >= 3.0)?;
    // Train is gone under the fingers; Pause has taken its place.
    ensure!(
        focused(&mut page)?.name == "Pause",
        "{:?}",
        focused(&mut page)?
    );
    page.key(" ")?;
    page.wait_metric("state", SOON, |state| state == "paused")?;
    ensure!(focused(&mut page)?.name == "Train");
    tab_to(&mut page, "Held-out image 3")?;
    page.key("Enter")?;
    page.wait("the image to be shown", LATER, |page| {
        let pressed =
            page.eval("document.querySelector('#held-out [aria-pressed=true]')?.dataset.index")?;
        Ok((pressed == "3").then_some(()))
    })?;
    page.wait_metric("prediction", LATER, |class| !class.is_empty())?;
    page.wait_number("spiking-energy-pj", LATER, |pj| pj > 0.0)?;
    Ok(())
}

#[test]
fn every_control_is_reached_in_one_round_and_shows_it() -> Result<()> {
    // What a person can work: enabled, on the page, not in a closed disclosure, and not the hidden end of a button
    // that opens a file.
    const CONTROLS: &str = "[...document.querySelectorAll(\
         'button, a[href], input, select, textarea, summary, [tabindex=\"0\"]')]\
         .filter(e => !e.disabled && e.tabIndex >= 0 && e.checkVisibility({ visibilityProperty: true }))";
    let site = Site::serve()?;
    let mut page = ready(&site, SMALL_RUN)?;
    page.wait("held-out images", LATER, |page| {
        Ok((page.eval("document.querySelectorAll('#held-out button').length")? != 0).then_some(()))
    })?;
    page.eval(&format!(
        "window.missed = new Set({CONTROLS}); \
         document.addEventListener('focusin', e => missed.delete(e.target))"
    ))?;
    let all = page.eval("missed.size")?.as_u64().context("a count")?;
    ensure!(all > 40, "only {all} controls: the test sees too little");
    let mut unseen = Vec::new();
    let mut before = None;
    for _ in 0..MOST_TABS {
        page.key("Tab")?;
        let now = focused(&mut page)?;
        if now.name.is_empty() {
            // Past the last one, into the browser's own controls.
            break;
        }
        let place =
            page.eval("[...document.querySelectorAll('*')].indexOf(document.activeElement)")?;
        ensure!(before.as_ref() != Some(&place), "Tab is stuck at {now:?}");
        before = Some(place);
        if !now.visible {
            unseen.push(now.name);
        }
    }
    let missed = page.eval(
        "[...missed].filter(e => e.checkVisibility()).map(e => e.id || e.textContent.trim().slice(0, 40))",
    )?;
    ensure!(missed == serde_json::json!([]), "never reached: {missed}");
    ensure!(unseen.is_empty(), "the focus cannot be seen on {unseen:?}");
    Ok(())
}

#[test]
fn single_keys_work_and_leave_fields_and_buttons_alone() -> Result<()> {
    let site = Site::serve()?;
    let mut page = ready(&site, SMALL_RUN)?;
    page.key(".")?;
    page.wait_number("step", LATER, |step| step == 1.0)?;
    page.wait_metric("state", SOON, |state| state == "paused")?;
    page.key(" ")?;
    page.wait_number("step", LATER, |step| step >= 3.0)?;
    page.key(" ")?;
    page.wait_metric("state", SOON, |state| state == "paused")?;
    page.key("e")?;
    page.wait_number("eval-accuracy", LATER, f64::is_finite)?;
    let chosen = "document.querySelector('#held-out [aria-pressed=true]')?.dataset.index ?? ''";
    let first = page.eval(chosen)?;
    page.key("n")?;
    page.wait("the next image", LATER, |page| {
        Ok((page.eval(chosen)? != first).then_some(()))
    })?;

    // The list of keys: opened by ?, closed by Escape, and nothing fires behind it.
    let step = page.number("step")?;
    page.key("?")?;
    page.wait_text(&["one step"], SOON)?;
    page.key(".")?;
    page.key("Escape")?;
    page.wait("the list to close", SOON, |page| {
        Ok((page.eval("document.getElementById('keys').open")? == false).then_some(()))
    })?;

    // Typed into a field, a character is a character.
    page.eval("document.getElementById('lr').focus()")?;
    for key in [".", "1", "e", " "] {
        page.key(key)?;
    }
    page.eval("document.getElementById('seed').focus()")?;
    page.key("?")?;
    ensure!(page.eval("document.getElementById('keys').open")? == false);
    // On a disclosure, Space opens it.
    page.eval("document.querySelector('#about-twin > summary').focus()")?;
    page.key(" ")?;
    ensure!(page.eval("document.getElementById('about-twin').open")? == true);
    std::thread::sleep(Duration::from_secs(2));
    ensure!(page.number("step")? == step, "a key fired that should not");

    // Who does not want them switches them off, and that is kept.
    page.press("Keys")?;
    page.eval("document.getElementById('single-keys').click()")?;
    page.key("Escape")?;
    page.eval("document.activeElement.blur()")?;
    page.key(".")?;
    page.key("?")?;
    std::thread::sleep(Duration::from_secs(2));
    ensure!(page.number("step")? == step, "a key that is off fired");
    page.go(&site.url(SMALL_RUN))?;
    page.wait_metric("state", LATER, |state| state == "ready")?;
    ensure!(page.eval("document.getElementById('single-keys').checked")? == false);
    Ok(())
}

#[test]
fn the_tour_shows_the_real_controls_and_can_be_left() -> Result<()> {
    // The marked control, and whether a person sees it: inside the view, not behind the tour.
    const MARKED: &str = "(() => { const all = [...document.querySelectorAll('[data-guided]')]; \
         if (all.length !== 1) return [all.length]; const b = all[0].getBoundingClientRect(); \
         const tour = document.getElementById('guide').getBoundingClientRect(); \
         return [1, all[0].id || all[0].className, b.top >= 0 && b.top < tour.top]; })()";
    let site = Site::serve()?;
    let mut page = ready(&site, SMALL_RUN)?;
    for width in [1440, 390] {
        page.look(width, 844, false)?;
        tab_to(&mut page, "What am I looking at?")?;
        page.key("Enter")?;
        let steps = page.eval("Number(document.getElementById('guide-all').textContent)")?;
        ensure!(steps == 5, "{steps} steps");
        let mut seen = Vec::new();
        for _ in 0..5 {
            let marked = page.wait("the marked control to be in view", SOON, |page| {
                let marked = page.eval(MARKED)?;
                Ok(
                    (marked[0] == 1 && marked[2] == true && !seen.contains(&marked[1]))
                        .then(|| marked[1].clone()),
                )
            })?;
            seen.push(marked);
            page.key("Enter")?;
        }
        ensure!(
            page.eval("document.getElementById('guide').hidden")? == true,
            "Done does not end it"
        );
        ensure!(page.eval(MARKED)?[0] == 0, "a mark is left behind");
    }
    page.press("What am I looking at?")?;
    page.key("Escape")?;
    ensure!(
        page.eval("document.getElementById('guide').hidden")? == true,
        "Escape does not end it"
    );
    ensure!(page.eval("document.cookie")? == "", "a cookie");
    Ok(())
}

#[test]
fn what_the_weights_were_not_trained_for_is_marked() -> Result<()> {
    const MARKS: &str = "[...document.querySelectorAll('#what-if .untrained')]\
         .filter(e => e.checkVisibility()).map(e => e.id)";
    let set = |page: &mut Page, id: &str, value: &str, event: &str| {
        page.eval(&format!(
            "(() => {{ const field = document.getElementById('{id}'); field.value = '{value}'; \
             field.dispatchEvent(new Event('{event}', {{ bubbles: true }})); }})()"
        ))
    };
    let site = Site::serve()?;
    let mut page = ready(&site, SMALL_RUN)?;
    ensure!(
        page.eval(MARKS)? == serde_json::json!([]),
        "marked before any change"
    );
    set(&mut page, "what-threshold", "2", "input")?;
    set(&mut page, "what-window", "8", "change")?;
    let marks = page.eval(MARKS)?;
    ensure!(
        marks == serde_json::json!(["what-threshold-mark", "what-window-mark"]),
        "{marks}"
    );
    // The mark is part of the field's name, for who hears it.
    let name = page.eval("document.getElementById('what-window').labels[0].innerText")?;
    ensure!(
        name.as_str()
            .is_some_and(|name| name.contains("not trained for")),
        "{name}"
    );
    page.press("Try it out")?;
    page.wait_text(
        &["Not trained for: firing thresholds, attention windows."],
        LATER,
    )?;
    // Back as trained, nothing is marked.
    set(&mut page, "what-threshold", "1", "input")?;
    set(&mut page, "what-window", "", "change")?;
    ensure!(page.eval(MARKS)? == serde_json::json!([]), "still marked");
    Ok(())
}
