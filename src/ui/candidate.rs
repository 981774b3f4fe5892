//! A second engine beside the one in use: proven on its self-test, timed against the one in use, and
//! given the run where it is better (or where the visitor wants it).

use super::app::Page;
use super::choice::compare;
use super::engine::{Engine, Report};
use super::engines::{Active, Opening, activity, hear as listen, name, next_serial, reason};
use super::{controls, lifecycle, picture, strip};
use crate::protocol::{Backend, Command, Event, Level, PROTOCOL};

/// Timed steps of a comparison.
const STEPS: u32 = 3;

/// How far a candidate has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Loading, building, self-test.
    Proving,
    /// Fit for use.
    Proven,
    /// Waiting for the checkpoint of the engine in use.
    Saving,
    /// Restoring it.
    Restoring,
    /// Loading the data set.
    Loading,
}

/// An engine that may take over.
#[derive(Debug)]
pub struct Candidate {
    /// Tells its messages from those of engines that are gone.
    pub serial: u32,
    engine: Engine,
    adapter: String,
    stage: Stage,
    /// Takes over without comparison.
    forced: bool,
    /// What it built from the checkpoint, shown once it takes over.
    restored: Option<Event>,
}

impl Candidate {
    /// Whether commands have to wait for it.
    pub fn is_moving(&self) -> bool {
        matches!(self.stage, Stage::Restoring | Stage::Loading)
    }
}

/// Start a candidate.
pub fn start(page: &Page, backend: Backend, forced: bool) {
    discard(page);
    let serial = next_serial(page);
    match Engine::start(backend, listen(page, serial)) {
        Ok(engine) => {
            activity(
                page,
                &format!("Loading the {} engine behind this one …", name(backend)),
            );
            page.engines.borrow_mut().candidate = Some(Candidate {
                serial,
                engine,
                adapter: String::new(),
                stage: Stage::Proving,
                forced,
                restored: None,
            });
        }
        Err(text) => reason(
            page,
            &format!("The {} engine could not be started: {text}.", name(backend)),
        ),
    }
    page.draw();
}

/// Take in a report of the candidate.
pub fn hear(page: &Page, report: Report) {
    let event = match report {
        Report::Broke(text) | Report::Garbled(text) => return refuse(page, &text),
        Report::Said(event, _) => *event,
    };
    match event {
        Event::Hello {
            protocol, adapter, ..
        } => {
            if protocol != PROTOCOL {
                return refuse(page, "it is of another build");
            }
            let configure =
                lifecycle::in_force(page).unwrap_or_else(|| page.state.borrow().configure());
            let mut engines = page.engines.borrow_mut();
            let Some(candidate) = engines.candidate.as_mut() else {
                return;
            };
            candidate.adapter = adapter;
            candidate.engine.send(&configure, None);
            if candidate.engine.backend == Backend::Webgpu {
                candidate.engine.send(
                    &Command::Probe {
                        steps: STEPS,
                        dense: false,
                    },
                    None,
                );
                drop(engines);
                activity(
                    page,
                    "Trying WebGPU: compiling its kernels and timing a few steps …",
                );
            }
        }
        Event::Probed {
            failure: Some(failure),
            ..
        } => refuse(page, &format!("its self-test failed: {failure}")),
        Event::Probed { step_ms, .. } => {
            page.state.borrow_mut().engine.gpu_ms = Some(step_ms);
            set_stage(page, Stage::Proven);
            consider(page);
        }
        Event::Ready { .. } => built(page, event),
        Event::Dataset(_) => {
            set_stage(page, Stage::Loading);
            take_over(page, Some(&event));
        }
        Event::Notice {
            level: Level::Warning,
            text,
        }
        | Event::Fatal { text } => refuse(page, &text),
        _ => {}
    }
    page.draw();
}

fn built(page: &Page, event: Event) {
    let mut engines = page.engines.borrow_mut();
    let source = engines.source.clone();
    let Some(candidate) = engines.candidate.as_mut() else {
        return;
    };
    match candidate.stage {
        // The CPU engine is the reference; it has nothing to prove.
        Stage::Proving if candidate.engine.backend == Backend::Cpu => {
            candidate.stage = Stage::Proven;
            drop(engines);
            consider(page);
        }
        Stage::Restoring => {
            candidate.restored = Some(event);
            candidate.stage = Stage::Loading;
            if let Some((source, file)) = source {
                let payload = file.map(wasm_bindgen::JsValue::from);
                candidate
                    .engine
                    .send(&Command::LoadDataset { source }, payload.as_ref());
            } else {
                drop(engines);
                take_over(page, None);
            }
        }
        _ => {}
    }
}

/// Compare, or move, whenever the engine in use has nothing else to do.
pub fn consider(page: &Page) {
    let idle = page.state.borrow().idle();
    let (cpu_ms, gpu_ms) = {
        let state = page.state.borrow();
        (state.engine.cpu_ms, state.engine.gpu_ms)
    };
    let forced = {
        let mut engines = page.engines.borrow_mut();
        let Some(candidate) = &engines.candidate else {
            return;
        };
        if candidate.stage != Stage::Proven {
            return;
        }
        let forced = candidate.forced;
        if !idle || engines.timing {
            if !engines.timing {
                drop(engines);
                activity(
                    page,
                    "WebGPU is ready; it is compared with the CPU when the run pauses.",
                );
            }
            return;
        }
        if !forced && cpu_ms.is_none() {
            engines.timing = true;
            engines.send(
                Command::Probe {
                    steps: STEPS,
                    dense: false,
                },
                None,
            );
            drop(engines);
            return activity(page, "Timing the CPU engine …");
        }
        forced
    };
    if forced {
        return move_run(page, "as chosen.");
    }
    if let (Some(cpu_ms), Some(gpu_ms)) = (cpu_ms, gpu_ms) {
        let (faster, why) = compare(cpu_ms, gpu_ms);
        if faster {
            move_run(page, &why);
        } else {
            drop_candidate(page, &why);
        }
    }
}

fn move_run(page: &Page, why: &str) {
    let backend = {
        let mut engines = page.engines.borrow_mut();
        let Some(candidate) = engines.candidate.as_mut() else {
            return;
        };
        candidate.stage = Stage::Saving;
        let backend = candidate.engine.backend;
        engines.send(Command::SaveCheckpoint, None);
        backend
    };
    let text = if why == "as chosen." {
        format!("The {} engine, {why}", name(backend))
    } else {
        why.to_owned()
    };
    reason(page, &text);
    activity(page, &format!("Moving to the {} engine …", name(backend)));
    page.draw();
}

/// The engine in use has handed over a checkpoint; a candidate that waits for it restores it.
pub fn saved(page: &Page) {
    let mut engines = page.engines.borrow_mut();
    let Some(saved) = engines.saved() else { return };
    // A run that went on meanwhile would lose its steps; it is asked again at the next pause.
    let idle = page.state.borrow().idle();
    let Some(candidate) = engines.candidate.as_mut() else {
        return;
    };
    if candidate.stage != Stage::Saving {
        return;
    }
    if !idle {
        candidate.stage = Stage::Proven;
        return;
    }
    candidate.stage = Stage::Restoring;
    candidate.engine.send(
        &Command::OpenCheckpoint { name: saved.name },
        Some(&saved.bytes.slice(0)),
    );
}

/// The candidate has everything: it becomes the engine in use.
fn take_over(page: &Page, dataset: Option<&Event>) {
    let (restored, backend, adapter) = {
        let mut engines = page.engines.borrow_mut();
        let Some(candidate) = engines.candidate.take() else {
            return;
        };
        let backend = candidate.engine.backend;
        let new = Active {
            serial: candidate.serial,
            engine: candidate.engine,
            opening: Opening::Done,
            skip_ready: 0,
            continues: false,
            proven: true,
            waits: false,
        };
        if let Some(old) = engines.active.replace(new) {
            old.engine.retire();
        }
        engines.saving = false;
        engines.timing = false;
        engines.flush();
        (candidate.restored, backend, candidate.adapter)
    };
    {
        let mut state = page.state.borrow_mut();
        state.engine.backend = Some(backend);
        state.engine.adapter = adapter;
    }
    activity(page, "");
    if let Some(event) = &restored {
        let paused = page.state.borrow().run.paused;
        page.take_in(event, true);
        page.state.borrow_mut().run.paused = paused;
    }
    if let Some(event) = dataset {
        page.take_in(event, true);
    }
    picture::forget_pending(page);
    controls::sync(page);
    strip::ask(page);
    picture::again(page);
    page.draw();
}

/// The candidate is no good: the engine in use stays, and the page says why.
fn refuse(page: &Page, why: &str) {
    let Some((backend, forced)) = page
        .engines
        .borrow()
        .candidate
        .as_ref()
        .map(|candidate| (candidate.engine.backend, candidate.forced))
    else {
        return;
    };
    let staying = match backend {
        Backend::Cpu => "WebGPU",
        Backend::Webgpu => "CPU",
    };
    let text = format!(
        "The {} engine could not be used: {why}. The {staying} engine stays.",
        name(backend)
    );
    if forced {
        page.say(Level::Warning, &text);
    }
    drop_candidate(page, &text);
}

/// Let the candidate go, for a reason.
pub fn drop_candidate(page: &Page, why: &str) {
    discard(page);
    reason(page, why);
    page.draw();
}

/// The engine in use broke: a candidate that waits for its checkpoint waits in vain.
pub fn abandon_move(page: &Page) {
    discard(page);
}

fn discard(page: &Page) {
    let mut engines = page.engines.borrow_mut();
    if let Some(candidate) = engines.candidate.take() {
        candidate.engine.retire();
        drop(engines);
        activity(page, "");
        page.engines.borrow_mut().flush();
    }
}

fn set_stage(page: &Page, stage: Stage) {
    if let Some(candidate) = page.engines.borrow_mut().candidate.as_mut() {
        candidate.stage = stage;
    }
}
