//! The dense twin: pre-norm ViT over all tokens. LayerNorm, softmax and GELU are not counted, which
//! is a gift to the dense side.

use crate::config::VitConfig;
use crate::energy::counts::{Census, LayerOp, LayerSpec, Signal, UpdateOps};
use crate::energy::params::vit_parameters;

pub(super) fn census(config: &VitConfig) -> Census {
    let side = config.image_size / config.patch;
    let tokens = side * side;
    let (dim, heads) = (config.dim, config.heads);
    let elements = (tokens * dim) as u64;
    let mut layers = Vec::new();
    let mut push = |name: String, op: LayerOp, adds: u64| {
        layers.push(LayerSpec {
            name,
            op,
            input: Signal::Real,
            steps: 1,
            neurons: 0,
            updates: 0,
            adds,
        });
    };
    let linear = |c_in: usize, c_out: usize| LayerOp::Linear {
        rows: tokens,
        c_in,
        c_out,
        groups: 1,
    };
    let scores = (heads * tokens * tokens) as u64;
    let product = |inputs: u64, outputs: u64| LayerOp::Product {
        pairs: scores,
        length: dim / heads,
        trains: 0,
        inputs,
        outputs,
    };
    let embed = LayerOp::Conv {
        c_in: config.in_channels,
        c_out: dim,
        kernel: config.patch,
        stride: config.patch,
        padding: 0,
        groups: 1,
        side_in: config.image_size,
    };
    // Bias and position embedding.
    push("embed".into(), embed, 2 * elements);
    for block in 0..config.depth {
        let hidden = dim * config.mlp_ratio;
        let name = |part: &str| format!("block.{block}.{part}");
        push(name("qkv"), linear(dim, 3 * dim), 3 * elements);
        push(name("scores"), product(2 * elements, scores), 0);
        push(name("context"), product(scores + elements, elements), 0);
        // Bias and shortcut.
        push(name("out"), linear(dim, dim), 2 * elements);
        push(name("mlp.0"), linear(dim, hidden), (tokens * hidden) as u64);
        push(name("mlp.1"), linear(hidden, dim), 2 * elements);
    }
    let head = LayerOp::Linear {
        rows: 1,
        c_in: dim,
        c_out: config.classes,
        groups: 1,
    };
    // Pooling and bias.
    push("head".into(), head, elements + config.classes as u64);
    Census {
        layers,
        params: vit_parameters(config).count(),
        time_steps: 1,
        update: UpdateOps::default(),
    }
}
