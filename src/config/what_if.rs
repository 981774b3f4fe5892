//! Changes that a trained spiking network can take without training: what they make of its configuration.

use super::{
    ConfigErrors, Ge2msTConfig, InputCoding, ModelConfig, NeuronConfig, RunConfig, TemporalForm,
};
use serde::{Deserialize, Serialize};

/// Most time steps that are offered.
const MOST_STEPS: usize = 8;

/// A change of a trained network. Its accuracy and spikes are not guessed: the changed network is run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WhatIf {
    /// T for neurons with a membrane; K, spikes per group, for ExpG-IF.
    pub steps: usize,
    /// Factor on every firing threshold.
    pub threshold_scale: f32,
    /// g, steps per temporal group; ExpG-IF's groups have K steps whatever this says.
    pub group: usize,
    /// Side of every attention window; `None` leaves them as they are.
    pub window: Option<usize>,
    /// Bits of a weight, rounded to a symmetric grid per tensor, in both networks; 32 leaves them as they are.
    pub weight_bits: u32,
}

/// One thing that a [`WhatIf`] changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Knob {
    /// T or K.
    Steps,
    /// The firing thresholds.
    Threshold,
    /// g, steps per temporal group.
    Group,
    /// The attention windows.
    Window,
    /// Bits of a weight.
    WeightBits,
}

impl Knob {
    /// Every setting.
    pub const ALL: [Self; 5] = [
        Self::Steps,
        Self::Threshold,
        Self::Group,
        Self::Window,
        Self::WeightBits,
    ];

    /// Name for a reader.
    pub fn name(self) -> &'static str {
        match self {
            Self::Steps => "number of steps",
            Self::Threshold => "firing thresholds",
            Self::Group => "temporal groups",
            Self::Window => "attention windows",
            Self::WeightBits => "bits of the weights",
        }
    }
}

impl WhatIf {
    /// No change; `None` for a dense network.
    pub fn nothing(model: &ModelConfig) -> Option<Self> {
        let ModelConfig::Ge2msT(model) = model else {
            return None;
        };
        Some(Self {
            steps: steps_of(model),
            threshold_scale: 1.0,
            group: model.temporal.group,
            window: None,
            weight_bits: 32,
        })
    }

    /// Steps that this network can be run with, evenly spaced. A learned step embedding has as many rows as it was
    /// trained with, and one step has none; steps that were folded into channels come in whole groups.
    pub fn steps(model: &Ge2msTConfig) -> Vec<usize> {
        let range = match model.coding {
            _ if model.tensor_steps() == 1 => 1..=MOST_STEPS,
            InputCoding::Direct => 2..=model.time_steps,
            InputCoding::Rate { .. } => 1..=MOST_STEPS,
        };
        let whole = match model.temporal.form {
            TemporalForm::FoldIntoChannels => model.temporal.group.max(1),
            TemporalForm::Parallel => 1,
        };
        range.filter(|steps| steps.is_multiple_of(whole)).collect()
    }

    /// Temporal groups to choose from at this number of steps; one where there is no choice.
    pub fn groups(model: &Ge2msTConfig, steps: usize) -> Vec<usize> {
        match (&model.neuron, model.temporal.form) {
            (NeuronConfig::ExpGIf { .. }, _) => vec![steps],
            // Folded groups are channels of layers that exist already.
            (_, TemporalForm::FoldIntoChannels) => vec![model.temporal.group],
            (_, TemporalForm::Parallel) => (1..=steps)
                .filter(|group| steps.is_multiple_of(*group))
                .collect(),
        }
    }

    /// The run with the change in its configuration; a dense network has nothing to change there.
    ///
    /// # Errors
    /// Everything wrong with the changed configuration.
    pub fn applied(&self, run: &RunConfig) -> Result<RunConfig, ConfigErrors> {
        let mut run = run.clone();
        if let ModelConfig::Ge2msT(model) = &mut run.model {
            let scale = self.theta_scale(model);
            match &mut model.neuron {
                NeuronConfig::Lif { v_threshold, .. } | NeuronConfig::If { v_threshold, .. } => {
                    *v_threshold *= self.threshold_scale;
                    model.time_steps = self.steps;
                    model.temporal.group = self.group;
                }
                NeuronConfig::ExpGIf {
                    steps,
                    groups,
                    theta,
                } => {
                    *steps = self.steps;
                    *theta *= scale;
                    model.time_steps = self.steps * *groups;
                    model.temporal.group = self.steps;
                }
            }
            if let Some(window) = self.window {
                model.attention.windows.fill(window);
            }
        }
        run.validate()?;
        Ok(run)
    }

    /// Factor on ExpG-IF's learned thresholds: with fewer bits the least significant ones go, so that the largest
    /// number stays about where it was.
    pub fn theta_scale(&self, model: &Ge2msTConfig) -> f32 {
        let bits = steps_of(model) as i32 - self.steps as i32;
        self.threshold_scale * 2f32.powi(bits)
    }

    /// The settings that the weights of this network were not trained for.
    pub fn untrained(&self, model: &Ge2msTConfig) -> Vec<Knob> {
        let exponential = matches!(model.neuron, NeuronConfig::ExpGIf { .. });
        let windows = &model.attention.windows;
        let other_window = |side: usize| windows.iter().any(|trained| *trained != side);
        let differs = |setting: &Knob| match setting {
            Knob::Steps => self.steps != steps_of(model),
            Knob::Threshold => self.threshold_scale != 1.0,
            Knob::Group => !exponential && self.group != model.temporal.group,
            Knob::Window => self.window.is_some_and(other_window),
            Knob::WeightBits => self.weight_bits < 32,
        };
        Knob::ALL.into_iter().filter(differs).collect()
    }

    /// What differs from `nothing`, in words.
    pub fn words(&self, nothing: &Self) -> String {
        let mut parts = Vec::new();
        if self.steps != nothing.steps {
            parts.push(format!("{} steps", self.steps));
        }
        if self.threshold_scale != 1.0 {
            parts.push(format!("thresholds × {:.2}", self.threshold_scale));
        }
        if self.group != nothing.group && self.group != self.steps {
            parts.push(format!("time groups of {}", self.group));
        }
        if let Some(window) = self.window {
            parts.push(format!("windows of {window}"));
        }
        if self.weight_bits < 32 {
            parts.push(format!("{}-bit weights", self.weight_bits));
        }
        if parts.is_empty() {
            "unchanged".to_owned()
        } else {
            parts.join(", ")
        }
    }
}

fn steps_of(model: &Ge2msTConfig) -> usize {
    match model.neuron {
        NeuronConfig::ExpGIf { steps, .. } => steps,
        _ => model.time_steps,
    }
}
