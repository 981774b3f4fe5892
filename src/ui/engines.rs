//! The workers the page holds: the one in use, the one being proven, the weights kept for when one
//! breaks. What they say is handled in `lifecycle` (in use) and `candidate` (being proven).

use super::app::Page;
use super::candidate::Candidate;
use super::choice::worth_trying;
use super::engine::{Engine, Report};
use super::keep::Run;
use super::settings::Wanted;
use super::{adapter, candidate, lifecycle, recovery};
use crate::protocol::{Backend, Command, DatasetSource};
use js_sys::ArrayBuffer;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::spawn_local;
use web_sys::File;

/// A checkpoint the page holds.
#[derive(Debug, Clone)]
pub struct Saved {
    /// File name.
    pub name: String,
    /// Step it was taken at.
    pub step: u64,
    /// The file's bytes; copied before they are sent anywhere.
    pub bytes: ArrayBuffer,
    /// The run it is of, with its curves up to there.
    pub run: Run,
}

/// Why an engine was started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Opening {
    /// To be the first.
    First,
    /// After another one stopped, for this reason.
    Recovery(String),
    /// It has answered and been set up.
    Done,
}

/// The engine in use.
#[derive(Debug)]
pub struct Active {
    /// Tells its messages from those of engines that are gone.
    pub serial: u32,
    /// The worker.
    pub engine: Engine,
    /// What is still to be done once it answers.
    pub opening: Opening,
    /// Networks that will get ready without being the ones asked for last (a recovery builds, then
    /// restores).
    pub skip_ready: u32,
    /// The next networks to get ready go on with the run shown.
    pub continues: bool,
    /// It computes rightly: its self-test passed, or it is the reference itself.
    pub proven: bool,
    /// It has answered and waits for what lies beside the page.
    pub waits: bool,
}

/// A data set with the file it comes from, if it does.
pub type Source = (DatasetSource, Option<File>);

/// Every worker and what survives it.
#[derive(Debug, Default)]
pub struct Engines {
    pub(super) serial: u32,
    pub(super) active: Option<Active>,
    pub(super) candidate: Option<Candidate>,
    /// Where the data set in use came from, to load it again in another engine.
    pub(super) source: Option<Source>,
    /// The data set asked for, until it arrives or fails.
    pub(super) asked: Option<Source>,
    pub(super) saved: Option<Saved>,
    /// A checkpoint is on its way for safety's sake.
    pub(super) saving: bool,
    /// The visitor wants the next checkpoint as a file.
    pub(super) download: bool,
    /// The run up to this step is about to be replaced; offer the way back.
    pub(super) offer_return: Option<u64>,
    /// Commands given while the run moves to another engine.
    pub(super) queued: Vec<(Command, Option<JsValue>)>,
    pub(super) crashes: u32,
    /// Figures came that are no numbers: these weights are not worth keeping.
    pub(super) spoiled: bool,
    /// A timing of the engine in use is under way.
    pub(super) timing: bool,
}

impl Engines {
    /// Send to the engine in use, or keep until the move under way is over.
    pub fn send(&mut self, command: Command, payload: Option<JsValue>) {
        if self.candidate.as_ref().is_some_and(Candidate::is_moving) {
            self.queued.push((command, payload));
        } else if let Some(active) = &self.active {
            active.engine.send(&command, payload.as_ref());
        }
    }

    /// Ask for a data set.
    pub fn load(&mut self, source: DatasetSource, file: Option<File>) {
        let payload = file.clone().map(JsValue::from);
        self.asked = Some((source.clone(), file));
        self.send(Command::LoadDataset { source }, payload);
    }

    /// The last checkpoint held.
    pub fn saved(&self) -> Option<Saved> {
        self.saved.clone()
    }

    /// Send what waited for the move to end.
    pub(super) fn flush(&mut self) {
        for (command, payload) in std::mem::take(&mut self.queued) {
            self.send(command, payload);
        }
    }
}

/// Start what the settings ask for.
pub fn open(page: &Page) {
    let wanted = page.state.borrow().settings.backend;
    match wanted {
        Wanted::Cpu => {
            reason(page, "The CPU engine, as chosen.");
            begin(page, Backend::Cpu, Opening::First);
        }
        Wanted::Webgpu => force_gpu(page.clone()),
        Wanted::Auto => {
            begin(page, Backend::Cpu, Opening::First);
            consider_gpu(page.clone());
        }
    }
}

/// Follow a change of the engine setting while the page runs.
pub fn switch(page: &Page) {
    let wanted = page.state.borrow().settings.backend;
    let current = page.state.borrow().engine.backend;
    match (wanted, current) {
        (Wanted::Cpu, Some(Backend::Cpu)) => {
            candidate::drop_candidate(page, "The CPU engine, as chosen.");
        }
        (Wanted::Webgpu, Some(Backend::Webgpu)) => reason(page, "The WebGPU engine, as chosen."),
        (Wanted::Cpu, Some(Backend::Webgpu)) => candidate::start(page, Backend::Cpu, true),
        (Wanted::Webgpu, Some(Backend::Cpu)) => candidate::start(page, Backend::Webgpu, true),
        (Wanted::Auto, Some(Backend::Cpu)) => consider_gpu(page.clone()),
        (Wanted::Auto, Some(Backend::Webgpu)) => {}
        // None answers: the page is still starting, or nothing could be started.
        (_, None) => open(page),
    }
    page.draw();
}

/// Try WebGPU behind the CPU engine, if there is a point in it.
fn consider_gpu(page: Page) {
    spawn_local(async move {
        let gpu = adapter::look().await;
        match worth_trying(&gpu) {
            Ok(()) if page.state.borrow().settings.backend == Wanted::Auto => {
                candidate::start(&page, Backend::Webgpu, false);
            }
            Ok(()) => {}
            Err(why) => reason(&page, &why),
        }
        page.draw();
    });
}

/// WebGPU because the visitor says so, whatever the adapter; the CPU engine if there is none.
fn force_gpu(page: Page) {
    spawn_local(async move {
        let gpu = adapter::look().await;
        if let super::choice::Gpu::Adapter(_) = gpu {
            reason(&page, "The WebGPU engine, as chosen.");
            begin(&page, Backend::Webgpu, Opening::First);
        } else {
            let why = worth_trying(&gpu).err().unwrap_or_default();
            page.say(crate::protocol::Level::Warning, &why);
            reason(&page, &why);
            begin(&page, Backend::Cpu, Opening::First);
        }
        page.draw();
    });
}

/// Start an engine and use it. An engine in use before is ended.
pub(super) fn begin(page: &Page, backend: Backend, opening: Opening) {
    let serial = next_serial(page);
    let started = Engine::start(backend, hear(page, serial));
    if let Some(old) = page.engines.borrow_mut().active.take() {
        old.engine.retire();
    }
    match started {
        Ok(engine) => {
            page.engines.borrow_mut().active = Some(Active {
                serial,
                engine,
                proven: backend == Backend::Cpu || opening != Opening::First,
                opening,
                skip_ready: 0,
                continues: false,
                waits: false,
            });
            activity(page, &format!("Loading the {} engine …", name(backend)));
        }
        Err(text) => recovery::give_up(page, &text),
    }
    page.draw();
}

/// A listener that brings an engine's reports to the part of the page that it plays.
pub(super) fn hear(page: &Page, serial: u32) -> impl Fn(Report) + Clone + 'static {
    let page = page.clone();
    move |report| {
        let (is_active, is_candidate) = {
            let engines = page.engines.borrow();
            (
                engines
                    .active
                    .as_ref()
                    .is_some_and(|active| active.serial == serial),
                engines
                    .candidate
                    .as_ref()
                    .is_some_and(|one| one.serial == serial),
            )
        };
        if is_active {
            lifecycle::hear(&page, report);
        } else if is_candidate {
            candidate::hear(&page, report);
        }
    }
}

pub(super) fn next_serial(page: &Page) -> u32 {
    let mut engines = page.engines.borrow_mut();
    engines.serial += 1;
    engines.serial
}

/// Why the engine in use is in use.
pub(super) fn reason(page: &Page, text: &str) {
    text.clone_into(&mut page.state.borrow_mut().engine.reason);
}

/// What is being done about engines.
pub(super) fn activity(page: &Page, text: &str) {
    text.clone_into(&mut page.state.borrow_mut().engine.activity);
}

/// An engine's name in a sentence.
pub(super) fn name(backend: Backend) -> &'static str {
    match backend {
        Backend::Cpu => "CPU",
        Backend::Webgpu => "WebGPU",
    }
}
