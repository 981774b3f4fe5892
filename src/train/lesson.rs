//! A visitor's own classes, learned by both networks from a few examples, starting from the weights in use.
//!
//! First the head: every example is seen as it is and in a few lightly changed views, the features of the network are
//! computed once for each, and a new head is fitted on them ([`super::head`]). Where more than the head shall learn,
//! ordinary training steps follow from there. The networks in use are not touched; [`Lesson::finish`] hands over new
//! ones.

mod plan;

pub use plan::{from_interleaved, split};

use super::checkpoint::{Checkpoint, Member};
use super::eval::Tally;
use super::head::LinearHead;
use super::session::{RestoreError, Session};
use crate::config::{Augment, Freeze, Optimizer, RunConfig};
use crate::data::batch::{Batch, train_batch};
use crate::data::{ImageSet, Sampler};
use burn::tensor::{Device, ExecutionError};
use plan::views;

/// Images of a forward or a step.
const BATCH: usize = 16;

/// Light changes of an example. No mirroring: a visitor may tell left from right.
const LIGHT: Augment = Augment {
    crop_padding: 3,
    flip: false,
    rand_augment: 0.4,
    erase: 0.0,
};
/// The example as it is.
const AS_IT_IS: Augment = Augment {
    crop_padding: 0,
    flip: false,
    rand_augment: 0.0,
    erase: 0.0,
};

/// What is to be learned.
#[derive(Debug, Clone, PartialEq)]
pub struct Examples {
    /// Names of the classes.
    pub classes: Vec<String>,
    /// Examples in the order they were collected, with their classes.
    pub set: ImageSet,
}

/// Why a lesson cannot be given.
#[derive(Debug, thiserror::Error)]
pub enum LessonError {
    /// Not something that can be learned.
    #[error("{0}")]
    Refused(String),
    /// The new networks cannot be built.
    #[error(transparent)]
    Build(#[from] RestoreError),
    /// The device failed.
    #[error("{0}")]
    Device(#[from] ExecutionError),
}

/// A lesson under way.
pub struct Lesson {
    names: Vec<String>,
    freeze: Freeze,
    device: Device,
    learned: ImageSet,
    held_back: ImageSet,
    /// Example and how often it was seen before, view by view.
    views: Vec<(usize, u64)>,
    seen: usize,
    pupils: [Pupil; 2],
    made: u64,
}

/// One of the two networks.
struct Pupil {
    before: Member,
    features: Vec<f32>,
    session: Option<Session>,
}

/// What came out.
pub struct Taught {
    /// Spiking network and dense twin with the new classes.
    pub sessions: [Session; 2],
    /// The networks from before, whole.
    pub before: Checkpoint,
    /// Examples learned from.
    pub learned: usize,
    /// Examples held back and not learned from.
    pub held_back: usize,
    /// How many of the latter each network then got right.
    pub right: [usize; 2],
}

impl Lesson {
    /// Prepare to teach the spiking network and its twin.
    ///
    /// # Errors
    /// Fewer than two classes, a class without an example to learn from, a label without a class, or the device.
    pub async fn begin(
        networks: [&Session; 2],
        examples: Examples,
        freeze: Freeze,
        device: &Device,
    ) -> Result<Self, LessonError> {
        let classes = examples.classes.len();
        let counts = examples.set.class_counts(classes);
        if classes < 2 || counts.iter().sum::<usize>() != examples.set.len() {
            return Err(LessonError::Refused(format!(
                "{classes} classes and {} examples cannot be learned: it takes two classes, and every example belongs to one",
                examples.set.len()
            )));
        }
        if let Some(class) = counts.iter().position(|&count| count == 0) {
            return Err(LessonError::Refused(format!(
                "there is no example of {}",
                examples.classes[class]
            )));
        }
        let (learned, held_back) = split(&examples.set, classes);
        let pupil = |before| Pupil {
            before,
            features: Vec::new(),
            session: None,
        };
        let pupils = [
            pupil(networks[0].save("spiking").await?),
            pupil(networks[1].save("dense").await?),
        ];
        for pupil in &pupils {
            configure(&pupil.before.config, &examples.classes, freeze)
                .validate()
                .map_err(RestoreError::from)?;
        }
        Ok(Self {
            views: views(&learned, classes),
            names: examples.classes,
            freeze,
            device: device.clone(),
            learned,
            held_back,
            seen: 0,
            pupils,
            made: 0,
        })
    }

    /// Parts of the work done, and of how many.
    pub fn progress(&self) -> (u64, u64) {
        let looks = |views: usize| (views / BATCH) as u64;
        (
            looks(self.seen) + self.made,
            looks(self.views.len()) + steps(self.freeze),
        )
    }

    /// Do the next part of the work on the networks that the lesson began with; whether all is done.
    ///
    /// # Errors
    /// The device, or a loss that is no number.
    pub async fn advance(&mut self, networks: [&Session; 2]) -> Result<bool, LessonError> {
        if self.seen < self.views.len() {
            let batch = self.next_views();
            for (pupil, network) in self.pupils.iter_mut().zip(networks) {
                pupil.features.extend(network.features(&batch).await?);
            }
            if self.seen == self.views.len() {
                self.fit_heads()?;
            }
        } else if self.made < steps(self.freeze) {
            let batch = self.training_batch();
            self.made += 1;
            for pupil in &mut self.pupils {
                if let Some(session) = &mut pupil.session {
                    let loss = session.step(&batch).read().await?.loss;
                    if !loss.is_finite() {
                        return Err(LessonError::Refused(
                            "the loss is no longer a number; let only the head learn".to_owned(),
                        ));
                    }
                }
            }
        }
        let (done, all) = self.progress();
        Ok(done == all)
    }

    /// The networks with the new classes, and how they do on what was held back. Call when all is done.
    ///
    /// # Errors
    /// The device, or that not all is done.
    pub async fn finish(self) -> Result<Taught, LessonError> {
        let mut right = [0; 2];
        let mut sessions = Vec::new();
        let mut members = Vec::new();
        for (pupil, right) in self.pupils.into_iter().zip(&mut right) {
            let mut session = pupil
                .session
                .ok_or_else(|| LessonError::Refused("the lesson is not over".to_owned()))?;
            // Whoever trains on does so by the run's recipe, not by the lesson's.
            let recipe = pupil.before.config.train.clone();
            session
                .tune(|config| config.train = recipe)
                .map_err(RestoreError::from)?;
            let mut tally = Tally::default();
            for from in (0..self.held_back.len()).step_by(BATCH) {
                let to = (from + BATCH).min(self.held_back.len());
                tally.add(&session, &self.held_back, from..to).await?;
            }
            *right = (tally.accuracy() * tally.images as f64).round() as usize;
            sessions.push(session);
            members.push(pupil.before);
        }
        let sessions = sessions
            .try_into()
            .map_err(|_| LessonError::Refused("there are two networks".to_owned()))?;
        Ok(Taught {
            sessions,
            before: Checkpoint { members },
            learned: self.learned.len(),
            held_back: self.held_back.len(),
            right,
        })
    }

    fn next_views(&mut self) -> Batch {
        let to = (self.seen + BATCH).min(self.views.len());
        let views = &self.views[self.seen..to];
        let mut batch = Batch {
            images: Vec::new(),
            labels: Vec::new(),
            mix: None,
            size: views.len(),
        };
        for (slot, &(example, time)) in views.iter().enumerate() {
            let change = if time == 0 { AS_IT_IS } else { LIGHT };
            let slot = self.seen + slot;
            let one = train_batch(&self.learned, &[example], &change, 0.0, slot as u64, time);
            batch.images.extend(one.images);
            batch.labels.extend(one.labels);
        }
        self.seen = to;
        batch
    }

    fn fit_heads(&mut self) -> Result<(), LessonError> {
        let classes = self.names.len();
        let labels: Vec<u8> = self
            .views
            .iter()
            .map(|&(example, _)| self.learned.label(example))
            .collect();
        for pupil in &mut self.pupils {
            let features = std::mem::take(&mut pupil.features);
            let head = LinearHead::fit(&features, &labels, classes);
            let mut member = pupil.before.clone();
            for (name, (shape, values)) in &mut member.weights {
                if name.ends_with(".head.weight") {
                    *shape = vec![head.weight.len() / classes, classes];
                    values.clone_from(&head.weight);
                } else if name.ends_with(".head.bias") {
                    *shape = vec![classes];
                    values.clone_from(&head.bias);
                }
            }
            let config = configure(&pupil.before.config, &self.names, self.freeze);
            let session = Session::new(config, &self.device).map_err(RestoreError::from)?;
            pupil.session = Some(session.with_weights(&member).map_err(RestoreError::from)?);
        }
        Ok(())
    }

    /// Views in the order of a sampler: as many of each class, whatever the counts.
    fn training_batch(&self) -> Batch {
        let sampler = Sampler {
            seed: 0,
            len: self.views.len(),
            batch: BATCH,
        };
        let examples: Vec<usize> = sampler
            .indices(self.made)
            .into_iter()
            .map(|view| self.views[view].0)
            .collect();
        train_batch(&self.learned, &examples, &LIGHT, 0.0, 0, self.made)
    }
}

/// Training steps after the head was fitted.
fn steps(freeze: Freeze) -> u64 {
    match freeze {
        Freeze::AllButHead => 0,
        Freeze::AllButLast { .. } => 30,
        Freeze::Nothing => 40,
    }
}

/// The run with the new classes and the lesson's recipe.
fn configure(run: &RunConfig, names: &[String], freeze: Freeze) -> RunConfig {
    let mut run = run.clone();
    run.model = run.model.with_classes(names.len());
    run.data.classes = Some(names.to_vec());
    let train = &mut run.train;
    train.batch = BATCH;
    // Small steps away from weights that are good already.
    train.optimizer = Optimizer::AdamW;
    train.lr = 5e-4;
    train.lr_min = 1e-5;
    train.warmup_steps = 5;
    train.total_steps = steps(freeze).max(1);
    train.mixup = 0.0;
    train.freeze = freeze;
    train.augment = LIGHT;
    run
}
