//! Censuses of whole networks and their parameter counts.

use gemst::config::*;
use gemst::energy::{
    Activity, AttentionOrder, Census, LayerOp, Signal, attention_order, census, parameters,
};

fn spiking(name: &str) -> Ge2msTConfig {
    match preset(name, DatasetKind::Cifar10).expect("a preset").model {
        ModelConfig::Ge2msT(config) => config,
        ModelConfig::DenseVit(_) => panic!("{name} is dense"),
    }
}

fn names(census: &Census) -> Vec<&str> {
    census
        .layers
        .iter()
        .map(|layer| layer.name.as_str())
        .collect()
}

fn macs(census: &Census, name: &str) -> u64 {
    census
        .layers
        .iter()
        .find(|layer| layer.name == name)
        .expect(name)
        .op
        .macs()
}

#[test]
fn layers_of_tiny_in_forward_order() {
    let census = spiking("tiny").census();
    assert_eq!(
        names(&census),
        [
            "stem.0",
            "stem.1",
            "block.0.qkv",
            "block.0.scores",
            "block.0.kv",
            "block.0.context",
            "block.0.out",
            "block.0.mlp.0",
            "block.0.mlp.1",
            "block.1.qkv",
            "block.1.scores",
            "block.1.context",
            "block.1.out",
            "block.1.mlp.0",
            "block.1.mlp.1",
            "head",
        ]
    );
}

#[test]
fn tiny_by_hand() {
    let census = spiking("tiny").census();
    // 3x3 at stride 2 with padding 1 on 32 pixels: 16 outputs see 3 pixels each, the first only 2.
    assert_eq!(macs(&census, "stem.0"), 47 * 47 * 3 * 16);
    assert_eq!(macs(&census, "stem.1"), 23 * 23 * 16 * 48);
    // 64 tokens, C = 48, heads of 12 channels, two of them in 2x2 windows, two in 4x4 windows.
    assert_eq!(macs(&census, "block.0.qkv"), 64 * 48 * 144);
    // W = 4 < d = 12: scores. 16 windows, 16 pairs, 2 heads.
    assert_eq!(macs(&census, "block.0.scores"), 2 * 16 * 16 * 12);
    // W = 16 > d = 12: q (kᵀ v). 4 windows of 16 tokens, 12x12 products, 2 heads.
    assert_eq!(macs(&census, "block.0.kv"), 2 * 4 * 16 * 12 * 12);
    assert_eq!(
        macs(&census, "block.0.context"),
        2 * 16 * 16 * 12 + 2 * 4 * 16 * 12 * 12
    );
    // Block 1 is shifted and has two channel groups; masked windows use scores.
    assert_eq!(macs(&census, "block.1.qkv"), 64 * 24 * 144);
    let two = (3 * 4 + 1 + 1) * (3 * 4 + 1 + 1);
    let four = (16 + 4 + 4) * (16 + 4 + 4);
    assert_eq!(macs(&census, "block.1.scores"), 2 * 12 * (two + four));
    assert_eq!(
        macs(&census, "block.1.context"),
        macs(&census, "block.1.scores")
    );
    assert_eq!(macs(&census, "block.1.mlp.0"), 64 * 24 * 96);
    assert_eq!(macs(&census, "head"), 48 * 10);
}

#[test]
fn every_neuron_is_updated_once_per_step() {
    // One layer in the stem, and in each block: entry, q, k, v, out, entry of the MLP, its hidden layer;
    // the last neurons.
    let by_hand = |n: u64, c: u64, stem: u64, depth: u64, ratio: u64| {
        stem + depth * n * c * (6 + ratio) + n * c
    };
    let updates = |config: &Ge2msTConfig| {
        config
            .census()
            .layers
            .iter()
            .map(|layer| layer.updates)
            .sum::<u64>()
    };
    let mut config = spiking("tiny");
    let each = by_hand(64, 48, 16 * 256, 2, 2);
    assert_eq!(updates(&config), 4 * each);
    // Without mixing there are no neurons of q and k.
    config.attention.kind = AttentionKind::Identity;
    assert_eq!(updates(&config), 4 * (each - 2 * 2 * 64 * 48));
    // The card's softmax hands means of spikes to `out`, with no neuron between.
    config.attention.kind = AttentionKind::Card;
    assert_eq!(updates(&config), 4 * (each - 2 * 64 * 48));
    let census = config.census();
    let out = census
        .layers
        .iter()
        .find(|layer| layer.name == "block.0.out")
        .expect("out");
    assert_eq!((out.input, out.steps, out.neurons), (Signal::Real, 4, 0));
    // The frozen control has the same neurons, seen by two layers.
    config.attention.kind = AttentionKind::FrozenQk;
    assert_eq!(updates(&config), 4 * each);
    assert_eq!(updates(&spiking("tiny-exp")), 4 * each);
}

#[test]
fn time_folded_into_channels() {
    // The card: T = 4 in groups of 2, so that the blocks have 256 channels and two steps.
    let census = spiking("card-cifar").census();
    let qkv = census
        .layers
        .iter()
        .find(|layer| layer.name == "block.0.qkv")
        .expect("qkv");
    assert_eq!(
        qkv.op,
        LayerOp::Linear {
            rows: 64,
            c_in: 256,
            c_out: 768,
            groups: 4
        }
    );
    assert_eq!(
        (qkv.steps, qkv.neurons, qkv.updates),
        (2, 64 * 256, 2 * 64 * 256)
    );
    // Rate coding: the patch convolution sees another picture at each of four steps.
    assert_eq!(census.layers[0].steps, 4);
    assert_eq!(census.layers[0].input, Signal::Real);
    assert_eq!(macs(&census, "head"), 256 * 10);
}

#[test]
fn exponential_coding_runs_convolutions_on_pixels_once_and_spikes_in_k_steps() {
    let census = spiking("tiny-exp").census();
    assert_eq!(census.time_steps, 4);
    assert_eq!(census.layers[0].steps, 1);
    for layer in census
        .layers
        .iter()
        .filter(|layer| layer.input != Signal::Real)
    {
        assert_eq!(
            layer.input,
            Signal::WeightedSpikes { bits: 4 },
            "{}",
            layer.name
        );
        assert_eq!(layer.steps, 4, "{}", layer.name);
    }
    // Shortcuts and biases are added once, to potentials formed in one pass: bias and shortcut of `out`.
    let out = |name: &str| {
        let census = spiking(name).census();
        census
            .layers
            .iter()
            .find(|layer| layer.name == "block.0.out")
            .expect("out")
            .adds
    };
    assert_eq!(out("tiny-exp"), 2 * 64 * 48);
    assert_eq!(out("tiny"), 4 * 2 * 64 * 48);
}

#[test]
fn convolution_blocks_and_attention_read_out() {
    let mut config = spiking("small");
    (config.stem[1].blocks, config.stem[1].groups) = (1, 2);
    let census = config.census();
    assert_eq!(macs(&census, "stem.1.block.0.dw"), 46 * 46 * 48);
    assert_eq!(macs(&census, "stem.1.block.0.pw"), 256 * 24 * 48);
    let mut config = spiking("tiny");
    config.temporal.readout = Readout::Attention;
    let census = config.census();
    // Two time groups: a score and a weighted sum of 48 channels each.
    assert_eq!(macs(&census, "readout"), 2 * 2 * 48);
    assert_eq!(names(&census).last(), Some(&"head"));
}

/// Biases, shortcuts, embeddings and pooling, by hand for four time steps, one pass of ExpG-IF and the twin.
#[test]
fn element_wise_additions_by_hand() {
    let adds = |census: &Census| census.layers.iter().map(|layer| layer.adds).sum::<u64>();
    let tokens = 64 * 48;
    // Bias of both convolutions; in a block: q k v, out and its shortcut, the hidden layer of twice the width, the
    // last layer and its shortcut; pooling.
    let pass = tokens + 2 * (3 + 2 + 2 + 2) * tokens + tokens;
    let pixels = 16 * 256;
    // The first convolution runs once; its step embedding is added at each of four steps.
    assert_eq!(adds(&spiking("tiny").census()), 4 * pass + 5 * pixels + 10);
    assert_eq!(adds(&spiking("tiny-exp").census()), pass + pixels + 10);
    let dense = census(
        &preset("dense-tiny", DatasetKind::Cifar10)
            .expect("a preset")
            .model,
    );
    // Bias and position embedding instead of the stem.
    assert_eq!(adds(&dense), 2 * tokens + 2 * 9 * tokens + tokens + 10);
}

#[test]
fn order_of_attention_has_the_fewer_operations() {
    for tokens in 1..40_usize {
        for d in 1..40_usize {
            let (scores, linear) = (2 * tokens * tokens * d, 2 * tokens * d * d);
            let order = attention_order(AttentionKind::GwSsa, tokens, d, false);
            let expected = if linear < scores {
                AttentionOrder::Linear
            } else {
                AttentionOrder::Scores
            };
            assert_eq!(order, expected, "W = {tokens}, d = {d}");
            for kind in [
                AttentionKind::GwSsa,
                AttentionKind::GwSsaLinear,
                AttentionKind::FrozenQk,
            ] {
                assert_eq!(
                    attention_order(kind, tokens, d, true),
                    AttentionOrder::Scores
                );
            }
            assert_eq!(
                attention_order(AttentionKind::Card, tokens, d, false),
                AttentionOrder::Scores
            );
        }
    }
}

#[test]
fn dense_twin_by_hand() {
    let model = preset("dense-tiny", DatasetKind::Cifar10)
        .expect("a preset")
        .model;
    let census = census(&model);
    assert_eq!(macs(&census, "embed"), 64 * 48 * 48);
    assert_eq!(macs(&census, "block.0.qkv"), 64 * 48 * 144);
    assert_eq!(macs(&census, "block.1.scores"), 4 * 64 * 64 * 12);
    assert_eq!(macs(&census, "block.1.context"), 4 * 64 * 64 * 12);
    assert_eq!(macs(&census, "block.0.mlp.1"), 64 * 96 * 48);
    assert!(
        census
            .layers
            .iter()
            .all(|layer| layer.input == Signal::Real && layer.steps == 1)
    );
    // embed 48·48+48, position 64·48, two blocks, final norm, head.
    let block = 4 * 48 + (48 * 144 + 144) + (48 * 48 + 48) + (48 * 96 + 96) + (96 * 48 + 48);
    let by_hand = 48 * 48 + 48 + 64 * 48 + 2 * block + 96 + 480 + 10;
    assert_eq!(census.params, by_hand);
}

#[test]
fn parameters_of_tiny_by_hand() {
    let config = spiking("tiny");
    let stem = 27 * 16 + 32 + 9 * 16 * 48 + 96;
    let block =
        |g: u64| 48 * 144 / g + 288 + 48 * 48 / g + 96 + 48 * 96 / g + 192 + 96 * 48 / g + 96;
    let embedding = 4 * 16;
    let head = 480 + 10;
    let by_hand = stem + block(1) + block(2) + embedding + head;
    let counted = parameters(&ModelConfig::Ge2msT(config.clone()));
    assert_eq!(counted.trainable, by_hand);
    assert_eq!(counted.statistics, 2 * (16 + 48 + 2 * (144 + 48 + 96 + 48)));
    assert_eq!(config.census().params, by_hand);

    // ExpG-IF: no step embedding (one pass), a threshold for each of the 1 + 2·5 + 1 neuron layers.
    let exp = parameters(&ModelConfig::Ge2msT(spiking("tiny-exp")));
    assert_eq!(exp.trainable, by_hand - embedding + 12);

    // LayerNorm brings a bias to every normalised layer.
    let mut layer = config.clone();
    layer.norm = NormKind::Layer;
    let layer = parameters(&ModelConfig::Ge2msT(layer));
    assert_eq!(
        layer.trainable,
        by_hand + 16 + 48 + 2 * (144 + 48 + 96 + 48)
    );
    assert_eq!(layer.statistics, 0);

    let mut weighted = config.clone();
    weighted.temporal.readout = Readout::Weighted;
    assert_eq!(
        parameters(&ModelConfig::Ge2msT(weighted)).trainable,
        by_hand + 2
    );
    let mut attention = config.clone();
    attention.temporal.readout = Readout::Attention;
    assert_eq!(
        parameters(&ModelConfig::Ge2msT(attention)).trainable,
        by_hand + 48
    );

    let mut frozen = config.clone();
    frozen.attention.kind = AttentionKind::FrozenQk;
    let frozen = parameters(&ModelConfig::Ge2msT(frozen));
    let qk = |g: u64| 48 * 96 / g + 192;
    assert_eq!(frozen.frozen, qk(1) + qk(2));
    assert_eq!(frozen.trainable, by_hand - frozen.frozen);
    assert_eq!(frozen.count(), by_hand);
}

/// Normalisation folds into weights and biases, so its kind changes no count.
#[test]
fn folding_the_normalisation_changes_no_count() {
    for name in ["tiny", "tiny-exp", "small", "card-cifar"] {
        let config = spiking(name);
        let with = |norm| {
            Ge2msTConfig {
                norm,
                ..config.clone()
            }
            .census()
            .layers
        };
        assert_eq!(with(NormKind::Batch), with(NormKind::Layer), "{name}");
    }
}

#[test]
fn rate_one_is_the_closed_form() {
    for name in ["tiny", "tiny-exp", "small", "card-cifar"] {
        let census = spiking(name).census();
        let activity = Activity::uniform(&census, 1.0);
        for layer in &activity.layers {
            let spec = census
                .layers
                .iter()
                .find(|spec| spec.name == layer.name)
                .expect("a layer");
            assert_eq!(
                layer.accumulates,
                spec.dense_ops() as f64,
                "{name} {}",
                layer.name
            );
            assert_eq!(layer.spikes, vec![spec.neurons as f64; spec.steps]);
            assert_eq!(layer.saturated, spec.neurons);
        }
    }
}

#[test]
fn every_preset_has_a_census() {
    for preset_info in PRESETS {
        let run = preset(preset_info.name, DatasetKind::Cifar100).expect("a preset");
        let census = census(&run.model);
        assert!(
            census.layers.iter().all(|layer| layer.op.macs() > 0),
            "{}",
            preset_info.name
        );
        assert_eq!(census.params, parameters(&run.model).count());
        let text = serde_json::to_string(&census).expect("JSON");
        assert_eq!(
            serde_json::from_str::<Census>(&text).expect("a census"),
            census
        );
    }
}
