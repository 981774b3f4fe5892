//! BatchNorm with the batch's statistics and the ExpG-IF neurons behind it in one, for training. The equations are those of
//! [`batch_norm`](super::batch_norm()) and [`exp_g_if`](super::exp_g_if()), and so are the figures; the membrane input z
//! between the two is made where it is needed and never written. Under gradient checkpointing the spikes are not kept
//! either: on the way back they are made again from BatchNorm's input, in one pass.

mod autodiff;
#[cfg(feature = "cube")]
mod cube;
#[cfg(feature = "cpu")]
mod flex;

use super::batch_norm::{batch_norm_layer, learns, move_running};
use super::exp_g_if::{ExpGIfParams, exp_g_if_with};
use burn::backend::{Backend, Dispatch, backend_extension, tensor::FloatTensor};
use burn::nn::BatchNorm;
use burn::tensor::Tensor;

/// What all passes are told beside tensors.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NormExpGIfParams {
    epsilon: f32,
    code: ExpGIfParams,
}

/// The forward pass on a backend; over autodiff it records [`NormExpGIfGrad`].
#[backend_extension(
    Cube: cfg(feature = "cube"),
    Flex: cfg(feature = "cpu"),
    Autodiff
)]
pub(crate) trait NormExpGIfOps: Backend {
    /// `x [R, C, ..]`, `gamma [C]`, `beta [C]`, `theta [1]` to y of x's shape, mean `[C]` and variance `[C]`.
    fn norm_exp_g_if(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        theta: FloatTensor<Self>,
        p: NormExpGIfParams,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>);
}

/// What the way back needs; not differentiable itself.
#[backend_extension(
    Cube: cfg(feature = "cube"),
    Flex: cfg(feature = "cpu")
)]
pub(crate) trait NormExpGIfGrad: Backend {
    /// y again, to the last bit.
    #[allow(clippy::too_many_arguments)] // The extension takes no vector of tensors.
    fn norm_exp_g_if_again(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        mean: FloatTensor<Self>,
        var: FloatTensor<Self>,
        theta: FloatTensor<Self>,
        p: NormExpGIfParams,
    ) -> FloatTensor<Self>;

    /// Gradients with respect to `x`, `gamma`, `beta` and `theta`, given that with respect to y.
    #[allow(clippy::too_many_arguments, clippy::type_complexity)]
    fn norm_exp_g_if_backward(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        mean: FloatTensor<Self>,
        var: FloatTensor<Self>,
        theta: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        p: NormExpGIfParams,
    ) -> (
        FloatTensor<Self>,
        FloatTensor<Self>,
        FloatTensor<Self>,
        FloatTensor<Self>,
    );
}

/// Outputs of the neurons behind `norm`, given its input `x [R, C, ..]`, of x's shape: `exp_g_if(norm(x))` with threshold
/// `theta [1]`, in training in one.
pub fn batch_norm_exp_g_if<const D: usize>(
    norm: &BatchNorm,
    x: Tensor<D>,
    theta: Tensor<1>,
    p: &ExpGIfParams,
) -> Tensor<D> {
    let device = x.device();
    if !learns(norm, &device) {
        return exp_g_if_with(batch_norm_layer(norm, x), theta, p);
    }
    let p = NormExpGIfParams {
        epsilon: norm.epsilon as f32,
        code: *p,
    };
    let (y, mean, var) = Dispatch::norm_exp_g_if(
        x.into_dispatch(),
        norm.gamma.val().into_dispatch(),
        norm.beta.val().into_dispatch(),
        theta.into_dispatch(),
        p,
    );
    let [mean, var] = [mean, var].map(Tensor::from_dispatch);
    move_running(norm, mean, var, &device);
    Tensor::from_dispatch(y)
}
