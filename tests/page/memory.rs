//! Memory while the camera is on, and GPU memory in training: flat, however long it is.
//!
//! `GEMST_CAMERA_MINUTES=10` watches the CPU engine for ten minutes; without it, for one. `GEMST_TRAIN_STEPS=1000`
//! trains as many steps on the GPU engine; without it, 160. `GEMST_TRAIN_QUERY=preset=small&batch=64` trains that
//! network; without it, one of the smallest.

use crate::picture;
use crate::site::{LATER, SMALL_RUN, Site};
use anyhow::{Result, ensure};
use std::time::{Duration, Instant};
use xtask::browser::Options;
use xtask::page::{Held, Page, WATCH_MEMORY};

/// Samples of which the first is taken when everything has been used once.
const SAMPLES: u32 = 6;
/// What two collected heaps may differ by when nothing leaks: strings of the moment, compiled code.
const SLACK: f64 = 1024.0 * 1024.0;
/// Steps after which the allocator's pools have been filled, those of the smallest buffers last.
const FILLED: f64 = 130.0;
/// Bytes of buffers that a sample may find on their way to be read.
const READING: f64 = 64.0 * 1024.0;
/// Bytes that training `small` in batches of 64 may hold.
const MOST: f64 = 200e6;

/// The camera's frames classified for `time`, and what was held on the way.
fn watched(query: &str, script: &str, webgpu: bool, time: Duration) -> Result<Vec<Held>> {
    let site = Site::serve()?;
    let folder = tempfile::tempdir()?;
    let mut page = Page::open(&Options {
        camera: Some(picture::film(folder.path())?),
        webgpu,
        worker_script: Some(WATCH_MEMORY.into()),
    })?;
    page.browser
        .camera_permission("granted", &site.server.origin())?;
    page.go(&site.url(query))?;
    page.wait_metric("state", 2 * LATER, |state| state == "ready")?;
    page.press("Start camera")?;
    let mut last = String::new();
    let mut answered = |page: &mut Page, answers: usize| -> Result<()> {
        for _ in 0..answers {
            // Every answer took a time of its own.
            last = page.wait_metric("spiking-ms", 2 * LATER, |ms| ms != last)?;
        }
        Ok(())
    };
    answered(&mut page, 20)?;
    let mut samples = vec![page.held(script)?];
    for _ in 1..SAMPLES {
        let until = Instant::now() + time / (SAMPLES - 1);
        answered(&mut page, 3)?;
        while Instant::now() < until {
            answered(&mut page, 1)?;
        }
        samples.push(page.held(script)?);
    }
    for held in &samples {
        println!("{held:?}");
    }
    Ok(samples)
}

fn assert_flat(samples: &[Held]) -> Result<()> {
    let (first, last) = (samples[0], samples[samples.len() - 1]);
    ensure!(first.wasm > 0.0, "the engine's memory was not found");
    for (what, growth, slack) in [
        ("the page's heap", last.page - first.page, SLACK),
        ("the worker's heap", last.worker - first.worker, SLACK),
        ("WebAssembly's memory", last.wasm - first.wasm, 0.0),
        ("GPU buffers", last.buffers - first.buffers, 0.0),
    ] {
        ensure!(
            growth <= slack,
            "{what} grew by {growth} bytes: {samples:#?}"
        );
    }
    Ok(())
}

#[test]
fn the_camera_leaves_memory_flat() -> Result<()> {
    let minutes = std::env::var("GEMST_CAMERA_MINUTES").ok();
    let minutes: f64 = minutes.map_or(Ok(1.0), |minutes| minutes.parse())?;
    let time = Duration::from_secs_f64(60.0 * minutes);
    assert_flat(&watched(SMALL_RUN, "worker_cpu_loader.js", false, time)?)
}

#[test]
fn the_camera_leaves_gpu_memory_flat() -> Result<()> {
    let query = "backend=webgpu&preset=tiny&dataset=synthetic&batch=4&twin=off";
    let time = Duration::from_secs(20);
    let samples = watched(query, "worker_gpu_loader.js", true, time)?;
    ensure!(samples[0].buffers > 0.0, "no GPU buffer was seen");
    assert_flat(&samples)
}

/// Samples of GPU memory in a run of `steps` steps, every one a step of `query` that the GPU computes unless it is
/// `spared`.
fn trained(query: &str, steps: f64, samples: u32, spared: bool) -> Result<Vec<f64>> {
    let script = "worker_gpu_loader.js";
    let site = Site::serve()?;
    let mut page = Page::open(&Options {
        webgpu: true,
        worker_script: Some(WATCH_MEMORY.into()),
        ..Options::default()
    })?;
    page.go(&site.url(&format!("backend=webgpu&dataset=synthetic&{query}")))?;
    page.wait_metric("state", 2 * LATER, |state| state == "ready")?;
    page.wait_metric("backend", 2 * LATER, |backend| backend == "webgpu")?;
    if spared {
        page.spare_the_gpu(script)?;
    }
    page.press("Train")?;
    let mut held = Vec::new();
    for part in 0..samples {
        let share = f64::from(part) / f64::from(samples - 1);
        let until = (FILLED + share * (steps - FILLED)).round();
        let patience = 4 * LATER + Duration::from_secs_f64(20.0 * steps);
        let step = page.wait_number("step", patience, |step| step >= until)?;
        let now = page.held(script)?;
        println!("after {step} steps {now:?}");
        held.push(now.buffers);
    }
    ensure!(held[0] > 0.0, "no GPU buffer was seen");
    Ok(held)
}

/// The second half of a run needs no more than the first. Pages of the allocator come and go, so single samples differ.
fn assert_no_growth(held: &[f64]) -> Result<()> {
    let most = |part: &[f64]| part.iter().copied().fold(0.0, f64::max);
    let (first, second) = held.split_at(held.len() / 2);
    let growth = most(second) - most(first);
    ensure!(
        growth <= READING,
        "GPU buffers grew by {growth} bytes: {held:?}"
    );
    Ok(())
}

#[test]
fn training_leaves_gpu_memory_flat() -> Result<()> {
    let steps = std::env::var("GEMST_TRAIN_STEPS").ok();
    let steps: f64 = steps.map_or(Ok(160.0), |steps| steps.parse())?;
    let query = std::env::var("GEMST_TRAIN_QUERY");
    let query = query.as_deref().unwrap_or("preset=tiny-exp&batch=2");
    assert_no_growth(&trained(query, steps, SAMPLES, false)?)
}

/// A thousand steps of `small` in batches of 64, the network and the batch of the README's figure. What the allocator makes
/// and lets go depends on shapes and not on numbers, and computing those steps takes two hours on a processor.
#[test]
fn a_thousand_steps_of_small_leave_gpu_memory_flat() -> Result<()> {
    let held = trained("preset=small&batch=64&twin=off", 1000.0, 30, true)?;
    assert_no_growth(&held)?;
    let most = held.iter().copied().fold(0.0, f64::max);
    ensure!(most < MOST, "training holds {most} bytes");
    Ok(())
}
