//! The dense twin: a pre-norm ViT (arXiv:2010.11929) of the same width, depth, heads and patch count,
//! GELU, softmax attention over all tokens, mean pooling.

use super::ge2mst::Head;
use super::init::Init;
use super::layer::LayerNorm;
use super::stem::standardised;
use super::trace::Trace;
use super::{Output, freeze_front, trained_blocks};
use crate::config::{Freeze, VitConfig};
use crate::kernels::{AttentionShape, attention};
use burn::module::{Module, Param};
use burn::tensor::Tensor;

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
            norm: LayerNorm::new(dim, init),
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
        let batch = images.dims()[0];
        let [_, tokens, dim] = self.position.dims();
        // A convolution whose kernel is its stride is a matrix product of patches.
        let patches = standardised(self.patch).cut(images);
        let position = self.position.val().expand([batch, tokens, dim]);
        let mut x = self
            .embed
            .onto(patches, position.reshape([batch * tokens, dim]));
        for block in &self.blocks {
            x = block.forward(x, tokens);
        }
        self.norm
            .forward(x)
            .reshape([batch, tokens, dim])
            .mean_dim(1)
            .squeeze_dim::<2>(1)
    }
}

impl DenseBlock {
    fn new(config: &VitConfig, init: &mut Init) -> Self {
        let (dim, hidden) = (config.dim, config.dim * config.mlp_ratio);
        Self {
            norm1: LayerNorm::new(dim, init),
            qkv: Head::new(dim, 3 * dim, init),
            out: Head::new(dim, dim, init),
            norm2: LayerNorm::new(dim, init),
            fc1: Head::new(dim, hidden, init),
            fc2: Head::new(hidden, dim, init),
            heads: config.heads,
        }
    }

    /// `[B·N, C] -> [B·N, C]`, N `tokens`.
    fn forward(&self, x: Tensor<2>, tokens: usize) -> Tensor<2> {
        let shape = AttentionShape {
            tokens,
            heads: self.heads,
            windows: None,
        };
        let qkv = self.qkv.product(self.norm1.forward(x.clone()));
        let mixed = attention(qkv, self.qkv.bias(), shape);
        let x = self.out.onto(mixed, x);
        let hidden = self.fc1.gelu(self.norm2.forward(x.clone()));
        self.fc2.onto(hidden, x)
    }
}
