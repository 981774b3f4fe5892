//! The worker's loop: obey commands, and between them make training steps.

mod images;
mod inspecting;
mod looking;
mod networks;
mod own;
mod sampling;
mod shipped;
mod training;

use super::dataset::{self, Loaded};
use super::host::{Host, Incoming, Progress};
use super::speed::Speed;
use crate::config::{RunConfig, other_classes};
use crate::data::{Dataset, frame};
use crate::protocol::{Backend, Command, DatasetInfo, DatasetSource, Event, Level};
use crate::train::Session;
use burn::tensor::Device;
use js_sys::Uint8Array;
use networks::classes;
use own::Teaching;
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::spawn_local;

/// Spiking network and dense twin.
struct Twins {
    spiking: Session,
    dense: Session,
    train_dense: bool,
    weights: String,
    /// Drawn, not loaded.
    fresh: bool,
}

/// State of a worker.
pub struct Engine {
    host: Host,
    device: Device,
    backend: Backend,
    twins: Option<Twins>,
    data: Option<Dataset>,
    /// `Some(None)`: until paused; `Some(Some(n))`: n more steps.
    running: Option<Option<u64>>,
    /// The visitor's own classes being learned.
    teaching: Option<Teaching>,
    speed: Speed,
    /// Data sets asked for so far; only the last one counts.
    loads: u32,
}

impl Engine {
    /// An engine without networks or data.
    pub fn new(host: Host, device: Device, backend: Backend) -> Self {
        Self {
            host,
            device,
            backend,
            twins: None,
            data: None,
            running: None,
            teaching: None,
            speed: Speed::default(),
            loads: 0,
        }
    }

    /// Obey until the page goes away.
    pub async fn run(mut self) {
        loop {
            let next = if self.running.is_some() || self.teaching.is_some() {
                self.host.try_next()
            } else {
                match self.host.next().await {
                    Some(next) => Some(next),
                    None => return,
                }
            };
            match next {
                Some(Incoming::Asked(command, payload)) => self.obey(command, payload).await,
                Some(Incoming::Loaded(load, loaded)) => self.loaded(load, *loaded),
                None if self.teaching.is_some() => {
                    self.teach_on().await;
                    self.host.breathe().await;
                }
                None => {
                    self.train_step().await;
                    self.host.breathe().await;
                }
            }
        }
    }

    async fn obey(&mut self, command: Command, payload: JsValue) {
        match command {
            Command::Configure {
                spiking,
                dense,
                train_dense,
            } => self.configure(spiking, dense, train_dense),
            Command::Probe { steps, dense } => self.probe(steps, dense).await,
            Command::ConfigureFrom {
                spiking,
                dense,
                train_dense,
                base,
                files,
            } => {
                self.configure_from([spiking, dense], train_dense, &base, &files)
                    .await;
            }
            Command::NewHeads => self.new_heads().await,
            Command::LoadDataset { source } => self.load(source, payload),
            Command::Train { steps } => self.start(steps),
            Command::Pause => {
                self.teaching = None;
                self.stop();
            }
            Command::Reset => self.reset(),
            Command::Evaluate { images } => self.evaluate(images).await,
            Command::Tune {
                lr,
                batch,
                freeze,
                spike_penalty,
                train_dense,
            } => self.tune(train_dense, |config| {
                config.train.lr = lr;
                config.train.lr_min = config.train.lr_min.min(lr);
                config.train.batch = batch;
                config.train.freeze = freeze;
                config.train.spike_penalty = spike_penalty;
            }),
            Command::Classify { id, width, height } => {
                let rgba = Uint8Array::new(&payload).to_vec();
                match frame::rgba_to_image(&rgba, width as usize, height as usize) {
                    Ok(image) => self.classify(id, None, &image[..]).await,
                    Err(error) => self.host.warn(error.to_string()),
                }
            }
            Command::ClassifyHeldOut { id, index } => {
                let held_out = self.data.as_ref().map(|data| &data.held_out);
                if let Some(set) = held_out.filter(|set| index < set.len()) {
                    let (label, image) = (usize::from(set.label(index)), set.image(index).to_vec());
                    self.classify(id, Some(label), &image).await;
                }
            }
            Command::TryOut {
                what_if,
                images,
                picture,
            } => {
                let planar = picture.map(|picture| self.planar(picture, &payload));
                match planar.transpose() {
                    Ok(planar) => self.try_out(what_if, images, planar.flatten()).await,
                    Err(text) => self.host.warn(text),
                }
            }
            Command::Inspect { picture } => self.inspect(picture, &payload).await,
            Command::Samples { from, count } => self.samples(from, count),
            Command::Pick { indices } => self.pick(&indices),
            Command::Teach {
                classes,
                labels,
                freeze,
            } => {
                let pixels = Uint8Array::new(&payload).to_vec();
                self.teach(classes, &labels, &pixels, freeze).await;
            }
            Command::SaveCheckpoint => self.save().await,
            Command::OpenCheckpoint { name } => {
                self.open(&name, &Uint8Array::new(&payload).to_vec())
            }
        }
    }

    /// Starts loading a data set; pictures are answered meanwhile.
    fn load(&mut self, source: DatasetSource, payload: JsValue) {
        self.loads += 1;
        let (host, load) = (self.host.clone(), self.loads);
        // A run on the first few thousand pictures need not wait for the others.
        let front = dataset::Front {
            train: self.config().and_then(|config| config.data.train_limit),
            held_out: None,
        };
        spawn_local(async move {
            let progress = Progress::new(&host);
            let report = |label: &str, done, total| progress.report(label, done, total);
            let loaded = dataset::load_front(&source, payload, front, report).await;
            host.put(Incoming::Loaded(load, Box::new(loaded)));
        });
    }

    fn loaded(&mut self, load: u32, loaded: Result<Loaded, String>) {
        if load != self.loads {
            return;
        }
        match loaded {
            Ok(loaded) => {
                if let Some(text) = loaded.note {
                    self.host.send(&Event::Notice {
                        level: Level::Info,
                        text,
                    });
                }
                self.use_data(loaded.dataset);
            }
            Err(text) => self.host.warn(text),
        }
    }

    fn use_data(&mut self, data: Dataset) {
        let limit = self.train_limit(&data);
        self.host.send(&Event::Dataset(DatasetInfo {
            kind: data.kind,
            classes: data.classes.clone(),
            train: limit,
            held_out: data.held_out.len(),
            origin: data.origin.clone(),
        }));
        self.send_labels(&data);
        self.data = Some(data);
        self.calibrate();
    }

    fn config(&self) -> Option<&RunConfig> {
        self.twins.as_ref().map(|twins| twins.spiking.config())
    }

    fn train_limit(&self, data: &Dataset) -> usize {
        let limit = self
            .twins
            .as_ref()
            .and_then(|twins| twins.spiking.config().data.train_limit);
        limit.map_or(data.train.len(), |limit| limit.min(data.train.len()))
    }

    /// Whether networks and data are there and fit each other; says what is missing if not.
    fn fits(&self) -> bool {
        let (Some(twins), Some(data)) = (&self.twins, &self.data) else {
            self.host
                .warn("there is no data set yet: wait for it to load, or open one");
            return false;
        };
        if let Some(own) = &twins.spiking.config().data.classes {
            self.host.warn(format!(
                "the networks know your own classes ({}), not those of the data set: go back to the networks from before, or press Reset for fresh ones",
                own.join(", ")
            ));
            return false;
        }
        let classes = classes(twins.spiking.config());
        if classes != data.classes.len() || data.train.is_empty() {
            self.host.warn(format!(
                "the network has {classes} classes, the data set {}: choose the data set again to build a network that fits",
                data.classes.len()
            ));
            return false;
        }
        let own = twins.spiking.config().data.dataset;
        if own != data.kind {
            self.host.warn(other_classes(own, data.kind));
            return false;
        }
        true
    }
}
