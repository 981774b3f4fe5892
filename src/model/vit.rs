//! The dense twin: a pre-norm ViT (arXiv:2010.11929) of the same width, depth, heads and patch count,
//! GELU, softmax attention over all tokens, mean pooling.

use super::ge2mst::Head;
use super::init::Init;
use super::stem::standardise;
use super::trace::Trace;
use super::{Output, freeze_front, trained_blocks};
use crate::config::{Freeze, VitConfig};
use burn::module::{Module, Param};
use burn::nn::{LayerNorm, LayerNormConfig};
use burn::tensor::{
    Tensor,
    activation::{gelu, softmax},
};

/// Dense vision transformer.
#[derive(Module, Debug)]
pub struct DenseVit {
    embed: Head,
    /// `[1, N, C]`.
    position: Param<Tensor<3>>,
    blocks: Vec<DenseBlock>,
    norm: LayerNorm,
    head: Head,
    patch: usize,
}

#[derive(Module, Debug)]
struct DenseBlock {
    norm1: LayerNorm,
    qkv: Head,
    out: Head,
    norm2: LayerNorm,
    fc1: Head,
    fc2: Head,
    heads: usize,
}

impl DenseVit {
    /// A network with fresh weights.
    pub fn new(config: &VitConfig, init: &mut Init) -> Self {
        let dim = config.dim;
        let side = config.image_size / config.patch;
        Self {
            embed: Head::new(config.in_channels * config.patch * config.patch, dim, init),
            position: init.uniform([1, side * side, dim], 0.02),
            blocks: (0..config.depth)
                .map(|_| DenseBlock::new(config, init))
                .collect(),
            norm: LayerNormConfig::new(dim).init(init.device()),
            head: Head::new(dim, config.classes, init),
            patch: config.patch,
        }
    }

    pub(super) fn frozen(self, policy: Freeze) -> Self {
        let mut network = self.unfreeze();
        if let Some(trained) = trained_blocks(policy, network.blocks.len()) {
            network.embed = network.embed.freeze();
            network.position = network.position.set_require_grad(false);
            network.blocks = freeze_front(network.blocks, trained);
            if trained == 0 {
                network.norm = network.norm.freeze();
            }
        }
        network
    }

    /// Pixels `[B, 3, S, S]` in 0..=1 to logits `[B, classes]`; the trace is empty.
    pub fn forward(&self, images: Tensor<4>) -> Output {
        Output {
            logits: self.head.forward(self.features(images)),
            trace: Trace::default(),
        }
    }

    /// Pixels `[B, 3, S, S]` in 0..=1 to what the head sees, `[B, C]`.
    pub fn features(&self, images: Tensor<4>) -> Tensor<2> {
        let [batch, channels, side, _] = images.dims();
        let (p, n) = (self.patch, side / self.patch);
        // A convolution whose kernel is its stride is a matrix product of patches.
        let patches = standardise(images)
            .reshape([batch, channels, n, p, n, p])
            .permute([0, 2, 4, 1, 3, 5])
            .reshape([batch, n * n, channels * p * p]);
        let mut x = self.embed.forward(patches) + self.position.val();
        for block in &self.blocks {
            x = block.forward(x);
        }
        self.norm.forward(x).mean_dim(1).squeeze_dim::<2>(1)
    }
}

impl DenseBlock {
    fn new(config: &VitConfig, init: &mut Init) -> Self {
        let (dim, hidden) = (config.dim, config.dim * config.mlp_ratio);
        Self {
            norm1: LayerNormConfig::new(dim).init(init.device()),
            qkv: Head::new(dim, 3 * dim, init),
            out: Head::new(dim, dim, init),
            norm2: LayerNormConfig::new(dim).init(init.device()),
            fc1: Head::new(dim, hidden, init),
            fc2: Head::new(hidden, dim, init),
            heads: config.heads,
        }
    }

    /// `[B, N, C] -> [B, N, C]`.
    fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        let [batch, tokens, dim] = x.dims();
        let d = dim / self.heads;
        // [3, B, h, N, d]: q, k and v are slices of one buffer.
        let qkv = self
            .qkv
            .forward(self.norm1.forward(x.clone()))
            .reshape([batch, tokens, 3, self.heads, d])
            .permute([2, 0, 3, 1, 4]);
        let part = |index| qkv.clone().narrow(0, index, 1).squeeze_dim::<4>(0);
        let scores = part(0).matmul(part(1).swap_dims(2, 3)) / (d as f32).sqrt();
        let mixed = softmax(scores, 3)
            .matmul(part(2))
            .swap_dims(1, 2)
            .reshape([batch, tokens, dim]);
        let x = x + self.out.forward(mixed);
        let hidden = gelu(self.fc1.forward(self.norm2.forward(x.clone())));
        x + self.fc2.forward(hidden)
    }
}
