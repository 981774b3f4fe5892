//! Shipped networks and the recorded run, and whose classes the networks name.

use super::{Answer, State};
use crate::config::DatasetKind;
use crate::energy::compare;
use crate::protocol::{Command, SHIPPED_WEIGHTS};
use crate::report::shipped::{Index, Recorded};
use crate::ui::settings::Settings;
use crate::ui::start::{Start, from_shipped, pair};

/// What lies beside the page.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Shipment {
    /// Whether it has been looked for.
    pub known: bool,
    /// The shipped networks, if there are any.
    pub index: Option<Index>,
    /// Absolute URL of their folder.
    pub base: String,
}

/// Both networks on the page's own picture: recorded at first, then live.
#[derive(Debug, Clone, PartialEq)]
pub struct Glance {
    /// The recorded run.
    pub recorded: Recorded,
    /// What is shown.
    pub answer: Answer,
    /// Whether this browser gave that answer.
    pub live: bool,
}

/// Whether weights that came from there have learned what their heads name.
pub(super) fn are_trained(origin: &str) -> bool {
    let learned = ["checkpoint", SHIPPED_WEIGHTS];
    learned.iter().any(|word| origin.starts_with(word))
}

impl State {
    /// The command that builds the networks which the settings ask for: from shipped weights, or fresh.
    pub fn begin(&self) -> Command {
        let in_use = self.dataset.as_ref().map(|info| info.kind);
        let Some(from) = from_shipped(&self.settings, self.shipment.index.as_ref(), in_use) else {
            return self.configure();
        };
        let mut settings = self.settings.clone();
        settings.dataset = from.dataset;
        let (spiking, dense) = settings.runs();
        Command::ConfigureFrom {
            spiking,
            dense,
            train_dense: settings.twin,
            base: self.shipment.base.clone(),
            files: from.pair.models().map(|model| model.file.clone()).collect(),
        }
    }

    /// Where the weights of networks that get ready came from: a run that goes on in another engine keeps its origin.
    pub(super) fn origin(&self, weights: &str, continued: bool) -> String {
        let before = self.networks.as_ref().filter(|_| continued);
        before
            .map_or(weights, |networks| &networks.weights)
            .to_owned()
    }

    /// Whether the networks are shipped ones, as they came.
    pub fn as_shipped(&self) -> bool {
        self.run.step == 0
            && self
                .networks
                .as_ref()
                .is_some_and(|networks| networks.weights.starts_with(SHIPPED_WEIGHTS))
    }

    /// Whether trained networks for a data set lie beside the page.
    pub fn ships(&self, dataset: DatasetKind) -> bool {
        let index = self.shipment.index.as_ref();
        index.is_some_and(|index| pair(&Settings::default(), Start::of(dataset), index).is_some())
    }

    /// Whether pictures can be shown to the networks: no images to train on are needed for that.
    pub fn can_look(&self) -> bool {
        self.engine.dead.is_none() && self.networks.is_some() && !self.building
    }

    /// The data sets of the networks and of the images in use, where they are not the same.
    pub fn other_classes(&self) -> Option<(DatasetKind, DatasetKind)> {
        let networks = self.networks.as_ref()?.spiking.data.dataset;
        let images = self.dataset.as_ref()?.kind;
        (networks != images).then_some((networks, images))
    }

    /// The confidence below which an answer is unlike the right ones, where it was measured for these weights.
    pub fn unsure_below(&self) -> Option<f64> {
        let networks = self.networks.as_ref().filter(|_| self.as_shipped())?;
        let run = &networks.spiking;
        let index = self.shipment.index.as_ref()?;
        let model = index.find(&run.preset, run.data.dataset)?;
        Some(model.unsure.below)
    }

    /// Show a recorded run until an engine answers.
    pub fn show_recorded(&mut self, recorded: Recorded) {
        let bill = compare(
            &recorded.spiking_census,
            &recorded.activity,
            &recorded.dense_census,
            &self.pricing.with,
        );
        let answer = Answer {
            label: None,
            seen: recorded.rgb().unwrap_or_default(),
            spiking: recorded.spiking.clone(),
            dense: recorded.dense.clone(),
            activity: recorded.activity.clone(),
            bill: Some(bill),
        };
        self.glance = Some(Glance {
            recorded,
            answer,
            live: false,
        });
    }

    /// An engine has answered the page's own picture with the shipped networks.
    pub fn show_live(&mut self) {
        let answer = self.answer.clone().filter(|_| self.as_shipped());
        if let (Some(glance), Some(answer)) = (&mut self.glance, answer) {
            glance.answer = answer;
            glance.live = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::RunConfig;
    use crate::energy::{Activity, census};
    use crate::protocol::{Classification, DatasetInfo, Event};
    use crate::report::Build;
    use crate::report::shipped::{SHIPPED_FORMAT, hex};
    use crate::ui::settings::Settings;

    fn runs() -> (RunConfig, RunConfig) {
        Settings::default().runs()
    }

    fn ready(step: u64, weights: &str) -> Event {
        let (spiking, dense) = runs();
        Event::Ready {
            spiking_census: census(&spiking.model),
            dense_census: census(&dense.model),
            spiking,
            dense,
            step,
            spiking_params: 1,
            dense_params: 1,
            weights: weights.to_owned(),
        }
    }

    fn generated() -> Event {
        Event::Dataset(DatasetInfo {
            kind: DatasetKind::Synthetic,
            classes: class_names_of_shapes(),
            train: 10,
            held_out: 10,
            origin: "generated".to_owned(),
        })
    }

    fn class_names_of_shapes() -> Vec<String> {
        crate::config::class_names(DatasetKind::Synthetic)
    }

    fn answer(class: usize) -> Classification {
        Classification {
            top: vec![(class, 0.75)],
            ms: 2.0,
        }
    }

    fn recorded() -> Recorded {
        let (spiking, dense) = runs();
        Recorded {
            format: SHIPPED_FORMAT,
            build: Build::current(),
            files: ["a", "b"].map(str::to_owned),
            picture: "A drawing.".to_owned(),
            pixels: hex(&[7; 32 * 32 * 3]),
            spiking: answer(0),
            dense: answer(0),
            activity: Activity::uniform(&census(&spiking.model), 0.1),
            spiking_census: census(&spiking.model),
            dense_census: census(&dense.model),
            runs: [spiking, dense],
        }
    }

    #[test]
    fn networks_keep_their_names_and_answer_before_and_beside_other_images() {
        let mut state = State::default();
        assert!(!state.can_look());
        state.apply(&ready(0, "shipped weights, a and b"), false);
        assert!(state.can_look() && !state.usable(), "no images are needed");
        assert!(state.as_shipped());
        assert_eq!(state.class_name(0), "airplane");
        state.apply(&generated(), false);
        assert_eq!(state.class_name(0), "airplane");
        assert_eq!(state.dataset_class_name(0), "disc");
        assert_eq!(state.class_name(10), "class 10");
        let (networks, images) = state.other_classes().expect("they differ");
        assert_eq!(
            (networks, images),
            (DatasetKind::Cifar10, DatasetKind::Synthetic)
        );
    }

    #[test]
    fn a_recorded_answer_stands_until_the_live_one_comes() {
        let mut state = State::default();
        state.show_recorded(recorded());
        let shown = state.glance.as_ref().expect("it is shown");
        assert!(!shown.live);
        assert_eq!(shown.answer.seen, [7; 32 * 32 * 3]);
        assert!(shown.answer.bill.is_some(), "priced from its own counts");
        state.apply(&ready(0, "shipped weights, a and b"), false);
        state.show_live();
        assert!(!state.glance.as_ref().is_some_and(|glance| glance.live));
        let classified = Event::Classified {
            id: 1,
            label: None,
            seen: vec![7; 32 * 32 * 3],
            spiking: answer(3),
            dense: answer(3),
            activity: Activity::default(),
        };
        state.apply(&classified, false);
        state.show_live();
        let shown = state.glance.as_ref().expect("it is shown");
        assert!(shown.live && shown.answer.spiking.top[0].0 == 3);
    }

    #[test]
    fn networks_that_trained_on_are_no_longer_as_shipped() {
        let mut state = State::default();
        state.apply(
            &ready(0, "transfer from a and b, with heads drawn anew"),
            false,
        );
        assert!(!state.as_shipped());
        assert!(
            !state
                .networks
                .as_ref()
                .is_some_and(|networks| networks.trained)
        );
        state.apply(&ready(0, "shipped weights, a and b"), false);
        assert!(
            state
                .networks
                .as_ref()
                .is_some_and(|networks| networks.trained)
        );
        // Moved to another engine: the run goes on and so does its origin.
        state.apply(
            &ready(0, "checkpoint gemst-small-step0.safetensors, step 0"),
            true,
        );
        assert!(state.as_shipped());
        state.run.step = 1;
        assert!(!state.as_shipped());
    }
}
