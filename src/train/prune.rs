//! Structured pruning: channels of the stem that matter least are taken out of a trained network.
//!
//! The first convolution multiplies pixels, so a channel of it costs multiply-accumulates whether it spikes or not,
//! and no penalty on spikes reaches that; a channel further in costs synapses behind every spike. How much a channel
//! matters is the loss without it: the oracle criterion of Molchanov et al. 2017 (arXiv:1611.06440, section 2.2), as
//! there are few enough channels to try each.
//!
//! ```text
//! stage s:  x_s = BN(conv(z_s; W_s [C_s, C_(s-1), k, k])),  z_(s+1) = neuron(x_s)
//! without channel c of stage s:  W_(s+1)[:, c] = 0, or neither that nor W_s[c] at all
//! ```

use super::checkpoint::Member;
use crate::config::ModelConfig;

/// Why a channel cannot be taken out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PruneError {
    /// A dense network.
    #[error("only the stem of a spiking network is pruned, and this one is dense")]
    Dense,
    /// No such stage, or the last one.
    #[error(
        "stage {stage} of the stem keeps its channels: of {stages} stages the last one has the width of the blocks"
    )]
    Stage {
        /// The stage asked for, from 0.
        stage: usize,
        /// Stages of the stem.
        stages: usize,
    },
    /// Its blocks are as wide as it is.
    #[error("stage {stage} of the stem has convolution blocks, which need every channel of it")]
    Blocks {
        /// The stage asked for, from 0.
        stage: usize,
    },
    /// Nothing would be left, or a channel is not there or named twice.
    #[error(
        "stage {stage} of the stem has channels 0 to {last}: keep some of them, each named once, in their order"
    )]
    Channels {
        /// The stage asked for, from 0.
        stage: usize,
        /// Its last channel.
        last: usize,
    },
    /// The file lacks a tensor that its configuration implies.
    #[error("the network has no {0}: use another copy of the file")]
    Missing(String),
}

/// Channels of a stage of the stem, when they can be taken out.
///
/// # Errors
/// A dense network, no such stage, the last stage, or one with convolution blocks.
pub fn channels(member: &Member, stage: usize) -> Result<usize, PruneError> {
    let ModelConfig::Ge2msT(model) = &member.config.model else {
        return Err(PruneError::Dense);
    };
    let stages = model.stem.len();
    if stage + 1 >= stages {
        return Err(PruneError::Stage { stage, stages });
    }
    if model.stem[stage].blocks > 0 {
        return Err(PruneError::Blocks { stage });
    }
    Ok(model.stem[stage].channels)
}

/// The network with nothing coming from one channel of a stage: the weights behind it are 0, its shape stays.
///
/// # Errors
/// As [`channels`], and a channel that is not there.
pub fn without(member: &Member, stage: usize, channel: usize) -> Result<Member, PruneError> {
    let count = channels(member, stage)?;
    if channel >= count {
        let last = count - 1;
        return Err(PruneError::Channels { stage, last });
    }
    let mut silenced = member.clone();
    let (shape, values) = tensor(&mut silenced, &weight(stage + 1))?;
    let inner = shape[2..].iter().product();
    for row in values.chunks_exact_mut(count * inner) {
        row[channel * inner..][..inner].fill(0.0);
    }
    Ok(silenced)
}

/// The network with only these channels of a stage, in rising order. It has no optimiser state and begins at step 0.
///
/// # Errors
/// As [`channels`], and channels that are not there, not in order, or none.
pub fn keep(member: &Member, stage: usize, kept: &[usize]) -> Result<Member, PruneError> {
    let count = channels(member, stage)?;
    let rising = kept.windows(2).all(|pair| pair[0] < pair[1]);
    if !rising || kept.last().is_none_or(|&last| last >= count) {
        let last = count - 1;
        return Err(PruneError::Channels { stage, last });
    }
    let mut pruned = member.clone();
    pruned.moments = None;
    pruned.step = 0;
    if let ModelConfig::Ge2msT(model) = &mut pruned.config.model {
        model.stem[stage].channels = kept.len();
    }
    // The convolution and its normalisation: every tensor of theirs has one row for each channel that comes out.
    let own = prefix(stage);
    for (name, rows) in &mut pruned.weights {
        if name.contains(&own) {
            select(rows, 0, kept);
        }
    }
    select(tensor(&mut pruned, &weight(stage + 1))?, 1, kept);
    // What tells steps apart is added to the first stage's channels.
    if stage == 0
        && let Ok(embedding) = tensor(&mut pruned, "stem.step_embedding")
    {
        select(embedding, 1, kept);
    }
    Ok(pruned)
}

/// The `count` channels without which the loss is highest, in rising order; of equals the first.
pub fn dearest(loss_without: &[f64], count: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..loss_without.len()).collect();
    order.sort_by(|&a, &b| loss_without[b].total_cmp(&loss_without[a]));
    order.truncate(count);
    order.sort_unstable();
    order
}

/// Part of the names of a stage's convolution and normalisation.
fn prefix(stage: usize) -> String {
    format!("stem.stages.{stage}.conv.")
}

/// Name of a stage's weights `[C_s, C_(s-1), k, k]`.
fn weight(stage: usize) -> String {
    prefix(stage) + "conv.weight"
}

/// The tensor whose name ends like this, behind the network's own name.
fn tensor<'a>(
    member: &'a mut Member,
    end: &str,
) -> Result<&'a mut (Vec<usize>, Vec<f32>), PruneError> {
    member
        .weights
        .iter_mut()
        .find(|(name, _)| name.ends_with(end))
        .map(|(_, tensor)| tensor)
        .ok_or_else(|| PruneError::Missing(end.to_owned()))
}

/// Keeps those positions of one dimension.
fn select((shape, values): &mut (Vec<usize>, Vec<f32>), dimension: usize, kept: &[usize]) {
    let inner: usize = shape[dimension + 1..].iter().product();
    let rows = values.chunks_exact(shape[dimension] * inner);
    *values = rows
        .flat_map(|row| kept.iter().flat_map(move |&at| &row[at * inner..][..inner]))
        .copied()
        .collect();
    shape[dimension] = kept.len();
}
