//! Fused operations: what a spiking layer does over all time steps in one pass forward and one backward.
//!
//! Each operation is a burn backend extension: a loop in plain Rust for the CPU backend (flex), one
//! CubeCL kernel for WebGPU and native GPUs, one hand-written gradient for autodiff over either, and a
//! reference made of burn's own differentiable operations that the tests hold both against.
//!
//! | operation | equations | reference |
//! |---|---|---|
//! | [`lif()`] | leaky or plain integrate-and-fire over time | [`lif_reference`] |
//! | [`exp_g_if`] | our ExpG-IF as a quantiser, trained straight through | [`exp_g_if_reference`] |
//! | [`exp_g_if_spikes`] | the same neuron, spike by spike | – |
//! | [`spike_count`] | spikes behind an ExpG-IF output | – |
//! | [`linear()`] | the product of a linear layer in channel groups | [`linear_reference`] |
//! | [`conv()`] | convolution | [`conv_reference`] |
//! | [`batch_norm`] | BatchNorm with the batch's statistics | [`batch_norm_reference`] |
//! | [`batch_norm_lif`] | BatchNorm and the LIF neurons behind it, in training | the two |
//! | [`batch_norm_exp_g_if`] | BatchNorm and the ExpG-IF neurons behind it, in training | the two |
//! | [`batch_norm_onto`] | BatchNorm added to a shortcut, in training | the two |
//! | [`BiasNorm`] | bias, LayerNorm and the LIF neurons behind them | the three |
//! | [`FusedNorm`] | a synaptic layer, BatchNorm, shortcut and ExpG-IF neurons at inference, on a GPU | the layers |
//! | [`Attending`] | those products and the layer behind them at inference, on a GPU | the layers |
//! | [`gw_ssa()`] | the products of windowed attention without softmax | [`gw_ssa_reference`] |
//! | [`layer_norm`] | LayerNorm over channels | [`layer_norm_reference`] |
//! | [`bias_gelu`], [`bias_residual`] | what follows a matrix product | [`bias_gelu_reference`], [`bias_residual_reference`] |
//! | [`dense()`], [`dense_gelu`], [`dense_residual`] | a product and what follows it, in one on a GPU at inference | the two |
//! | [`Patches`] | pixels, under noise for rate coding, standardised and cut into patches; no gradient | – |
//! | [`attention()`] | softmax attention: the dense twin's, and the design card's in windows | [`attention_reference`] |
//! | [`adamw()`] | the optimiser's update of all parameters; no gradient | burn's `AdamW` |
//! | [`muon_step`] | Muon's update of all matrices; no gradient | [`orthogonal_reference`] |
//! | [`flat_pack`], [`flat_view`] | all parameters as one vector; no gradient | – |
//! | [`softmax_cross_entropy`] | the loss, against soft targets | [`softmax_cross_entropy_reference`] |
//!
//! Tensors are `f32`. The device comes with the tensor, and nothing is read back.

use burn::tensor::{Device, Tensor};

mod adamw;
mod attended;
mod attention;
mod batch_norm;
mod bias;
mod bias_norm;
mod conv;
mod cross_entropy;
#[cfg(feature = "cube")]
mod cube;
mod dense;
mod exp_g_if;
mod flat;
#[cfg(feature = "cpu")]
mod flex;
mod gw_ssa;
mod layer_norm;
mod lif;
mod linear;
mod newton_schulz;
mod norm_exp_g_if;
mod norm_lif;
mod patches;
pub mod surrogate;
mod synapse;
mod window;

pub use adamw::{AdamWParams, AdamWState, adamw};
pub use attended::{Attended, Attending};
pub use attention::{AttentionShape, attention, attention_reference};
pub(crate) use batch_norm::learns;
pub use batch_norm::{
    BatchNormOutput, at_step, batch_norm, batch_norm_layer, batch_norm_onto, batch_norm_reference,
};
pub use bias::{bias_gelu, bias_gelu_reference, bias_residual, bias_residual_reference};
pub use bias_norm::BiasNorm;
pub use conv::{ConvParams, conv, conv_reference};
pub use cross_entropy::{softmax_cross_entropy, softmax_cross_entropy_reference};
pub use dense::{dense, dense_gelu, dense_residual};
pub(crate) use exp_g_if::THETA_MIN;
pub use exp_g_if::{
    ExpGIfParams, ExpGIfTrace, exp_g_if, exp_g_if_reference, exp_g_if_spikes, exp_g_if_trace,
    exp_g_if_with, spike_count,
};
pub use flat::{FlatLayout, flat_pack, flat_view};
pub use gw_ssa::{HeadGroups, HeadWindows, gw_ssa, gw_ssa_reference};
pub use layer_norm::{layer_norm, layer_norm_reference};
pub use lif::{LifParams, LifTrace, lif, lif_reference, lif_trace};
pub use linear::{linear, linear_reference};
pub use newton_schulz::{FlatMatrix, NewtonSchulz, muon_step, orthogonal_reference};
pub use norm_exp_g_if::batch_norm_exp_g_if;
pub use norm_lif::batch_norm_lif;
pub use patches::Patches;
pub use synapse::{Fired, FusedNorm, Neurons};
pub use window::Windows;

/// Whether `device` is burn's backend for processors, with or without a graph.
#[cfg(feature = "cpu")]
pub(crate) fn is_processor(device: &Device) -> bool {
    let device = device.clone().inner();
    matches!(device.as_dispatch(), burn::backend::DispatchDevice::Flex(_))
}

/// No build without it has one.
#[cfg(not(feature = "cpu"))]
pub(crate) fn is_processor(_device: &Device) -> bool {
    false
}

/// A tensor off the autodiff graph, on `device`: a leaf of its graph where it records one, by the strategy it records
/// with.
pub(crate) fn recorded<const D: usize>(tensor: Tensor<D>, device: &Device) -> Tensor<D> {
    match device.gradient_checkpointing_strategy() {
        Some(strategy) => tensor
            .autodiff()
            .with_gradient_checkpointing_strategy(strategy),
        None => tensor,
    }
}
