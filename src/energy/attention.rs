//! Which of the two orders of `q kᵀ v` a head group computes, and how many products that takes.
//! The model and the census call the same functions, so that they cannot disagree.

use crate::config::AttentionKind;
use serde::{Deserialize, Serialize};

/// Order of the two products of softmax-free attention.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AttentionOrder {
    /// `(q kᵀ) v`: `2·W²·d` operations per window and head.
    Scores,
    /// `q (kᵀ v)`: `2·W·d²` operations per window and head.
    Linear,
}

/// The order of a head group with windows of `tokens` tokens (W) and heads of `head_dim` channels (d).
///
/// `masked` says that the windows are shifted, so that some pairs of a window must not meet. Only
/// scores can leave single pairs out, hence masked windows use [`AttentionOrder::Scores`] whatever
/// the kind. The card's softmax needs the scores too. A tie goes to scores.
pub fn attention_order(
    kind: AttentionKind,
    tokens: usize,
    head_dim: usize,
    masked: bool,
) -> AttentionOrder {
    let linear = match kind {
        AttentionKind::Card | AttentionKind::GwSsaScores | AttentionKind::Identity => false,
        AttentionKind::GwSsaLinear => true,
        AttentionKind::GwSsa | AttentionKind::FrozenQk => head_dim < tokens,
    };
    if linear && !masked {
        AttentionOrder::Linear
    } else {
        AttentionOrder::Scores
    }
}

/// Tokens by which windows of side `window` on a grid of side `grid` are shifted: half a window in
/// shifted blocks, nothing where one window covers the grid.
pub fn window_shift(grid: usize, window: usize, shifted: bool) -> usize {
    if shifted && window < grid {
        window / 2
    } else {
        0
    }
}

/// Token pairs of one head that may meet, summed over all windows of the grid.
///
/// The last window along each axis holds `shift` tokens that wrapped around; they meet only each
/// other, as do the `window - shift` that did not. Rows and columns are independent, so the count is
/// the square of the count along one axis.
pub fn window_pairs(grid: usize, window: usize, shift: usize) -> u64 {
    let whole = grid / window - 1;
    let kept = window - shift;
    let axis = whole * window * window + kept * kept + shift * shift;
    (axis as u64).pow(2)
}
