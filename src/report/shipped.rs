//! What is shipped beside the page: trained networks with their measured figures, and a recorded run. Written by
//! `train card` and `train record`, read by the page.

use super::Build;
use crate::config::{DatasetKind, RunConfig};
use crate::energy::{Activity, Census, Comparison, Outcome};
use crate::protocol::Classification;
use serde::{Deserialize, Serialize};

/// Version of [`Index`] and [`Recorded`].
pub const SHIPPED_FORMAT: u32 = 2;
/// Name of the [`Index`] in the folder of the shipped networks.
pub const INDEX_FILE: &str = "index.json";
/// Name of the [`Recorded`] run in the same folder.
pub const RECORDED_FILE: &str = "recorded.json";

/// `index.json`: every network in the folder.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Index {
    /// [`SHIPPED_FORMAT`].
    pub format: u32,
    /// The networks, spiking ones and their dense twins.
    pub models: Vec<Shipped>,
}

/// One trained network in a file of its own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Shipped {
    /// The file, its size and checksum.
    pub file: ShippedFile,
    /// `spiking` or `dense`.
    pub role: String,
    /// Preset of the run.
    pub preset: String,
    /// What it was trained on; its classes are this set's.
    pub dataset: DatasetKind,
    /// Parameters, running statistics left out.
    pub params: u64,
    /// Steps it was trained for.
    pub step: u64,
    /// On the training images that were held back.
    pub validation: Measure,
    /// On the official test part.
    pub test: Measure,
    /// Mean firing rate per step over the test images; none for a dense network.
    pub firing_rate: Option<f64>,
    /// Mean test image under the three rulings, of the spiking network and its rival; the same lines stand at both
    /// twins.
    pub energy: Vec<RulingLine>,
    /// When an answer is unlike those that were right.
    pub unsure: Unsure,
    /// The classes it knows best, best first.
    pub best: Vec<ClassScore>,
    /// The classes it knows worst, worst first.
    pub worst: Vec<ClassScore>,
    /// How it was trained.
    pub training: Training,
    /// Logits for the first generated held-out picture of seed 0, to check a build against.
    pub probe: Vec<f32>,
}

/// A file beside the page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShippedFile {
    /// Name in the folder of the index.
    pub file: String,
    /// Size in bytes.
    pub bytes: u64,
    /// CRC-32 (IEEE), eight lower-case hexadecimal digits.
    pub crc32: String,
}

/// Accuracy and how many images it rests on.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Measure {
    /// Images.
    pub images: usize,
    /// Share whose top class was right.
    pub accuracy: f64,
}

/// One ruling's figures for a table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RulingLine {
    /// `a`, `b` or `c`.
    pub letter: char,
    /// Heading.
    pub title: String,
    /// Whom the spiking network is compared with.
    pub rival: String,
    /// The spiking network's energy per image in picojoules, modelled.
    pub spiking_pj: f64,
    /// The rival's.
    pub dense_pj: f64,
    /// Who needs less.
    pub outcome: Outcome,
}

/// The confidence below which an answer is unlike the right ones on test images.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Unsure {
    /// Softmax of the top class; 5 of 100 right answers on test images are below.
    pub below: f64,
    /// Share of the wrong answers on test images that are below.
    pub wrong: f64,
}

/// How well a class is known.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClassScore {
    /// Name.
    pub class: String,
    /// Share of its test images that were called by this name.
    pub accuracy: f64,
    /// The name it is given most often instead, with the share of its images.
    pub taken_for: Option<(String, f64)>,
}

/// How a network was trained, from its log.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Training {
    /// The command, as logged; otherwise put together from the configuration in the file.
    pub command: String,
    /// Whether [`Training::command`] was logged.
    pub logged: bool,
    /// Seconds of training steps, evaluations left out; none without a log.
    pub seconds: Option<f64>,
    /// Validation accuracy of the best state, as the log has it.
    pub validation_accuracy: Option<f64>,
    /// Steps of the runs before this one that its weights came through, on any data; told to `train card`, as no log
    /// knows them.
    #[serde(default)]
    pub earlier: u64,
}

impl Shipped {
    /// Steps in all, of every run that its weights came through.
    pub fn steps_in_all(&self) -> u64 {
        self.training.earlier + self.step
    }
}

impl Index {
    /// Reads and checks an index.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub fn from_json(json: &str) -> Result<Self, String> {
        let index: Self = serde_json::from_str(json).map_err(|error| error.to_string())?;
        if index.format != SHIPPED_FORMAT {
            return Err(format!(
                "its format is {}, this build reads {SHIPPED_FORMAT}",
                index.format
            ));
        }
        // A name becomes an address and a file in the browser's store: nothing but a plain name.
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        match index
            .models
            .iter()
            .map(|model| &model.file.file)
            .find(|file| file.starts_with('.') || !file.chars().all(plain))
        {
            Some(file) => Err(format!("{file:?} is not a plain file name")),
            None => Ok(index),
        }
    }

    /// The network of a preset trained on a data set.
    pub fn find(&self, preset: &str, dataset: DatasetKind) -> Option<&Shipped> {
        let mut models = self.models.iter();
        models.find(|model| model.preset == preset && model.dataset == dataset)
    }
}

/// The three rulings of a comparison as lines.
pub fn ruling_lines(comparison: &Comparison) -> Vec<RulingLine> {
    let line = |ruling: &crate::energy::Ruling| RulingLine {
        letter: ruling.kind.letter(),
        title: ruling.title.clone(),
        rival: ruling.rival.clone(),
        spiking_pj: ruling.spiking_pj,
        dense_pj: ruling.dense_pj,
        outcome: ruling.outcome,
    };
    comparison.rulings.iter().map(line).collect()
}

/// `recorded.json`: both shipped networks on one picture of ours, for the time before an engine runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Recorded {
    /// [`SHIPPED_FORMAT`].
    pub format: u32,
    /// The program that recorded it.
    pub build: Build,
    /// Files of the networks, spiking first.
    pub files: [String; 2],
    /// The networks' runs, spiking first.
    pub runs: [RunConfig; 2],
    /// What the picture shows, in words.
    pub picture: String,
    /// The picture, 32×32 RGB, row major, as hexadecimal digits.
    pub pixels: String,
    /// The spiking network's answer.
    pub spiking: Classification,
    /// The dense twin's.
    pub dense: Classification,
    /// Spikes.
    pub activity: Activity,
    /// Operation counts of the spiking network.
    pub spiking_census: Census,
    /// Operation counts of the dense twin.
    pub dense_census: Census,
}

impl Recorded {
    /// Reads and checks a recorded run.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub fn from_json(json: &str) -> Result<Self, String> {
        let recorded: Self = serde_json::from_str(json).map_err(|error| error.to_string())?;
        if recorded.format != SHIPPED_FORMAT {
            return Err(format!(
                "its format is {}, this build reads {SHIPPED_FORMAT}",
                recorded.format
            ));
        }
        match recorded.rgb() {
            Some(pixels) if pixels.len() == 32 * 32 * 3 => Ok(recorded),
            _ => Err("its picture is not 32×32 pixels".into()),
        }
    }

    /// The picture's bytes; none if the digits are not hexadecimal.
    pub fn rgb(&self) -> Option<Vec<u8>> {
        let digit = |byte: u8| (byte as char).to_digit(16);
        let pairs = self.pixels.as_bytes().chunks_exact(2);
        pairs
            .map(|pair| Some((digit(pair[0])? * 16 + digit(pair[1])?) as u8))
            .collect()
    }
}

/// Bytes as hexadecimal digits, for [`Recorded::pixels`].
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
