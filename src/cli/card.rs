//! `train card`: the folder of shipped networks with its index and model cards, measured from the files themselves.

mod examine;
mod log;

use super::source::{read_checkpoint, write_whole};
use super::{DeviceName, Failure};
use crate::config::{ModelConfig, RunConfig, dense_twin};
use crate::data::shards::checksum;
use crate::report::model_card;
use crate::report::shipped::{INDEX_FILE, Index, SHIPPED_FORMAT, Shipped, ShippedFile, Training};
use crate::train::{Checkpoint, Member, Precision};
use clap::Args;
use examine::Examined;
use std::path::{Path, PathBuf};

/// Arguments of `train card`.
#[derive(Args)]
pub struct Card {
    /// Networks to ship: folders of `train pretrain` (their model.safetensors and log.jsonl) or checkpoint files.
    /// They are written to OUT as PRESET-DATASET.safetensors, f16, without optimiser state.
    #[arg(long, num_args = 1..)]
    ship: Vec<PathBuf>,
    /// Folder of the shipped networks. Every network in it is measured; index.json and NAME.md are written.
    #[arg(long)]
    out: PathBuf,
    /// Folder around the official binaries, of CIFAR-10 and CIFAR-100 where both are shipped.
    #[arg(long)]
    data: Option<PathBuf>,
    /// NAME=STEPS: steps of the runs before the last one of a network in OUT, which no log knows.
    #[arg(long, num_args = 1.., value_parser = named_steps)]
    earlier: Vec<(String, u64)>,
    /// Measure on the first N test images and N validation images only.
    #[arg(long)]
    limit: Option<usize>,
    /// Device.
    #[arg(long, value_enum, default_value_t = DeviceName::Cpu)]
    device: DeviceName,
}

/// A network in the folder.
struct Model {
    name: String,
    file: ShippedFile,
    member: Member,
}

impl Card {
    pub fn run(self) -> Result<(), Failure> {
        std::fs::create_dir_all(&self.out)?;
        let mut logs = Vec::new();
        for path in &self.ship {
            logs.extend(self.put(path)?);
        }
        let models = models(&self.out)?;
        let before = earlier(&self.out.join(INDEX_FILE));
        let device = self.device.open()?;
        let mut examined = Vec::new();
        for model in &models {
            println!("{}: measuring …", model.file.file);
            let twin = models
                .iter()
                .map(|twin| &twin.member.config)
                .find(|twin| is_twin(&model.member.config, twin));
            let network = examine::examine(
                &model.member,
                twin,
                self.data.as_deref(),
                self.limit,
                &device,
            )?;
            println!(
                "{}: {:.2} % of {} test images",
                model.file.file,
                100.0 * network.test.accuracy,
                network.test.images
            );
            examined.push(network);
        }
        let mut index = Index {
            format: SHIPPED_FORMAT,
            models: (0..models.len())
                .map(|at| shipped(&models, &examined, at, &logs, &before))
                .collect(),
        };
        for (name, steps) in &self.earlier {
            let at = models.iter().position(|model| model.name == *name);
            let at = at.ok_or_else(|| format!("there is no network {name} to ship"))?;
            index.models[at].training.earlier = *steps;
        }
        for (at, model) in models.iter().enumerate() {
            let twin = models
                .iter()
                .position(|twin| is_twin(&model.member.config, &twin.member.config));
            let card = model_card(
                &index.models[at],
                twin.map(|twin| &index.models[twin]),
                &model.member.config,
                &examined[at].classes,
            );
            write_whole(
                &self.out.join(format!("{}.md", model.name)),
                card.as_bytes(),
            )?;
        }
        let json = serde_json::to_string_pretty(&index)?;
        write_whole(&self.out.join(INDEX_FILE), (json + "\n").as_bytes())?;
        println!("{}", self.out.join(INDEX_FILE).display());
        Ok(())
    }

    /// Writes the networks of a checkpoint to the folder; their names and how they were trained.
    fn put(&self, path: &Path) -> Result<Vec<(String, Training)>, Failure> {
        let file = if path.is_dir() {
            path.join("model.safetensors")
        } else {
            path.to_owned()
        };
        let log = file.with_file_name("log.jsonl");
        let mut put = Vec::new();
        for mut member in read_checkpoint(&file)?.members {
            member.moments = None;
            let name = name(&member.config);
            let training = log::training(&log, &member.config)?;
            let one = Checkpoint {
                members: vec![member],
            };
            let path = self.out.join(format!("{name}.safetensors"));
            write_whole(&path, &one.to_bytes(Precision::F16))?;
            put.push((name, training));
        }
        Ok(put)
    }
}

/// `NAME=STEPS`.
fn named_steps(text: &str) -> Result<(String, u64), String> {
    let wrong = || format!("{text} is not NAME=STEPS");
    let (name, steps) = text.split_once('=').ok_or_else(wrong)?;
    let steps = steps.parse().map_err(|_| wrong())?;
    Ok((name.trim_end_matches(".safetensors").to_owned(), steps))
}

fn name(config: &RunConfig) -> String {
    format!("{}-{}", config.preset, config.data.dataset.name())
}

/// The networks in the folder, by name.
fn models(folder: &Path) -> Result<Vec<Model>, Failure> {
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder)?
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<_, std::io::Error>>()?;
    paths.retain(|path| path.extension().is_some_and(|end| end == "safetensors"));
    paths.sort();
    let mut models = Vec::new();
    for path in paths {
        let bytes = std::fs::read(&path)?;
        let file = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let mut members = Checkpoint::from_bytes(&file, &bytes)?.members;
        if members.len() > 1 {
            return Err(format!("{file} holds several networks: give it to --ship instead").into());
        }
        models.push(Model {
            name: file.trim_end_matches(".safetensors").to_owned(),
            file: ShippedFile {
                bytes: bytes.len() as u64,
                crc32: checksum(&bytes),
                file,
            },
            member: members.remove(0),
        });
    }
    Ok(models)
}

/// Whether one is the spiking network and the other its dense twin on the same data.
fn is_twin(one: &RunConfig, other: &RunConfig) -> bool {
    let pair = |spiking: &RunConfig, dense: &RunConfig| {
        matches!(spiking.model, ModelConfig::Ge2msT(_))
            && dense.preset == dense_twin(&spiking.preset)
            && dense.data.dataset == spiking.data.dataset
    };
    pair(one, other) || pair(other, one)
}

/// How the networks of an index written before were trained; the logs of these runs may be gone.
fn earlier(path: &Path) -> Vec<(String, Training)> {
    let index = std::fs::read_to_string(path)
        .ok()
        .and_then(|json| Index::from_json(&json).ok());
    let models = index.map_or(Vec::new(), |index| index.models);
    models
        .into_iter()
        .map(|model| (model.file.crc32, model.training))
        .collect()
}

fn shipped(
    models: &[Model],
    examined: &[Examined],
    at: usize,
    logs: &[(String, Training)],
    before: &[(String, Training)],
) -> Shipped {
    let (model, network) = (&models[at], &examined[at]);
    let config = &model.member.config;
    let spiking = matches!(config.model, ModelConfig::Ge2msT(_));
    // Both twins carry the account of the spiking one.
    let twin = models
        .iter()
        .position(|twin| is_twin(config, &twin.member.config));
    let energy = match (spiking, twin) {
        (false, Some(twin)) => examined[twin].energy.clone(),
        _ => network.energy.clone(),
    };
    let found = |list: &[(String, Training)], key: &str| {
        let entry = list.iter().find(|(name, _)| name == key);
        entry.map(|(_, training)| training.clone())
    };
    let training = found(logs, &model.name)
        .or_else(|| found(before, &model.file.crc32))
        .unwrap_or_else(|| log::reconstructed(config));
    Shipped {
        file: model.file.clone(),
        role: if spiking { "spiking" } else { "dense" }.to_owned(),
        preset: config.preset.clone(),
        dataset: config.data.dataset,
        params: network.params,
        step: model.member.step,
        validation: network.validation,
        test: network.test,
        firing_rate: network.firing_rate,
        energy,
        unsure: network.unsure,
        best: network.best(),
        worst: network.worst(),
        training,
        probe: network.probe.clone(),
    }
}
