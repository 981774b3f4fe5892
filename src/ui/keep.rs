//! The run in the browser's storage: written as it goes on, restored after a reload or a crash. Nothing kept is thrown
//! away without a word.

use super::app::Page;
use super::dom::document;
use super::engines::Saved;
use super::history::History;
use super::kept::{self, RECORD_FORMAT, Record, Trouble};
use super::notices::Action;
use super::vault::{self, Vault};
use super::{controls, files, prices, shelf, tabs, url};
use crate::config::DatasetKind;
use crate::protocol::{Event, Level};
use js_sys::{ArrayBuffer, Date};
use wasm_bindgen_futures::spawn_local;

/// A run with its curves.
pub type Run = (Record, History);

/// What the page knows of kept runs.
#[derive(Debug, Default)]
pub struct Keeper {
    pub(super) vault: Option<Vault>,
    /// Id of the run in force.
    pub(super) run: String,
    /// Kept runs, and which of them some tab has.
    pub(super) runs: Vec<Run>,
    pub(super) live: Vec<String>,
    /// The run that is offered, until it is taken or put off.
    pub(super) offer: Option<String>,
    pub(super) put_off: bool,
    /// What was written last of which run, and when.
    stored: Option<(String, u64)>,
    stored_ms: f64,
    /// When a checkpoint came last, written or not.
    taken_ms: f64,
    writing: bool,
    /// Came while another was being written.
    next: Option<Saved>,
    pub(super) trouble: Option<Trouble>,
    /// The trouble that the visitor was told of.
    told: Option<Trouble>,
    /// The run whose checkpoint is being opened.
    resuming: Option<Run>,
    /// The run that made room last, for whoever wants it as a file.
    evicted: Option<(String, ArrayBuffer)>,
}

/// Open the storage and offer what is in it.
pub fn connect(page: &Page) {
    new_run(page);
    shelf::connect(page);
    let page = page.clone();
    spawn_local(async move {
        match Vault::open(&vault::name()).await {
            Ok(vault) => {
                page.keeper.borrow_mut().vault = Some(vault);
                refresh(&page).await;
            }
            Err(trouble) => {
                page.keeper.borrow_mut().trouble = Some(trouble);
                shelf::draw(&page);
            }
        }
        // A run that was stepped before the storage had answered.
        store(&page);
    });
}

/// Another run begins: it gets a place of its own, so that the one before stays where it is.
fn new_run(page: &Page) {
    let id = tabs::fresh_id();
    {
        let mut keeper = page.keeper.borrow_mut();
        keeper.run.clone_from(&id);
        keeper.taken_ms = Date::now();
    }
    spawn_local(async move {
        tabs::hold(&id).await;
        tabs::tell();
    });
}

/// What is to be said of the run in force beside a checkpoint of this name.
pub fn record(page: &Page, name: &str, step: u64, bytes: u32) -> Run {
    let state = page.state.borrow();
    let networks = state.networks.as_ref();
    let record = Record {
        format: RECORD_FORMAT,
        id: page.keeper.borrow().run.clone(),
        name: name.to_owned(),
        preset: networks.map_or(String::new(), |networks| networks.spiking.preset.clone()),
        step,
        dataset: state
            .dataset
            .as_ref()
            .map_or(state.settings.dataset, |info| info.kind)
            .name()
            .to_owned(),
        twin: state.settings.twin,
        prices: url::serialise_pricing(&state.pricing),
        saved_ms: Date::now(),
        bytes: f64::from(bytes),
    };
    let mut curves = state.history.clone();
    curves.rewind(step);
    (record, curves)
}

/// Whether a checkpoint is due, so many steps after the last one.
pub fn due(page: &Page, steps: u64) -> bool {
    kept::due(steps, Date::now() - page.keeper.borrow().taken_ms)
}

/// A checkpoint has come: write it, unless one was written a moment ago and another will follow.
pub fn checkpoint(page: &Page) {
    let running = page.state.borrow().run.running;
    let age = {
        let mut keeper = page.keeper.borrow_mut();
        keeper.taken_ms = Date::now();
        keeper.taken_ms - keeper.stored_ms
    };
    if kept::write_now(running, document().hidden(), age) {
        store(page);
    }
}

/// Write the last checkpoint, if it is not written yet.
pub fn store(page: &Page) {
    let Some(saved) = page.engines.borrow().saved() else {
        return;
    };
    let vault = {
        let mut keeper = page.keeper.borrow_mut();
        let what = (saved.run.0.id.clone(), saved.step);
        if saved.step == 0 || keeper.stored.as_ref() == Some(&what) {
            return;
        }
        if keeper.writing {
            keeper.next = Some(saved);
            return;
        }
        let Some(vault) = keeper.vault.clone() else {
            return complain(page, &mut keeper);
        };
        keeper.writing = true;
        vault
    };
    write_all(page, vault, saved);
}

/// Write a checkpoint, and the one that comes meanwhile.
fn write_all(page: &Page, vault: Vault, saved: Saved) {
    let page = page.clone();
    spawn_local(async move {
        let mut next = Some(saved);
        while let Some(saved) = next {
            let written = write(&page, &vault, &saved).await;
            let mut keeper = page.keeper.borrow_mut();
            keeper.stored_ms = Date::now();
            match written {
                Ok(()) => {
                    keeper.trouble = None;
                    keeper.told = None;
                    keeper.stored = Some((saved.run.0.id.clone(), saved.step));
                }
                Err(trouble) => {
                    keeper.trouble = Some(trouble);
                    complain(&page, &mut keeper);
                }
            }
            next = keeper.next.take();
        }
        page.keeper.borrow_mut().writing = false;
        refresh(&page).await;
        tabs::tell();
    });
}

/// Tell the visitor of the trouble, once.
fn complain(page: &Page, keeper: &mut Keeper) {
    if keeper.told != keeper.trouble {
        keeper.told.clone_from(&keeper.trouble);
        if let Some(trouble) = &keeper.trouble {
            page.say(Level::Warning, &trouble.words());
        }
    }
}

async fn write(page: &Page, vault: &Vault, saved: &Saved) -> Result<(), Trouble> {
    let (record, curves) = &saved.run;
    let live = tabs::live_runs().await;
    let records: Vec<Record> = {
        let keeper = page.keeper.borrow();
        keeper.runs.iter().map(|run| run.0.clone()).collect()
    };
    let said = [record_text(record), curves_text(curves)];
    let said = [said[0].as_str(), said[1].as_str()];
    vault.put(&record.id, said, &saved.bytes).await?;
    // Only now that the new run is safe.
    if let Some(gone) = kept::make_room(&records, &record.id, &live) {
        remove(page, vault, gone, "made room for this one").await;
    }
    Ok(())
}

fn record_text(record: &Record) -> String {
    serde_json::to_string(record).unwrap_or_default()
}

fn curves_text(curves: &History) -> String {
    serde_json::to_string(curves).unwrap_or_default()
}

/// Remove a run and say so; its bytes are at hand as a file until the next one goes.
pub(super) async fn remove(page: &Page, vault: &Vault, record: &Record, why: &str) {
    let bytes = vault.bytes(&record.id).await.ok().flatten();
    if let Err(trouble) = vault.remove(&record.id).await {
        return page.say(Level::Warning, &trouble.words());
    }
    page.keeper.borrow_mut().evicted = bytes.map(|bytes| (record.name.clone(), bytes));
    let own = page.clone();
    let action = Action::new("Save it as a file", move || {
        if let Some((name, bytes)) = &own.keeper.borrow().evicted {
            files::download(name, bytes);
        }
    });
    let text = format!(
        "The kept run of {} at step {} {why}; it is no longer in this browser.",
        record.preset, record.step
    );
    page.notices.push(Level::Info, &text, Some(action));
}

/// Read the list anew, and which runs other tabs have.
pub async fn refresh(page: &Page) {
    let Some(vault) = page.keeper.borrow().vault.clone() else {
        return;
    };
    let listed = vault.list().await;
    let live = tabs::live_runs().await;
    {
        let mut keeper = page.keeper.borrow_mut();
        if let Ok(listed) = listed {
            let run = |[said, curves]: [String; 2]| {
                Some((
                    kept::read(&said)?,
                    serde_json::from_str(&curves).unwrap_or_default(),
                ))
            };
            keeper.runs = listed.into_iter().filter_map(run).collect();
            let newest = |run: &Run| -run.0.saved_ms;
            keeper.runs.sort_by(|a, b| newest(a).total_cmp(&newest(b)));
        }
        let own = keeper.run.clone();
        keeper.live = live.into_iter().filter(|id| *id != own).collect();
        let records: Vec<Record> = keeper.runs.iter().map(|run| run.0.clone()).collect();
        keeper.offer = if keeper.put_off {
            None
        } else if keeper.stored.is_none() {
            // Looked at anew while this tab has no run: a page that is just going away still holds its own.
            kept::offered(&records, &keeper.live).map(|run| run.id.clone())
        } else {
            // What another tab has taken or thrown away is offered no longer.
            let there =
                |id: &String| records.iter().any(|run| run.id == *id) && !keeper.live.contains(id);
            keeper.offer.clone().filter(there)
        };
    }
    shelf::draw(page);
}

/// Go on with a kept run; the one in force can be returned to.
pub fn resume(page: &Page, id: &str) {
    let (page, id) = (page.clone(), id.to_owned());
    spawn_local(async move {
        let found = {
            let keeper = page.keeper.borrow();
            let run = keeper.runs.iter().find(|run| run.0.id == id).cloned();
            run.zip(keeper.vault.clone())
        };
        let Some((run, vault)) = found else { return };
        match vault.bytes(&id).await {
            Ok(Some(bytes)) => {
                page.keep();
                reopen(&page, run, &bytes);
            }
            Ok(None) => page.say(
                Level::Warning,
                "That run is no longer kept: another tab has deleted it.",
            ),
            Err(trouble) => page.say(Level::Warning, &trouble.words()),
        }
        refresh(&page).await;
    });
}

/// Restore a run with its curves and settings from its checkpoint.
pub fn reopen(page: &Page, run: Run, bytes: &ArrayBuffer) {
    let name = run.0.name.clone();
    page.keeper.borrow_mut().resuming = Some(run);
    page.open_checkpoint(&name, bytes);
}

/// The checkpoint was refused; the run in force goes on.
pub fn refused(page: &Page) {
    page.keeper.borrow_mut().resuming = None;
}

/// Networks are in force that do not go on with the run shown: those of a kept run, or of a new one.
pub fn ready(page: &Page, event: &Event) {
    let Event::Ready { step, weights, .. } = event else {
        return;
    };
    let run = page.keeper.borrow_mut().resuming.take();
    let Some((record, curves)) =
        run.filter(|(record, _)| record.step == *step && weights.starts_with("checkpoint"))
    else {
        return new_run(page);
    };
    let (kind, differs) = {
        let mut state = page.state.borrow_mut();
        state.history = curves;
        state.run.paused = true;
        state.settings.twin = record.twin;
        let (pricing, _) = url::parse_pricing(&record.prices);
        state.reprice(|now| *now = pricing);
        let kind = DatasetKind::from_name(&record.dataset);
        let now = state.dataset.as_ref().map(|info| info.kind);
        (kind, kind != now)
    };
    controls::sync(page);
    prices::sync(page);
    page.tune();
    if let Some(kind) = kind.filter(|_| differs) {
        page.load_kind(kind);
    }
    page.say(
        Level::Info,
        &format!(
            "Resumed from step {step}: networks, optimiser, settings and curves are those of the kept run. Press Train to go on."
        ),
    );
    {
        let mut keeper = page.keeper.borrow_mut();
        keeper.run.clone_from(&record.id);
        keeper.stored = Some((record.id.clone(), record.step));
        keeper.put_off = true;
        keeper.offer = None;
    }
    let page = page.clone();
    spawn_local(async move {
        // Another tab was quicker: from here on this is a run of its own.
        if !tabs::hold(&record.id).await {
            new_run(&page);
        }
        tabs::tell();
        refresh(&page).await;
    });
}
