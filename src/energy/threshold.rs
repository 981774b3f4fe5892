//! Published lines between spiking networks that can save energy and those that cannot.

use serde::{Deserialize, Serialize};

/// A published threshold and where a network stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Threshold {
    /// Who drew the line.
    pub name: String,
    /// What is compared with it.
    pub quantity: Quantity,
    /// The network's figure.
    pub value: f64,
    /// Below this the cited work finds an advantage.
    pub low: f64,
    /// Above this it finds none; equal to `low` for a single line.
    pub high: f64,
    /// Where the network stands.
    pub side: Side,
    /// What the line holds for.
    pub citation: String,
}

/// What a threshold is a threshold of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Quantity {
    /// Accumulates per connection and inference.
    SpikesPerSynapse,
    /// Spikes per neuron and step.
    FiringRate,
}

/// Where a figure stands to a threshold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Side {
    /// Below: the cited work finds an advantage here.
    Below,
    /// Between the two ends of the cited range: it depends.
    Within,
    /// Above: the cited work finds none here.
    Above,
}

impl Side {
    /// What the cited work says of this side.
    pub fn words(self) -> &'static str {
        match self {
            Self::Below => "below: an advantage is possible",
            Self::Within => "within: it depends on the hardware",
            Self::Above => "above: no advantage",
        }
    }
}

impl Quantity {
    /// Its name in a sentence.
    pub fn words(self) -> &'static str {
        match self {
            Self::SpikesPerSynapse => "spikes per synapse and inference",
            Self::FiringRate => "firing rate",
        }
    }
}

/// Where `value` stands to the range from `low` to `high`.
fn side(value: f64, low: f64, high: f64) -> Side {
    if value < low {
        Side::Below
    } else if value <= high && low < high {
        Side::Within
    } else {
        Side::Above
    }
}

/// The three published lines. `weighted` says that spikes carry weights (ExpG-IF).
pub(super) fn thresholds(
    spikes_per_synapse: f64,
    firing_rate: f64,
    weighted: bool,
) -> Vec<Threshold> {
    let line = |name: &str, quantity: Quantity, low: f64, high: f64, citation: &str| {
        let value = match quantity {
            Quantity::SpikesPerSynapse => spikes_per_synapse,
            Quantity::FiringRate => firing_rate,
        };
        Threshold {
            name: name.into(),
            quantity,
            value,
            low,
            high,
            side: side(value, low, high),
            citation: citation.into(),
        }
    };
    let mut lines = vec![
        line(
            "Dampfhoffer et al. 2023",
            Quantity::SpikesPerSynapse,
            0.15,
            1.38,
            "M. Dampfhoffer et al., Are SNNs Really More Energy-Efficient Than ANNs?, IEEE TETCI 7(3), 2023: \
             break-even between 0.15 and 1.38 spikes per synapse and inference, by hardware (known to us from its \
             abstract)",
        ),
        line(
            "Davidson and Furber 2021",
            Quantity::SpikesPerSynapse,
            1.72,
            1.72,
            "S. Davidson and S. Furber, Comparison of Artificial and Spiking Neural Networks on Digital Hardware, \
             Frontiers in Neuroscience 15, 2021: break-even at about 1.72 spikes per synapse and inference (as later \
             papers cite it)",
        ),
        line(
            "Yan et al. 2026",
            Quantity::FiringRate,
            0.057,
            0.057,
            "Z. Yan et al., arXiv:2409.08290v4: a firing rate below 5.7 % to beat the bit-matched quantised network, \
             for rate coding with T = 5 and 4-bit weights (6.4 % in v3)",
        ),
    ];
    if weighted {
        for line in &mut lines {
            line.citation
                .push_str("; drawn for spikes of equal weight, ExpG-IF's differ");
        }
    }
    lines
}
