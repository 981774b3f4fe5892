//! `train transfer`: what another network's weights are worth as a start, step by step.

use super::eval::tally;
use super::source::{Source, read_member, write_whole};
use super::{DeviceName, Failure};
use crate::config::{ModelConfig, preset};
use crate::data::{ImageSet, Sampler, Split, batch::train_batch};
use crate::train::{Checkpoint, Precision, Session};
use clap::Args;
use futures_lite::future::block_on;
use serde_json::json;
use std::path::PathBuf;

/// Arguments of `train transfer`.
#[derive(Args)]
pub struct Transfer {
    #[command(flatten)]
    source: Source,
    /// Checkpoint to start from; its head is drawn anew for other classes. Without it: fresh weights.
    #[arg(long)]
    from: Option<PathBuf>,
    /// Preset of fresh weights; with --from, that of the checkpoint.
    #[arg(long, default_value = "small")]
    preset: String,
    /// Steps after which the accuracy on test images is printed.
    #[arg(long, value_delimiter = ',', default_values_t = [0, 100, 500, 2000])]
    at: Vec<u64>,
    /// Only the first N training images.
    #[arg(long)]
    train_limit: Option<usize>,
    /// Only the first N test images.
    #[arg(long)]
    limit: Option<usize>,
    /// Images per step; the page's default.
    #[arg(long, default_value_t = 32)]
    batch: usize,
    /// Peak learning rate; the page's default.
    #[arg(long, default_value_t = 1e-3)]
    lr: f64,
    /// Seed of the new head, of order and augmentation.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Save the network reached at the end.
    #[arg(long)]
    save: Option<PathBuf>,
    /// Device.
    #[arg(long, value_enum, default_value_t = DeviceName::Cpu)]
    device: DeviceName,
    /// Print one JSON object per line.
    #[arg(long)]
    json: bool,
}

impl Transfer {
    pub fn run(self) -> Result<(), Failure> {
        let (mut train, _) = self.source.load(Split::Train)?;
        let (mut test, _) = self.source.load(Split::Test)?;
        if let Some(limit) = self.train_limit {
            train = train.take(limit);
        }
        if let Some(limit) = self.limit {
            test = test.take(limit);
        }
        let mut session = self.begin(&train)?;
        let mut marks = self.at.clone();
        marks.sort_unstable();
        marks.dedup();
        for mark in marks {
            self.train(&mut session, &train, mark)?;
            self.report(&session, &test)?;
        }
        if let Some(path) = &self.save {
            let role = match session.config().model {
                ModelConfig::Ge2msT(_) => "spiking",
                ModelConfig::DenseVit(_) => "dense",
            };
            let mut member = block_on(session.save(role))?;
            member.moments = None;
            let file = Checkpoint {
                members: vec![member],
            };
            write_whole(path, &file.to_bytes(Precision::F16))?;
        }
        Ok(())
    }

    /// The page's recipe on these images.
    fn begin(&self, train: &ImageSet) -> Result<Session, Failure> {
        let device = self.device.open()?;
        let member = match &self.from {
            Some(from) => Some(read_member(from, None)?),
            None => None,
        };
        let name = member
            .as_ref()
            .map_or(&self.preset, |member| &member.config.preset);
        let mut config =
            preset(name, self.source.kind()).ok_or_else(|| format!("there is no preset {name}"))?;
        config.seed = self.seed;
        config.train.batch = self.batch.min(train.len());
        config.train.lr = self.lr;
        config.train.lr_min = config.train.lr_min.min(self.lr);
        Ok(match &member {
            Some(member) => Session::starting_from(config, member, &device)?,
            None => Session::new(config, &device)?,
        })
    }

    fn train(&self, session: &mut Session, train: &ImageSet, until: u64) -> Result<(), Failure> {
        let config = session.config().clone();
        let sampler = Sampler {
            seed: config.seed,
            len: train.len(),
            batch: config.train.batch,
        };
        while session.steps_made() < until {
            let step = session.steps_made();
            let batch = train_batch(
                train,
                &sampler.indices(step),
                &config.train.augment,
                config.train.mixup,
                config.seed,
                step,
            );
            let stats = session.step(&batch);
            // Waits for the device now and then, so that its queue stays short.
            if step.is_multiple_of(10) && !block_on(stats.read())?.loss.is_finite() {
                return Err(
                    format!("the loss is no number at step {}: lower --lr", step + 1).into(),
                );
            }
        }
        Ok(())
    }

    fn report(&self, session: &Session, test: &ImageSet) -> Result<(), Failure> {
        let tally = tally(session, test)?;
        let (step, accuracy) = (session.steps_made(), tally.accuracy());
        if self.json {
            println!(
                "{}",
                json!({
                    "step": step, "accuracy": accuracy, "images": tally.images,
                    "firing_rate": tally.spikes.firing_rate(),
                })
            );
        } else {
            println!(
                "step {step:5}: accuracy {:.2} % of {} test images, firing rate {:.2} %",
                100.0 * accuracy,
                tally.images,
                100.0 * tally.spikes.firing_rate()
            );
        }
        Ok(())
    }
}
