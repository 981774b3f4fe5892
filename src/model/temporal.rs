//! Temporal grouping: T steps form T/g groups of g, either run in parallel (groups as batch; neurons
//! start anew in each; our reconstruction of the abstract's temporal grouping) or folded into channels as on the design card.
//!
//! ```text
//! parallel  x[j·g + s]  is step s of group j; membranes start at 0 at s = 0
//! fold      y[j, c·g + s] = x[j·g + s, c]        [T·B, N, C] -> [T/g·B, N, C·g]
//! ```

use burn::tensor::Tensor;

/// The card's `(B,T,C,H,W) -> (B,T/g,C·g,H,W)`, time-major: tokens `[T·B, N, C] -> [T/g·B, N, C·g]`.
/// Channel `c` of step `s` inside its group becomes channel `c·g + s`.
pub fn fold_time_into_channels(x: Tensor<3>, steps: usize, group: usize) -> Tensor<3> {
    let [rows, tokens, channels] = x.dims();
    let batch = rows / steps;
    x.reshape([steps / group, group, batch, tokens, channels])
        .permute([0, 2, 3, 4, 1])
        .reshape([steps / group * batch, tokens, channels * group])
}

/// The inverse of [`fold_time_into_channels`]; `steps` is T of the unfolded train.
pub fn unfold_channels_into_time(x: Tensor<3>, steps: usize, group: usize) -> Tensor<3> {
    let [rows, tokens, channels] = x.dims();
    let batch = rows / (steps / group);
    x.reshape([steps / group, batch, tokens, channels / group, group])
        .permute([0, 4, 1, 2, 3])
        .reshape([steps * batch, tokens, channels / group])
}
