//! Engines that break: each has words and a way on, and the run survives.

use crate::keep::{step, steps_kept};
use crate::site::{LATER, SMALL_RUN, SOON, Site, ready};
use anyhow::{Result, ensure};

#[test]
fn short_memory_has_words_and_a_smaller_batch() -> Result<()> {
    let site = Site::serve()?;
    let mut page = ready(&site, SMALL_RUN)?;
    steps_kept(&mut page, 2)?;
    // What the engine's panic hook says when an allocation fails.
    page.eval_in_worker(
        "worker_cpu",
        "postMessage([JSON.stringify({ event: 'fatal', text: 'memory allocation of 4194304 bytes failed' })])",
    )?;
    page.wait_text(&["ran out of memory"], SOON)?;
    page.wait_text(&["resumed from step 2"], LATER)?;
    page.press("Use a batch of 16")?;
    page.wait("the batch in the address", SOON, |page| {
        let address = page.eval("location.search")?;
        Ok(address
            .as_str()
            .is_some_and(|all| all.contains("batch=16"))
            .then_some(()))
    })?;
    step(&mut page, 3)?;
    Ok(())
}

#[test]
fn an_error_inside_a_promise_of_the_engine_does_not_hang_the_page() -> Result<()> {
    let site = Site::serve()?;
    let mut page = ready(&site, SMALL_RUN)?;
    steps_kept(&mut page, 2)?;
    page.eval_in_worker(
        "worker_cpu",
        "void Promise.reject(new Error('the wheels came off'))",
    )?;
    page.wait_text(&["the wheels came off"], SOON)?;
    page.wait_text(&["resumed from step 2"], LATER)?;
    page.press("Go on training")?;
    page.wait_number("step", LATER, |step| step >= 4.0)?;
    Ok(())
}

#[test]
fn the_cpu_engine_does_not_mind_a_lost_gpu_process() -> Result<()> {
    let site = Site::serve()?;
    let mut page = ready(&site, SMALL_RUN)?;
    steps_kept(&mut page, 2)?;
    ensure!(
        page.browser.kill_gpu_process()?,
        "this browser has no GPU process"
    );
    step(&mut page, 3)?;
    ensure!(
        page.metric("state")?.as_deref() == Some("paused"),
        "{}",
        page.describe()
    );
    Ok(())
}
