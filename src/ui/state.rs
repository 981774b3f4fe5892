//! What the page knows. Plain data: every worker event and every action of the visitor changes it
//! here, and the drawing code only reads it.

mod bills;
mod follow;
mod names;
mod report;
mod shipped;
mod status;
mod trail;

pub use bills::Pricing;
use shipped::are_trained;
pub use shipped::{Glance, Shipment};
pub use status::{EngineStatus, Phase};
pub use trail::Point;

use super::gallery::Images;
use super::history::{Column, History, Row};
use super::runs::Runs;
use super::settings::Settings;
use super::stories::{Seen, Telling};
use super::words::Camera;
use crate::config::RunConfig;
use crate::energy::{Activity, Census, Comparison};
use crate::protocol::{Classification, Command, DatasetInfo, Evaluation, Event, Level, StepReport};

/// The networks in force.
#[derive(Debug, Clone, PartialEq)]
pub struct Networks {
    /// The spiking run.
    pub spiking: RunConfig,
    /// The dense twin's.
    pub dense: RunConfig,
    /// Operation counts of the spiking network.
    pub spiking_census: Census,
    /// Operation counts of the dense twin.
    pub dense_census: Census,
    /// Where the weights came from.
    pub weights: String,
    /// Whether the weights have been trained at all.
    pub trained: bool,
}

/// Figures of the run.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Run {
    /// Steps made.
    pub step: u64,
    /// Whether steps are being made.
    pub running: bool,
    /// Whether the visitor (or the end of a count) stopped the run since the networks were built.
    pub paused: bool,
    /// Learning rate of the last step.
    pub lr: Option<f64>,
    /// Images per second.
    pub images_per_second: Option<f64>,
    /// Last loss and batch accuracy of the spiking network.
    pub spiking: Option<(f64, f64)>,
    /// Last loss and batch accuracy of the dense twin.
    pub dense: Option<(f64, f64)>,
    /// Mean firing rate, from the last step or picture.
    pub firing_rate: Option<f64>,
    /// Last evaluation: its step, spiking, dense.
    pub evaluation: Option<(u64, Evaluation, Evaluation)>,
    /// What its mean picture cost, counted and judged.
    pub bill: Option<Comparison>,
    /// Settings that the last step was made under.
    pub under: Settings,
    /// Last sampled energy of a training image, compute only, in picojoules: spiking, dense.
    pub sampled_pj: Option<(f64, f64)>,
}

/// Both networks' answers to the picture shown.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// True class, if known.
    pub label: Option<usize>,
    /// What the networks saw: 32×32 RGB.
    pub seen: Vec<u8>,
    /// The spiking network's.
    pub spiking: Classification,
    /// The dense twin's.
    pub dense: Classification,
    /// Spikes.
    pub activity: Activity,
    /// What it cost, counted and judged.
    pub bill: Option<Comparison>,
}

/// Something long under way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// What.
    pub label: String,
    /// Done so far.
    pub done: u64,
    /// Of this many; 0 if unknown.
    pub total: u64,
}

/// Everything the page knows.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct State {
    /// What the visitor set.
    pub settings: Settings,
    /// Prices and assumptions behind every bill.
    pub pricing: Pricing,
    /// The engine.
    pub engine: EngineStatus,
    /// The networks, once built.
    pub networks: Option<Networks>,
    /// Networks are being built or moved: figures would be of the old ones.
    pub building: bool,
    /// The data set in use.
    pub dataset: Option<DatasetInfo>,
    /// A data set is on its way.
    pub loading_dataset: bool,
    /// An evaluation is under way.
    pub evaluating: bool,
    /// A changed copy of the networks is being run.
    pub trying: bool,
    /// The visitor's own classes are being learned.
    pub teaching: bool,
    /// What networks reached and what they cost.
    pub trail: Vec<Point>,
    /// Figures.
    pub run: Run,
    /// Curves.
    pub history: History,
    /// Runs before this one.
    pub runs: Runs,
    /// The held-out images and what the networks took them for.
    pub images: Images,
    /// What has happened, for the steps of a story.
    pub seen: Seen,
    /// The story under way.
    pub telling: Option<Telling>,
    /// The last picture's answers.
    pub answer: Option<Answer>,
    /// The camera.
    pub camera: Camera,
    /// Something long under way.
    pub progress: Option<Progress>,
    /// Shipped networks.
    pub shipment: Shipment,
    /// The page's own picture.
    pub glance: Option<Glance>,
}

impl State {
    /// What the page is doing.
    pub fn phase(&self) -> Phase {
        if self.engine.dead.is_some() {
            Phase::Error
        } else if self.networks.is_none() || self.dataset.is_none() || self.building {
            Phase::Loading
        } else if self.run.running {
            Phase::Training
        } else if self.camera == Camera::Live {
            Phase::Camera
        } else if self.run.paused {
            Phase::Paused
        } else {
            Phase::Ready
        }
    }

    /// Whether the engine takes commands about training and pictures.
    pub fn usable(&self) -> bool {
        !matches!(self.phase(), Phase::Error | Phase::Loading)
    }

    /// Whether nothing is under way that a measurement would disturb.
    pub fn idle(&self) -> bool {
        self.usable()
            && !self.run.running
            && !self.loading_dataset
            && !self.evaluating
            && !self.trying
            && !self.teaching
    }

    /// Held-out images of an evaluation: what the run's configuration says, if there are as many.
    pub fn images_to_evaluate(&self) -> usize {
        let there = self.dataset.as_ref().map_or(0, |info| info.held_out);
        let wanted = self.networks.as_ref();
        wanted.map_or(0, |networks| networks.spiking.data.held_out.min(there))
    }

    /// The command that builds the networks of these settings for the data set in use.
    pub fn configure(&self) -> Command {
        let mut settings = self.settings.clone();
        if let Some(info) = &self.dataset {
            settings.dataset = info.kind;
        }
        let (spiking, dense) = settings.runs();
        Command::Configure {
            spiking,
            dense,
            train_dense: settings.twin,
        }
    }

    /// Take in a worker's event. `continued`: the networks that get ready go on with the run shown
    /// (a new engine after a crash or a move), so that its curves stay.
    pub fn apply(&mut self, event: &Event, continued: bool) {
        self.seen.count(event);
        match event {
            Event::Ready { .. } => self.ready(event, continued),
            Event::Progress { label, done, total } => {
                let over = *total > 0 && done >= total;
                self.progress = (!over).then(|| Progress {
                    label: label.clone(),
                    done: *done,
                    total: *total,
                });
            }
            Event::Dataset(info) => {
                // Accuracy on other images is another scale.
                if self
                    .dataset
                    .as_ref()
                    .is_some_and(|old| old.kind != info.kind)
                {
                    self.trail.clear();
                    self.end_run();
                }
                self.dataset = Some(info.clone());
                self.loading_dataset = false;
                self.progress = None;
            }
            Event::Running { running } => {
                self.run.running = *running;
                self.run.paused = !running;
            }
            Event::Step(report) => self.step(report),
            Event::Evaluated {
                step,
                spiking,
                dense,
            } => {
                self.evaluating = false;
                self.progress = None;
                self.history.push(
                    Row::new(*step)
                        .with(Column::SpikingHeldOut, Some(spiking.accuracy))
                        .with(Column::DenseHeldOut, Some(dense.accuracy))
                        .with(Column::HeldOutEnergy, self.held_out_pj(spiking)),
                );
                self.run.evaluation = Some((*step, spiking.clone(), dense.clone()));
                self.price_evaluation();
                self.evaluated(*step, spiking, dense);
            }
            Event::Labels { held_out, train } => self.images.replace(held_out, train),
            Event::Predicted {
                step,
                spiking,
                dense,
            } => self.images.predict(*step, spiking, dense),
            Event::Sampled { step, activity } => self.sampled(*step, activity),
            Event::TriedOut { .. } => {
                self.trying = false;
                self.progress = None;
                self.tried_out(event);
            }
            Event::Classified {
                label,
                seen,
                spiking,
                dense,
                activity,
                ..
            } => {
                if !self.run.running {
                    self.run.firing_rate = activity.firing_rate();
                }
                self.answer = Some(Answer {
                    label: *label,
                    seen: seen.clone(),
                    spiking: spiking.clone(),
                    dense: dense.clone(),
                    activity: activity.clone(),
                    bill: self.bill(activity),
                });
            }
            Event::Notice {
                level: Level::Warning,
                ..
            } => {
                // Whatever was asked for last did not happen; nothing waits for it any longer.
                self.loading_dataset = false;
                self.evaluating = false;
                self.trying = false;
                self.teaching = false;
                self.building = false;
                self.progress = None;
            }
            Event::Hello { .. }
            | Event::NotShipped { .. }
            | Event::Probed { .. }
            | Event::Taught { .. }
            | Event::Samples { .. }
            | Event::Picked { .. }
            | Event::Inspected(_)
            | Event::Checkpoint { .. }
            | Event::Notice { .. }
            | Event::Fatal { .. } => {}
        }
    }

    fn ready(&mut self, event: &Event, continued: bool) {
        let Event::Ready {
            spiking,
            dense,
            step,
            spiking_census,
            dense_census,
            weights,
            ..
        } = event
        else {
            return;
        };
        self.building = false;
        self.trying = false;
        if std::mem::take(&mut self.teaching) {
            self.progress = None;
        }
        if !continued {
            self.end_run();
            self.images.forget_answers();
        }
        let weights = self.origin(weights, continued);
        self.networks = Some(Networks {
            spiking: spiking.clone(),
            dense: dense.clone(),
            spiking_census: spiking_census.clone(),
            dense_census: dense_census.clone(),
            trained: *step > 0 || are_trained(&weights) || spiking.data.classes.is_some(),
            weights: weights.clone(),
        });
        if continued {
            self.history.rewind(*step);
            self.run.step = *step;
            self.run.running = false;
            self.run.paused = *step > 0;
        } else {
            self.answer = None;
            self.run = Run {
                step: *step,
                ..Run::default()
            };
        }
    }

    fn step(&mut self, report: &StepReport) {
        let pair = |figures: Option<crate::protocol::StepFigures>| {
            figures.map(|figures| (figures.loss, figures.accuracy))
        };
        self.run.step = report.step;
        self.run.under = self.settings_in_force();
        self.run.lr = Some(report.lr);
        self.run.images_per_second = Some(report.images_per_second);
        let (spiking, dense) = (pair(report.spiking), pair(report.dense));
        self.run.spiking = spiking.or(self.run.spiking);
        self.run.dense = dense.or(self.run.dense);
        self.run.firing_rate = report.firing_rate.or(self.run.firing_rate);
        if let Some(networks) = &mut self.networks {
            networks.trained = true;
        }
        self.history.push(
            Row::new(report.step)
                .with(Column::SpikingLoss, spiking.map(|(loss, _)| loss))
                .with(
                    Column::SpikingAccuracy,
                    spiking.map(|(_, accuracy)| accuracy),
                )
                .with(Column::DenseLoss, dense.map(|(loss, _)| loss))
                .with(Column::DenseAccuracy, dense.map(|(_, accuracy)| accuracy))
                .with(Column::FiringRate, report.firing_rate),
        );
    }
}

#[cfg(test)]
mod tests;
