//! The worker's loop: obey commands, and between them make training steps.

use super::dataset;
use super::device::self_test;
use super::host::{Host, Incoming, Progress, now_ms};
use super::look::{interleave, look};
use super::speed::Speed;
use super::try_out::Trial;
use crate::config::{ModelConfig, RunConfig, WhatIf};
use crate::data::{
    Dataset, Sampler,
    batch::{eval_batch, train_batch},
    frame, synthetic,
};
use crate::energy::census;
use crate::protocol::{
    Backend, Command, DatasetInfo, Event, Level, Shown, StepFigures, StepReport,
};
use crate::train::{Checkpoint, Precision, Session, StepStats, Tally};
use burn::tensor::Device;
use js_sys::Uint8Array;
use std::fmt::Display;

/// Images per forward in an evaluation.
const EVAL_BATCH: usize = 50;
/// Training pictures whose statistics a fresh network starts with.
const CALIBRATION: usize = 16;
/// A GPU's loss is read back every so many steps: each read waits for the whole queue.
const GPU_READ_EVERY: u64 = 4;
/// The firing rate of the training batch is counted every so many steps.
const RATE_EVERY: u64 = 10;

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

    fn configure(&mut self, spiking: RunConfig, dense: RunConfig, train_dense: bool) {
        let weights = format!("fresh weights, seed {}", spiking.seed);
        match self.build(spiking, dense) {
            Ok((spiking, dense)) => {
                self.stop();
                self.twins = Some(Twins {
                    spiking,
                    dense,
                    train_dense,
                    weights,
                    fresh: true,
                });
                self.calibrate();
                self.announce();
            }
            Err(error) => self.host.warn(error.to_string()),
        }
    }

    /// Gives fresh networks the statistics of a few training pictures, once both are there.
    fn calibrate(&self) {
        if let (Some(twins), Some(data)) = (&self.twins, &self.data)
            && twins.fresh
            && classes(twins.spiking.config()) == data.classes.len()
        {
            let batch = eval_batch(&data.train, 0..CALIBRATION.min(data.train.len()));
            twins.spiking.calibrate(&batch);
            twins.dense.calibrate(&batch);
        }
    }

    fn build(
        &self,
        spiking: RunConfig,
        dense: RunConfig,
    ) -> Result<(Session, Session), impl Display + use<>> {
        let spiking = Session::new(spiking, &self.device)?;
        Ok::<_, crate::config::ConfigErrors>((spiking, Session::new(dense, &self.device)?))
    }

    fn announce(&self) {
        let Some(twins) = &self.twins else { return };
        let (spiking, dense) = (twins.spiking.config(), twins.dense.config());
        self.host.send(&Event::Ready {
            spiking: spiking.clone(),
            dense: dense.clone(),
            step: twins.spiking.steps_made(),
            spiking_params: twins.spiking.params(),
            dense_params: twins.dense.params(),
            spiking_census: census(&spiking.model),
            dense_census: census(&dense.model),
            weights: twins.weights.clone(),
        });
    }

    fn reset(&mut self) {
        if let Some(twins) = &self.twins {
            let (spiking, dense) = (twins.spiking.config().clone(), twins.dense.config().clone());
            self.configure(spiking, dense, twins.train_dense);
        }
    }

    fn tune(&mut self, train_dense: bool, change: impl Fn(&mut RunConfig)) {
        let Some(twins) = &mut self.twins else { return };
        twins.train_dense = train_dense;
        let tuned = twins
            .spiking
            .tune(&change)
            .and_then(|()| twins.dense.tune(&change));
        if let Err(error) = tuned {
            self.host.warn(error.to_string());
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

    fn start(&mut self, steps: Option<u64>) {
        if self.fits() {
            self.speed.restart(now_ms());
            self.running = Some(steps);
            self.host.send(&Event::Running { running: true });
        }
    }

    fn stop(&mut self) {
        if self.running.take().is_some() {
            self.host.send(&Event::Running { running: false });
        }
    }

    async fn train_step(&mut self) {
        let last = matches!(self.running, Some(Some(left)) if left <= 1);
        if matches!(self.running, Some(Some(0))) {
            return self.stop();
        }
        let (Some(data), backend) = (&self.data, self.backend) else {
            return self.stop();
        };
        let limit = self.train_limit(data);
        let Some(twins) = &mut self.twins else {
            return self.stop();
        };
        let config = twins.spiking.config().clone();
        let step = twins.spiking.steps_made();
        let sampler = Sampler {
            seed: config.seed,
            len: limit,
            batch: config.train.batch.min(limit),
        };
        let batch = train_batch(
            &data.train,
            &sampler.indices(step),
            &config.train.augment,
            config.train.mixup,
            config.seed,
            step,
        );
        let spiking = twins.spiking.step(&batch);
        let dense = twins.train_dense.then(|| twins.dense.step(&batch));
        let read = backend == Backend::Cpu || last || spiking.step % GPU_READ_EVERY == 0;
        let report = report(spiking, dense, read).await;
        self.speed.add(now_ms(), batch.size);
        match report {
            Ok(report) => self.finish_step(report, last),
            Err(text) => {
                self.running = None;
                self.host.send(&Event::Fatal { text });
            }
        }
    }

    fn finish_step(&mut self, mut report: StepReport, last: bool) {
        let figures = [report.spiking, report.dense];
        report.images_per_second = self.speed.images_per_second();
        self.host.send(&Event::Step(report));
        if figures
            .iter()
            .flatten()
            .any(|figures| !figures.loss.is_finite())
        {
            self.stop();
            self.host.warn("the loss is no longer a number, training was paused: lower the learning rate and press Reset, or open a checkpoint");
            return;
        }
        if let Some(Some(left)) = &mut self.running {
            *left -= 1;
        }
        if last {
            self.stop();
        }
    }

    async fn probe(&mut self, steps: u32) {
        let Some(config) = self
            .twins
            .as_ref()
            .map(|twins| twins.spiking.config().clone())
        else {
            return self
                .host
                .warn("nothing is configured yet, so there is nothing to time");
        };
        let mut failure = self_test(&self.device).await.err();
        let (mut first_step_ms, mut step_ms) = (f64::NAN, f64::NAN);
        if failure.is_none() {
            match self.time_steps(config, steps.max(1)).await {
                Ok(times) => (first_step_ms, step_ms) = times,
                Err(text) => failure = Some(text),
            }
        }
        // JSON has no NaN: a failed probe reports zeros beside its reason.
        let finite = |ms: f64| if ms.is_finite() { ms } else { 0.0 };
        self.host.send(&Event::Probed {
            failure,
            step_ms: finite(step_ms),
            first_step_ms: finite(first_step_ms),
        });
    }

    /// First step and mean of `steps` more, on generated pictures and fresh weights.
    async fn time_steps(&self, config: RunConfig, steps: u32) -> Result<(f64, f64), String> {
        let classes = classes(&config);
        let size = config.train.batch;
        let mut set = synthetic::generate(config.seed, size, 0).train;
        set.labels
            .iter_mut()
            .for_each(|label| *label %= classes.min(255) as u8);
        let batch = eval_batch(&set, 0..set.len());
        let mut session = Session::new(config, &self.device).map_err(|error| error.to_string())?;
        let mut times = Vec::new();
        for _ in 0..=steps {
            let start = now_ms();
            let numbers = session
                .step(&batch)
                .read()
                .await
                .map_err(|error| error.to_string())?;
            if !numbers.loss.is_finite() {
                return Err(format!("the loss of a timed step is {}", numbers.loss));
            }
            times.push(now_ms() - start);
            self.host.breathe().await;
        }
        let mean = times[1..].iter().sum::<f64>() / f64::from(steps);
        Ok((times[0], mean))
    }

    async fn evaluate(&mut self, images: usize) {
        if !self.fits() {
            return;
        }
        let (Some(twins), Some(data)) = (&self.twins, &self.data) else {
            return;
        };
        let total = images.min(data.held_out.len());
        if total == 0 {
            return self
                .host
                .warn("this data set has no held-out images to evaluate on");
        }
        let progress = Progress::new(&self.host);
        let mut tallies = [Tally::default(), Tally::default()];
        for from in (0..total).step_by(EVAL_BATCH) {
            let to = (from + EVAL_BATCH).min(total);
            for (tally, session) in tallies.iter_mut().zip([&twins.spiking, &twins.dense]) {
                if let Err(error) = tally.add(session, &data.held_out, from..to).await {
                    return self.host.send(&Event::Fatal {
                        text: error.to_string(),
                    });
                }
            }
            progress.report("evaluating on held-out images", to as u64, total as u64);
            self.host.breathe().await;
        }
        let [spiking, dense] = tallies;
        self.host.send(&Event::Evaluated {
            step: twins.spiking.steps_made(),
            spiking: spiking.evaluation(true),
            dense: dense.evaluation(false),
        });
    }

    async fn try_out(&self, what_if: WhatIf, images: usize, picture: Option<Vec<u8>>) {
        if !self.fits() {
            return;
        }
        let (Some(twins), Some(data)) = (&self.twins, &self.data) else {
            return;
        };
        let trial = Trial {
            host: &self.host,
            device: &self.device,
            data,
            what_if,
            images,
            picture,
        };
        let event = trial.run(&twins.spiking, &twins.dense).await;
        self.host.send(&event);
    }

    async fn classify(&self, id: u64, label: Option<usize>, planar: &[u8]) {
        let Some(twins) = &self.twins else { return };
        let looked = async {
            let (spiking, spikes) = look(&twins.spiking, planar).await?;
            let (dense, _) = look(&twins.dense, planar).await?;
            Ok::<_, burn::tensor::ExecutionError>((spiking, dense, spikes))
        };
        match looked.await {
            Ok((spiking, dense, spikes)) => self.host.send(&Event::Classified {
                id,
                label,
                seen: interleave(planar),
                spiking,
                dense,
                activity: spikes.activity(),
            }),
            Err(error) => self.host.send(&Event::Fatal {
                text: error.to_string(),
            }),
        }
    }

    fn samples(&self, from: usize, count: usize) {
        let Some(data) = &self.data else { return };
        let to = from.saturating_add(count).min(data.held_out.len());
        let range = from.min(to)..to;
        let labels = range
            .clone()
            .map(|index| usize::from(data.held_out.label(index)))
            .collect();
        let pixels: Vec<u8> = range
            .flat_map(|index| interleave(data.held_out.image(index)))
            .collect();
        self.host
            .send_with(&Event::Samples { from, labels }, &pixels);
    }

    async fn save(&self) {
        let Some(twins) = &self.twins else { return };
        let saved = async {
            let members = vec![
                twins.spiking.save("spiking").await?,
                twins.dense.save("dense").await?,
            ];
            Ok::<_, burn::tensor::ExecutionError>(Checkpoint { members })
        };
        match saved.await {
            Ok(checkpoint) => {
                let step = twins.spiking.steps_made();
                let preset = &twins.spiking.config().preset;
                let name = format!("gemst-{preset}-step{step}.safetensors");
                self.host.send_with(
                    &Event::Checkpoint { name, step },
                    &checkpoint.to_bytes(Precision::F32),
                );
            }
            Err(error) => self.host.send(&Event::Fatal {
                text: error.to_string(),
            }),
        }
    }

    fn open(&mut self, name: &str, bytes: &[u8]) {
        match self.opened(name, bytes) {
            Ok(twins) => {
                self.stop();
                self.twins = Some(twins);
                self.announce();
            }
            Err(text) => self.host.warn(text),
        }
    }

    fn opened(&self, name: &str, bytes: &[u8]) -> Result<Twins, String> {
        let checkpoint = Checkpoint::from_bytes(name, bytes).map_err(|error| error.to_string())?;
        let restore = |role: &str| {
            checkpoint
                .member(role)
                .map(|member| {
                    Session::restore(member, &self.device)
                        .map_err(|error| format!("{name}: {error}"))
                })
                .transpose()
        };
        let spiking = restore("spiking")?.ok_or_else(|| {
            format!("{name} holds no spiking network: open a checkpoint saved by this page or by `train pretrain` with a spiking preset")
        })?;
        let dense = match (restore("dense")?, &self.twins) {
            (Some(dense), _) => dense,
            // A file with the spiking network alone keeps the twin in use where it has the same classes.
            (None, Some(twins)) if classes(twins.dense.config()) == classes(spiking.config()) => {
                twins.dense.fork()
            }
            (None, _) => {
                return Err(format!(
                    "{name} holds no dense twin, and the one in use has another number of classes: choose the data set first, then open the file"
                ));
            }
        };
        let step = spiking.steps_made();
        let train_dense = self.twins.as_ref().is_none_or(|twins| twins.train_dense);
        Ok(Twins {
            spiking,
            dense,
            train_dense,
            weights: format!("checkpoint {name}, step {step}"),
            fresh: false,
        })
    }
}

async fn report(
    spiking: StepStats,
    dense: Option<StepStats>,
    read: bool,
) -> Result<StepReport, String> {
    let (step, lr) = (spiking.step, spiking.lr);
    let mut report = StepReport {
        step,
        lr,
        spiking: None,
        dense: None,
        images_per_second: 0.0,
        firing_rate: None,
    };
    if !read {
        return Ok(report);
    }
    report.spiking = Some(figures(&spiking).await?);
    if let Some(dense) = dense {
        report.dense = Some(figures(&dense).await?);
    }
    if (step - 1).is_multiple_of(RATE_EVERY) || step.is_multiple_of(RATE_EVERY) {
        report.firing_rate = spiking
            .firing_rate()
            .await
            .map_err(|error| error.to_string())?;
    }
    Ok(report)
}

async fn figures(stats: &StepStats) -> Result<StepFigures, String> {
    let numbers = stats.read().await.map_err(|error| error.to_string())?;
    Ok(StepFigures {
        loss: numbers.loss,
        accuracy: numbers.accuracy,
    })
}

fn classes(config: &RunConfig) -> usize {
    match &config.model {
        ModelConfig::Ge2msT(model) => model.classes,
        ModelConfig::DenseVit(model) => model.classes,
    }
}
