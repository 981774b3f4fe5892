//! What a network reaches, measured.

use super::super::Failure;
use super::super::eval::tally;
use super::super::pretrain::VALIDATION;
use super::super::source::{Name, Source};
use crate::config::{ModelConfig, RunConfig, class_names, dense_twin, preset};
use crate::data::{ImageSet, Split, batch::eval_batch, synthetic};
use crate::energy::{Assumptions, census, compare};
use crate::report::shipped::{ClassScore, Measure, RulingLine, Unsure, ruling_lines};
use crate::train::{Member, Session, Tally};
use burn::tensor::Device;
use futures_lite::future::block_on;
use std::path::Path;

/// Right answers that may be called unsure.
const UNSURE_SHARE: f64 = 0.05;
/// Classes named as best and as worst.
const NAMED: usize = 3;

/// One network's figures.
pub struct Examined {
    pub params: u64,
    pub validation: Measure,
    pub test: Measure,
    pub firing_rate: Option<f64>,
    pub energy: Vec<RulingLine>,
    pub unsure: Unsure,
    /// In label order.
    pub classes: Vec<ClassScore>,
    pub probe: Vec<f32>,
}

impl Examined {
    /// Best classes, best first.
    pub fn best(&self) -> Vec<ClassScore> {
        let mut classes = self.classes.clone();
        classes.sort_by(|a, b| b.accuracy.total_cmp(&a.accuracy));
        classes.truncate(NAMED);
        classes
    }

    /// Worst classes, worst first.
    pub fn worst(&self) -> Vec<ClassScore> {
        let mut classes = self.classes.clone();
        classes.sort_by(|a, b| a.accuracy.total_cmp(&b.accuracy));
        classes.truncate(NAMED);
        classes
    }
}

/// Runs a network over its validation and test images.
///
/// # Errors
/// Images that cannot be loaded, weights that do not fit, or a device that fails.
pub fn examine(
    member: &Member,
    twin: Option<&RunConfig>,
    data: Option<&Path>,
    limit: Option<usize>,
    device: &Device,
) -> Result<Examined, Failure> {
    let config = &member.config;
    let kind = config.data.dataset;
    let session = Session::restore(member, device)?;
    let source = Source {
        data: data.map(Path::to_owned),
        dataset: Name::from(kind),
    };
    let cut = |set: ImageSet| match limit {
        Some(limit) => set.take(limit),
        None => set,
    };
    let validation = {
        let (mut train, _) = source.load(Split::Train)?;
        // The same images that `train pretrain` holds back.
        let held_back = VALIDATION.min(train.len() / 2);
        tally(&session, &cut(train.split_off(train.len() - held_back)))?
    };
    let test = tally(&session, &cut(source.load(Split::Test)?.0))?;
    let (below, wrong) = test.unsure_below(UNSURE_SHARE);
    let spiking = matches!(config.model, ModelConfig::Ge2msT(_));
    let dense = twin
        .cloned()
        .or_else(|| preset(dense_twin(&config.preset), kind));
    let energy = match dense.filter(|_| spiking) {
        None => Vec::new(),
        Some(dense) => ruling_lines(&compare(
            &census(&config.model),
            &test.spikes.activity(),
            &census(&dense.model),
            &Assumptions::default(),
        )),
    };
    Ok(Examined {
        params: session.params(),
        validation: measure(&validation),
        firing_rate: spiking.then(|| test.spikes.firing_rate()),
        energy,
        unsure: Unsure { below, wrong },
        classes: scores(&test.confusion, &class_names(kind)),
        probe: probe(&session)?,
        test: measure(&test),
    })
}

/// Logits for the first generated held-out picture of seed 0.
///
/// # Errors
/// When the device fails.
pub fn probe(session: &Session) -> Result<Vec<f32>, Failure> {
    let picture = synthetic::generate(0, 0, 1).held_out;
    let (mut logits, _) = block_on(session.infer(&eval_batch(&picture, 0..1)))?;
    Ok(logits.swap_remove(0))
}

fn measure(tally: &Tally) -> Measure {
    Measure {
        images: tally.images,
        accuracy: tally.accuracy(),
    }
}

/// Each class that has images: how often it is known, and what it is taken for.
fn scores(confusion: &[Vec<u32>], names: &[String]) -> Vec<ClassScore> {
    let mut scores = Vec::new();
    for (class, row) in confusion.iter().enumerate() {
        let images: u32 = row.iter().sum();
        if images == 0 {
            continue;
        }
        let share = |count: u32| f64::from(count) / f64::from(images);
        let others = row.iter().enumerate().filter(|(other, _)| *other != class);
        let most = others.max_by_key(|(_, count)| **count);
        scores.push(ClassScore {
            class: names[class].clone(),
            accuracy: share(row[class]),
            taken_for: most
                .filter(|(_, count)| **count > 0)
                .map(|(other, count)| (names[other].clone(), share(*count))),
        });
    }
    scores
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_confusion_matrix_becomes_scores() {
        let names = ["cat", "dog", "ship"].map(str::to_owned);
        let scores = scores(&[vec![6, 3, 1], vec![0, 4, 0], vec![0, 0, 0]], &names);
        assert_eq!(scores.len(), 2, "no image, no score");
        assert_eq!(scores[0].accuracy, 0.6);
        assert_eq!(scores[0].taken_for, Some(("dog".to_owned(), 0.3)));
        assert_eq!(scores[1].taken_for, None);
    }

    #[test]
    fn a_twentieth_of_the_right_answers_is_unsure() {
        let right = (0..100).map(|at| (at as f32 / 100.0, true));
        let tally = Tally {
            answers: right.chain([(0.02, false), (0.9, false)]).collect(),
            ..Tally::default()
        };
        let (below, wrong) = tally.unsure_below(UNSURE_SHARE);
        assert!((below - 0.05).abs() < 1e-6, "{below}");
        assert_eq!(wrong, 0.5);
        assert_eq!(Tally::default().unsure_below(UNSURE_SHARE), (0.0, 0.0));
    }
}
