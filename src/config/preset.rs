//! Named configurations.

use super::*;

/// A named configuration with its story.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Preset {
    /// Name in URLs, on the command line and in checkpoints.
    pub name: &'static str,
    /// What it is for, in one sentence.
    pub about: &'static str,
}

/// Every preset. `dense-*` are the twins of the spiking presets of the same name.
pub const PRESETS: &[Preset] = &[
    Preset {
        name: "small",
        about: "The page's default: exponential-coding neurons (K = 4), trained in one pass.",
    },
    Preset {
        name: "small-lif",
        about: "The size of small with LIF neurons (T = 4, ATan surrogate), what training through time costs there.",
    },
    Preset {
        name: "tiny",
        about: "LIF neurons (T = 4, ATan surrogate), small enough for a test.",
    },
    Preset {
        name: "tiny-exp",
        about: "The size of tiny with exponential-coding neurons (K = 4).",
    },
    Preset {
        name: "card-cifar",
        about: "The design card's network at 32x32 pixels and 4x4 patches.",
    },
    Preset {
        name: "card-tiny",
        about: "The design card's network of width 64 and depth 2; its twin is the size that peers are measured at.",
    },
    Preset {
        name: "card-imagenet",
        about: "The design card's 224x224 network of width 768; native only.",
    },
    Preset {
        name: "dense-small",
        about: "The dense twin of small.",
    },
    Preset {
        name: "dense-tiny",
        about: "The dense twin of tiny.",
    },
    Preset {
        name: "dense-card-cifar",
        about: "The dense twin of card-cifar.",
    },
    Preset {
        name: "dense-card-tiny",
        about: "The dense twin of card-tiny.",
    },
];

/// The design card's neuron: LIF, tau 2, threshold 1, hard reset, ATan(2), reset detached.
pub const CARD_LIF: NeuronConfig = NeuronConfig::Lif {
    tau: 2.0,
    v_threshold: 1.0,
    reset: Reset::Hard,
    decay_input: true,
    detach_reset: true,
    surrogate: Surrogate::Atan { alpha: 2.0 },
};

/// The preset's run on a data set, or `None` for an unknown name.
pub fn preset(name: &str, dataset: DatasetKind) -> Option<RunConfig> {
    let known = PRESETS.iter().find(|preset| preset.name == name)?;
    let classes = dataset.classes();
    let model = match name {
        "small" => ModelConfig::Ge2msT(small(exp_g_if(), classes)),
        "small-lif" => ModelConfig::Ge2msT(small(CARD_LIF, classes)),
        "tiny" => ModelConfig::Ge2msT(tiny(CARD_LIF, 2, classes)),
        "tiny-exp" => ModelConfig::Ge2msT(tiny(exp_g_if(), 4, classes)),
        "card-cifar" => ModelConfig::Ge2msT(card(32, 4, 128, 4, 4, 4, classes)),
        "card-tiny" => ModelConfig::Ge2msT(card(32, 4, 64, 2, 4, 4, classes)),
        "card-imagenet" => ModelConfig::Ge2msT(card(224, 16, 768, 12, 12, 7, 1000)),
        "dense-small" => ModelConfig::DenseVit(vit(32, 4, 128, 4, 4, classes)),
        "dense-tiny" => ModelConfig::DenseVit(vit(32, 4, 48, 2, 4, classes)),
        "dense-card-cifar" => ModelConfig::DenseVit(vit(32, 4, 128, 4, 4, classes)),
        "dense-card-tiny" => ModelConfig::DenseVit(vit(32, 4, 64, 2, 4, classes)),
        _ => return None,
    };
    Some(RunConfig {
        format: CONFIG_FORMAT,
        preset: known.name.to_owned(),
        seed: 0,
        model,
        train: TrainConfig {
            optimizer: match name {
                "small" | "small-lif" | "dense-small" => Optimizer::Muon,
                _ => Optimizer::AdamW,
            },
            ..TrainConfig::default()
        },
        data: DataConfig {
            dataset,
            train_limit: None,
            held_out: 1000,
            classes: None,
        },
    })
}

/// Name of the dense twin's preset.
pub fn dense_twin(spiking: &str) -> &'static str {
    match spiking {
        "tiny" | "tiny-exp" => "dense-tiny",
        "card-cifar" => "dense-card-cifar",
        "card-tiny" => "dense-card-tiny",
        _ => "dense-small",
    }
}

fn exp_g_if() -> NeuronConfig {
    NeuronConfig::ExpGIf {
        steps: 4,
        groups: 1,
        theta: 0.125,
    }
}

/// 64 tokens of 128 channels: five stem convolutions thin the pixels early, four attention blocks work at 8×8 with
/// windows of 4 and 8 and four channel groups. Found by measuring: `web/model/README.md`.
fn small(neuron: NeuronConfig, classes: usize) -> Ge2msTConfig {
    Ge2msTConfig {
        image_size: 32,
        in_channels: 3,
        classes,
        time_steps: 4,
        neuron,
        coding: InputCoding::Direct,
        temporal: TemporalConfig {
            group: 4,
            form: TemporalForm::Parallel,
            readout: Readout::Mean,
        },
        stem: vec![
            stem(16, 3, 1, 0, 1),
            stem(48, 3, 2, 0, 1),
            stem(64, 3, 1, 0, 1),
            stem(128, 3, 2, 0, 1),
            stem(128, 3, 1, 0, 1),
        ],
        depth: 4,
        heads: 4,
        mlp_ratio: 4,
        attention: AttentionConfig {
            kind: AttentionKind::GwSsa,
            windows: vec![4, 8],
            shift: true,
        },
        channel_groups: vec![4],
        norm: NormKind::Batch,
    }
}

fn tiny(neuron: NeuronConfig, group: usize, classes: usize) -> Ge2msTConfig {
    Ge2msTConfig {
        image_size: 32,
        in_channels: 3,
        classes,
        time_steps: 4,
        neuron,
        coding: InputCoding::Direct,
        temporal: TemporalConfig {
            group,
            form: TemporalForm::Parallel,
            readout: Readout::Mean,
        },
        stem: vec![stem(16, 3, 2, 0, 1), stem(48, 3, 2, 0, 1)],
        depth: 2,
        heads: 4,
        mlp_ratio: 2,
        attention: AttentionConfig {
            kind: AttentionKind::GwSsa,
            windows: vec![2, 4],
            shift: true,
        },
        channel_groups: vec![1, 2],
        norm: NormKind::Batch,
    }
}

/// The design card's network, its time folding built for C·g channels.
fn card(
    image_size: usize,
    patch: usize,
    dim: usize,
    depth: usize,
    heads: usize,
    window: usize,
    classes: usize,
) -> Ge2msTConfig {
    Ge2msTConfig {
        image_size,
        in_channels: 3,
        classes,
        time_steps: 4,
        neuron: CARD_LIF,
        coding: InputCoding::Rate { noise: 0.1 },
        temporal: TemporalConfig {
            group: 2,
            form: TemporalForm::FoldIntoChannels,
            readout: Readout::Mean,
        },
        stem: vec![stem(dim, patch, patch, 0, 1)],
        depth,
        heads,
        mlp_ratio: 4,
        attention: AttentionConfig {
            kind: AttentionKind::Card,
            windows: vec![window],
            shift: false,
        },
        channel_groups: vec![4],
        norm: NormKind::Layer,
    }
}

fn vit(
    image_size: usize,
    patch: usize,
    dim: usize,
    depth: usize,
    heads: usize,
    classes: usize,
) -> VitConfig {
    VitConfig {
        image_size,
        in_channels: 3,
        classes,
        patch,
        dim,
        depth,
        heads,
        mlp_ratio: if dim < 64 { 2 } else { 4 },
    }
}

fn stem(channels: usize, kernel: usize, stride: usize, blocks: usize, groups: usize) -> StemConv {
    StemConv {
        channels,
        kernel,
        stride,
        blocks,
        groups,
    }
}

impl Default for TrainConfig {
    fn default() -> Self {
        Self {
            batch: 32,
            optimizer: Optimizer::AdamW,
            lr: 1e-3,
            lr_min: 1e-5,
            warmup_steps: 50,
            total_steps: 2000,
            weight_decay: 0.06,
            clip_norm: 1.0,
            label_smoothing: 0.1,
            mixup: 0.0,
            spike_penalty: 0.0,
            operation_penalty: 0.0,
            freeze: Freeze::Nothing,
            augment: Augment {
                crop_padding: 4,
                flip: true,
                rand_augment: 0.0,
                erase: 0.0,
            },
        }
    }
}
