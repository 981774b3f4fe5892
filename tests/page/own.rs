//! The visitor's own classes: collected by camera and from files, taught, used, exported, given up.

use crate::keyboard::tab_to;
use crate::picture::{bmp, film_of, image_file, two_pictures};
use crate::site::{LATER, SMALL_RUN, SOON, Site, evaluate, file, ready, train_to};
use anyhow::{Context, Result, ensure};
use serde_json::json;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;
use xtask::browser::Options;
use xtask::page::Page;

/// Fewest examples that a class needs.
const FEWEST: f64 = 5.0;

/// A page whose camera shows each of two pictures for some seconds.
fn with_camera(site: &Site, permission: &str) -> Result<(tempfile::TempDir, Page)> {
    let folder = tempfile::tempdir()?;
    let options = Options {
        // Long enough to collect from one of them on a busy machine.
        camera: Some(film_of(folder.path(), 15)?),
        ..Options::default()
    };
    let mut page = Page::open(&options)?;
    page.browser
        .camera_permission(permission, &site.server.origin())?;
    page.go(&site.url(SMALL_RUN))?;
    page.wait_metric("state", LATER, |state| state == "ready")?;
    Ok((folder, page))
}

/// Opens the section; a disclosure is no button, so not by [`Page::press`].
fn open(page: &mut Page) -> Result<()> {
    page.eval("document.querySelector('#own summary').click()")?;
    page.wait("the section to open", SOON, |page| {
        Ok(page.offers("Teach both networks")?.then_some(()))
    })
}

fn rename(page: &mut Page, place: usize, name: &str) -> Result<()> {
    page.eval(&format!(
        "document.querySelector('[aria-label=\"Name of class {place}\"]').select()"
    ))?;
    page.call("Input.insertText", json!({ "text": name }))?;
    page.wait("the new name on the buttons", SOON, |page| {
        Ok(page
            .offers(&format!("Hold to collect {name}"))?
            .then_some(()))
    })
}

/// Examples of the class in this place.
fn count(page: &mut Page, place: usize) -> Result<f64> {
    let count = page.eval(&format!(
        "Number(document.querySelectorAll('.own-count')[{place} - 1].dataset.value)"
    ))?;
    count.as_f64().context("a class shows its count")
}

/// Waits for the camera to show the other picture: pixel by pixel, for two pictures may be equally bright.
fn other_picture(page: &mut Page) -> Result<()> {
    const SEEN: &str = "(() => {
        window.probe ??= new OffscreenCanvas(8, 8).getContext('2d', { willReadFrequently: true });
        window.probe.drawImage(document.getElementById('video'), 0, 0, 8, 8);
        return Array.from(window.probe.getImageData(0, 0, 8, 8).data);
    })()";
    let seen = |page: &mut Page| -> Result<Vec<f64>> {
        let pixels = page.eval(SEEN)?;
        let pixels = pixels.as_array().context("pixels")?;
        Ok(pixels.iter().filter_map(|value| value.as_f64()).collect())
    };
    let before = seen(page)?;
    page.wait("the other picture", LATER, |page| {
        let now = seen(page)?;
        let apart: f64 = now.iter().zip(&before).map(|(a, b)| (a - b).abs()).sum();
        Ok((apart / now.len() as f64 > 10.0).then_some(()))
    })
}

/// Holds a button with the mouse until the class in this place has enough examples.
fn hold(page: &mut Page, button: &str, place: usize, enough: f64) -> Result<()> {
    let point = page.eval(&format!(
        "(() => {{
            const button = document.querySelector('[aria-label=\"{button}\"]');
            button.scrollIntoView({{ block: 'center', behavior: 'instant' }});
            const box = button.getBoundingClientRect();
            return {{ x: box.x + box.width / 2, y: box.y + box.height / 2 }};
        }})()"
    ))?;
    let mouse = |page: &mut Page, kind: &str| {
        page.call(
            "Input.dispatchMouseEvent",
            json!({ "type": kind, "x": point["x"], "y": point["y"], "button": "left", "clickCount": 1 }),
        )
    };
    mouse(page, "mouseMoved")?;
    mouse(page, "mousePressed")?;
    page.wait("examples", SOON, |page| {
        Ok((count(page, place)? >= enough).then_some(()))
    })?;
    mouse(page, "mouseReleased")?;
    let kept = count(page, place)?;
    std::thread::sleep(Duration::from_millis(400));
    let later = count(page, place)?;
    // One more may have been under way.
    ensure!(later <= kept + 1.0, "it collects on: {kept}, then {later}");
    Ok(())
}

fn taught(page: &mut Page) -> Result<()> {
    page.wait_text(&["In use now, everywhere on this page"], LATER)?;
    for name in ["own-accuracy", "own-dense-accuracy"] {
        let share = page.wait_number(name, SOON, |share| (0.0..=1.0).contains(&share))?;
        ensure!(share >= 0.75, "{name} is {share} on two plain pictures");
    }
    Ok(())
}

#[test]
fn two_things_before_the_camera_are_learned_used_exported_and_given_up() -> Result<()> {
    let site = Site::serve()?;
    let (folder, mut page) = with_camera(&site, "granted")?;
    let step = train_to(&mut page, 3.0)?;
    let accuracy = evaluate(&mut page)?;
    open(&mut page)?;
    ensure!(
        page.text()?.contains("Nothing leaves this device."),
        "no word about where the pictures go"
    );
    rename(&mut page, 1, "cup")?;
    rename(&mut page, 2, "pen")?;
    page.press("Turn on camera")?;
    page.wait_metric("state", LATER, |state| state == "camera")?;
    page.forget()?;
    other_picture(&mut page)?;
    hold(&mut page, "Hold to collect cup", 1, 8.0)?;
    other_picture(&mut page)?;
    hold(&mut page, "Hold to collect pen", 2, 8.0)?;
    page.press("Teach both networks")?;
    taught(&mut page)?;

    // The film shows both in turn, so both names must come up, from both networks.
    for metric in ["prediction", "dense-prediction"] {
        let mut seen = BTreeSet::new();
        page.wait("both names", LATER, |page| {
            seen.extend(page.metric(metric)?);
            Ok((seen.len() > 1).then_some(()))
        })?;
        ensure!(
            seen.iter().eq(["cup", "pen"]),
            "{metric} said {seen:?} of a cup and a pen"
        );
    }
    let requests = &page.record()?.requests;
    ensure!(requests.is_empty(), "something was asked for: {requests:?}");
    let errors = &page.record()?.errors;
    ensure!(errors.is_empty(), "console errors: {errors:#?}");

    let saved = page.download("Export your network")?;
    let kept = folder.path().join(saved.file_name().unwrap_or_default());
    std::fs::copy(&saved, &kept)?;

    // The run from before comes back as it was.
    page.press("Back to the networks from before")?;
    page.wait_text(&["Back to the networks from before. Your examples"], SOON)?;
    page.wait_number("step", SOON, |at| at == step)?;
    let again = evaluate(&mut page)?;
    ensure!(
        again == accuracy,
        "accuracy {accuracy} before, {again} after"
    );
    page.press("Step")?;
    page.wait_number("step", LATER, |at| at == step + 1.0)?;

    // Another browser opens the file and knows the names.
    let mut other = ready(&site, "backend=cpu&preset=tiny-exp&dataset=synthetic")?;
    other.choose("Open checkpoint", &kept)?;
    other.choose("Open image", &image_file(folder.path())?)?;
    for metric in ["prediction", "dense-prediction"] {
        other.wait_metric(metric, LATER, |name| ["cup", "pen"].contains(&name))?;
    }
    Ok(())
}

/// `count` files of a picture, each a little different.
fn files(folder: &Path, name: &str, picture: &[u8], count: u8) -> Result<Vec<PathBuf>> {
    (0..count)
        .map(|index| {
            let path = folder.join(format!("{name}{index}.bmp"));
            let brighter: Vec<u8> = picture
                .iter()
                .map(|value| value.saturating_add(2 * index))
                .collect();
            bmp(&path, &brighter)?;
            Ok(path)
        })
        .collect()
}

#[test]
fn without_a_camera_files_do_and_what_cannot_be_learned_is_refused() -> Result<()> {
    let site = Site::serve()?;
    let folder = tempfile::tempdir()?;
    let [first, second] = two_pictures()?;
    let mut page = ready(&site, SMALL_RUN)?;
    open(&mut page)?;
    page.press("Teach both networks")?;
    page.wait_text(&["There are no examples yet"], SOON)?;

    // Several at once, with one that is no picture.
    let mut of_first = files(folder.path(), "first", &first, 7)?;
    of_first.push(file(&folder, "letter.png", b"Dear Sir or Madam")?);
    page.choose_all("Add pictures of Class 1", &of_first)?;
    page.wait_text(&["letter.png cannot be read"], SOON)?;
    ensure!(count(&mut page, 1)? == 7.0, "not every picture was taken");
    page.press("Teach both networks")?;
    page.wait_text(&["One class alone cannot be learned"], SOON)?;

    let of_second = files(folder.path(), "second", &second, 8)?;
    page.choose_all("Add pictures of Class 2", &of_second[..3])?;
    page.wait_text(&["3 pictures added"], SOON)?;
    page.press("Teach both networks")?;
    page.wait_text(&["Too few examples: “Class 2” has 3 examples"], SOON)?;
    page.choose_all("Add pictures of Class 2", &of_second[3..])?;
    page.wait_text(&["5 pictures added"], SOON)?;

    rename(&mut page, 2, "Class 1")?;
    page.press("Teach both networks")?;
    page.wait_text(&["Two classes are called"], SOON)?;
    rename(&mut page, 2, "second")?;

    // An example and a class can be taken out.
    page.press("Delete example 8 of second")?;
    page.wait("one example less", SOON, |page| {
        Ok((count(page, 2)? == 7.0).then_some(()))
    })?;
    page.press("Add a class")?;
    page.press("Remove Class 3")?;

    page.press("Teach both networks")?;
    taught(&mut page)?;
    page.choose("Open image", &of_second[0])?;
    for metric in ["prediction", "dense-prediction"] {
        page.wait_metric(metric, LATER, |name| name == "second")?;
    }
    // Networks of the visitor's classes are not trained on the data set.
    page.press("Train")?;
    page.wait_text(&["know your own classes"], SOON)?;
    page.press("Back to the networks from before")?;
    page.wait_text(&["have not been trained yet"], SOON)?;
    Ok(())
}

#[test]
fn a_refused_camera_has_words_in_this_section_too() -> Result<()> {
    let site = Site::serve()?;
    let (_folder, mut page) = with_camera(&site, "denied")?;
    open(&mut page)?;
    page.press("Turn on camera")?;
    page.wait("the words", SOON, |page| {
        let words = page.eval("document.getElementById('own-camera-words').textContent")?;
        let words = words.as_str().unwrap_or_default().to_owned();
        Ok((words.contains("does not let") && words.contains("Add pictures")).then_some(()))
    })?;
    ensure!(page.offers("Add pictures of Class 1")?, "no other way");
    Ok(())
}

/// Presses and lets go of a key.
fn key(page: &mut Page, name: &str) -> Result<()> {
    for kind in ["keyDown", "keyUp"] {
        stroke(page, kind, name)?;
    }
    Ok(())
}

fn stroke(page: &mut Page, kind: &str, name: &str) -> Result<()> {
    let (code, number, text) = match name {
        " " => ("Space", 32, " "),
        "Enter" => ("Enter", 13, "\r"),
        other => (other, 9, ""),
    };
    let mut event = json!({
        "type": kind, "key": name, "code": code, "windowsVirtualKeyCode": number,
    });
    if kind == "keyDown" && !text.is_empty() {
        event["text"] = text.into();
    }
    page.call("Input.dispatchKeyEvent", event)?;
    Ok(())
}

#[test]
fn the_keyboard_alone_collects_and_teaches() -> Result<()> {
    let site = Site::serve()?;
    let (_folder, mut page) = with_camera(&site, "granted")?;
    tab_to(&mut page, "Your own classes")?;
    key(&mut page, "Enter")?;
    tab_to(&mut page, "Turn on camera")?;
    key(&mut page, " ")?;
    page.wait_metric("state", LATER, |state| state == "camera")?;
    for place in [1, 2] {
        other_picture(&mut page)?;
        tab_to(&mut page, &format!("Hold to collect Class {place}"))?;
        stroke(&mut page, "keyDown", " ")?;
        page.wait("examples", SOON, |page| {
            Ok((count(page, place)? >= 2.0 * FEWEST).then_some(()))
        })?;
        stroke(&mut page, "keyUp", " ")?;
    }
    tab_to(&mut page, "Teach both networks")?;
    key(&mut page, "Enter")?;
    page.wait_text(&["In use now, everywhere on this page"], LATER)?;
    tab_to(&mut page, "Export your network")?;
    Ok(())
}
