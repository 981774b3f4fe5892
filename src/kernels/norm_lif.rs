//! BatchNorm with the batch's statistics and the LIF neurons behind it in one, for training: what a synaptic layer's
//! product passes through on its way to spikes. The equations are those of [`batch_norm`](super::batch_norm()) and
//! [`lif()`](super::lif()), and so are the figures; the membrane input between the two is made where it is needed and
//! never written, which on a processor is most of what the two cost.

mod autodiff;
#[cfg(feature = "cube")]
mod cube;
#[cfg(feature = "cpu")]
mod flex;

use super::batch_norm::{batch_norm_layer, learns, move_running};
use super::lif::{LifParams, lif};
use burn::backend::{Backend, Dispatch, backend_extension, tensor::FloatTensor};
use burn::nn::BatchNorm;
use burn::tensor::Tensor;

/// What both passes are told beside tensors. Rows are a multiple of the steps.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NormLifParams {
    epsilon: f32,
    lif: LifParams,
    /// T.
    steps: usize,
    /// Steps after which membranes start anew.
    group: usize,
}

/// The forward pass on a backend; over autodiff it records [`NormLifGrad`].
#[backend_extension(
    Cube: cfg(feature = "cube"),
    Flex: cfg(feature = "cpu"),
    Autodiff
)]
pub(crate) trait NormLifOps: Backend {
    /// `x [T·R, C]`, `gamma [C]`, `beta [C]` to spikes of x's shape, mean `[C]` and variance `[C]`.
    fn norm_lif(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        p: NormLifParams,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>);
}

/// The backward pass; not differentiable itself.
#[backend_extension(
    Cube: cfg(feature = "cube"),
    Flex: cfg(feature = "cpu")
)]
pub(crate) trait NormLifGrad: Backend {
    /// Gradients with respect to `x`, `gamma` and `beta`, given that with respect to the spikes.
    #[allow(clippy::too_many_arguments)] // The extension takes no vector of tensors.
    fn norm_lif_backward(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        mean: FloatTensor<Self>,
        var: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        p: NormLifParams,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>);
}

/// Spikes `[T·R, C]` of the neurons behind `norm`, given its input `x [T·R, C]`, time-major: `lif(norm(x))`, in training
/// in one.
///
/// # Panics
/// When the rows are no multiple of the steps.
pub fn batch_norm_lif(
    norm: &BatchNorm,
    x: Tensor<2>,
    neurons: &LifParams,
    steps: usize,
    group: usize,
) -> Tensor<2> {
    let (device, shape) = (x.device(), x.dims());
    // The CPU's form takes it for granted that blocks of whole steps are all of x.
    assert!(
        steps > 0 && shape[0] % steps == 0,
        "{} rows are no multiple of {steps} steps",
        shape[0]
    );
    if !learns(norm, &device) {
        let [rows, channels] = shape;
        let potentials = batch_norm_layer(norm, x).reshape([steps, rows / steps * channels]);
        return lif(potentials, neurons, group).reshape(shape);
    }
    let p = NormLifParams {
        epsilon: norm.epsilon as f32,
        lif: *neurons,
        steps,
        group: group.clamp(1, steps.max(1)),
    };
    let (spikes, mean, var) = Dispatch::norm_lif(
        x.into_dispatch(),
        norm.gamma.val().into_dispatch(),
        norm.beta.val().into_dispatch(),
        p,
    );
    let [mean, var] = [mean, var].map(Tensor::from_dispatch);
    move_running(norm, mean, var, &device);
    Tensor::from_dispatch(spikes)
}
