//! What follows a product in the design card's network: its bias, LayerNorm over the channels of each row, and the LIF
//! neurons behind both where there are some; one pass forward and two backward.
//!
//! Per row r of `x [R, C]`, with [`layer_norm`](super::layer_norm())'s equations for `u` and [`lif()`](super::lif())'s
//! for the neurons, whose steps are the rows r, r + R/T, r + 2R/T, …:
//!
//! ```text
//! u = x + bias     y = gamma (u - mean u) inv + beta     s = lif(y)
//! dbias = Σ_r dx   dx = du
//! ```
//!
//! y is not written where neurons follow: both passes make it from `x` and each row's mean and inv.

mod autodiff;
#[cfg(feature = "cube")]
mod cube;
#[cfg(feature = "cpu")]
mod flex;

use super::lif::LifParams;
use burn::backend::{Backend, Dispatch, backend_extension, tensor::FloatTensor};
use burn::tensor::Tensor;

/// Neurons behind a normalisation.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Behind {
    lif: LifParams,
    /// T; rows are a multiple of it.
    steps: usize,
    /// Steps after which membranes start anew.
    group: usize,
}

/// What both passes are told beside tensors.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BiasNormParams {
    epsilon: f32,
    neurons: Option<Behind>,
}

/// The forward pass on a backend; over autodiff it records [`BiasNormGrad`].
#[backend_extension(
    Cube: cfg(feature = "cube"),
    Flex: cfg(feature = "cpu"),
    Autodiff
)]
pub(crate) trait BiasNormOps: Backend {
    /// `x [R, C]`, `bias [C]`, `gamma [C]`, `beta [C]` to y or spikes of x's shape, and mean and inv of each row, `[2, R]`.
    fn bias_norm(
        x: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        p: BiasNormParams,
    ) -> (FloatTensor<Self>, FloatTensor<Self>);
}

/// The backward pass; not differentiable itself.
#[backend_extension(
    Cube: cfg(feature = "cube"),
    Flex: cfg(feature = "cpu")
)]
pub(crate) trait BiasNormGrad: Backend {
    /// Gradients with respect to `x`, `bias`, `gamma` and `beta`, given that with respect to the output and the forward's
    /// `[2, R]`.
    #[allow(clippy::too_many_arguments)] // The extension takes no vector of tensors.
    fn bias_norm_backward(
        x: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        moments: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        p: BiasNormParams,
    ) -> (
        FloatTensor<Self>,
        FloatTensor<Self>,
        FloatTensor<Self>,
        FloatTensor<Self>,
    );
}

/// A bias and the LayerNorm behind it. Differentiable in what it is given and in all three of its own vectors.
#[derive(Debug, Clone)]
pub struct BiasNorm {
    /// `[C]`.
    pub bias: Tensor<1>,
    /// Scale, `[C]`.
    pub gamma: Tensor<1>,
    /// Shift, `[C]`.
    pub beta: Tensor<1>,
    /// Added to variances.
    pub epsilon: f32,
}

impl BiasNorm {
    /// `x [R, C]` to y of the same shape.
    pub fn rows(self, x: Tensor<2>) -> Tensor<2> {
        self.computed(x, None)
    }

    /// `x [R, C]`, time-major, to the spikes `[R, C]` of the neurons behind y: `lif(y)` over `steps` steps in time groups
    /// of `group`.
    ///
    /// # Panics
    /// When the rows are no multiple of the steps.
    pub fn spikes(
        self,
        x: Tensor<2>,
        neurons: &LifParams,
        steps: usize,
        group: usize,
    ) -> Tensor<2> {
        // The CPU's form takes it for granted that blocks of whole steps are all of x.
        let rows = x.dims()[0];
        assert!(
            steps > 0 && rows.is_multiple_of(steps),
            "{rows} rows are no multiple of {steps} steps"
        );
        let neurons = Behind {
            lif: *neurons,
            steps,
            group: group.clamp(1, steps),
        };
        self.computed(x, Some(neurons))
    }

    fn computed(self, x: Tensor<2>, neurons: Option<Behind>) -> Tensor<2> {
        let p = BiasNormParams {
            epsilon: self.epsilon,
            neurons,
        };
        let [bias, gamma, beta] = [self.bias, self.gamma, self.beta].map(Tensor::into_dispatch);
        let (y, _) = Dispatch::bias_norm(x.into_dispatch(), bias, gamma, beta, p);
        Tensor::from_dispatch(y)
    }
}
