//! `train pretrain`: the page's session on a native device, with resume.

mod run;

use super::source::{Source, read_member};
use super::{DeviceName, Failure};
use crate::config::{Augment, Optimizer, RunConfig, preset};
use crate::data::{Batch, ImageSet, Sampler, Split, batch::train_batch};
use crate::train::{Member, Session, Teachers};
use burn::tensor::Device;
use clap::Args;
use futures_lite::future::block_on;
use indicatif::{ProgressBar, ProgressStyle};
use run::Run;
use serde_json::json;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Instant;

/// Training images set aside for validation: always the last ones, so that a run never sees them.
pub(super) const VALIDATION: usize = 5000;
/// Steps between readings of the loss: each waits for the device.
const READ_EVERY: u64 = 10;

/// [`Optimizer`] on the command line.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Rule {
    /// AdamW.
    Adamw,
    /// Muon.
    Muon,
}

/// Arguments of `train pretrain`.
#[derive(Args)]
pub struct Pretrain {
    #[command(flatten)]
    source: Source,
    /// Preset to train.
    #[arg(long, default_value = "small")]
    preset: String,
    /// JSON file of a network (`ModelConfig`, as in a checkpoint's header) to train in place of the preset's.
    #[arg(long)]
    model: Option<PathBuf>,
    /// Folder for last.safetensors (resume), best.safetensors (by validation), model.safetensors (f16, to ship) and
    /// log.jsonl.
    #[arg(long)]
    out: PathBuf,
    /// Start from the weights of this checkpoint, and its network where it is of the preset; a head of another size is
    /// drawn anew.
    #[arg(long)]
    from: Option<PathBuf>,
    /// Passes over the training images.
    #[arg(long, default_value_t = 10)]
    epochs: u64,
    /// Use only the first N training images.
    #[arg(long)]
    limit: Option<usize>,
    /// Images per step.
    #[arg(long, default_value_t = 64)]
    batch: usize,
    /// How hidden weight matrices are moved; the preset's way by default.
    #[arg(long, value_enum)]
    optimizer: Option<Rule>,
    /// Peak learning rate.
    #[arg(long, default_value_t = 2e-3)]
    lr: f64,
    /// Share of the steps spent warming up.
    #[arg(long, default_value_t = 0.05)]
    warmup: f64,
    /// Decoupled weight decay.
    #[arg(long, default_value_t = 0.05)]
    weight_decay: f64,
    /// Label smoothing.
    #[arg(long, default_value_t = 0.1)]
    smoothing: f64,
    /// Mixup alpha; 0 for none.
    #[arg(long, default_value_t = 0.0)]
    mixup: f64,
    /// Strength of RandAugment in 0..=1.
    #[arg(long, default_value_t = 0.0)]
    rand_augment: f32,
    /// Probability of erasing a rectangle.
    #[arg(long, default_value_t = 0.0)]
    erase: f32,
    /// Weight of the mean firing rate in the loss.
    #[arg(long, default_value_t = 0.0)]
    spike_penalty: f64,
    /// Weight of the spikes per synapse and picture in the loss: presses on a spike by what it costs.
    #[arg(long, default_value_t = 0.0)]
    operation_penalty: f64,
    /// Checkpoints of trained networks whose answers are learned beside the labels (distillation). A run that is resumed
    /// must be told them again.
    #[arg(long, num_args = 1..)]
    teacher: Vec<PathBuf>,
    /// Share of the target that is the teachers', 0 to 1.
    #[arg(long, default_value_t = 0.5)]
    teaching: f64,
    /// Seed of weights, order and augmentation.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Device.
    #[arg(long, value_enum, default_value_t = DeviceName::Cpu)]
    device: DeviceName,
    /// Stop after this many steps (the schedule stays as it is); run again to go on.
    #[arg(long)]
    stop_after: Option<u64>,
}

impl Pretrain {
    pub fn run(self) -> Result<(), Failure> {
        let device = self.device.open()?;
        let (mut train, _) = self.source.load(Split::Train)?;
        if train.len() <= VALIDATION {
            return Err(format!(
                "{} training images are too few: {VALIDATION} are held back for validation",
                train.len()
            )
            .into());
        }
        let validation = train.split_off(train.len() - VALIDATION);
        if let Some(limit) = self.limit {
            train = train.take(limit);
        }
        // Before anything is written: a teacher that does not fit leaves no run behind.
        let members = self.teacher.iter().map(|path| read_member(path, None));
        let members = members.collect::<Result<Vec<_>, _>>()?;
        let classes = self.source.kind().classes();
        let teachers = Teachers::new(&members, self.teaching, classes, &device)?;
        let start = self.start()?;
        let config = self.config(train.len() as u64, &start)?;
        std::fs::create_dir_all(&self.out)?;
        let mut run = self.begin(config, start, &device)?;
        let total = run.session.config().train.total_steps;
        let until = self
            .stop_after
            .map_or(total, |steps| (run.session.steps_made() + steps).min(total));
        let per_epoch = (train.len() as u64).div_ceil(run.session.config().train.batch as u64);
        let batches = prefetch(
            train,
            run.session.config().clone(),
            run.session.steps_made()..until,
        );
        let bar = ProgressBar::new(total).with_style(ProgressStyle::with_template(
            "{bar:24} {pos}/{len} {per_sec} eta {eta} {msg}",
        )?);
        bar.set_position(run.session.steps_made());
        let mut seen = (Instant::now(), 0usize);
        while let Ok(batch) = batches.recv() {
            let read = (run.session.steps_made() + 1).is_multiple_of(READ_EVERY);
            let stats = block_on(teachers.step(&mut run.session, &batch, read))?;
            seen.1 += batch.size;
            bar.set_position(stats.step);
            if read {
                let numbers = block_on(stats.read())?;
                if !numbers.loss.is_finite() {
                    return Err(format!(
                        "the loss is {} at step {}: lower --lr; {} holds the last good state",
                        numbers.loss,
                        stats.step,
                        self.out.display()
                    )
                    .into());
                }
                let rate = block_on(stats.firing_rate())?;
                let images_per_second = seen.1 as f64 / seen.0.elapsed().as_secs_f64();
                bar.set_message(format!(
                    "loss {:.3} accuracy {:.1} % spikes {} {images_per_second:.0} images/s",
                    numbers.loss,
                    100.0 * numbers.accuracy,
                    rate.map_or("-".into(), |rate| format!("{:.1} %", 100.0 * rate)),
                ));
                run.log(&json!({
                    "step": stats.step, "lr": stats.lr, "loss": numbers.loss, "accuracy": numbers.accuracy,
                    "firing_rate": rate, "images_per_second": images_per_second,
                }))?;
            }
            if stats.step % per_epoch == 0 || stats.step == total || stats.step == until {
                run.checkpoint(
                    &validation,
                    stats.step % per_epoch == 0 || stats.step == total,
                )?;
                seen = (Instant::now(), 0);
            }
        }
        bar.finish();
        if run.session.steps_made() >= total {
            run.ship()?;
        }
        Ok(())
    }

    /// Reads what the run goes on from.
    fn start(&self) -> Result<Start, Failure> {
        let last = self.out.join("last.safetensors");
        if last.exists() {
            return Ok(Start::Resumed(Box::new(read_member(&last, None)?)));
        }
        Ok(match &self.from {
            None => Start::Fresh,
            Some(from) => Start::From(Box::new(read_member(from, None)?)),
        })
    }

    fn config(&self, images: u64, start: &Start) -> Result<RunConfig, Failure> {
        let mut config = preset(&self.preset, self.source.kind()).ok_or_else(|| {
            let names: Vec<&str> = crate::config::PRESETS
                .iter()
                .map(|preset| preset.name)
                .collect();
            format!(
                "there is no preset {}: choose one of {}",
                self.preset,
                names.join(", ")
            )
        })?;
        if let Some(path) = &self.model {
            let text = std::fs::read_to_string(path)
                .map_err(|error| format!("{}: {error}", path.display()))?;
            config.model = serde_json::from_str(&text)
                .map_err(|error| format!("{}: {error}", path.display()))?;
        } else if let Start::From(member) | Start::Resumed(member) = start
            && self.from.is_some()
            && member.config.preset == self.preset
        {
            // One of this preset that was pruned keeps its shape.
            config.model = member
                .config
                .model
                .clone()
                .with_classes(config.model.classes());
        }
        config.seed = self.seed;
        let train = &mut config.train;
        train.batch = self.batch;
        train.optimizer = match self.optimizer {
            None => train.optimizer,
            Some(Rule::Adamw) => Optimizer::AdamW,
            Some(Rule::Muon) => Optimizer::Muon,
        };
        train.lr = self.lr;
        train.total_steps = images.div_ceil(self.batch as u64) * self.epochs;
        train.warmup_steps = (self.warmup * train.total_steps as f64) as u64;
        train.weight_decay = self.weight_decay;
        train.label_smoothing = self.smoothing;
        train.mixup = self.mixup;
        train.spike_penalty = self.spike_penalty;
        train.operation_penalty = self.operation_penalty;
        train.augment = Augment {
            rand_augment: self.rand_augment,
            erase: self.erase,
            ..train.augment
        };
        config.validate()?;
        Ok(config)
    }

    fn begin(&self, config: RunConfig, start: Start, device: &Device) -> Result<Run, Failure> {
        let session = match start {
            Start::Resumed(member) => {
                if member.config != config {
                    return Err(format!(
                        "{} holds another run: use its arguments, or another --out",
                        self.out.display()
                    )
                    .into());
                }
                println!("resuming at step {}", member.step);
                Session::restore(&member, device)?
            }
            Start::From(member) => Session::new(config, device)?.with_weights(&member)?,
            Start::Fresh => Session::new(config, device)?,
        };
        Run::open(session, &self.out)
    }
}

/// What a run goes on from.
enum Start {
    /// Weights drawn anew.
    Fresh,
    /// Another run's weights.
    From(Box<Member>),
    /// Its own last state.
    Resumed(Box<Member>),
}

/// Batches made by a thread of their own, a few ahead of the device.
fn prefetch(set: ImageSet, config: RunConfig, steps: std::ops::Range<u64>) -> Receiver<Batch> {
    let (sender, receiver) = sync_channel(4);
    let set = Arc::new(set);
    std::thread::spawn(move || {
        let sampler = Sampler {
            seed: config.seed,
            len: set.len(),
            batch: config.train.batch,
        };
        for step in steps {
            let indices = sampler.indices(step);
            let batch = train_batch(
                &set,
                &indices,
                &config.train.augment,
                config.train.mixup,
                config.seed,
                step,
            );
            if sender.send(batch).is_err() {
                return;
            }
        }
    });
    receiver
}
