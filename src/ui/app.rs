//! The page as a whole: its state, the engine in use and the way from an action to a command.

use super::dom::{document, next_frame, window};
use super::engines::Engines;
use super::notices::{Action, Notices};
use super::picture::Pictures;
use super::state::State;
use super::{
    activity, away, bill, browser, camera, charts, controls, curves, files, guide, keep, keys,
    matrix, offline, own, own_cards, picture, prices, print, render, runs_table, story, strip,
    tabs, trail, url, what_if,
};
use crate::config::DatasetKind;
use crate::protocol::{Command, DatasetSource, Event, Level};
use js_sys::ArrayBuffer;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use wasm_bindgen::JsValue;
use web_sys::File;

/// The page. Closures share it for as long as the tab lives.
pub struct App {
    /// What the page knows.
    pub state: RefCell<State>,
    /// The workers.
    pub engines: RefCell<Engines>,
    /// The picture shown and what is asked about it.
    pub pictures: RefCell<Pictures>,
    /// The camera, while it is live or asked for.
    pub camera: RefCell<camera::Device>,
    /// Runs kept in the browser.
    pub keeper: RefCell<keep::Keeper>,
    /// The visitor's own classes.
    pub own: RefCell<own::Own>,
    /// The curves.
    pub charts: RefCell<charts::Charts>,
    /// Messages to the visitor.
    pub notices: Notices,
    drawing: Cell<bool>,
}

/// Shared by every closure of the page.
pub type Page = Rc<App>;

/// Start the page: settings from the address, listeners, then the engines.
pub fn start() {
    std::panic::set_hook(Box::new(|info| {
        web_sys::console::error_1(&info.to_string().into());
        // The static page's own script shows it: this program is in no state to do so.
        if let Ok(event) = web_sys::Event::new("gemst-stopped") {
            let _ = window().dispatch_event(&event);
        }
    }));
    let search = window().location().search().unwrap_or_default();
    let (settings, mut clamped) = url::parse(&search);
    let (pricing, refused) = url::parse_pricing(&search);
    clamped.extend(refused);
    let page = Rc::new(App {
        state: RefCell::new(State {
            settings,
            runs: runs_table::stored(),
            pricing,
            ..State::default()
        }),
        engines: RefCell::default(),
        pictures: RefCell::default(),
        camera: RefCell::default(),
        keeper: RefCell::default(),
        own: RefCell::default(),
        charts: RefCell::default(),
        notices: Notices::default(),
        drawing: Cell::new(false),
    });
    render::once();
    controls::connect(&page);
    files::connect(&page);
    picture::connect();
    strip::connect(&page);
    camera::connect(&page);
    own::connect(&page);
    own_cards::connect(&page);
    charts::connect(&page);
    curves::connect(&page);
    activity::connect(&page);
    bill::connect(&page);
    prices::connect(&page);
    what_if::connect(&page);
    trail::connect(&page);
    matrix::connect(&page);
    browser::connect(&page);
    story::connect(&page);
    keys::connect(&page);
    guide::connect();
    keep::connect(&page);
    tabs::connect(&page);
    away::connect(&page);
    print::connect(&page);
    offline::connect(&page);
    for sentence in clamped {
        page.notices.push(Level::Warning, &sentence, None);
    }
    page.address();
    super::shipped::look(&page);
    super::engines::open(&page);
    page.draw();
    // Tells the static page that its program runs.
    if let Some(root) = document().document_element() {
        let _ = root.set_attribute("data-started", "");
    }
}

impl App {
    /// Send a command to the engine in use.
    pub fn send(&self, command: Command) {
        self.engines.borrow_mut().send(command, None);
    }

    /// Send a command with its payload.
    pub fn send_with(&self, command: Command, payload: &JsValue) {
        self.engines
            .borrow_mut()
            .send(command, Some(payload.clone()));
    }

    /// Draw the state before the next frame.
    pub fn draw(self: &Page) {
        if !self.drawing.replace(true) {
            let page = self.clone();
            next_frame(move || {
                page.drawing.set(false);
                render::all(&page);
            });
        }
    }

    /// Put the settings into the address, without a new entry in the history.
    pub fn address(&self) {
        let query = {
            let state = self.state.borrow();
            let parts = [
                url::serialise(&state.settings),
                url::serialise_pricing(&state.pricing),
            ];
            let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
            let there = |part: &&str| !part.is_empty();
            parts
                .into_iter()
                .filter(there)
                .collect::<Vec<_>>()
                .join("&")
        };
        let location = window().location();
        let path = location.pathname().unwrap_or_default();
        let hash = location.hash().unwrap_or_default();
        let mark = if query.is_empty() { "" } else { "?" };
        if let Ok(history) = window().history() {
            let address = format!("{path}{mark}{query}{hash}");
            let _ = history.replace_state_with_url(&JsValue::NULL, "", Some(&address));
        }
    }

    /// Tell the engine what may change between two steps.
    pub fn tune(self: &Page) {
        let settings = self.state.borrow().settings.clone();
        self.send(Command::Tune {
            lr: settings.lr,
            batch: settings.batch,
            freeze: settings.freeze,
            spike_penalty: settings.penalty,
            train_dense: settings.twin,
        });
        self.address();
        self.draw();
    }

    /// Build the networks that the settings ask for, step 0; the run so far can be brought back.
    pub fn rebuild(self: &Page) {
        self.keep();
        self.state.borrow_mut().building = true;
        let begin = self.state.borrow().begin();
        self.send(begin);
        self.address();
        self.draw();
    }

    /// Before something replaces the weights: stop, and have the engine hand over what there is, so
    /// that the visitor can return to it.
    pub fn keep(self: &Page) {
        let (running, step, trained) = {
            let state = self.state.borrow();
            let trained = state
                .networks
                .as_ref()
                .is_some_and(|networks| networks.trained);
            // Shipped weights come back by themselves.
            let own = trained && !state.as_shipped();
            (state.run.running, state.run.step, own)
        };
        if running {
            self.send(Command::Pause);
        }
        if trained {
            self.engines.borrow_mut().offer_return = Some(step);
            self.send(Command::SaveCheckpoint);
        }
    }

    /// Load a data set; the one in use stays until the new one is there.
    pub fn load(self: &Page, source: DatasetSource, file: Option<File>) {
        self.state.borrow_mut().loading_dataset = true;
        self.engines.borrow_mut().load(source, file);
        self.draw();
    }

    /// Load the shards beside the page.
    pub fn load_kind(self: &Page, kind: DatasetKind) {
        let source = match kind {
            DatasetKind::Synthetic => DatasetSource::Synthetic,
            kind => shards(kind),
        };
        self.load(source, None);
    }

    /// Restore a checkpoint's bytes. The buffer stays usable here.
    pub fn open_checkpoint(self: &Page, name: &str, bytes: &ArrayBuffer) {
        self.state.borrow_mut().building = true;
        let command = Command::OpenCheckpoint {
            name: name.to_owned(),
        };
        self.send_with(command, &bytes.slice(0));
        self.draw();
    }

    /// Say something.
    pub fn say(&self, level: Level, text: &str) {
        self.notices.push(level, text, None);
    }

    /// After the networks were replaced: offer the way back, if there is one.
    pub fn offer_return(self: &Page) {
        let kept = {
            let mut engines = self.engines.borrow_mut();
            match (engines.offer_return.take(), engines.saved()) {
                (Some(step), Some(saved)) if saved.step >= step => Some(saved),
                _ => None,
            }
        };
        let Some(saved) = kept else { return };
        let page = self.clone();
        let label = format!("Return to step {}", saved.step);
        let action = Action::new(&label, move || {
            keep::reopen(&page, saved.run.clone(), &saved.bytes);
        });
        self.notices.push(
            Level::Info,
            &format!(
                "The run up to step {} is still here, until you close this message.",
                saved.step
            ),
            Some(action),
        );
    }

    /// Take an event of the engine in use into the state.
    pub fn take_in(self: &Page, event: &Event, continued: bool) {
        self.state.borrow_mut().apply(event, continued);
        self.draw();
    }
}

/// The shards of a data set beside the page.
pub fn shards(kind: DatasetKind) -> DatasetSource {
    let base = document().base_uri().ok().flatten().unwrap_or_default();
    let folder = format!("./data/{}/", kind.name());
    let base = web_sys::Url::new_with_base(&folder, &base).map_or(folder, |url| url.href());
    DatasetSource::Shards { kind, base }
}
