//! Files in and out: chosen, dropped anywhere on the page, saved.

use super::app::Page;
use super::dom::{by_id, document, message, on, on_click, set_attribute, window};
use super::words::{FileKind, file_kind};
use super::{picture, twin};
use crate::protocol::{Command, DatasetSource, Level};
use js_sys::{Array, ArrayBuffer, Uint8Array};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{
    Blob, BlobPropertyBag, DragEvent, Event, File, HtmlAnchorElement, HtmlElement,
    HtmlInputElement, Url,
};

/// Listen to the file buttons, the hidden inputs behind them, and to drops.
pub fn connect(page: &Page) {
    on_click("open-dataset", || {
        by_id::<HtmlElement>("dataset-file").click()
    });
    on_click("open-checkpoint", || {
        by_id::<HtmlElement>("checkpoint-file").click()
    });
    chosen(page, "dataset-file", FileKind::Dataset);
    chosen(page, "checkpoint-file", FileKind::Checkpoint);
    chosen(page, "image-file", FileKind::Image);
    let own = page.clone();
    on_click("save-checkpoint", move || {
        own.engines.borrow_mut().download = true;
        own.send(Command::SaveCheckpoint);
    });
    let own = page.clone();
    on_click("save-report", move || report(&own, false));
    let own = page.clone();
    on_click("save-report-json", move || report(&own, true));
    drops(page);
}

/// The record of the run as a file: Markdown to read and print, JSON to compute with. Two buttons, because browsers
/// ask before one click may save two files.
fn report(page: &Page, json: bool) {
    let state = page.state.borrow();
    let Some(report) = state.report(&twin::truth(page, &state)) else {
        return;
    };
    let text = if json {
        match report.to_json() {
            Ok(text) => text,
            Err(error) => {
                return page.say(
                    Level::Warning,
                    &format!("The report could not be written: {error}."),
                );
            }
        }
    } else {
        report.to_markdown()
    };
    let ending = if json { "json" } else { "md" };
    let name = format!(
        "gemst-{}-step{}-report.{ending}",
        report.config.preset, report.step
    );
    download(&name, &Uint8Array::from(text.as_bytes()).buffer());
}

fn chosen(page: &Page, id: &str, kind: FileKind) {
    let input: HtmlInputElement = by_id(id);
    let page = page.clone();
    let field = input.clone();
    on(&input, "change", move |_: Event| {
        let file = field.files().and_then(|files| files.get(0));
        // Empty again, so that the same file can be chosen twice.
        if let Some(file) = file {
            take(&page, file, kind);
        }
        field.set_value("");
    });
}

fn drops(page: &Page) {
    let mark = |over: bool| {
        if let Some(body) = document().body() {
            set_attribute(&body, "data-drop", if over { "over" } else { "" });
        }
    };
    on(&window(), "dragover", move |event: DragEvent| {
        event.prevent_default();
        mark(true);
    });
    on(&window(), "dragleave", move |event: DragEvent| {
        // Leaving the window, not one of its elements.
        if event.related_target().is_none() {
            mark(false);
        }
    });
    let page = page.clone();
    on(&window(), "drop", move |event: DragEvent| {
        event.prevent_default();
        mark(false);
        let file = event
            .data_transfer()
            .and_then(|data| data.files())
            .and_then(|files| files.get(0));
        if let Some(file) = file {
            let kind = file_kind(&file.name(), &file.type_());
            take(&page, file, kind);
        }
    });
}

fn take(page: &Page, file: File, kind: FileKind) {
    match kind {
        FileKind::Image => picture::open(page, file),
        FileKind::Dataset => {
            let source = DatasetSource::Archive { name: file.name() };
            page.load(source, Some(file));
        }
        FileKind::Checkpoint => checkpoint(page, file),
        FileKind::Unknown => page.say(
            Level::Warning,
            &format!(
                "{} is nothing this page knows. It takes CIFAR archives (.tar.gz, .tar, .bin), checkpoints (.safetensors) and pictures.",
                file.name()
            ),
        ),
    }
}

fn checkpoint(page: &Page, file: File) {
    let page = page.clone();
    spawn_local(async move {
        match JsFuture::from(file.array_buffer()).await {
            Ok(bytes) => {
                page.keep();
                page.open_checkpoint(&file.name(), bytes.unchecked_ref());
            }
            Err(error) => page.say(
                Level::Warning,
                &format!("{} could not be read: {}.", file.name(), message(&error)),
            ),
        }
    });
}

/// Hand bytes to the visitor as a file.
pub fn download(name: &str, bytes: &ArrayBuffer) {
    let options = BlobPropertyBag::new();
    options.set_type("application/octet-stream");
    let parts = Array::of1(bytes);
    let Ok(blob) = Blob::new_with_buffer_source_sequence_and_options(&parts, &options) else {
        return;
    };
    let Ok(url) = Url::create_object_url_with_blob(&blob) else {
        return;
    };
    if let Ok(link) = document()
        .create_element("a")
        .map(JsCast::unchecked_into::<HtmlAnchorElement>)
    {
        link.set_href(&url);
        link.set_download(name);
        link.click();
    }
    // The download has its own hold on the blob by the time this runs.
    let revoke = Closure::once_into_js(move || {
        let _ = Url::revoke_object_url(&url);
    });
    let _ = window()
        .set_timeout_with_callback_and_timeout_and_arguments_0(revoke.unchecked_ref(), 60_000);
}
