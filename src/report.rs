//! One record of a run: JSON and Markdown, the same from the page and from the command line.

mod confusion;
mod counts;
mod drawing;
mod energy_table;
mod html;
mod markdown;
mod model_card;
pub mod shipped;

pub use confusion::{Mistake, mistakes};
pub use counts::{COUNT_COLUMNS, count_rows};
pub use energy_table::energy_table;
pub use model_card::model_card;

use crate::config::RunConfig;
use crate::energy::Comparison;
use crate::protocol::{Backend, Evaluation};
use serde::{Deserialize, Serialize};

/// Version of [`RunReport`].
pub const REPORT_FORMAT: u32 = 1;

/// Everything a reader needs to repeat a run and to doubt its energy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunReport {
    /// [`REPORT_FORMAT`].
    pub format: u32,
    /// What made it.
    pub build: Build,
    /// The spiking run.
    pub config: RunConfig,
    /// The dense twin's run.
    pub dense_config: RunConfig,
    /// Seed of both.
    pub seed: u64,
    /// Device class.
    pub backend: Backend,
    /// Adapter name and driver, or the CPU path's description.
    pub adapter: String,
    /// Data set and where it came from, in words.
    pub dataset: String,
    /// Names of its classes, in label order; empty in reports of earlier builds.
    #[serde(default)]
    pub classes: Vec<String>,
    /// Steps made.
    pub step: u64,
    /// Loss and accuracy over steps.
    pub curve: Vec<CurvePoint>,
    /// Accuracy on images that were not trained on.
    pub evaluation: Option<Evaluations>,
    /// Modelled energy: of one picture, of held-out images, or of both.
    pub energy: Vec<EnergyOf>,
    /// Networks that were run on held-out images so far, changed copies included.
    pub trail: Vec<TrailPoint>,
    /// Milliseconds measured on this device for one picture.
    pub measured: Option<Measured>,
}

/// The program that made a report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Build {
    /// Package version.
    pub version: String,
    /// Commit, where the build knew it.
    pub commit: Option<String>,
}

impl Build {
    /// This build: the site's id that the compiler saw (commit and a hash of the sources), else its `GEMST_COMMIT`.
    pub fn current() -> Self {
        Self {
            version: env!("CARGO_PKG_VERSION").into(),
            commit: option_env!("GEMST_BUILD_ID")
                .or(option_env!("GEMST_COMMIT"))
                .map(str::to_owned),
        }
    }
}

/// One point of the training curves; absent where it was not read back or not trained.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct CurvePoint {
    /// Step.
    pub step: u64,
    /// Loss of the spiking network.
    pub loss: Option<f64>,
    /// Its training accuracy.
    pub accuracy: Option<f64>,
    /// Loss of the dense twin.
    pub dense_loss: Option<f64>,
    /// Its training accuracy.
    pub dense_accuracy: Option<f64>,
    /// Mean firing rate.
    pub firing_rate: Option<f64>,
}

/// Both networks over the same images.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Evaluations {
    /// The spiking network.
    pub spiking: Evaluation,
    /// The dense twin, where its weights were at hand.
    pub dense: Option<Evaluation>,
}

/// Modelled energy, and of what.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EnergyOf {
    /// Which pictures, in words.
    pub subject: String,
    /// Counts, all three rulings, thresholds and assumptions.
    pub comparison: Comparison,
}

/// One network on held-out images: what it reached and what its mean picture costs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrailPoint {
    /// Which network, in words.
    pub label: String,
    /// Images run.
    pub images: usize,
    /// Accuracy of the spiking network.
    pub accuracy: f64,
    /// Accuracy of the dense twin.
    pub dense_accuracy: f64,
    /// The spiking network and its rival under the three rulings, in picojoules.
    pub energy_pj: [[f64; 2]; 3],
}

/// Measured time, never to be mixed with modelled energy.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// The spiking network.
    pub spiking_ms: f64,
    /// The dense twin.
    pub dense_ms: f64,
}

impl RunReport {
    /// As JSON, indented.
    ///
    /// # Errors
    /// When a number in it is not finite in a place where JSON has no word for that.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string_pretty(self)
    }

    /// From JSON.
    ///
    /// # Errors
    /// When the text is no report; the message has the line and what was expected.
    pub fn from_json(text: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text)
    }

    /// As Markdown, every assumption listed.
    pub fn to_markdown(&self) -> String {
        markdown::report(self)
    }

    /// As the body of one page to read and print: the Markdown's sections, and the curves as drawings.
    pub fn to_html(&self) -> String {
        html::report(self)
    }
}

/// A Markdown table; bars inside cells are escaped.
fn table(text: &mut String, header: &[&str], rows: impl IntoIterator<Item = Vec<String>>) {
    let mut line = |what: String| {
        text.push_str(&what);
        text.push('\n');
    };
    line(format!("| {} |", header.join(" | ")));
    line(format!("|{}", "---|".repeat(header.len())));
    for row in rows {
        let cells: Vec<String> = row.iter().map(|cell| cell.replace('|', "\\|")).collect();
        line(format!("| {} |", cells.join(" | ")));
    }
}

fn percent(share: f64) -> String {
    format!("{:.2} %", 100.0 * share)
}

fn unknown() -> String {
    "–".to_owned()
}
