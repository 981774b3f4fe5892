//! Weights held in case an engine breaks, and what is done when one does.

use super::app::Page;
use super::engines::{Opening, Saved, activity, begin, name, reason};
use super::{candidate, files, keep, picture, trouble};
use crate::protocol::{Backend, Command, Level};
use js_sys::ArrayBuffer;

/// Crashes in a row after which the page stops trying.
const CRASHES: u32 = 4;

/// Have a checkpoint taken: of whatever is new where the run `stands` (it paused, or the tab may be ended), else when
/// one is due.
pub fn autosave(page: &Page, stands: bool) {
    let step = page.state.borrow().run.step;
    let mut engines = page.engines.borrow_mut();
    let last = engines.saved.as_ref().map_or(0, |saved| saved.step);
    let steps = step.saturating_sub(last);
    let wanted = steps > 0 && stands || keep::due(page, steps);
    if wanted && !engines.saving && !engines.spoiled {
        engines.saving = true;
        engines.send(Command::SaveCheckpoint, None);
    }
}

/// Other weights are in force: a checkpoint of the last ones would bring back the wrong run.
pub fn start_over(page: &Page) {
    let trained = page
        .state
        .borrow()
        .networks
        .as_ref()
        .is_some_and(|networks| networks.trained);
    let mut engines = page.engines.borrow_mut();
    engines.saved = None;
    engines.saving = trained;
    if trained {
        engines.send(Command::SaveCheckpoint, None);
    }
}

/// A checkpoint has come: hold it, and hand it to whoever waits for one.
pub fn keep(page: &Page, name: &str, step: u64, bytes: ArrayBuffer) {
    let run = keep::record(page, name, step, bytes.byte_length());
    let download = {
        let mut engines = page.engines.borrow_mut();
        engines.saving = false;
        engines.crashes = 0;
        engines.saved = Some(Saved {
            name: name.to_owned(),
            step,
            bytes: bytes.clone(),
            run,
        });
        std::mem::take(&mut engines.download)
    };
    if download {
        files::download(name, &bytes);
    }
    keep::checkpoint(page);
    candidate::saved(page);
}

/// A message that cannot be read: the weights may hold numbers that are none.
pub fn garbled(page: &Page, text: &str) {
    web_sys::console::warn_1(&format!("unreadable message of the engine: {text}").into());
    picture::forget_pending(page);
    let working = page.state.borrow().networks.is_some();
    if working {
        page.engines.borrow_mut().spoiled = true;
    } else {
        failed(
            page,
            "the page does not understand its engine; they may be of different builds",
        );
    }
}

/// The engine in use is gone: another one takes over from the last checkpoint held.
pub fn failed(page: &Page, text: &str) {
    candidate::abandon_move(page);
    keep::refused(page);
    let (engine, opening, proven, crashes) = {
        let mut engines = page.engines.borrow_mut();
        engines.crashes += 1;
        engines.saving = false;
        engines.timing = false;
        engines.asked = None;
        engines.queued.clear();
        let crashes = engines.crashes;
        let Some(active) = engines.active.take() else {
            return;
        };
        (active.engine, active.opening, active.proven, crashes)
    };
    let backend = engine.backend;
    engine.retire();
    picture::forget_pending(page);
    {
        let mut state = page.state.borrow_mut();
        state.building = true;
        state.run.running = false;
        state.evaluating = false;
        state.teaching = false;
        state.loading_dataset = false;
        state.progress = None;
        if !proven {
            // Nothing has been done with it: the other engine starts as if it were the first.
            state.networks = None;
            state.dataset = None;
        }
    }
    let recovery = Opening::Recovery(text.to_owned());
    match backend {
        _ if crashes > CRASHES => give_up(page, text),
        Backend::Webgpu if !proven => {
            let why = format!(
                "The WebGPU engine could not be used: {}. The CPU engine runs instead.",
                trouble::what(text)
            );
            page.say(Level::Warning, &why);
            reason(page, &why);
            begin(page, Backend::Cpu, Opening::First);
        }
        Backend::Webgpu if crashes > 1 => {
            let why = format!(
                "The CPU engine, because WebGPU stopped twice: {}.",
                trouble::what(text)
            );
            reason(page, &why);
            begin(page, Backend::Cpu, recovery);
        }
        Backend::Cpu if opening == Opening::First => give_up(page, text),
        _ => begin(page, backend, recovery),
    }
}

/// No engine can run.
pub fn give_up(page: &Page, text: &str) {
    if let Some(active) = page.engines.borrow_mut().active.take() {
        let what = name(active.engine.backend);
        web_sys::console::error_1(&format!("the {what} engine was given up: {text}").into());
        active.engine.retire();
    }
    {
        let mut state = page.state.borrow_mut();
        state.engine.dead = Some(format!(
            "No engine runs: {text}. Reload the page; if that does not help, a current Chrome, Edge, Firefox or Safari will (WebAssembly SIMD is needed). A checkpoint you saved can be opened there."
        ));
        state.run.running = false;
    }
    activity(page, "");
    page.draw();
}
