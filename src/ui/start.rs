//! Which weights a run starts from, and what is said about shipped ones.

use super::format::{bytes, grouped, percent};
use super::settings::Settings;
use crate::config::{DatasetKind, dense_twin};
use crate::report::shipped::{ClassScore, Index, Shipped};

/// Weights to start from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// The shipped networks trained on CIFAR-10.
    Cifar10,
    /// The shipped networks trained on CIFAR-100.
    Cifar100,
    /// Weights drawn from the seed.
    Fresh,
}

impl Start {
    /// Every choice.
    pub const ALL: [Self; 3] = [Self::Cifar10, Self::Cifar100, Self::Fresh];

    /// Name in the URL and in the page's select.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cifar10 => "cifar10",
            Self::Cifar100 => "cifar100",
            Self::Fresh => "fresh",
        }
    }

    /// The choice of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|start| start.name() == name)
    }

    /// The data set of the shipped networks.
    pub fn dataset(self) -> Option<DatasetKind> {
        match self {
            Self::Cifar10 => Some(DatasetKind::Cifar10),
            Self::Cifar100 => Some(DatasetKind::Cifar100),
            Self::Fresh => None,
        }
    }

    /// The choice whose networks know a data set's classes.
    pub fn of(dataset: DatasetKind) -> Self {
        let known = |start: &Self| start.dataset() == Some(dataset);
        Self::ALL.into_iter().find(known).unwrap_or(Self::Fresh)
    }
}

/// A shipped spiking network and its dense twin; a twin that is not shipped begins with fresh weights.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pair<'a> {
    /// The spiking network.
    pub spiking: &'a Shipped,
    /// Its twin.
    pub dense: Option<&'a Shipped>,
}

impl<'a> Pair<'a> {
    /// What is shipped, the spiking network first.
    pub fn models(self) -> impl Iterator<Item = &'a Shipped> {
        std::iter::once(self.spiking).chain(self.dense)
    }
}

/// A start from shipped networks: the spiking one, its twin, and the data set whose classes the run names.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FromShipped<'a> {
    /// The networks.
    pub pair: Pair<'a>,
    /// Whose classes the run names; the networks' own unless the visitor wants a transfer.
    pub dataset: DatasetKind,
}

/// Where a run with these settings starts; `None` from fresh weights. `in_use` is the data set in use, if there is
/// one already.
pub fn from_shipped<'a>(
    settings: &Settings,
    index: Option<&'a Index>,
    in_use: Option<DatasetKind>,
) -> Option<FromShipped<'a>> {
    let start = wanted(settings);
    let own = start.dataset()?;
    let pair = pair(settings, start, index?)?;
    // Asked for by name with other images: a transfer to those. Generated images in place of the ones asked for
    // are no such wish.
    let transfer = settings.start.is_some() && settings.dataset != own;
    let dataset = if transfer {
        in_use.unwrap_or(settings.dataset)
    } else {
        own
    };
    Some(FromShipped { pair, dataset })
}

/// The visitor's choice, or the networks that know the data set asked for.
pub fn wanted(settings: &Settings) -> Start {
    settings.start.unwrap_or(Start::of(settings.dataset))
}

/// The shipped networks of the chosen preset.
pub fn pair<'a>(settings: &Settings, start: Start, index: &'a Index) -> Option<Pair<'a>> {
    let dataset = start.dataset()?;
    let find = |preset: &str| index.find(preset, dataset);
    Some(Pair {
        spiking: find(&settings.preset)?,
        dense: find(dense_twin(&settings.preset)),
    })
}

/// What a choice is called for these settings.
pub fn label(settings: &Settings, start: Start, index: Option<&Index>) -> String {
    let Some(own) = start.dataset() else {
        return "fresh weights, drawn from the seed".to_owned();
    };
    let transfer = if own == settings.dataset {
        ""
    } else {
        ", transfer"
    };
    match index.and_then(|index| pair(settings, start, index)) {
        Some(pair) => {
            let size: u64 = pair.models().map(|model| model.file.bytes).sum();
            format!(
                "trained on {}, {}{transfer}",
                own.title(),
                bytes(size as f64)
            )
        }
        None => format!("trained on {}: not shipped here", own.title()),
    }
}

/// A shipped pair: what it is, how often it is right, and whether the twins had as much training.
pub fn introduction(Pair { spiking, dense }: Pair) -> String {
    let twin = match dense {
        Some(dense) => format!("its dense twin on {}", tenths(dense.test.accuracy)),
        None => "its dense twin is not shipped and begins with fresh weights".to_owned(),
    };
    let uneven = match dense.map(|dense| [spiking.steps_in_all(), dense.steps_in_all()]) {
        Some([one, other]) if 10 * one.min(other) < 9 * one.max(other) => format!(
            " No fair race: the spiking network was trained for {} steps, its twin for {}.",
            grouped(one as f64),
            grouped(other as f64)
        ),
        _ => String::new(),
    };
    format!(
        "Trained on photographs of {}: the spiking network is right on {} of {} test images, {twin}.{uneven}",
        spiking.dataset.title(),
        tenths(spiking.test.accuracy),
        grouped(spiking.test.images as f64),
    )
}

/// What it is good at, what it is bad at, and when not to believe it.
pub fn character(spiking: &Shipped) -> Vec<String> {
    let names = |scores: &[ClassScore]| {
        let all: Vec<String> = scores
            .iter()
            .map(|score| format!("{} ({})", plain(&score.class), percent(score.accuracy)))
            .collect();
        all.join(", ")
    };
    let mut lines = vec![
        format!("Good at: {}.", names(&spiking.best)),
        format!("Bad at: {}{}.", names(&spiking.worst), confusion(spiking)),
        format!(
            "It knows {} kinds of things and gives one of their names to every picture, whatever it shows.",
            spiking.dataset.classes()
        ),
        format!(
            "Below {} confidence an answer is marked as unlike its training data: only 5 of 100 right answers on test images are below, and {} of the wrong ones. The other wrong ones are given with confidence.",
            percent(spiking.unsure.below),
            percent(spiking.unsure.wrong)
        ),
    ];
    if let Some(rate) = spiking.firing_rate {
        lines.push(format!(
            "Its neurons fire in {} of all time steps.",
            percent(rate)
        ));
    }
    lines
}

/// What the worst class is taken for.
fn confusion(model: &Shipped) -> String {
    let worst = model.worst.first();
    let taken = worst.and_then(|score| Some((score, score.taken_for.as_ref()?)));
    taken.map_or(String::new(), |(score, (other, share))| {
        format!(
            "; it calls {} of {} “{}”",
            percent(*share),
            plain(&score.class),
            plain(other)
        )
    })
}

/// A share in percent, to a tenth: twins are compared by it.
fn tenths(share: f64) -> String {
    format!("{:.1}\u{202f}%", 100.0 * share)
}

/// A class name as prose.
fn plain(name: &str) -> String {
    name.replace('_', " ")
}

#[cfg(test)]
mod tests;
