//! The engine in use: setting it up, taking in what it says, replacing it when it breaks.

use super::app::Page;
use super::engine::Report;
use super::engines::{Opening, activity};
use super::notices::Action;
use super::{away, browser, candidate, controls, keep, own, picture, recovery, strip, trouble};
use crate::config::DatasetKind;
use crate::protocol::{Backend, Command, DatasetSource, Event, Level, PROTOCOL};
use js_sys::ArrayBuffer;
use wasm_bindgen::prelude::*;

/// Timed steps when WebGPU is used without comparison; its self-test comes with them.
const PROOF_STEPS: u32 = 1;

/// Take in a report of the engine in use.
pub fn hear(page: &Page, report: Report) {
    match report {
        Report::Broke(text) => recovery::failed(page, &text),
        Report::Garbled(text) => recovery::garbled(page, &text),
        Report::Said(event, payload) => said(page, *event, payload),
    }
}

fn said(page: &Page, event: Event, payload: JsValue) {
    match &event {
        Event::Hello {
            protocol,
            backend,
            adapter,
        } => hello(page, *protocol, *backend, adapter),
        Event::Ready { .. } => ready(page, &event),
        Event::Probed {
            failure, step_ms, ..
        } => probed(page, failure.as_deref(), *step_ms),
        Event::Dataset(info) => {
            let kind = info.kind;
            page.take_in(&event, false);
            dataset(page, kind);
        }
        Event::Running { running } => {
            page.take_in(&event, false);
            if !running {
                recovery::autosave(page, true);
                picture::again(page);
            }
            away::follow(page);
            controls::follow_focus(*running);
        }
        Event::Step(_) => {
            page.take_in(&event, false);
            page.engines.borrow_mut().spoiled = false;
            recovery::autosave(page, false);
            away::title(page);
        }
        Event::Evaluated { .. } => {
            page.take_in(&event, false);
            picture::again(page);
        }
        Event::TriedOut { .. } | Event::Predicted { .. } | Event::Sampled { .. } => {
            page.take_in(&event, false);
        }
        Event::Labels { .. } => {
            let before = page.state.borrow().images.revision();
            page.take_in(&event, false);
            browser::reset(page.state.borrow().images.revision() != before);
        }
        Event::Picked { indices } => browser::fill(page, indices, &payload),
        Event::Taught { .. } => own::taught(page, &event, payload),
        Event::Classified { id, .. } => {
            if picture::answered(page, *id) {
                super::activity::looked();
                page.take_in(&event, false);
                picture::live(page);
            }
        }
        Event::Inspected(inspection) => {
            super::activity::take_in(page, inspection.clone(), &payload)
        }
        Event::Samples { from, labels } => strip::fill(page, *from, labels, &payload),
        Event::Checkpoint { name, step } => {
            if let Ok(bytes) = payload.dyn_into::<ArrayBuffer>() {
                recovery::keep(page, name, *step, bytes);
            }
        }
        Event::Notice { level, text } => notice(page, *level, text, &event),
        Event::NotShipped { text } => {
            {
                let mut state = page.state.borrow_mut();
                state.shipment.index = None;
                state.glance = None;
            }
            page.say(Level::Warning, text);
        }
        Event::Fatal { text } => recovery::failed(page, text),
        Event::Progress { .. } => page.take_in(&event, false),
    }
    candidate::consider(page);
}

fn hello(page: &Page, protocol: u32, backend: Backend, adapter: &str) {
    if protocol != PROTOCOL {
        return recovery::give_up(
            page,
            &format!(
                "this page and its engine are of different builds (protocol {PROTOCOL} and {protocol}); reload the page without its cache"
            ),
        );
    }
    {
        let mut state = page.state.borrow_mut();
        state.engine.backend = Some(backend);
        adapter.clone_into(&mut state.engine.adapter);
        state.building = true;
    }
    let known = page.state.borrow().shipment.known;
    if let Some(active) = page.engines.borrow_mut().active.as_mut() {
        active.waits = !known;
    }
    if known {
        build(page);
    }
}

/// It is known what lies beside the page: an engine that waited for that builds its networks.
pub(super) fn shipment_known(page: &Page) {
    let waits = match page.engines.borrow_mut().active.as_mut() {
        Some(active) => std::mem::take(&mut active.waits),
        None => false,
    };
    if waits {
        build(page);
    }
}

/// Networks and images for an engine that has just answered.
fn build(page: &Page) {
    let backend = page.state.borrow().engine.backend;
    activity(page, "Building the networks …");
    let recovering = {
        let mut engines = page.engines.borrow_mut();
        let saved = engines.saved();
        let Some(active) = engines.active.as_mut() else {
            return;
        };
        let recovering = matches!(active.opening, Opening::Recovery(_));
        active.continues = recovering && saved.is_some();
        active.skip_ready = u32::from(active.continues);
        recovering
    };
    let (saved, source) = {
        let engines = page.engines.borrow();
        (engines.saved(), engines.source.clone())
    };
    // A checkpoint brings its own weights; without one the run begins where runs begin.
    let restored = in_force(page).filter(|_| recovering && saved.is_some());
    let configure = restored.unwrap_or_else(|| page.state.borrow().begin());
    page.send(configure);
    if let Some(saved) = saved.filter(|_| recovering) {
        page.open_checkpoint(&saved.name, &saved.bytes);
    }
    match source {
        Some((source, file)) => page.load(source, file),
        None => {
            let kind = page.state.borrow().settings.dataset;
            page.load_kind(kind);
        }
    }
    if backend == Some(Backend::Webgpu) && !recovering {
        activity(page, "Proving the WebGPU engine: compiling its kernels …");
        page.send(Command::Probe {
            steps: PROOF_STEPS,
            dense: false,
        });
        // Not ready before it is proven: a broken kernel trains on garbage without a word.
        page.engines.borrow_mut().timing = true;
    }
    page.draw();
}

/// The command that builds the networks as they were last.
pub(super) fn in_force(page: &Page) -> Option<Command> {
    let state = page.state.borrow();
    let networks = state.networks.as_ref()?;
    Some(Command::Configure {
        spiking: networks.spiking.clone(),
        dense: networks.dense.clone(),
        train_dense: state.settings.twin,
    })
}

fn ready(page: &Page, event: &Event) {
    let Event::Ready {
        spiking,
        step,
        weights,
        ..
    } = event
    else {
        return;
    };
    let (continues, opening, proven) = {
        let mut engines = page.engines.borrow_mut();
        engines.spoiled = false;
        let Some(active) = engines.active.as_mut() else {
            return;
        };
        if active.skip_ready > 0 {
            active.skip_ready -= 1;
            return;
        }
        let continues = std::mem::take(&mut active.continues);
        let opening = std::mem::replace(&mut active.opening, Opening::Done);
        let proven = active.proven;
        (continues, opening, proven)
    };
    page.take_in(event, continues);
    own::ready(page);
    if proven {
        activity(page, "");
    } else {
        page.state.borrow_mut().building = true;
    }
    {
        let mut state = page.state.borrow_mut();
        let dataset = state.settings.dataset;
        state.settings.adopt(spiking);
        state.settings.dataset = dataset;
    }
    controls::sync(page);
    page.address();
    page.offer_return();
    if !continues {
        keep::ready(page, event);
        recovery::start_over(page);
    }
    if let Opening::Recovery(text) = opening {
        let end = if continues {
            format!("resumed from step {step}. Press Train to go on.")
        } else {
            "nothing had been saved yet, so the networks start afresh.".to_owned()
        };
        let words = format!("The engine stopped: {}; {end}", trouble::what(&text));
        page.notices
            .push(Level::Warning, &words, way_on(page, &text, continues));
    }
    let own = spiking.data.dataset;
    // Fresh weights in place of shipped ones that failed may find other images already here.
    if weights.starts_with("fresh") && differs_from_wish(page) {
        return page.rebuild();
    }
    let other_classes = page.state.borrow().dataset.as_ref().is_some_and(|info| {
        info.kind.classes() != own.classes() && !page.state.borrow().as_shipped()
    })
        // A visitor's own classes fit no data set: the one in use stays.
        && spiking.data.classes.is_none();
    if other_classes && page.engines.borrow().asked.is_none() {
        page.load_kind(own);
    }
    picture::again(page);
}

/// What the visitor most likely wants after an engine broke: a batch that fits, or the run to go on.
fn way_on(page: &Page, text: &str, continues: bool) -> Option<Action> {
    let own = page.clone();
    let batch = page.state.borrow().settings.batch;
    if let Some(smaller) = trouble::smaller_batch(text, batch) {
        return Some(Action::new(
            &format!("Use a batch of {smaller}"),
            move || {
                own.state.borrow_mut().settings.batch = smaller;
                own.tune();
                controls::sync(&own);
            },
        ));
    }
    continues.then(|| {
        Action::new("Go on training", move || {
            own.send(Command::Train { steps: None });
        })
    })
}

fn probed(page: &Page, failure: Option<&str>, step_ms: f64) {
    page.engines.borrow_mut().timing = false;
    let backend = page.state.borrow().engine.backend;
    if let Some(failure) = failure {
        return recovery::failed(page, &format!("its self-test failed: {failure}"));
    }
    if let Some(active) = page.engines.borrow_mut().active.as_mut() {
        active.proven = true;
    }
    {
        let mut state = page.state.borrow_mut();
        state.building = false;
        match backend {
            Some(Backend::Webgpu) => state.engine.gpu_ms = Some(step_ms),
            _ => state.engine.cpu_ms = Some(step_ms),
        }
    }
    activity(page, "");
    picture::again(page);
    page.draw();
}

fn dataset(page: &Page, kind: DatasetKind) {
    {
        let mut engines = page.engines.borrow_mut();
        let asked = engines.asked.take();
        let generated = matches!(asked, Some((DatasetSource::Synthetic, _)));
        engines.source = asked.or(engines.source.take());
        let mut state = page.state.borrow_mut();
        // Generated pictures in place of what was asked for: the address goes on asking for that.
        if !generated {
            state.settings.dataset = kind;
        }
    }
    // Untrained networks cost nothing to rebuild; trained ones stay wherever their head fits.
    if differs_from_wish(page) {
        page.rebuild();
    }
    controls::sync(page);
    page.address();
    strip::ask(page);
    page.draw();
}

/// Whether networks of another data set should be built: the settings ask for them, and nothing learned here is lost,
/// or the head would not fit.
fn differs_from_wish(page: &Page) -> bool {
    let state = page.state.borrow();
    let (Some(networks), Some(info)) = (&state.networks, &state.dataset) else {
        return false;
    };
    let own = networks.spiking.data.dataset;
    let wish = match state.begin() {
        Command::Configure { spiking, .. } | Command::ConfigureFrom { spiking, .. } => {
            spiking.data.dataset
        }
        _ => own,
    };
    let free = !networks.trained || state.as_shipped();
    own != wish && (free || own.classes() != info.kind.classes())
}

fn notice(page: &Page, level: Level, text: &str, event: &Event) {
    let lost = {
        let mut engines = page.engines.borrow_mut();
        if level == Level::Warning {
            engines.download = false;
            engines.saving = false;
            // After figures that are no numbers the last sound weights are what the visitor wants.
            engines.offer_return = engines
                .saved()
                .filter(|_| engines.spoiled)
                .map(|saved| saved.step);
            if let Some(active) = engines.active.as_mut() {
                active.skip_ready = 0;
            }
            picture::forget_pending(page);
            keep::refused(page);
            engines.asked.take()
        } else {
            None
        }
    };
    let first = page.state.borrow().dataset.is_none();
    page.take_in(event, false);
    if let (Some((DatasetSource::Shards { .. }, _)), true) = (lost, first) {
        // Nothing to fall back on yet: generated pictures. The page explains them beside the curves.
        page.load(DatasetSource::Synthetic, None);
        return page.draw();
    }
    controls::sync(page);
    page.say(level, text);
    page.offer_return();
    page.draw();
}
