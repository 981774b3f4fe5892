//! Train, Pause, Step, Evaluate, Reset.

use crate::site::{LATER, SMALL_RUN, SOON, Site, evaluate, pause, ready};
use anyhow::{Result, ensure};
use std::time::Duration;

#[test]
fn trains_until_the_loss_has_fallen() -> Result<()> {
    let site = Site::serve()?;
    let mut page = ready(&site, SMALL_RUN)?;
    page.press("Train")?;
    let first = page.wait_number("loss", LATER, f64::is_finite)?;
    page.wait_metric("state", SOON, |state| state == "training")?;
    let fallen = page.wait_number("loss", LATER, |loss| loss < 0.8 * first)?;
    page.wait_number("train-accuracy", LATER, |accuracy| accuracy > 0.15)?;
    page.wait_number("images-per-second", SOON, |rate| rate > 0.0)?;
    page.wait_number("firing-rate", SOON, |rate| rate > 0.0 && rate < 1.0)?;
    let stopped = pause(&mut page)?;
    println!("loss {first:.3} -> {fallen:.3} in {stopped} steps");

    // Paused means paused, and Step adds one step and no more.
    std::thread::sleep(Duration::from_secs(2));
    ensure!(
        page.number("step")? == stopped,
        "the run went on after Pause"
    );
    page.press("Step")?;
    page.wait_number("step", LATER, |step| step == stopped + 1.0)?;
    std::thread::sleep(Duration::from_secs(2));
    ensure!(
        page.number("step")? == stopped + 1.0,
        "Step made more than one step"
    );

    let accuracy = evaluate(&mut page)?;
    ensure!(
        accuracy > 0.15,
        "accuracy {accuracy} is chance (0.1)\n{}",
        page.describe()
    );

    page.press("Reset")?;
    page.wait_number("step", LATER, |step| step == 0.0)?;
    page.wait_metric("state", SOON, |state| state == "ready" || state == "paused")?;
    let errors = &page.record()?.errors;
    ensure!(errors.is_empty(), "console errors: {errors:#?}");
    Ok(())
}

#[test]
fn the_same_seed_gives_the_same_run() -> Result<()> {
    let site = Site::serve()?;
    let mut losses = Vec::new();
    for seed in [5, 5, 6] {
        let mut page = ready(&site, &format!("{SMALL_RUN}&seed={seed}"))?;
        for step in 1..=2 {
            page.press("Step")?;
            page.wait_number("step", LATER, |at| at == f64::from(step))?;
        }
        losses.push(page.number("loss")?);
    }
    ensure!(
        losses[0] == losses[1],
        "seed 5 gave {} and {}",
        losses[0],
        losses[1]
    );
    ensure!(losses[0] != losses[2], "seeds 5 and 6 gave {}", losses[0]);
    Ok(())
}

#[test]
fn the_page_answers_while_it_trains() -> Result<()> {
    let site = Site::serve()?;
    let mut page = ready(&site, SMALL_RUN)?;
    page.press("Train")?;
    page.wait_number("step", LATER, |step| step >= 1.0)?;
    // The longest time the main thread was busy over half a second of training, in frames of its own clock.
    let frames = page.eval(
        "new Promise(done => { let n = 0; const end = performance.now() + 3000; \
         (function tick() { n++; performance.now() < end ? setTimeout(tick, 50) : done(n); })(); })",
    )?;
    let frames = frames.as_f64().unwrap_or(0.0);
    // 60 ticks fit in; a main thread that computed steps itself would manage a handful.
    ensure!(frames > 15.0, "the page answered {frames} times in 3 s");
    ensure!(
        page.metric("state")?.as_deref() == Some("training"),
        "training stopped by itself\n{}",
        page.describe()
    );
    Ok(())
}
