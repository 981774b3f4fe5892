//! AdamW (arXiv:1711.05101) over one flat vector: burn's own update rule, applied once to all parameters
//! instead of once per tensor, with the clipping by the *global* norm that published recipes mean
//! (burn clips each tensor by itself). Hidden matrices can follow Muon instead (`muon`).

use super::{muon, params};
use crate::config::Optimizer as Rule;
use burn::module::Module;
use burn::optim::{
    AdamW, AdamWConfig, AdamWState, AdaptiveMomentumState, GradientsParams, Optimizer,
};
use burn::tensor::{Tensor, TensorData};
use std::collections::BTreeMap;

/// Decay of the first moment.
const BETA_1: f32 = 0.9;

/// Optimiser state of a whole network.
#[derive(Clone)]
pub struct FlatAdamW {
    rule: AdamW,
    state: Option<AdamWState<1>>,
    /// All trainable tensors end to end, the master copy; `None` until the first step.
    weights: Option<Tensor<1>>,
    /// 1 where weight decay applies.
    decays: Option<Tensor<1>>,
    /// Least values.
    floors: Option<Tensor<1>>,
}

/// What one update does.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Update {
    /// Learning rate.
    pub lr: f64,
    /// Decoupled weight decay.
    pub weight_decay: f64,
    /// Bound of the global gradient norm; 0 for none.
    pub clip_norm: f64,
    /// The rule for hidden matrices.
    pub optimizer: Rule,
}

/// Moments of the optimiser as plain vectors.
#[derive(Debug, Clone, PartialEq)]
pub struct Moments {
    /// Updates made.
    pub time: usize,
    /// First moment, in the order of [`params::flatten`].
    pub first: Tensor1,
    /// Second moment.
    pub second: Tensor1,
}

/// A flat vector on the host.
pub type Tensor1 = Vec<f32>;

impl Default for FlatAdamW {
    fn default() -> Self {
        // burn's default epsilon is 1e-5; recipes mean 1e-8. Decay is applied here, by mask.
        let rule = AdamWConfig::new()
            .with_beta_1(BETA_1)
            .with_epsilon(1e-8)
            .with_weight_decay(0.0)
            .build();
        Self {
            rule,
            state: None,
            weights: None,
            decays: None,
            floors: None,
        }
    }
}

impl FlatAdamW {
    /// Update the network by these gradients. Frozen tensors carry no gradient and are neither moved nor decayed.
    pub fn step<M: Module>(
        &mut self,
        network: M,
        mut grads: GradientsParams,
        trained: &Tensor<1>,
        update: Update,
    ) -> M {
        let grad = params::flatten_gradients(&network, &mut grads);
        let weights = self
            .weights
            .take()
            .unwrap_or_else(|| params::flatten(&network));
        let decays = self
            .decays
            .take()
            .unwrap_or_else(|| decay_mask(&network, &weights));
        let floors = self
            .floors
            .take()
            .unwrap_or_else(|| floors(&network).to_device(&weights.device()));
        let grad = clip(grad, update.clip_norm);
        let momentum_grad = grad.clone();
        let decay = decays.clone() * trained.clone() * (update.lr * update.weight_decay);
        let decayed = weights.clone() - weights * decay;
        let (moved, state) = self
            .rule
            .step(update.lr, decayed.clone(), grad, self.state.take());
        let moved = match (update.optimizer, &state) {
            (Rule::Muon, Some(state)) => {
                let momentum = &state.momentum.moment_1;
                // Nesterov's look-ahead.
                let momentum = momentum.clone() * BETA_1 + momentum_grad * (1.0 - BETA_1);
                with_muon(&network, moved, &decayed, momentum, update.lr)
            }
            _ => moved,
        };
        // Moments of a tensor that was just frozen still move it: hold it by the mask.
        let moved = decayed.clone() + (moved - decayed) * trained.clone();
        let moved = moved.max_pair(floors.clone());
        let network = params::unflatten(network, &moved);
        self.weights = Some(moved);
        self.decays = Some(decays);
        self.floors = Some(floors);
        self.state = state;
        network
    }

    /// Forget the copy of the weights: call after the network was changed by anything but [`FlatAdamW::step`].
    pub fn forget_weights(&mut self) {
        self.weights = None;
        self.decays = None;
        self.floors = None;
    }

    /// The moments and the number of updates behind them, still on the device.
    pub fn moments(&self) -> Option<(usize, Tensor<1>, Tensor<1>)> {
        self.state.as_ref().map(|state| {
            let momentum = &state.momentum;
            (
                momentum.time,
                momentum.moment_1.clone(),
                momentum.moment_2.clone(),
            )
        })
    }

    /// Continue from saved moments.
    pub fn restore(&mut self, moments: Option<Moments>, device: &burn::tensor::Device) {
        self.forget_weights();
        self.state = moments.map(|moments| {
            let tensor = |values: Vec<f32>| {
                let count = values.len();
                Tensor::<1>::from_data(TensorData::new(values, [count]), &device.clone().inner())
            };
            AdamWState::new(AdaptiveMomentumState::new(
                moments.time,
                tensor(moments.first),
                tensor(moments.second),
            ))
        });
    }
}

/// The flat weights after an AdamW step, those of hidden matrices replaced by Muon's. Both rules share the moments, so
/// that a run saves and resumes alike under either.
fn with_muon<M: Module>(
    network: &M,
    moved: Tensor<1>,
    decayed: &Tensor<1>,
    momentum: Tensor<1>,
    lr: f64,
) -> Tensor<1> {
    let entries = params::entries(network);
    let mut at = 0;
    let mut ranges = Vec::new();
    let mut alike: BTreeMap<[usize; 2], Vec<(usize, usize)>> = BTreeMap::new();
    for entry in entries.iter().filter(|entry| !entry.buffer) {
        if let Some([count, rows, columns]) = muon::matrices(entry) {
            let tensors = alike.entry([rows, columns]).or_default();
            tensors.push((ranges.len(), count));
        }
        ranges.push(at..at + entry.len());
        at += entry.len();
    }
    let slice = |x: &Tensor<1>, index: usize| x.clone().slice([ranges[index].clone()]);
    let mut parts: Vec<Tensor<1>> = (0..ranges.len())
        .map(|index| slice(&moved, index))
        .collect();
    // Matrices of one shape are one batch: fewer and larger products.
    for (shape, tensors) in alike {
        let momenta = tensors.iter().map(|(index, _)| slice(&momentum, *index));
        let count = tensors.iter().map(|(_, count)| count).sum();
        let steps = muon::step(Tensor::cat(momenta.collect(), 0), count, shape) * lr;
        let mut at = 0;
        for (index, _) in tensors {
            let len = ranges[index].len();
            let step = steps.clone().narrow(0, at, len);
            parts[index] = slice(decayed, index) - step;
            at += len;
        }
    }
    Tensor::cat(parts, 0)
}

/// Share of the learning rate for thresholds. AdamW moves every number by about the learning rate in a step; that is
/// little for weights and much for a threshold of 1/8, which at high rates was carried below zero and silenced its layer.
const THRESHOLD_RATE: f32 = 0.1;
/// Thresholds stay above this.
const THRESHOLD_FLOOR: f32 = 1.0 / 64.0;

/// Share of the learning rate for every element, 0 for what is frozen, in the order of [`params::flatten`].
pub fn trained_mask<M: Module>(network: &M) -> Tensor<1> {
    mask(network, |entry| {
        match (entry.trains, entry.is_threshold()) {
            (false, _) => 0.0,
            (true, false) => 1.0,
            (true, true) => THRESHOLD_RATE,
        }
    })
}

/// The least value of every element.
fn floors<M: Module>(network: &M) -> Tensor<1> {
    mask(network, |entry| {
        if entry.trains && entry.is_threshold() {
            THRESHOLD_FLOOR
        } else {
            f32::MIN
        }
    })
}

fn decay_mask<M: Module>(network: &M, like: &Tensor<1>) -> Tensor<1> {
    mask(network, |entry| f32::from(u8::from(entry.decays))).to_device(&like.device())
}

fn mask<M: Module>(network: &M, value: impl Fn(&params::Entry) -> f32) -> Tensor<1> {
    let mut values = Vec::new();
    for entry in params::entries(network)
        .iter()
        .filter(|entry| !entry.buffer)
    {
        values.extend(std::iter::repeat_n(value(entry), entry.len()));
    }
    let count = values.len();
    let device = network
        .devices()
        .into_iter()
        .next()
        .unwrap_or_default()
        .inner();
    Tensor::from_data(TensorData::new(values, [count]), &device)
}

/// Scale so that the global L2 norm is at most `bound`; no readback.
fn clip(grad: Tensor<1>, bound: f64) -> Tensor<1> {
    if bound <= 0.0 {
        return grad;
    }
    let norm = grad.clone().square().sum().sqrt();
    let scale = (norm + 1e-6).recip() * bound;
    grad * scale.clamp_max(1.0)
}
