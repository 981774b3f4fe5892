//! Camera and image files.

use crate::picture;
use crate::site::{LATER, SMALL_RUN, SOON, Site, ready, ready_in};
use anyhow::{Result, ensure};
use std::collections::BTreeSet;
use xtask::browser::Options;
use xtask::page::Page;

/// Keeps every stream the page asks for, so that the test sees when its tracks end.
const WATCH_STREAMS: &str = "\
    window.streams = [];\
    const ask = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);\
    navigator.mediaDevices.getUserMedia = async wanted => {\
        window.asked = (window.asked ?? 0) + 1;\
        const stream = await ask(wanted);\
        window.streams.push(stream);\
        return stream;\
    };";

const LIVE_TRACKS: &str =
    "window.streams.flatMap(s => s.getTracks()).filter(t => t.readyState === 'live').length";

/// What a classified picture leaves on the page.
const FIGURES: [&str; 6] = [
    "confidence",
    "spiking-ms",
    "dense-ms",
    "spiking-energy-pj",
    "dense-energy-pj",
    "energy-ratio",
];

fn with_camera(site: &Site, permission: &str) -> Result<(tempfile::TempDir, Page)> {
    let folder = tempfile::tempdir()?;
    let options = Options {
        camera: Some(picture::film(folder.path())?),
        ..Options::default()
    };
    let mut page = Page::open(&options)?;
    page.browser
        .camera_permission(permission, &site.server.origin())?;
    page.before_load(WATCH_STREAMS)?;
    page.go(&site.url(SMALL_RUN))?;
    page.wait_metric("state", LATER, |state| state == "ready")?;
    Ok((folder, page))
}

fn classified(page: &mut Page) -> Result<()> {
    page.wait_metric("prediction", LATER, |class| !class.is_empty())?;
    for name in FIGURES {
        page.wait_number(name, LATER, |value| value > 0.0)?;
    }
    let confidence = page.number("confidence")?;
    ensure!(confidence <= 1.0, "confidence {confidence}");
    Ok(())
}

#[test]
fn classifies_what_the_camera_sees_until_it_is_stopped() -> Result<()> {
    let site = Site::serve()?;
    let (_folder, mut page) = with_camera(&site, "granted")?;
    let asked = page.eval("window.asked ?? 0")?;
    ensure!(asked == 0, "the camera was asked for before any click");
    page.press("Start camera")?;
    page.wait_metric("state", LATER, |state| state == "camera")?;
    classified(&mut page)?;
    // The film shows two pictures in turn, so the answer must move.
    let mut seen = BTreeSet::new();
    page.wait("a second answer", LATER, |page| {
        let answer = (page.metric("prediction")?, page.metric("confidence")?);
        seen.insert(answer);
        Ok((seen.len() > 1).then_some(()))
    })?;
    ensure!(page.eval(LIVE_TRACKS)? == 1, "no live camera track");

    page.press("Stop camera")?;
    page.wait("the camera's light to go out", SOON, |page| {
        Ok((page.eval(LIVE_TRACKS)? == 0).then_some(()))
    })?;
    page.wait_metric("state", SOON, |state| state != "camera")?;
    let errors = &page.record()?.errors;
    ensure!(errors.is_empty(), "console errors: {errors:#?}");
    Ok(())
}

/// The first screen is one press from each.
#[test]
fn the_opening_starts_training_and_the_camera() -> Result<()> {
    let site = Site::serve()?;
    let (_folder, mut page) = with_camera(&site, "granted")?;
    page.press("Start training")?;
    page.wait_number("step", LATER, |step| step >= 1.0)?;
    page.eval("scrollTo({ top: 0, behavior: 'instant' })")?;
    page.press("Let them look")?;
    page.wait("a live camera track", LATER, |page| {
        Ok((page.eval(LIVE_TRACKS)? == 1).then_some(()))
    })?;
    classified(&mut page)?;
    Ok(())
}

#[test]
fn a_hidden_page_lets_go_of_the_camera() -> Result<()> {
    let site = Site::serve()?;
    let (_folder, mut page) = with_camera(&site, "granted")?;
    page.press("Start camera")?;
    page.wait_metric("state", LATER, |state| state == "camera")?;
    ensure!(page.eval(LIVE_TRACKS)? == 1, "no live camera track");
    // A headless tab cannot be covered by another; this is the event it would get.
    page.eval(
        "Object.defineProperty(document, 'visibilityState', { value: 'hidden', configurable: true });\
         Object.defineProperty(document, 'hidden', { value: true, configurable: true });\
         document.dispatchEvent(new Event('visibilitychange', { bubbles: true }))",
    )?;
    page.wait("the camera's light to go out", SOON, |page| {
        Ok((page.eval(LIVE_TRACKS)? == 0).then_some(()))
    })?;
    Ok(())
}

#[test]
fn an_unplugged_camera_has_words_and_a_way_forward() -> Result<()> {
    let site = Site::serve()?;
    let (_folder, mut page) = with_camera(&site, "granted")?;
    page.press("Start camera")?;
    page.wait_metric("state", LATER, |state| state == "camera")?;
    // What the browser tells a track whose device is gone.
    page.eval("window.streams[0].getTracks()[0].dispatchEvent(new Event('ended'))")?;
    page.wait_text(&["unplugged, or taken by another program"], SOON)?;
    page.press("Start camera")?;
    page.wait_metric("state", LATER, |state| state == "camera")?;
    Ok(())
}

#[test]
fn a_refused_camera_has_words_and_a_way_forward() -> Result<()> {
    let site = Site::serve()?;
    let (_folder, mut page) = with_camera(&site, "denied")?;
    page.press("Start camera")?;
    page.wait_text(
        &["blocked", "denied", "refused", "does not let", "permission"],
        SOON,
    )?;
    ensure!(
        page.metric("state")?.as_deref() != Some("camera"),
        "the page believes it has a camera"
    );
    // The other ways stay open, and a changed mind is enough.
    ensure!(page.offers("Open image")?, "no way to use an image instead");
    page.browser
        .camera_permission("granted", &site.server.origin())?;
    page.press("Start camera")?;
    page.wait_metric("state", LATER, |state| state == "camera")?;
    Ok(())
}

#[test]
fn a_machine_without_camera_has_words_and_a_way_forward() -> Result<()> {
    let site = Site::serve()?;
    let mut page = ready_in(&site, SMALL_RUN, &Options::default())?;
    page.browser
        .camera_permission("granted", &site.server.origin())?;
    page.press("Start camera")?;
    page.wait_text(&["no camera"], SOON)?;
    ensure!(page.offers("Open image")?, "no way to use an image instead");
    Ok(())
}

#[test]
fn an_image_file_does_the_same_job() -> Result<()> {
    let site = Site::serve()?;
    let folder = tempfile::tempdir()?;
    let mut page = ready(&site, SMALL_RUN)?;
    page.choose("Open image", &picture::image_file(folder.path())?)?;
    classified(&mut page)
}

#[test]
fn a_file_that_is_no_image_is_named() -> Result<()> {
    let site = Site::serve()?;
    let folder = tempfile::tempdir()?;
    let mut page = ready(&site, SMALL_RUN)?;
    let file = crate::site::file(&folder, "letter.png", b"Dear Sir or Madam")?;
    page.choose("Open image", &file)?;
    page.wait_text(&["letter.png"], SOON)?;
    Ok(())
}
