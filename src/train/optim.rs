//! AdamW over one flat vector of all parameters, with the clipping by the *global* norm that published recipes mean
//! (burn clips each tensor by itself). Hidden matrices can follow Muon instead (`muon`).

use super::{muon, params};
use crate::config::Optimizer as Rule;
use crate::kernels::{AdamWParams, AdamWState, FlatLayout, FlatMatrix, adamw};
use burn::module::Module;
use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor, TensorData};
use std::sync::Arc;

/// Decay of the first moment.
const BETA_1: f32 = 0.9;
/// Decay of the second.
const BETA_2: f32 = 0.999;
const EPSILON: f32 = 1e-8;

/// Optimiser state of a whole network.
#[derive(Clone, Default)]
pub struct FlatAdamW {
    /// Updates made, and the moments after them; `None` before the first.
    moments: Option<(usize, Tensor<1>, Tensor<1>)>,
    /// What belongs to the network as it was; `None` until the next step.
    flat: Option<Flat>,
}

/// A network as one vector.
#[derive(Clone)]
struct Flat {
    /// The rule that the rest is for.
    rule: Rule,
    layout: FlatLayout,
    /// The master copy of the weights.
    weights: Tensor<1>,
    /// [`adamw`]'s rules.
    rules: Tensor<2>,
    /// What Muon moves: all that [`adamw`] does to these is their decay and their moments, which both rules share, so
    /// that a run saves and resumes alike under either.
    matrices: Arc<Vec<FlatMatrix>>,
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

impl FlatAdamW {
    /// Update the network by these gradients. Frozen tensors carry no gradient and are neither moved nor decayed, also
    /// not by the moments of what was frozen just now.
    pub fn step<M: Module>(&mut self, network: M, mut grads: GradientsParams, update: Update) -> M {
        let kept = self.flat.take();
        let Flat {
            rule,
            layout,
            weights,
            rules,
            matrices,
        } = kept
            .filter(|flat| flat.rule == update.optimizer)
            .unwrap_or_else(|| Flat::new(&network, update.optimizer));
        let grad = params::flatten_gradients(&network, &layout, &mut grads);
        let (time, first, second) = self
            .moments
            .take()
            .unwrap_or_else(|| (0, grad.zeros_like(), grad.zeros_like()));
        let p = AdamWParams {
            lr: update.lr as f32,
            weight_decay: update.weight_decay as f32,
            clip_norm: update.clip_norm as f32,
            beta_1: BETA_1,
            beta_2: BETA_2,
            epsilon: EPSILON,
            time: time + 1,
        };
        let before = AdamWState {
            weights,
            first,
            second,
        };
        let (mut after, momentum) = adamw(before, grad, rules.clone(), p);
        if !matrices.is_empty() {
            after.weights = muon::step(after.weights, momentum, &matrices, update.lr);
        }
        let network = params::unflatten(network, &layout, &after.weights);
        self.moments = Some((time + 1, after.first, after.second));
        self.flat = Some(Flat {
            rule,
            layout,
            weights: after.weights,
            rules,
            matrices,
        });
        network
    }

    /// Forget the copy of the weights: call after the network was changed by anything but [`FlatAdamW::step`].
    pub fn forget_weights(&mut self) {
        self.flat = None;
    }

    /// The moments and the number of updates behind them, still on the device, with the gaps of [`params::layout`].
    pub fn moments(&self) -> Option<(usize, Tensor<1>, Tensor<1>)> {
        self.moments.clone()
    }

    /// Continue from saved moments of this network.
    pub fn restore<M: Module>(&mut self, network: &M, moments: Option<Moments>, device: &Device) {
        self.forget_weights();
        let layout = params::layout(&params::entries(network));
        self.moments = moments.map(|moments| {
            let tensor = |values: Vec<f32>| {
                let padded = layout.pad(&values);
                Tensor::<1>::from_data(
                    TensorData::new(padded, [layout.len()]),
                    &device.clone().inner(),
                )
            };
            (moments.time, tensor(moments.first), tensor(moments.second))
        });
    }
}

impl Flat {
    fn new<M: Module>(network: &M, rule: Rule) -> Self {
        let entries = params::entries(network);
        let layout = params::layout(&entries);
        let weights = params::flatten(network, &layout);
        let mut rules = vec![0.0; 3 * layout.len()];
        let (shares, rest) = rules.split_at_mut(layout.len());
        let (decays, floors) = rest.split_at_mut(layout.len());
        let optimised = || entries.iter().filter(|entry| !entry.buffer);
        for (entry, (start, length)) in optimised().zip(layout.parts()) {
            let range = start..start + length;
            let threshold = entry.is_threshold();
            let share = match (entry.trains, threshold) {
                (false, _) => 0.0,
                (true, false) => 1.0,
                (true, true) => THRESHOLD_RATE,
            };
            let by_muon = rule == Rule::Muon && muon::matrices(entry).is_some();
            shares[range.clone()].fill(if by_muon { 0.0 } else { share });
            decays[range.clone()].fill(if entry.decays { share } else { 0.0 });
            floors[range].fill(if entry.trains && threshold {
                THRESHOLD_FLOOR
            } else {
                f32::MIN
            });
        }
        let matrices = match rule {
            Rule::Muon => muon::all(optimised(), &layout),
            Rule::AdamW => Vec::new(),
        };
        let shape = [3, layout.len()];
        Self {
            rule,
            rules: Tensor::from_data(TensorData::new(rules, shape), &weights.device()),
            matrices: Arc::new(matrices),
            layout,
            weights,
        }
    }
}

/// Share of the learning rate for thresholds. AdamW moves every number by about the learning rate in a step; that is
/// little for weights and much for a threshold of 1/8, which at high rates was carried below zero and silenced its layer.
const THRESHOLD_RATE: f32 = 0.1;
/// Thresholds stay above this.
const THRESHOLD_FLOOR: f32 = 1.0 / 64.0;
