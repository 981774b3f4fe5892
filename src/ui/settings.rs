//! What a visitor can set: the difference between two runs, and the runs that follow from it.

use super::start::Start;
use crate::config::{DatasetKind, Freeze, ModelConfig, PRESETS, RunConfig, dense_twin, preset};
use std::ops::RangeInclusive;

/// Learning rates the page accepts.
pub const LR: RangeInclusive<f64> = 1e-6..=1.0;
/// Images per step the page accepts.
pub const BATCH: RangeInclusive<usize> = 1..=512;
/// Spike penalties the page accepts.
pub const PENALTY: RangeInclusive<f64> = 0.0..=10.0;
/// Training images the page accepts as a limit.
pub const TRAIN_LIMIT: RangeInclusive<usize> = 1..=50_000;
/// Side of the pictures the page's data sets have; presets of another size are for the command line.
const IMAGE_SIZE: usize = 32;

/// Which engine the visitor asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Wanted {
    /// Measure both, keep the faster.
    #[default]
    Auto,
    /// The CPU engine.
    Cpu,
    /// The WebGPU engine.
    Webgpu,
}

impl Wanted {
    /// Every choice.
    pub const ALL: [Self; 3] = [Self::Auto, Self::Cpu, Self::Webgpu];

    /// Name in the URL and in the page's select.
    pub fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Cpu => "cpu",
            Self::Webgpu => "webgpu",
        }
    }

    /// The choice of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|wanted| wanted.name() == name)
    }
}

/// Everything a visitor can set. The URL holds its difference from [`Settings::default`].
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Engine.
    pub backend: Wanted,
    /// Name of a spiking preset ([`page_presets`]).
    pub preset: String,
    /// Seed of weights, batch order and augmentation.
    pub seed: u64,
    /// Images per step.
    pub batch: usize,
    /// Peak learning rate.
    pub lr: f64,
    /// Data set.
    pub dataset: DatasetKind,
    /// Training images used; `None` is all.
    pub train_limit: Option<usize>,
    /// What is not trained.
    pub freeze: Freeze,
    /// Weight of the firing rate in the loss.
    pub penalty: f64,
    /// Train the dense twin too.
    pub twin: bool,
    /// Weights to start from; `None` is what suits the data set.
    pub start: Option<Start>,
}

impl Default for Settings {
    fn default() -> Self {
        let train = crate::config::TrainConfig::default();
        Self {
            backend: Wanted::Auto,
            preset: "small".to_owned(),
            seed: 0,
            batch: train.batch,
            lr: train.lr,
            dataset: DatasetKind::Cifar10,
            train_limit: None,
            freeze: train.freeze,
            penalty: train.spike_penalty,
            twin: true,
            start: None,
        }
    }
}

impl Settings {
    /// The spiking run and its dense twin's, with the same seed, data and recipe.
    pub fn runs(&self) -> (RunConfig, RunConfig) {
        let name = if is_page_preset(&self.preset) {
            self.preset.as_str()
        } else {
            "small"
        };
        let build = |name: &str| {
            let mut run = preset(name, self.dataset).expect("a listed preset exists");
            run.seed = self.seed;
            run.data.train_limit = self.train_limit;
            run.train.batch = self.batch;
            run.train.lr = self.lr;
            run.train.lr_min = run.train.lr_min.min(self.lr);
            run.train.freeze = self.freeze;
            run.train.spike_penalty = self.penalty;
            run
        };
        (build(name), build(dense_twin(name)))
    }

    /// Take over what a checkpoint's run says; the engine and the twin switch stay.
    pub fn adopt(&mut self, run: &RunConfig) {
        if is_page_preset(&run.preset) {
            self.preset.clone_from(&run.preset);
        }
        self.seed = run.seed;
        self.batch = run.train.batch;
        self.lr = run.train.lr;
        self.dataset = run.data.dataset;
        self.train_limit = run.data.train_limit;
        self.freeze = run.train.freeze;
        self.penalty = run.train.spike_penalty;
    }

    /// Transformer blocks of the chosen preset.
    pub fn depth(&self) -> usize {
        match self.runs().0.model {
            ModelConfig::Ge2msT(model) => model.depth,
            ModelConfig::DenseVit(model) => model.depth,
        }
    }
}

/// Names and stories of the spiking presets that run on the page's pictures.
pub fn page_presets() -> Vec<(&'static str, &'static str)> {
    PRESETS
        .iter()
        .filter(|entry| {
            preset(entry.name, DatasetKind::Cifar10).is_some_and(|run| {
                matches!(run.model, ModelConfig::Ge2msT(model) if model.image_size == IMAGE_SIZE)
            })
        })
        .map(|entry| (entry.name, entry.about))
        .collect()
}

/// Whether the page offers a preset of that name.
pub fn is_page_preset(name: &str) -> bool {
    page_presets().iter().any(|(known, _)| *known == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_offered_preset_validates_on_every_data_set() {
        for (name, _) in page_presets() {
            for dataset in [
                DatasetKind::Cifar10,
                DatasetKind::Cifar100,
                DatasetKind::Synthetic,
            ] {
                let settings = Settings {
                    preset: name.to_owned(),
                    dataset,
                    ..Settings::default()
                };
                let (spiking, dense) = settings.runs();
                spiking.validate().expect(name);
                dense.validate().expect(name);
            }
        }
    }

    #[test]
    fn the_twin_shares_seed_data_and_recipe() {
        let settings = Settings {
            seed: 7,
            batch: 12,
            lr: 1e-6,
            ..Settings::default()
        };
        let (spiking, dense) = settings.runs();
        assert!(matches!(dense.model, ModelConfig::DenseVit(_)));
        assert_eq!(spiking.train, dense.train);
        assert_eq!(spiking.data, dense.data);
        assert_eq!((spiking.seed, dense.seed), (7, 7));
        spiking
            .validate()
            .expect("a rate below the default lr_min still validates");
    }

    #[test]
    fn native_only_and_dense_presets_are_not_offered() {
        let names: Vec<_> = page_presets().into_iter().map(|(name, _)| name).collect();
        assert!(names.contains(&"small") && names.contains(&"tiny"));
        assert!(!names.contains(&"card-imagenet") && !names.contains(&"dense-small"));
    }

    #[test]
    fn adopting_a_run_and_building_it_again_is_the_identity() {
        let settings = Settings {
            preset: "tiny".to_owned(),
            seed: 99,
            batch: 8,
            lr: 0.01,
            dataset: DatasetKind::Cifar100,
            train_limit: Some(2000),
            freeze: Freeze::AllButLast { blocks: 1 },
            penalty: 0.5,
            ..Settings::default()
        };
        let mut adopted = Settings::default();
        adopted.adopt(&settings.runs().0);
        assert_eq!(adopted, settings);
    }
}
