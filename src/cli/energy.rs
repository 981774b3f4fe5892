//! `train energy`: counts, prices and verdicts of checkpoints.

use super::eval::tally;
use super::source::{Name, Source, read_checkpoint, write_whole};
use super::{DeviceName, Failure, Part};
use crate::config::{DatasetKind, ModelConfig, RunConfig, dense_twin, preset};
use crate::data::{ImageSet, class_names};
use crate::energy::{Assumptions, Comparison, FirstConv, PriceTable, census, compare, energy_text};
use crate::protocol::Backend;
use crate::report::{Build, EnergyOf, Evaluations, REPORT_FORMAT, RunReport, energy_table};
use crate::train::{Member, Session};
use clap::Args;
use serde::Serialize;
use std::path::{Path, PathBuf};

/// Arguments of `train energy`.
#[derive(Args)]
pub struct Energy {
    /// Checkpoint files. A dense twin is taken from the same file, or from another one given here.
    #[arg(long, required = true, num_args = 1..)]
    checkpoint: Vec<PathBuf>,
    /// Folder with the official binaries, or the folder around it.
    #[arg(long)]
    data: Option<PathBuf>,
    /// Data set; the checkpoint's own if not said.
    #[arg(long)]
    dataset: Option<Name>,
    /// Part of the data set.
    #[arg(long, value_enum, default_value_t = Part::Test)]
    split: Part,
    /// Count only the first N images.
    #[arg(long)]
    limit: Option<usize>,
    /// Count this one image of the part, as the page does for the picture shown.
    #[arg(long, conflicts_with = "limit")]
    index: Option<usize>,
    /// Price row of the compute-only ruling: "45 nm FP32", "45 nm FP16" or "45 nm INT8".
    #[arg(long)]
    price: Option<String>,
    /// Charge the first convolution at every time step.
    #[arg(long)]
    conv1_every_step: bool,
    /// JSON file with any of the assumptions (the `choices` of --json), prices of your own included.
    #[arg(long)]
    assumptions: Option<PathBuf>,
    /// Write the run report to FILE.json and FILE.md (one checkpoint).
    #[arg(long)]
    report: Option<PathBuf>,
    /// Print the README's table (Markdown): every spiking checkpoint under all three rulings.
    #[arg(long)]
    table: bool,
    /// Print one JSON object (for several checkpoints, one per line).
    #[arg(long, conflicts_with = "table")]
    json: bool,
    /// Device.
    #[arg(long, value_enum, default_value_t = DeviceName::Cpu)]
    device: DeviceName,
}

/// What `--json` prints beside the comparison.
#[derive(Serialize)]
struct Printed<'a> {
    checkpoint: String,
    dataset: &'a str,
    images: usize,
    accuracy: f64,
    dense_accuracy: Option<f64>,
    #[serde(flatten)]
    comparison: &'a Comparison,
}

impl Energy {
    pub fn run(self) -> Result<(), Failure> {
        let with = self.assumptions()?;
        let mut members = Vec::new();
        for path in &self.checkpoint {
            for member in read_checkpoint(path)?.members {
                members.push((path.as_path(), member));
            }
        }
        let spiking: Vec<&(&Path, Member)> = members
            .iter()
            .filter(|(_, member)| matches!(member.config.model, ModelConfig::Ge2msT(_)))
            .collect();
        if spiking.is_empty() {
            return Err(
                "a dense network has no spikes to account for: give a spiking checkpoint".into(),
            );
        }
        if self.report.is_some() && spiking.len() > 1 {
            return Err("--report is of one run: give one checkpoint with it".into());
        }
        let mut reports = Vec::new();
        for (path, member) in spiking {
            let report = self.account(path, member, &members, &with)?;
            if let Some(file) = &self.report {
                let json = report.to_json()?;
                write_whole(&file.with_extension("json"), json.as_bytes())?;
                write_whole(&file.with_extension("md"), report.to_markdown().as_bytes())?;
            }
            if self.json {
                print_json(path, &report)?;
            } else if !self.table {
                print_words(path, &report);
            }
            reports.push(report);
        }
        if self.table {
            print!("{}", energy_table(&reports));
        }
        Ok(())
    }

    /// The defaults, what the file says, then what the arguments say.
    fn assumptions(&self) -> Result<Assumptions, Failure> {
        let mut with = match &self.assumptions {
            None => Assumptions::default(),
            Some(path) => {
                let name = path.display();
                let text = std::fs::read_to_string(path)
                    .map_err(|error| format!("{name} could not be read: {error}"))?;
                serde_json::from_str(&text).map_err(|error| format!("{name}: {error}"))?
            }
        };
        if let Some(name) = &self.price {
            let table = PriceTable::default();
            with.compute = table.find(name).cloned().ok_or_else(|| {
                let names: Vec<&str> = table.rows.iter().map(|row| row.name.as_str()).collect();
                format!(
                    "there is no price row {name}: choose one of {}, or give --assumptions",
                    names.join(", ")
                )
            })?;
        }
        if self.conv1_every_step {
            with.first_conv = FirstConv::EveryStep;
        }
        Ok(with)
    }

    /// Run both networks over the images and judge.
    fn account(
        &self,
        path: &Path,
        member: &Member,
        members: &[(&Path, Member)],
        with: &Assumptions,
    ) -> Result<RunReport, Failure> {
        let device = self.device.open()?;
        let config = &member.config;
        let (kind, set) = self.images(config)?;
        let session = Session::restore(member, &device)?;
        let twin = twin_of(path, config, members);
        let dense = match twin {
            None => None,
            Some(twin) => Some(tally(&Session::restore(twin, &device)?, &set)?),
        };
        let tally = tally(&session, &set)?;
        // Without weights the twin's configuration is enough: a dense network's energy does not depend on them.
        let dense_config = twin
            .map(|twin| twin.config.clone())
            .or_else(|| preset(dense_twin(&config.preset), config.data.dataset))
            .ok_or_else(|| format!("{} has no dense twin", config.preset))?;
        let comparison = compare(
            &census(&config.model),
            &tally.spikes.activity(),
            &census(&dense_config.model),
            with,
        );
        let (backend, adapter) = match self.device {
            DeviceName::Cpu => (Backend::Cpu, "burn flex, native"),
            DeviceName::Gpu => (Backend::Webgpu, "burn wgpu, native"),
        };
        let subject = match self.index {
            Some(index) => format!(
                "image {index} of {}’s {} part",
                kind.name(),
                self.split.name()
            ),
            None => format!(
                "{} images of {}’s {} part",
                set.len(),
                kind.name(),
                self.split.name()
            ),
        };
        Ok(RunReport {
            format: REPORT_FORMAT,
            build: Build::current(),
            seed: config.seed,
            config: config.clone(),
            dense_config,
            backend,
            adapter: adapter.into(),
            dataset: subject.clone(),
            classes: class_names(kind),
            step: member.step,
            curve: Vec::new(),
            evaluation: Some(Evaluations {
                spiking: tally.evaluation(true),
                dense: dense.map(|tally| tally.evaluation(false)),
            }),
            energy: vec![EnergyOf {
                subject,
                comparison,
            }],
            trail: Vec::new(),
            measured: None,
        })
    }

    fn images(&self, config: &RunConfig) -> Result<(DatasetKind, ImageSet), Failure> {
        let source = Source {
            data: self.data.clone(),
            dataset: self
                .dataset
                .unwrap_or_else(|| Name::from(config.data.dataset)),
        };
        source.suits(config)?;
        let kind = source.kind();
        let (set, _) = source.load(self.split.split())?;
        let set = match (self.index, self.limit) {
            (Some(index), _) if index >= set.len() => {
                return Err(
                    format!("there is no image {index}: the part has {}", set.len()).into(),
                );
            }
            (Some(index), _) => ImageSet::new(set.image(index).to_vec(), vec![set.label(index)])?,
            (None, Some(limit)) => set.take(limit),
            (None, None) => set,
        };
        Ok((kind, set))
    }
}

/// The dense twin: of the same file, else one of the right preset and data set from another file.
fn twin_of<'a>(
    path: &Path,
    config: &RunConfig,
    members: &'a [(&Path, Member)],
) -> Option<&'a Member> {
    let dense = || {
        members
            .iter()
            .filter(|(_, member)| matches!(member.config.model, ModelConfig::DenseVit(_)))
    };
    let same_file = dense().find(|(file, _)| *file == path);
    let elsewhere = || {
        dense().find(|(_, member)| {
            member.config.preset == dense_twin(&config.preset)
                && member.config.data.dataset == config.data.dataset
        })
    };
    same_file.or_else(elsewhere).map(|(_, member)| member)
}

fn print_json(path: &Path, report: &RunReport) -> Result<(), Failure> {
    for energy in &report.energy {
        let both = report.evaluation.as_ref();
        let printed = Printed {
            checkpoint: path.display().to_string(),
            dataset: &report.dataset,
            images: both.map_or(0, |both| both.spiking.images),
            accuracy: both.map_or(0.0, |both| both.spiking.accuracy),
            dense_accuracy: both
                .and_then(|both| both.dense.as_ref())
                .map(|dense| dense.accuracy),
            comparison: &energy.comparison,
        };
        println!("{}", serde_json::to_string(&printed)?);
    }
    Ok(())
}

fn print_words(path: &Path, report: &RunReport) {
    for EnergyOf {
        subject,
        comparison,
    } in &report.energy
    {
        println!("{}, {subject}", path.display());
        if let Some(both) = &report.evaluation {
            let dense = both.dense.as_ref().map_or(String::new(), |dense| {
                format!(", dense twin {:.2} %", 100.0 * dense.accuracy)
            });
            println!("accuracy {:.2} %{dense}", 100.0 * both.spiking.accuracy);
        }
        for ruling in &comparison.rulings {
            println!("\n({}) {}", ruling.kind.letter(), ruling.title);
            println!("    {}", ruling.sentence);
            println!("    break-even firing rate: {}", ruling.break_even_text());
            for item in &ruling.breakdown_pj {
                let (spiking, dense) = (energy_text(item.spiking_pj), energy_text(item.dense_pj));
                println!("    {:36} {spiking:>12} {dense:>12}", item.name);
            }
        }
        println!();
        for threshold in &comparison.thresholds {
            println!(
                "{}: {} {:.4}, {}",
                threshold.name,
                threshold.quantity.words(),
                threshold.value,
                threshold.side.words()
            );
        }
        println!("\nassumptions:");
        for line in comparison.assumptions.iter().chain(&comparison.warnings) {
            println!("- {line}.");
        }
    }
}
