//! The weights of a network that is changed without training ([`WhatIf`]).

use super::checkpoint::Member;
use super::params::NamedTensors;
use crate::config::{ConfigErrors, ModelConfig, NeuronConfig, WhatIf};

/// The saved network with the change in its configuration and weights; what cannot follow the change is left, so that
/// [`Session::restore`](super::Session::restore) names it.
///
/// # Errors
/// Everything wrong with the changed configuration.
pub fn changed(member: &Member, what_if: &WhatIf) -> Result<Member, ConfigErrors> {
    let config = what_if.applied(&member.config)?;
    let mut weights = member.weights.clone();
    if let ModelConfig::Ge2msT(model) = &member.config.model {
        match model.neuron {
            NeuronConfig::ExpGIf { .. } => {
                let scale = what_if.theta_scale(model);
                for (_, values) in named(&mut weights, "theta") {
                    values.iter_mut().for_each(|value| *value *= scale);
                }
            }
            _ => {
                for (shape, values) in named(&mut weights, "step_embedding") {
                    keep_rows(shape, values, what_if.steps);
                }
            }
        }
    }
    if what_if.weight_bits < 32 {
        for (shape, values) in named(&mut weights, "weight") {
            // Kernels and matrices; the weights of a norm are a few numbers a layer and fold into them.
            if shape.len() > 1 {
                round_to_bits(values, what_if.weight_bits);
            }
        }
    }
    Ok(Member {
        role: member.role.clone(),
        config,
        step: member.step,
        weights,
        moments: None,
    })
}

/// Tensors whose path ends with this name.
fn named<'a>(
    weights: &'a mut NamedTensors,
    name: &'a str,
) -> impl Iterator<Item = &'a mut (Vec<usize>, Vec<f32>)> {
    weights
        .iter_mut()
        .filter(move |(path, _)| path.rsplit('.').next() == Some(name))
        .map(|(_, tensor)| tensor)
}

/// The first rows of a matrix; it stays as it is where there are no more.
fn keep_rows(shape: &mut [usize], values: &mut Vec<f32>, rows: usize) {
    if let [own, width] = shape
        && rows < *own
    {
        values.truncate(rows * *width);
        *own = rows;
    }
}

/// Round to `2^(b-1) - 1` steps on either side of zero, the largest weight at the end.
fn round_to_bits(values: &mut [f32], bits: u32) {
    let levels = ((1u32 << (bits.clamp(2, 24) - 1)) - 1) as f32;
    let most = values
        .iter()
        .fold(0.0f32, |most, value| most.max(value.abs()));
    if most > 0.0 {
        for value in values {
            *value = (*value / most * levels).round() * most / levels;
        }
    }
}
