//! BatchNorm (Ioffe & Szegedy 2015) with the statistics of the batch, in two passes over the data
//! forward and two backward.
//!
//! Per channel c, over `M` samples (rows, and positions of a map), `inv = 1/sqrt(var + epsilon)`:
//!
//! ```text
//! mean = Σ x / M      var = Σ (x - mean)² / M (biased, as burn's)
//! y    = gamma (x - mean) inv + beta
//!
//! dbeta  = Σ g        dgamma = inv Σ g (x - mean)
//! dx     = gamma inv (g - dbeta/M - (x - mean) inv dgamma/M)
//! ```
//!
//! Sums are taken around a first sample of the channel, so that a large mean costs no precision. burn
//! has the same operation, composed of some thirty tensor operations with two transpositions each way.

mod autodiff;
#[cfg(feature = "cube")]
pub(super) mod cube;
#[cfg(feature = "cpu")]
mod flex;

#[cfg(feature = "cpu")]
pub(super) use flex::{Back, moments, normalised_then, pass_back, scale, visit_normalised};

use super::recorded;
use burn::backend::{Backend, Dispatch, backend_extension, tensor::FloatTensor};
use burn::module::{Module, ModuleMapper, Param};
use burn::nn::BatchNorm;
use burn::tensor::{Device, Shape, Tensor};
use std::cell::Cell;

thread_local! {
    /// Least momentum of the running statistics, see [`at_step`].
    static LEAST_MOMENTUM: Cell<f64> = const { Cell::new(0.0) };
}

/// Runs a forward pass as training step `step` (from 0): the running statistics of its BatchNorm layers move
/// by `max(momentum, 1 / (step + 1))`, so that they are plain averages of the first steps and not a mixture
/// with the mean 0 and variance 1 they began with. With those, spiking layers behind a small variance stay
/// below their threshold, and a network that has learned for a dozen steps is silent when it is asked.
pub fn at_step<T>(step: u64, forward: impl FnOnce() -> T) -> T {
    let before = LEAST_MOMENTUM.replace(1.0 / (step as f64 + 1.0));
    let result = forward();
    LEAST_MOMENTUM.set(before);
    result
}

/// The forward pass on a backend; over autodiff it records [`BatchNormGrad`].
#[backend_extension(
    Cube: cfg(feature = "cube"),
    Flex: cfg(feature = "cpu"),
    Autodiff
)]
pub(crate) trait BatchNormOps: Backend {
    /// `x [R, C, ..]`, `gamma [C]`, `beta [C]` to y of x's shape, mean `[C]` and variance `[C]`.
    fn fused_batch_norm(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        epsilon: f32,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>);

    /// The same with y added to `shortcut` of its shape.
    fn fused_batch_norm_onto(
        shortcut: FloatTensor<Self>,
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        epsilon: f32,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>);
}

/// The backward pass; not differentiable itself.
#[backend_extension(
    Cube: cfg(feature = "cube"),
    Flex: cfg(feature = "cpu")
)]
pub(crate) trait BatchNormGrad: Backend {
    /// Gradients with respect to `x`, `gamma` and `beta`, given that with respect to y.
    fn fused_batch_norm_backward(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        mean: FloatTensor<Self>,
        var: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        epsilon: f32,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>);
}

/// With given statistics, and what becomes of those; not differentiable.
#[backend_extension(Cube: cfg(feature = "cube"), Flex: cfg(feature = "cpu"))]
pub(crate) trait BatchNormApply: Backend {
    /// Running mean and variance after a batch: `kept` times the old ones and `share` times the batch's, all `[C]`.
    fn batch_norm_moved(
        old_mean: FloatTensor<Self>,
        old_var: FloatTensor<Self>,
        mean: FloatTensor<Self>,
        var: FloatTensor<Self>,
        kept: f32,
        share: f32,
    ) -> (FloatTensor<Self>, FloatTensor<Self>);

    /// `x [R, C, ..]` and four vectors `[C]` to y of x's shape.
    fn fused_batch_norm_apply(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        mean: FloatTensor<Self>,
        var: FloatTensor<Self>,
        epsilon: f32,
    ) -> FloatTensor<Self>;
}

/// Result of [`batch_norm`].
#[derive(Debug, Clone)]
pub struct BatchNormOutput<const D: usize> {
    /// Normalised, scaled and shifted, `[R, C, ..]`.
    pub y: Tensor<D>,
    /// Mean of each channel, `[C]`; no gradient.
    pub mean: Tensor<1>,
    /// Biased variance of each channel, `[C]`; no gradient.
    pub var: Tensor<1>,
}

/// BatchNorm of `x [R, C]` or `[R, C, ..]` with the statistics of x itself; `gamma [C]`, `beta [C]`.
/// Differentiable in all three.
pub fn batch_norm<const D: usize>(
    x: Tensor<D>,
    gamma: Tensor<1>,
    beta: Tensor<1>,
    epsilon: f32,
) -> BatchNormOutput<D> {
    let (y, mean, var) = Dispatch::fused_batch_norm(
        x.into_dispatch(),
        gamma.into_dispatch(),
        beta.into_dispatch(),
        epsilon,
    );
    BatchNormOutput {
        y: Tensor::from_dispatch(y),
        mean: Tensor::from_dispatch(mean),
        var: Tensor::from_dispatch(var),
    }
}

/// What `norm.forward(x)` computes, `[R, C, ..]`, by the fused kernel: in training with the batch's
/// statistics, which move the running ones; else with the running ones.
pub fn batch_norm_layer<const D: usize>(norm: &BatchNorm, x: Tensor<D>) -> Tensor<D> {
    let device = x.device();
    let (gamma, beta) = (norm.gamma.val(), norm.beta.val());
    if learns(norm, &device) {
        let out = batch_norm(x, gamma, beta, norm.epsilon as f32);
        move_running(norm, out.mean, out.var, &device);
        return out.y;
    }
    if let Some(Statistics { vectors, epsilon }) = Statistics::running(norm, &device) {
        let [gamma, beta, mean, var] = vectors.map(Tensor::into_dispatch);
        return Tensor::from_dispatch(Dispatch::fused_batch_norm_apply(
            x.into_dispatch(),
            gamma,
            beta,
            mean,
            var,
            epsilon,
        ));
    }
    let mean = norm.running_mean.value().to_device(&device);
    let var = norm.running_var.value().to_device(&device);
    let scale = gamma / (var + norm.epsilon).sqrt();
    let shift = beta - mean * scale.clone();
    let mut shape = [1; D];
    shape[1] = scale.dims()[0];
    x * scale.reshape(shape) + shift.reshape(shape)
}

/// `shortcut + norm(x)`, all `[R, C, ..]`, in training with a pass over the data less.
pub fn batch_norm_onto<const D: usize>(
    norm: &BatchNorm,
    x: Tensor<D>,
    shortcut: Tensor<D>,
) -> Tensor<D> {
    let device = x.device();
    if !learns(norm, &device) {
        return shortcut + batch_norm_layer(norm, x);
    }
    let (y, mean, var) = Dispatch::fused_batch_norm_onto(
        shortcut.into_dispatch(),
        x.into_dispatch(),
        norm.gamma.val().into_dispatch(),
        norm.beta.val().into_dispatch(),
        norm.epsilon as f32,
    );
    let [mean, var] = [mean, var].map(Tensor::from_dispatch);
    move_running(norm, mean, var, &device);
    Tensor::from_dispatch(y)
}

/// Whether `norm` takes the batch's statistics.
pub(crate) fn learns(norm: &BatchNorm, device: &Device) -> bool {
    device.is_autodiff() && norm.training.is_enabled()
}

/// Moves the running statistics towards those of a batch, `[C]` each.
pub(super) fn move_running(norm: &BatchNorm, mean: Tensor<1>, var: Tensor<1>, device: &Device) {
    let momentum = norm.momentum.max(LEAST_MOMENTUM.get());
    let kept = (1.0 - momentum) as f32;
    let both = [&norm.running_mean, &norm.running_var];
    let [old_mean, old_var] = both.map(|running| {
        let old = running.value().to_device(device);
        old.inner().into_dispatch()
    });
    let [mean, var] = [mean, var].map(|now| now.inner().into_dispatch());
    let (mean, var) =
        Dispatch::batch_norm_moved(old_mean, old_var, mean, var, kept, momentum as f32);
    for (running, new) in both.into_iter().zip([mean, var]) {
        let new = recorded(Tensor::from_dispatch(new), device);
        // A clone is the same state. burn's own `update` would keep the new value aside until the next one, in case
        // other threads have some too, where a visitor, and so a checkpoint, does not see it, and divide it by their
        // number, a dispatch for each vector.
        running.clone().map(&mut Put(new));
    }
}

/// Replaces a running state.
struct Put(Tensor<1>);

impl ModuleMapper for Put {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let (id, _, mapper) = param.consume();
        let new = self.0.clone().into_dispatch();
        Param::from_mapped_value(id, Tensor::from_dispatch(new), mapper)
    }
}

/// What BatchNorm needs where nothing is learned.
pub(super) struct Statistics {
    /// gamma, beta, running mean and running variance, `[C]`.
    pub vectors: [Tensor<1>; 4],
    pub epsilon: f32,
}

impl Statistics {
    /// `None` on a device that records gradients.
    pub fn running(norm: &BatchNorm, device: &Device) -> Option<Self> {
        let vectors = [
            norm.gamma.val(),
            norm.beta.val(),
            norm.running_mean.value().to_device(device),
            norm.running_var.value().to_device(device),
        ];
        let tracked = vectors.iter().any(|vector| vector.device().is_autodiff());
        (!device.is_autodiff() && !tracked).then(|| Self {
            vectors,
            epsilon: norm.epsilon as f32,
        })
    }
}

/// [`batch_norm`]'s y in burn's own differentiable operations.
pub fn batch_norm_reference<const D: usize>(
    x: Tensor<D>,
    gamma: Tensor<1>,
    beta: Tensor<1>,
    epsilon: f32,
) -> Tensor<D> {
    let mut shape = [1; D];
    shape[1] = x.dims()[1];
    let samples: Vec<usize> = (0..D).filter(|&axis| axis != 1).collect();
    let mean = x.clone().mean_dims(&samples);
    let centred = x - mean;
    let var = centred.clone().square().mean_dims(&samples);
    centred / (var + epsilon).sqrt() * gamma.reshape(shape) + beta.reshape(shape)
}

/// `[R, C, ..]` as rows × channels × positions.
#[derive(Debug, Clone, Copy)]
pub(super) struct Extent {
    pub(super) rows: usize,
    pub(super) channels: usize,
    pub(super) positions: usize,
}

impl Extent {
    pub(super) fn of(shape: &Shape) -> Self {
        Self {
            rows: shape[0],
            channels: shape[1],
            positions: shape.iter().skip(2).product(),
        }
    }

    /// M.
    #[cfg(feature = "cpu")]
    fn samples(self) -> usize {
        self.rows * self.positions
    }
}
