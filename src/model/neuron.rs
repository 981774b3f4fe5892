//! A layer of spiking neurons: LIF (the card's), IF (the field's) or ExpG-IF (our reconstruction), whichever the
//! configuration names. The equations stand at [`crate::kernels::lif()`] and [`crate::kernels::exp_g_if`]; this is the module with its learned threshold and its place in a trace.

use super::init::Init;
use super::trace::{Code, Membrane};
use crate::config::{Ge2msTConfig, NeuronConfig};
use crate::kernels::{
    self, BiasNorm, ExpGIfParams, Fired, LifParams, Neurons, batch_norm_exp_g_if, batch_norm_layer,
    batch_norm_lif,
};
use burn::module::{Module, Param};
use burn::nn::BatchNorm;
use burn::tensor::Tensor;

/// Neurons of one layer. Membranes start at zero in every forward and every time group.
#[derive(Module, Debug)]
pub struct Neuron {
    /// Base threshold of ExpG-IF, learned, shape `[1]`. Absent for LIF and IF.
    theta: Option<Param<Tensor<1>>>,
    #[module(skip)]
    config: NeuronConfig,
    /// Steps of the tensors' time axis.
    steps: usize,
    /// Steps after which the membrane starts anew.
    group: usize,
}

impl Neuron {
    /// Neurons over `steps` steps of which `group` form a time group.
    pub fn new(config: &NeuronConfig, steps: usize, group: usize, init: &mut Init) -> Self {
        let theta = match config {
            NeuronConfig::ExpGIf { theta, .. } => Some(init.constant([1], *theta)),
            _ => None,
        };
        Self {
            theta,
            config: config.clone(),
            steps,
            group,
        }
    }

    /// Neurons in front of temporal folding (stem).
    pub fn stem(config: &Ge2msTConfig, init: &mut Init) -> Self {
        let group = config.temporal.group.min(config.tensor_steps());
        Self::new(&config.neuron, config.tensor_steps(), group, init)
    }

    /// Membrane input to spikes, same shape; the leading axis is `T·rest`, time-major. ExpG-IF gives
    /// the sum of its weighted spikes, `theta · code`.
    pub fn forward<const D: usize>(&self, x: Tensor<D>) -> Tensor<D> {
        let shape = x.dims();
        let numel: usize = shape.iter().product();
        let flat = x.reshape([self.steps, numel / self.steps]);
        let spikes = match self.coded() {
            Some((theta, code)) => kernels::exp_g_if_with(flat, theta, &code),
            None => kernels::lif(flat, &LifParams::from(&self.config), self.group),
        };
        spikes.reshape(shape)
    }

    /// What arrives, and [`Neuron::forward`] of it.
    pub fn fire<const D: usize>(&self, potentials: Tensor<D>) -> Fired<D> {
        let spikes = self.forward(potentials.clone());
        Fired { potentials, spikes }
    }

    /// ExpG-IF neurons as a layer in front of them can end with.
    pub(super) fn coded(&self) -> Option<Neurons> {
        let (NeuronConfig::ExpGIf { steps, groups, .. }, Some(theta)) = (&self.config, &self.theta)
        else {
            return None;
        };
        let code = ExpGIfParams {
            steps: *steps,
            groups: *groups,
            lsq_scale: true,
        };
        Some((theta.val(), code))
    }

    /// Spikes `[R, C]` behind `norm`, given its input `[R, C]`.
    pub fn behind(&self, norm: &BatchNorm, x: Tensor<2>) -> Tensor<2> {
        match &self.config {
            NeuronConfig::ExpGIf { .. } => self.behind_maps(norm, x),
            config => {
                let neurons = LifParams::from(config);
                batch_norm_lif(norm, x, &neurons, self.steps, self.group)
            }
        }
    }

    /// The same of `[R, C, ..]`.
    pub fn behind_maps<const D: usize>(&self, norm: &BatchNorm, x: Tensor<D>) -> Tensor<D> {
        match self.coded() {
            Some((theta, code)) => batch_norm_exp_g_if(norm, x, theta, &code),
            None => self.forward(batch_norm_layer(norm, x)),
        }
    }

    /// The same behind a bias and a LayerNorm.
    pub fn behind_bias(&self, norm: BiasNorm, x: Tensor<2>) -> Tensor<2> {
        match &self.config {
            NeuronConfig::ExpGIf { .. } => self.forward(norm.rows(x)),
            config => norm.spikes(x, &LifParams::from(config), self.steps, self.group),
        }
    }

    /// What arrives at these neurons, `[R, F]` with `R = T·B` rows, for a trace that watches membranes.
    pub fn membrane<const D: usize>(&self, input: Tensor<D>, rows: usize) -> Membrane {
        let numel: usize = input.dims().iter().product();
        Membrane {
            input: input.reshape([rows, numel / rows]),
            params: LifParams::from(&self.config),
            group: self.group,
        }
    }

    /// How this layer's output encodes spikes.
    pub fn code(&self) -> Code {
        match (&self.config, &self.theta) {
            (NeuronConfig::ExpGIf { steps, groups, .. }, Some(theta)) => Code::Weighted {
                theta: theta.val(),
                bits: *steps,
                groups: *groups,
            },
            _ => Code::Binary { steps: self.steps },
        }
    }
}
