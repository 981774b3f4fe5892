//! Presets with a story: settings, two sentences, and steps that are marked as they happen. Plain data.

use super::settings::Settings;
use super::url::parse;
use crate::config::DatasetKind;
use crate::protocol::Event;

/// A preset with its story.
#[derive(Debug)]
pub struct Story {
    /// For `data-metric` and tests.
    pub name: &'static str,
    /// On its button.
    pub title: &'static str,
    /// What to do; what to look for.
    pub words: [&'static str; 2],
    /// What it sets, as the page's address has it; all else goes to the defaults, but the engine and the images stay.
    pub query: &'static str,
    /// What to do, one after the other.
    pub steps: &'static [(&'static str, Mark)],
    /// Only where a trained model of these images is beside the page.
    pub needs_model_of: Option<DatasetKind>,
}

/// What has happened when a step is done, counted from when the step before it was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// So many training steps.
    Trained(u64),
    /// An evaluation.
    Evaluated,
    /// A changed copy with other windows was run.
    OtherWindows,
    /// The spike penalty is higher than before.
    Dearer,
    /// The seed is another one.
    OtherSeed,
    /// The networks in force are of this preset.
    Network(&'static str),
    /// The networks in force began with weights drawn from the seed.
    Fresh,
}

/// Every story.
pub const STORIES: [Story; 5] = [
    Story {
        name: "thin",
        title: "Watch spikes thin out",
        words: [
            "Train the spiking network alone, then make every spike cost something and train on.",
            "Look at the firing rate and the energy per image: they should fall after the price went up, and Evaluate says what it did to the accuracy.",
        ],
        query: "twin=off&start=fresh",
        steps: &[
            ("Press Train and let it make 60 steps.", Mark::Trained(60)),
            ("Press Evaluate.", Mark::Evaluated),
            ("Set Spike penalty to 5.", Mark::Dearer),
            ("Train 60 steps more.", Mark::Trained(60)),
            (
                "Press Evaluate again and compare the two points of the trail below.",
                Mark::Evaluated,
            ),
        ],
        needs_model_of: None,
    },
    Story {
        name: "window",
        title: "What one window less costs",
        words: [
            "Train, evaluate, and then run the same weights with every attention window of the small size.",
            "Look at the accuracy in What if: the heads that saw the whole picture no longer do. The energy hardly moves, because attention is a small part of the operations at this size.",
        ],
        query: "",
        steps: &[
            ("Press Train and let it make 60 steps.", Mark::Trained(60)),
            ("Press Evaluate.", Mark::Evaluated),
            (
                "Under What if, set Attention windows to 4 × 4 tokens and press Try it out.",
                Mark::OtherWindows,
            ),
        ],
        needs_model_of: None,
    },
    Story {
        name: "card",
        title: "Card against reconstruction",
        words: [
            "Train the design card’s network, then ours, which is a reconstruction from the paper’s abstract, for as many steps.",
            "Look at the two runs over each other, at the images a second and at the energy per image: neither is a figure of the paper.",
        ],
        query: "preset=card-cifar&batch=16&start=fresh",
        steps: &[
            ("Press Train and let it make 20 steps.", Mark::Trained(20)),
            ("Press Evaluate.", Mark::Evaluated),
            ("Under Network, choose small.", Mark::Network("small")),
            ("Train 20 steps.", Mark::Trained(20)),
            ("Press Evaluate.", Mark::Evaluated),
        ],
        needs_model_of: None,
    },
    Story {
        name: "fresh",
        title: "A fresh start",
        words: [
            "Train from weights that know nothing, then start again from another seed.",
            "Look at how far the two runs lie apart: a difference between networks means something only if it is larger than this one.",
        ],
        query: "start=fresh",
        steps: &[
            ("Press Train and let it make 40 steps.", Mark::Trained(40)),
            ("Press Evaluate.", Mark::Evaluated),
            ("Enter another Seed.", Mark::OtherSeed),
            ("Train 40 steps.", Mark::Trained(40)),
            ("Press Evaluate.", Mark::Evaluated),
        ],
        needs_model_of: None,
    },
    Story {
        name: "transfer",
        title: "Transfer from CIFAR-100 to CIFAR-10",
        words: [
            "Start from the weights that were trained on CIFAR-100, under a new head, and train on CIFAR-10; then the same from fresh weights.",
            "Look at how soon the accuracy leaves chance: the two runs lie over each other in the curves.",
        ],
        query: "dataset=cifar10&start=cifar100",
        steps: &[
            ("Press Train and let it make 60 steps.", Mark::Trained(60)),
            ("Press Evaluate.", Mark::Evaluated),
            ("Under Start from, choose fresh weights.", Mark::Fresh),
            ("Train 60 steps.", Mark::Trained(60)),
            ("Press Evaluate.", Mark::Evaluated),
        ],
        needs_model_of: Some(DatasetKind::Cifar100),
    },
];

impl Story {
    /// The settings it begins with, on a page that has these.
    pub fn settings(&self, now: &Settings) -> Settings {
        let (mut settings, _) = parse(self.query);
        settings.backend = now.backend;
        if !self.query.contains("dataset=") {
            settings.dataset = now.dataset;
            settings.train_limit = now.train_limit;
        }
        settings
    }
}

/// What a story's marks are read from.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Seen {
    /// Training steps made.
    pub trained: u64,
    /// Evaluations made.
    pub evaluated: u64,
    /// Copies with other windows run.
    pub other_windows: u64,
    /// Spike penalty.
    pub penalty: f64,
    /// Seed of the networks in force.
    pub seed: u64,
    /// Their preset.
    pub network: String,
    /// Whether their weights were drawn from it, not loaded.
    pub fresh: bool,
}

impl Seen {
    /// Count an event of the engine.
    pub fn count(&mut self, event: &Event) {
        match event {
            Event::Step(_) => self.trained += 1,
            Event::Evaluated { .. } => self.evaluated += 1,
            Event::TriedOut { what_if, .. } if what_if.window.is_some() => self.other_windows += 1,
            _ => {}
        }
    }

    fn marks(&self, mark: Mark, since: &Self) -> bool {
        match mark {
            Mark::Trained(steps) => self.trained >= since.trained + steps,
            Mark::Evaluated => self.evaluated > since.evaluated,
            Mark::OtherWindows => self.other_windows > since.other_windows,
            Mark::Dearer => self.penalty > since.penalty,
            Mark::OtherSeed => self.seed != since.seed,
            Mark::Network(name) => self.network == name,
            Mark::Fresh => self.fresh,
        }
    }
}

/// A story under way.
#[derive(Debug, Clone, PartialEq)]
pub struct Telling {
    /// Index in [`STORIES`].
    pub story: usize,
    /// Steps done.
    pub done: usize,
    /// How things stood when the last of them was done.
    since: Seen,
}

impl Telling {
    /// Begin a story.
    pub fn new(story: usize, now: &Seen) -> Self {
        Self {
            story,
            done: 0,
            since: now.clone(),
        }
    }

    /// Mark what has happened.
    pub fn follow(&mut self, now: &Seen) {
        let steps = STORIES[self.story].steps;
        while let Some((_, mark)) = steps.get(self.done) {
            if !now.marks(*mark, &self.since) {
                return;
            }
            self.done += 1;
            self.since = now.clone();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::url::serialise;

    #[test]
    fn every_story_sets_what_it_says_and_nothing_unknown() {
        for story in &STORIES {
            let (settings, notices) = parse(story.query);
            assert!(notices.is_empty(), "{}: {notices:?}", story.name);
            assert_eq!(
                serialise(&settings),
                serialise(&parse(&serialise(&settings)).0)
            );
            let (spiking, dense) = settings.runs();
            spiking.validate().expect(story.name);
            dense.validate().expect(story.name);
            assert!(story.steps.len() >= 3, "{}", story.name);
            for (text, mark) in story.steps {
                if let Mark::Network(name) = mark {
                    assert!(super::super::settings::is_page_preset(name), "{text}");
                }
            }
        }
    }

    #[test]
    fn a_story_leaves_engine_and_images_alone() {
        let now = Settings {
            backend: super::super::settings::Wanted::Cpu,
            dataset: DatasetKind::Synthetic,
            train_limit: Some(500),
            penalty: 3.0,
            ..Settings::default()
        };
        let began = STORIES[0].settings(&now);
        assert_eq!((began.backend, began.dataset), (now.backend, now.dataset));
        assert_eq!((began.train_limit, began.penalty), (Some(500), 0.0));
        assert!(!began.twin);
        assert_eq!(STORIES[4].settings(&now).dataset, DatasetKind::Cifar10);
    }

    #[test]
    fn steps_are_marked_in_order_and_counted_from_the_one_before() {
        let mut seen = Seen {
            trained: 500,
            evaluated: 3,
            ..Seen::default()
        };
        let mut telling = Telling::new(0, &seen);
        telling.follow(&seen);
        assert_eq!(telling.done, 0, "what was before does not count");
        seen.evaluated += 1;
        seen.trained += 59;
        telling.follow(&seen);
        assert_eq!(telling.done, 0, "an evaluation before its turn");
        seen.trained += 1;
        telling.follow(&seen);
        assert_eq!(telling.done, 1);
        seen.evaluated += 1;
        telling.follow(&seen);
        seen.penalty = 5.0;
        telling.follow(&seen);
        assert_eq!(telling.done, 3);
        seen.trained += 60;
        telling.follow(&seen);
        seen.evaluated += 1;
        telling.follow(&seen);
        assert_eq!(telling.done, STORIES[0].steps.len());
        telling.follow(&seen);
        assert_eq!(telling.done, STORIES[0].steps.len());
    }
}
