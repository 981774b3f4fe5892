//! `train eval`, `train bench`.

use super::source::{Source, read_member};
use super::{DeviceName, Failure, Part};
use crate::config::{DatasetKind, ModelConfig, NeuronConfig, dense_twin, preset};
use crate::data::{ImageSet, batch::eval_batch, synthetic};
use crate::energy::{Assumptions, Comparison, census, compare, dense_pj};
use crate::train::{Session, Tally};
use clap::Args;
use futures_lite::future::block_on;
use serde_json::json;
use std::path::PathBuf;
use std::time::Instant;

/// Images per forward.
const BATCH: usize = 100;

/// Arguments of `train eval`.
#[derive(Args)]
pub struct Eval {
    /// Checkpoint file.
    #[arg(long)]
    checkpoint: PathBuf,
    /// Which network of a file with several (spiking, dense); the first one if not said.
    #[arg(long)]
    role: Option<String>,
    #[command(flatten)]
    source: Source,
    /// Part of the data set.
    #[arg(long, value_enum, default_value_t = Part::Test)]
    split: Part,
    /// Evaluate only the first N images.
    #[arg(long)]
    limit: Option<usize>,
    /// Device.
    #[arg(long, value_enum, default_value_t = DeviceName::Cpu)]
    device: DeviceName,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

impl Eval {
    pub fn run(self) -> Result<(), Failure> {
        let member = read_member(&self.checkpoint, self.role.as_deref())?;
        self.source.suits(&member.config)?;
        let session = Session::restore(&member, &self.device.open()?)?;
        let set = load(&self.source, self.split, self.limit)?;
        let tally = tally(&session, &set)?;
        let energy_pj = match comparison(&session, &tally) {
            Some(comparison) => comparison.spiking_pj,
            None => dense_pj(&census(&session.config().model), &Assumptions::default()),
        };
        let (accuracy, rate) = (tally.accuracy(), tally.spikes.firing_rate());
        if self.json {
            println!(
                "{}",
                json!({
                    "accuracy": accuracy, "images": tally.images, "firing_rate": rate,
                    "energy_pj": energy_pj, "params": session.params(), "loss": tally.mean_loss(),
                })
            );
        } else {
            println!("images       {}", tally.images);
            println!("accuracy     {:.2} %", 100.0 * accuracy);
            println!("loss         {:.4}", tally.mean_loss());
            println!("firing rate  {:.2} % per step", 100.0 * rate);
            println!(
                "energy       {:.4} µJ per image (compute only, 45 nm, modelled)",
                energy_pj / 1e6
            );
            println!("parameters   {}", session.params());
        }
        Ok(())
    }
}

/// Arguments of `train bench`.
#[derive(Args)]
pub struct Bench {
    /// Spiking presets to time, each against its dense twin.
    #[arg(long, default_values_t = ["tiny".to_owned(), "tiny-exp".to_owned(), "small".to_owned()])]
    preset: Vec<String>,
    /// Images per step.
    #[arg(long, default_value_t = 16)]
    batch: usize,
    /// Timed steps after two of warm-up; the quickest counts.
    #[arg(long, default_value_t = 5)]
    steps: u32,
    /// Device.
    #[arg(long, value_enum, default_value_t = DeviceName::Cpu)]
    device: DeviceName,
    /// Print one JSON object per line.
    #[arg(long)]
    json: bool,
}

impl Bench {
    pub fn run(self) -> Result<(), Failure> {
        let device = self.device.open()?;
        for name in &self.preset {
            let spiking = self.time(name, &device)?;
            let dense = self.time(dense_twin(name), &device)?;
            let neuron = neuron(name);
            let (step, image) = (spiking.0 / dense.0, spiking.1 / dense.1);
            if self.json {
                println!(
                    "{}",
                    json!({
                        "preset": name, "neuron": neuron, "batch": self.batch,
                        "step_ms": spiking.0, "image_ms": spiking.1,
                        "dense_step_ms": dense.0, "dense_image_ms": dense.1,
                        "step_ratio": step, "image_ratio": image,
                    })
                );
            } else {
                println!(
                    "{name:10} {:18} step {:8.2} ms, dense {:8.2} ms, ratio {step:.2}; image {:7.3} ms, dense {:7.3} ms, ratio {image:.2}",
                    neuron, spiking.0, dense.0, spiking.1, dense.1
                );
            }
        }
        Ok(())
    }

    /// Milliseconds of a training step and of one image, each the least of its repetitions: on a machine that does
    /// other things too, only the least repeats itself.
    fn time(&self, name: &str, device: &burn::tensor::Device) -> Result<(f64, f64), Failure> {
        let config = preset(name, DatasetKind::Synthetic)
            .ok_or_else(|| format!("there is no preset {name}"))?;
        let mut session = Session::new(config, device)?;
        let set = synthetic::generate(0, self.batch, 1);
        let batch = eval_batch(&set.train, 0..self.batch);
        let one = eval_batch(&set.held_out, 0..1);
        let time = |count: u32,
                    mut work: Box<dyn FnMut() -> Result<(), Failure> + '_>|
         -> Result<f64, Failure> {
            let mut least = f64::INFINITY;
            for index in 0..count + 2 {
                let start = Instant::now();
                work()?;
                if index >= 2 {
                    least = least.min(start.elapsed().as_secs_f64());
                }
            }
            Ok(least * 1000.0)
        };
        let image = {
            let session = &session;
            time(
                self.steps * 4,
                Box::new(move || Ok(block_on(session.infer(&one)).map(drop)?)),
            )?
        };
        let step = time(
            self.steps,
            Box::new(|| Ok(block_on(session.step(&batch).read()).map(drop)?)),
        )?;
        Ok((step, image))
    }
}

/// Neuron and steps of a spiking preset, for the print-out.
fn neuron(name: &str) -> String {
    match preset(name, DatasetKind::Synthetic).map(|run| run.model) {
        Some(ModelConfig::Ge2msT(model)) => match model.neuron {
            NeuronConfig::Lif { .. } => format!("LIF T={}", model.time_steps),
            NeuronConfig::If { .. } => format!("IF T={}", model.time_steps),
            NeuronConfig::ExpGIf { steps, groups, .. } => format!("ExpG-IF K={steps} G={groups}"),
        },
        _ => "dense".into(),
    }
}

pub(super) fn load(source: &Source, part: Part, limit: Option<usize>) -> Result<ImageSet, Failure> {
    let (set, _) = source.load(part.split())?;
    Ok(match limit {
        Some(limit) => set.take(limit),
        None => set,
    })
}

/// What a network says of every image of a set.
pub(super) fn tally(session: &Session, set: &ImageSet) -> Result<Tally, Failure> {
    let mut tally = Tally::default();
    for from in (0..set.len()).step_by(BATCH) {
        block_on(tally.add(session, set, from..(from + BATCH).min(set.len())))?;
    }
    Ok(tally)
}

/// The account against the dense twin of the checkpoint's preset; `None` for a dense network.
fn comparison(session: &Session, tally: &Tally) -> Option<Comparison> {
    if tally.spikes.layers.is_empty() {
        return None;
    }
    let config = session.config();
    let dense = preset(dense_twin(&config.preset), config.data.dataset)?;
    Some(compare(
        &census(&config.model),
        &tally.spikes.activity(),
        &census(&dense.model),
        &Assumptions::default(),
    ))
}
