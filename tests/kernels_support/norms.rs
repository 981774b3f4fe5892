//! A BatchNorm layer with given parameters.

use super::numbers::{device, tensor};
use burn::module::Param;
use burn::nn::{BatchNorm, BatchNormConfig};

pub const EPSILON: f64 = 1e-5;

pub fn norm(gamma: &[f32], beta: &[f32]) -> BatchNorm {
    let config = BatchNormConfig::new(gamma.len()).with_epsilon(EPSILON);
    let mut norm: BatchNorm = config.init(&device());
    norm.gamma = Param::from_tensor(tensor(gamma, [gamma.len()]));
    norm.beta = Param::from_tensor(tensor(beta, [beta.len()]));
    norm
}
