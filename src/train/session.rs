//! One network in training: the same code in the page's worker and natively. Nothing here reads from
//! the device unless asked, and then only asynchronously.

use super::checkpoint::Member;
use super::loss::targets;
use super::numbers;
use super::optim::{FlatAdamW, Moments, Update};
use super::params::{self, Misfit};
use super::pool;
use super::schedule::learning_rate;
use super::stats::StepStats;
use crate::config::{ConfigErrors, InputCoding, ModelConfig, RunConfig};
use crate::data::SIDE;
use crate::data::batch::Batch;
use crate::kernels::{at_step, is_processor, softmax_cross_entropy};
use crate::model::trace::{Counting, Trace};
use crate::model::{Network, Output};
use burn::module::Module;
use burn::optim::GradientsParams;
use burn::tensor::{Device, ExecutionError, Tensor, TensorData, Transaction};
use std::cell::OnceCell;

/// Red, green and blue of a [`Batch`].
const CHANNELS: usize = 3;

/// A network, its optimiser and where it stands.
pub struct Session {
    config: RunConfig,
    device: Device,
    network: Network,
    optim: FlatAdamW,
    step: u64,
    /// The network as pictures are shown to it, from the first one until its weights change.
    inference: OnceCell<Network>,
}

impl Session {
    /// A fresh network on `device`, which is made an autodiff device here: on a GPU one with gradient checkpointing,
    /// where activations that are quickly made are made again on the way back instead of kept. One that is an autodiff
    /// device already is taken as it is.
    ///
    /// # Errors
    /// Everything wrong with the configuration, or a network for other pictures than a [`Batch`] holds.
    pub fn new(config: RunConfig, device: &Device) -> Result<Self, ConfigErrors> {
        config.validate()?;
        takes_batches(&config.model)?;
        let device = recording(device);
        let network = Network::new(&config.model, config.seed, &device);
        let mut session = Self {
            config,
            device,
            network,
            optim: FlatAdamW::default(),
            step: 0,
            inference: OnceCell::new(),
        };
        session.apply_freeze();
        Ok(session)
    }

    /// The run's configuration.
    pub fn config(&self) -> &RunConfig {
        &self.config
    }

    /// Steps made.
    pub fn steps_made(&self) -> u64 {
        self.step
    }

    /// Number of parameters, running statistics left out.
    pub fn params(&self) -> u64 {
        let entries = params::entries(&self.network);
        entries
            .iter()
            .filter(|entry| !entry.buffer)
            .map(|entry| entry.len() as u64)
            .sum()
    }

    /// Change what may change between steps. The model and the seed stay.
    ///
    /// # Errors
    /// Everything wrong with the new values; the old ones stay in force.
    pub fn tune(&mut self, change: impl FnOnce(&mut RunConfig)) -> Result<(), ConfigErrors> {
        let mut config = self.config.clone();
        change(&mut config);
        config.validate()?;
        let refreeze = config.train.freeze != self.config.train.freeze;
        self.config = config;
        if refreeze {
            self.apply_freeze();
        }
        Ok(())
    }

    /// Measures the running statistics of BatchNorm layers on a batch, before the first step. Fresh ones (mean 0,
    /// variance 1) say nothing about the data, and a spiking network that believes them is silent: it gives every
    /// picture the same answer. A dense network has none. Training begins as if this had not been called.
    pub fn calibrate(&mut self, batch: &Batch) {
        if self.step > 0 || matches!(self.network, Network::Dense(_)) {
            return;
        }
        self.inference.take();
        let trace = Trace::passing(Counting::Nothing);
        let output = at_step(0, || self.network.traced(self.upload(batch), trace));
        // For gradients that nobody wants: burn lets a graph go, and all that it keeps, once it was gone back through.
        softmax_cross_entropy(output.logits, self.wanted(batch)).backward();
    }

    /// Has the memory of a GPU ready for a run of steps. It is not needed, but memory that was used for something else
    /// suits a run badly.
    pub fn prepare(&self) {
        if !is_processor(&self.device) {
            let device = self.device.clone().inner();
            pool::prepare(&device, &self.config.model, self.config.train.batch);
        }
    }

    /// One optimiser step on a batch.
    pub fn step(&mut self, batch: &Batch) -> StepStats {
        let wanted = self.wanted(batch);
        self.step_towards(batch, wanted, false)
    }

    /// The same with the firing rate of the batch.
    pub fn step_counting(&mut self, batch: &Batch) -> StepStats {
        let wanted = self.wanted(batch);
        self.step_towards(batch, wanted, true)
    }

    /// What the recipe wants to hear of a batch, `[B, classes]`.
    pub(super) fn wanted(&self, batch: &Batch) -> Tensor<2> {
        targets(
            &batch.labels,
            batch.mix.as_ref(),
            self.classes(),
            self.config.train.label_smoothing as f32,
            &self.device,
        )
    }

    /// The same step towards other distributions over the classes than the labels', `[B, classes]`.
    pub(super) fn step_towards(
        &mut self,
        batch: &Batch,
        wanted: Tensor<2>,
        counting: bool,
    ) -> StepStats {
        self.inference.take();
        let train = self.config.train.clone();
        if self.is_rate_coded() {
            self.device.seed(self.config.seed.wrapping_add(self.step));
        }
        let images = self.upload(batch);
        let regulates = train.spike_penalty > 0.0 || train.operation_penalty > 0.0;
        let trace = Trace::passing(match (regulates, counting) {
            (true, _) => Counting::Regulated,
            (false, true) => Counting::Rate,
            (false, false) => Counting::Nothing,
        });
        let Output { logits, trace } = at_step(self.step, || self.network.traced(images, trace));
        let mut loss = softmax_cross_entropy(logits.clone(), wanted);
        if regulates && let Some(spikes) = trace.regulation() {
            if train.spike_penalty > 0.0 {
                loss = loss + spikes.mean_rate() * train.spike_penalty;
            }
            if train.operation_penalty > 0.0
                && let Some(operations) = spikes.operations()
            {
                loss = loss + operations * train.operation_penalty;
            }
        }
        let grads = GradientsParams::from_grads(loss.backward(), &self.network);
        let lr = learning_rate(&train, self.step);
        let update = Update {
            lr,
            weight_decay: train.weight_decay,
            clip_norm: train.clip_norm,
            optimizer: train.optimizer,
        };
        // The optimiser takes the network by value; a clone is a set of handles.
        self.network = self.optim.step(self.network.clone(), grads, update);
        self.step += 1;
        StepStats {
            step: self.step,
            lr,
            loss: loss.inner(),
            logits: logits.inner(),
            labels: batch.labels.clone(),
            firing_rate: if counting { trace.firing_rate() } else { None },
        }
    }

    /// Logits `[B, classes]` on the host and the spikes of a batch, with the weights as they are.
    ///
    /// # Errors
    /// When the device fails.
    pub async fn infer(&self, batch: &Batch) -> Result<(Vec<Vec<f32>>, Trace), ExecutionError> {
        let output = self.inference().forward(self.pictures(batch));
        let logits = numbers(output.logits).await?;
        let rows = logits
            .chunks_exact(self.classes())
            .map(<[f32]>::to_vec)
            .collect();
        Ok((rows, output.trace))
    }

    /// What the classifier sees of a batch, `[B, C]` row by row on the host, with the weights as they are.
    ///
    /// # Errors
    /// When the device fails.
    pub async fn features(&self, batch: &Batch) -> Result<Vec<f32>, ExecutionError> {
        let features = self.inference().features(self.pictures(batch));
        numbers(features).await
    }

    /// Everything needed to go on, read from the device at once.
    ///
    /// # Errors
    /// When the device fails.
    pub async fn save(&self, role: &str) -> Result<Member, ExecutionError> {
        let tensors = params::tensors(&self.network);
        let moments = self.optim.moments();
        let mut reads = Transaction::default();
        for (_, tensor) in &tensors {
            reads = reads.register(tensor.clone());
        }
        if let Some((_, first, second)) = &moments {
            reads = reads.register(first.clone()).register(second.clone());
        }
        let mut data = reads.execute_async().await?.into_iter();
        let mut next = || -> Vec<f32> {
            data.next()
                .map(|data| data.iter::<f32>().collect())
                .unwrap_or_default()
        };
        let weights = tensors
            .iter()
            .map(|(entry, _)| (entry.name.clone(), (entry.shape.clone(), next())))
            .collect();
        let layout = params::layout(&params::entries(&self.network));
        let moments = moments.map(|(time, _, _)| Moments {
            time,
            first: layout.compact(&next()),
            second: layout.compact(&next()),
        });
        Ok(Member {
            role: role.to_owned(),
            config: self.config.clone(),
            step: self.step,
            weights,
            moments,
        })
    }

    /// A session that goes on from a saved one.
    ///
    /// # Errors
    /// A configuration that cannot run, or weights that do not fit it.
    pub fn restore(member: &Member, device: &Device) -> Result<Self, RestoreError> {
        let mut session = Self::new(member.config.clone(), device)?;
        session.network = params::load(session.network, &member.weights, |_| false)?;
        let moments = member.moments.clone();
        session
            .optim
            .restore(&session.network, moments, &session.device);
        session.step = member.step;
        Ok(session)
    }

    /// The same run from another run's weights (transfer): a head for another data set or number of classes is drawn
    /// anew, and the step counts from 0.
    ///
    /// # Errors
    /// Any other tensor that differs.
    pub fn with_weights(mut self, member: &Member) -> Result<Self, Misfit> {
        self.inference.take();
        let mut weights = member.weights.clone();
        let is_head = |name: &str| name.split('.').any(|part| part == "head");
        let other_classes = member.config.data.dataset != self.config.data.dataset;
        for entry in params::entries(&self.network) {
            let differs = weights
                .get(&entry.name)
                .is_some_and(|(shape, _)| other_classes || *shape != entry.shape);
            if is_head(&entry.name) && differs {
                weights.remove(&entry.name);
            }
        }
        self.network = params::load(self.network, &weights, is_head)?;
        self.optim.forget_weights();
        Ok(self)
    }

    /// A second session in the same state; tensors are shared until one of them trains. Running statistics of
    /// BatchNorm stay shared (burn keeps them behind one lock): fork networks without any, such as the dense twin,
    /// or save and restore.
    pub fn fork(&self) -> Self {
        Self {
            config: self.config.clone(),
            device: self.device.clone(),
            network: self.network.clone(),
            optim: self.optim.clone(),
            step: self.step,
            inference: OnceCell::new(),
        }
    }

    /// The network off the autodiff graph.
    fn inference(&self) -> &Network {
        self.inference.get_or_init(|| self.network.valid().folded())
    }

    /// The network as it is (autodiff device).
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// Classes that the network tells apart.
    pub(super) fn classes(&self) -> usize {
        self.config.model.classes()
    }

    fn is_rate_coded(&self) -> bool {
        matches!(&self.config.model, ModelConfig::Ge2msT(model) if matches!(model.coding, InputCoding::Rate { .. }))
    }

    fn upload(&self, batch: &Batch) -> Tensor<4> {
        let data = TensorData::new(
            batch.images.clone(),
            [batch.labels.len(), CHANNELS, SIDE, SIDE],
        );
        Tensor::from_data(data, &self.device)
    }

    /// A batch as inference sees it; the noise of rate coding starts from the run's seed.
    pub(super) fn pictures(&self, batch: &Batch) -> Tensor<4> {
        if self.is_rate_coded() {
            self.device.clone().inner().seed(self.config.seed);
        }
        self.upload(batch).inner()
    }

    /// Make the network and the optimiser's mask follow the freeze policy.
    fn apply_freeze(&mut self) {
        let policy = self.config.train.freeze;
        self.inference.take();
        self.network = self.network.clone().frozen(policy);
        self.optim.forget_weights();
    }
}

/// `device` as one that records gradients. A processor keeps what it made: memory is plenty there, and time is not.
fn recording(device: &Device) -> Device {
    let recording = device.clone().autodiff();
    if device.is_autodiff() || is_processor(device) {
        return recording;
    }
    recording.gradient_checkpointing()
}

/// Refuses networks whose input is not the pictures of a [`Batch`]; `Network::forward` takes them.
fn takes_batches(model: &ModelConfig) -> Result<(), ConfigErrors> {
    let (side, channels) = match model {
        ModelConfig::Ge2msT(model) => (model.image_size, model.in_channels),
        ModelConfig::DenseVit(model) => (model.image_size, model.in_channels),
    };
    if (side, channels) == (SIDE, CHANNELS) {
        return Ok(());
    }
    Err(ConfigErrors(vec![format!(
        "the network takes pictures of {side}x{side} pixels and {channels} channels, training here has {SIDE}x{SIDE} and {CHANNELS}"
    )]))
}

/// Why a saved session cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// The configuration inside is invalid.
    #[error(transparent)]
    Config(#[from] ConfigErrors),
    /// Names or shapes differ.
    #[error(transparent)]
    Misfit(#[from] Misfit),
}
