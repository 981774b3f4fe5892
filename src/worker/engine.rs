//! The worker's loop: obey commands, and between them make training steps.

mod looking;
mod networks;
mod training;

use super::dataset;
use super::host::{Host, Incoming, Progress};
use super::speed::Speed;
use crate::config::RunConfig;
use crate::data::{Dataset, frame};
use crate::protocol::{Backend, Command, DatasetInfo, Event, Level, Shown};
use crate::train::Session;
use burn::tensor::Device;
use js_sys::Uint8Array;
use networks::classes;

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
    speed: Speed,
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
            speed: Speed::default(),
        }
    }

    /// Obey until the page goes away.
    pub async fn run(mut self) {
        loop {
            let next = match self.running {
                Some(_) => self.host.try_next(),
                None => match self.host.next().await {
                    Some(next) => Some(next),
                    None => return,
                },
            };
            match next {
                Some(incoming) => self.obey(incoming).await,
                None => {
                    self.train_step().await;
                    self.host.breathe().await;
                }
            }
        }
    }

    async fn obey(&mut self, (command, payload): Incoming) {
        match command {
            Command::Configure {
                spiking,
                dense,
                train_dense,
            } => self.configure(spiking, dense, train_dense),
            Command::Probe { steps } => self.probe(steps).await,
            Command::LoadDataset { source } => {
                let progress = Progress::new(&self.host);
                let report = |label: &str, done, total| progress.report(label, done, total);
                // A run on the first few thousand pictures need not wait for the others.
                let front = dataset::Front {
                    train: self.config().and_then(|config| config.data.train_limit),
                    held_out: None,
                };
                match dataset::load_front(&source, payload, front, report).await {
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
            Command::Train { steps } => self.start(steps),
            Command::Pause => self.stop(),
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
                let pixels = Uint8Array::new(&payload).to_vec();
                let planar = match picture {
                    None => Ok(None),
                    Some(Shown::HeldOut { index }) => {
                        let set = self.data.as_ref().map(|data| &data.held_out);
                        let set = set.filter(|set| index < set.len());
                        Ok(set.map(|set| set.image(index).to_vec()))
                    }
                    Some(Shown::Pixels { width, height }) => {
                        frame::rgba_to_image(&pixels, width as usize, height as usize)
                            .map(|image| Some(image.to_vec()))
                    }
                };
                match planar {
                    Ok(planar) => self.try_out(what_if, images, planar).await,
                    Err(error) => self.host.warn(error.to_string()),
                }
            }
            Command::Samples { from, count } => self.samples(from, count),
            Command::SaveCheckpoint => self.save().await,
            Command::OpenCheckpoint { name } => {
                self.open(&name, &Uint8Array::new(&payload).to_vec())
            }
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
        let classes = classes(twins.spiking.config());
        if classes != data.classes.len() || data.train.is_empty() {
            self.host.warn(format!(
                "the network has {classes} classes, the data set {}: choose the data set again to build a network that fits",
                data.classes.len()
            ));
            return false;
        }
        true
    }
}
