//! What is known of the held-out images, and which of them a visitor asked to see. Plain data.

/// One of the two networks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The spiking one.
    Spiking,
    /// Its dense twin.
    Dense,
}

impl Side {
    /// Both.
    pub const BOTH: [Self; 2] = [Self::Spiking, Self::Dense];

    /// At the start of a sentence.
    pub fn name(self) -> &'static str {
        match self {
            Self::Spiking => "Spiking",
            Self::Dense => "Dense",
        }
    }
}

/// Held-out images: true classes and, after an evaluation, what the networks took them for.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Images {
    /// True class of each.
    pub truth: Vec<u8>,
    /// Training images in use of each class.
    pub train: Vec<u32>,
    /// Step of the evaluation that the predictions are of.
    pub step: Option<u64>,
    predicted: [Vec<u8>; 2],
    revision: u64,
}

/// Which images by how they were answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Answered {
    /// However they were, or not at all.
    #[default]
    Anyhow,
    /// Wrong by the spiking network.
    SpikingWrong,
    /// Wrong by the dense twin.
    DenseWrong,
    /// Wrong by both.
    BothWrong,
    /// Differently by the two.
    Differently,
}

impl Answered {
    /// Every choice, its name in the page's select and its words.
    pub const ALL: [(Self, &'static str, &'static str); 5] = [
        (Self::Anyhow, "all", "all of them"),
        (
            Self::SpikingWrong,
            "spiking",
            "the spiking network is wrong",
        ),
        (Self::DenseWrong, "dense", "the dense network is wrong"),
        (Self::BothWrong, "both", "both are wrong"),
        (Self::Differently, "differ", "the two disagree"),
    ];
}

/// Which images to see. Empty lists mean any class.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Filter {
    /// True classes.
    pub truth: Vec<usize>,
    /// Classes that this network took them for.
    pub said: Option<(Side, Vec<usize>)>,
    /// How they were answered.
    pub answered: Answered,
}

impl Images {
    /// The images in use. If they are others, what was known is of the ones before.
    pub fn replace(&mut self, truth: &[u8], train: &[u32]) {
        if self.truth == truth && self.train == train {
            return;
        }
        *self = Self {
            truth: truth.to_vec(),
            train: train.to_vec(),
            revision: self.revision + 1,
            ..Self::default()
        };
    }

    /// Answers of an evaluation.
    pub fn predict(&mut self, step: u64, spiking: &[u8], dense: &[u8]) {
        self.step = Some(step);
        self.predicted = [spiking.to_vec(), dense.to_vec()];
        self.revision += 1;
    }

    /// Other networks: the answers were not theirs.
    pub fn forget_answers(&mut self) {
        self.step = None;
        self.predicted = Default::default();
        self.revision += 1;
    }

    /// A number that changes whenever something of it does.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// What a network took an image for, if it was evaluated on it.
    pub fn said(&self, side: Side, index: usize) -> Option<usize> {
        self.predicted[side as usize]
            .get(index)
            .map(|class| usize::from(*class))
    }

    /// Images of a class.
    pub fn count(&self, class: usize) -> usize {
        let own = |label: &&u8| usize::from(**label) == class;
        self.truth.iter().filter(own).count()
    }

    /// Indices of the images that a filter lets through, in order.
    pub fn matching(&self, filter: &Filter) -> Vec<usize> {
        (0..self.truth.len())
            .filter(|&index| self.matches(filter, index))
            .collect()
    }

    fn matches(&self, filter: &Filter, index: usize) -> bool {
        let truth = usize::from(self.truth[index]);
        let [spiking, dense] = Side::BOTH.map(|side| self.said(side, index));
        let wrong = |said: Option<usize>| said.is_some_and(|said| said != truth);
        let said = filter.said.as_ref().is_none_or(|(side, classes)| {
            self.said(*side, index)
                .is_some_and(|class| classes.contains(&class))
        });
        let answered = match filter.answered {
            Answered::Anyhow => true,
            Answered::SpikingWrong => wrong(spiking),
            Answered::DenseWrong => wrong(dense),
            Answered::BothWrong => wrong(spiking) && wrong(dense),
            Answered::Differently => spiking != dense,
        };
        said && answered && (filter.truth.is_empty() || filter.truth.contains(&truth))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn images() -> Images {
        let mut images = Images::default();
        images.replace(&[0, 1, 2, 0, 1, 2], &[10, 20, 30]);
        images
    }

    #[test]
    fn before_an_evaluation_only_the_class_decides() {
        let images = images();
        assert_eq!(images.matching(&Filter::default()).len(), 6);
        let of_one = Filter {
            truth: vec![1],
            ..Filter::default()
        };
        assert_eq!(images.matching(&of_one), [1, 4]);
        let wrong = Filter {
            answered: Answered::SpikingWrong,
            ..Filter::default()
        };
        assert!(images.matching(&wrong).is_empty());
        assert_eq!((images.count(2), images.said(Side::Dense, 0)), (2, None));
    }

    #[test]
    fn a_cell_of_the_matrix_finds_its_images() {
        let mut images = images();
        // The last image was not evaluated.
        images.predict(5, &[0, 0, 2, 1, 1], &[0, 1, 1, 1, 2]);
        let cell = Filter {
            truth: vec![0],
            said: Some((Side::Spiking, vec![1])),
            ..Filter::default()
        };
        assert_eq!(images.matching(&cell), [3]);
        let answered = |answered| {
            images.matching(&Filter {
                answered,
                ..Filter::default()
            })
        };
        assert_eq!(answered(Answered::SpikingWrong), [1, 3]);
        assert_eq!(answered(Answered::DenseWrong), [2, 3, 4]);
        assert_eq!(answered(Answered::BothWrong), [3]);
        assert_eq!(answered(Answered::Differently), [1, 2, 4]);
    }

    #[test]
    fn answers_of_other_networks_and_images_are_forgotten() {
        let mut images = images();
        images.predict(5, &[0; 6], &[0; 6]);
        let before = images.revision();
        // The same images in another engine.
        images.replace(&[0, 1, 2, 0, 1, 2], &[10, 20, 30]);
        assert_eq!((images.revision(), images.step), (before, Some(5)));
        images.forget_answers();
        assert_eq!((images.step, images.said(Side::Spiking, 0)), (None, None));
        images.replace(&[1], &[1]);
        assert_eq!(images.truth, [1]);
        assert!(images.revision() > before + 1);
    }
}
