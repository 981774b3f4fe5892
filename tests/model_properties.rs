//! Properties of the parts of the networks, and of every configuration that `validate` accepts.
#![cfg(not(target_family = "wasm"))]

use burn::module::Module;
use burn::tensor::{Device, Tensor, TensorData};
use gemst::config::*;
use gemst::energy::parameters;
use gemst::kernels::Windows;
use gemst::model::Network;
use gemst::model::attention::{Attention, AttentionShape};
use gemst::model::init::Init;
use gemst::model::layer::SpikeLinear;
use gemst::model::neuron::Neuron;
use gemst::model::trace::{Code, Trace};
use gemst::train::params;
use proptest::prelude::*;
use proptest::strategy::ValueTree;

fn tensor<const D: usize>(values: Vec<f32>, shape: [usize; D]) -> Tensor<D> {
    Tensor::from_data(TensorData::new(values, shape), &Device::flex())
}

fn floats<const D: usize>(x: Tensor<D>) -> Vec<f32> {
    x.into_data().iter::<f32>().collect()
}

/// Zeros and ones that look like noise.
fn spikes(seed: usize, count: usize) -> Vec<f32> {
    let bit = |i: usize| ((i + seed).wrapping_mul(2_654_435_761) >> 13).is_multiple_of(3);
    (0..count).map(|i| f32::from(u8::from(bit(i)))).collect()
}

/// The weights of a layer, whatever its other tensors are.
fn weight(layer: &SpikeLinear) -> Vec<f32> {
    let tensors = params::tensors(layer);
    let (_, weight) = tensors
        .into_iter()
        .find(|(entry, _)| entry.name == "weight")
        .expect("it has weights");
    floats(weight)
}

/// Windowed attention whose neurons are plain thresholds, low enough to fire.
fn attention(kind: AttentionKind, side: usize, window: usize, shifted: bool) -> Attention {
    let mut init = Init::new(7, &Device::flex());
    let neuron = NeuronConfig::If {
        v_threshold: 0.05,
        reset: Reset::Hard,
        detach_reset: true,
        surrogate: Surrogate::Rectangle { width: 1.0 },
    };
    let neuron = Neuron::new(&neuron, 1, 1, &mut init);
    let config = AttentionConfig {
        kind,
        windows: vec![window],
        shift: shifted,
    };
    let shape = AttentionShape {
        dim: 8,
        heads: 2,
        side,
        groups: 1,
        shifted,
        block: 0,
    };
    Attention::new(&config, shape, neuron, NormKind::Batch, &mut init)
}

fn mix(attention: &Attention, spikes: &[f32], tokens: usize) -> Vec<f32> {
    let code = Code::Binary { steps: 1 };
    let x = tensor(spikes.to_vec(), [tokens, 8]);
    let products = attention.products(x, 1, code, &mut Trace::default());
    floats(products.mixed())
}

/// A stem of two convolutions, small enough to try hundreds of variants of the rest.
fn any_config() -> impl Strategy<Value = Ge2msTConfig> {
    let surrogate = Surrogate::Triangle { width: 1.0 };
    let lif = move |tau, reset| NeuronConfig::Lif {
        tau,
        v_threshold: 0.5,
        reset,
        decay_input: false,
        detach_reset: false,
        surrogate,
    };
    let neuron = prop_oneof![
        Just(lif(2.0, Reset::Hard)),
        Just(lif(1.0, Reset::Soft)),
        Just(NeuronConfig::If {
            v_threshold: 0.5,
            reset: Reset::Soft,
            detach_reset: true,
            surrogate
        }),
        (1usize..4, 1usize..3).prop_map(|(steps, groups)| NeuronConfig::ExpGIf {
            steps,
            groups,
            theta: 0.1
        }),
    ];
    // Mostly numbers that fit each other, so that enough of them do.
    let pick = |values: &'static [usize]| prop::sample::select(values);
    let temporal = (
        pick(&[1, 2, 4]),
        pick(&[1, 1, 2, 3]),
        prop::sample::select(vec![
            TemporalForm::Parallel,
            TemporalForm::Parallel,
            TemporalForm::FoldIntoChannels,
        ]),
        prop::sample::select(vec![Readout::Mean, Readout::Weighted, Readout::Attention]),
        prop::sample::select(vec![InputCoding::Direct, InputCoding::Rate { noise: 0.1 }]),
    );
    let conv = (
        1usize..4,
        pick(&[1, 2, 3, 3, 4, 5]),
        pick(&[1, 2, 2, 3]),
        0usize..2,
        pick(&[1, 2, 3]),
    );
    let conv = conv.prop_map(|(channels, kernel, stride, blocks, groups)| StemConv {
        channels: 4 * channels,
        kernel,
        stride,
        blocks,
        groups,
    });
    let stem = prop::collection::vec(conv, 0..3);
    let kind = prop::sample::select(vec![
        AttentionKind::Card,
        AttentionKind::GwSsa,
        AttentionKind::GwSsaScores,
        AttentionKind::GwSsaLinear,
        AttentionKind::Identity,
        AttentionKind::FrozenQk,
    ]);
    let windows = prop::collection::vec(pick(&[1, 2, 2, 4, 3]), 0..3);
    let attention = (kind, windows, any::<bool>(), any::<bool>());
    let groups = prop::collection::vec(pick(&[1, 1, 2, 4, 0]), 0..3);
    let blocks = (0usize..3, pick(&[1, 2, 4, 0]), pick(&[1, 2, 0]), groups);
    (neuron, temporal, stem, attention, blocks).prop_map(
        |(neuron, temporal, stem, attention, blocks)| {
            let (mut time_steps, mut group, form, readout, coding) = temporal;
            if let NeuronConfig::ExpGIf { steps, groups, .. } = neuron {
                (time_steps, group) = (steps * groups, steps);
            }
            let (kind, windows, shift, batch) = attention;
            let (depth, heads, mlp_ratio, channel_groups) = blocks;
            Ge2msTConfig {
                image_size: 8,
                in_channels: 3,
                classes: 5,
                time_steps,
                neuron,
                coding,
                temporal: TemporalConfig {
                    group,
                    form,
                    readout,
                },
                stem,
                depth,
                heads,
                mlp_ratio,
                attention: AttentionConfig {
                    kind,
                    windows,
                    shift,
                },
                channel_groups,
                norm: if batch {
                    NormKind::Batch
                } else {
                    NormKind::Layer
                },
            }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// One group is `x W`; more are blocks of it whose outputs are shuffled: `j·g + group`.
    #[test]
    fn a_grouped_layer_is_its_dense_blocks(groups in 1usize..5, inputs in 1usize..5, outputs in 1usize..5, rows in 1usize..6, seed in 0usize..1000) {
        let mut init = Init::new(seed as u64, &Device::flex());
        let layer = SpikeLinear::new(groups * inputs, groups * outputs, groups, NormKind::Batch, &mut init);
        let x = spikes(seed, rows * groups * inputs);
        let y = floats(layer.forward(tensor(x.clone(), [rows, groups * inputs])));
        let w = weight(&layer);
        // Fresh running statistics: mean 0, variance 1.
        let scale = 1.0 / (1.0f32 + 1e-5).sqrt();
        for row in 0..rows {
            for group in 0..groups {
                for j in 0..outputs {
                    let at = |i: usize| x[(row * groups + group) * inputs + i] * w[(group * inputs + i) * outputs + j];
                    let expected = (0..inputs).map(at).sum::<f32>() * scale;
                    let ours = y[row * groups * outputs + j * groups + group];
                    prop_assert!((ours - expected).abs() < 1e-5, "{ours} instead of {expected}");
                }
            }
        }
    }

    /// Silencing one token changes only tokens of its own region, and in both orders of the product the same.
    #[test]
    fn attention_never_mixes_across_a_border(window in 1usize..4, n in 1usize..4, shifted: bool, silenced in 0usize..1000, seed in 0usize..1000) {
        let side = window * n;
        let tokens = side * side;
        let windows = Windows::new(side, window, shifted);
        let x = spikes(seed, tokens * 8);
        let mut other = x.clone();
        let silenced = silenced % tokens;
        for spike in &mut other[silenced * 8..][..8] {
            *spike = 1.0 - *spike;
        }
        let regions = windows.regions();
        let place = |token: usize| {
            let found = windows.members().iter().enumerate().find_map(|(window, members)| {
                let at = members.iter().position(|&member| member == token)?;
                Some((window, regions[window][at]))
            });
            found.expect("windows cover the grid")
        };
        for kind in [AttentionKind::Card, AttentionKind::GwSsaScores, AttentionKind::FrozenQk, AttentionKind::Identity] {
            let attention = attention(kind, side, window, shifted);
            let (before, after) = (mix(&attention, &x, tokens), mix(&attention, &other, tokens));
            for token in 0..tokens {
                let own = token == silenced || (kind != AttentionKind::Identity && place(token) == place(silenced));
                if !own {
                    prop_assert_eq!(&before[token * 8..][..8], &after[token * 8..][..8], "{:?}, token {}", kind, token);
                }
            }
        }
        let (scores, linear) = (attention(AttentionKind::GwSsaScores, side, window, false), attention(AttentionKind::GwSsaLinear, side, window, false));
        for (a, b) in mix(&scores, &x, tokens).iter().zip(mix(&linear, &x, tokens)) {
            prop_assert!((a - b).abs() <= 1e-5 * b.abs().max(1.0), "{a} against {b}");
        }
    }
}

proptest! {
    // Most random configurations are refused.
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    #[test]
    fn what_validate_accepts_runs(config in any_config()) {
        let mut run = preset("tiny", DatasetKind::Cifar10).expect("listed");
        run.model = ModelConfig::Ge2msT(config);
        if run.validate().is_ok() {
            let network = Network::new(&run.model, 1, &Device::flex());
            let pixels = spikes(3, 2 * 3 * 64);
            let output = network.forward(tensor(pixels, [2, 3, 8, 8]));
            prop_assert_eq!(output.logits.dims(), [2, 5]);
            prop_assert!(floats(output.logits).iter().all(|logit| logit.is_finite()));
        }
    }
}

#[test]
fn every_kind_of_configuration_is_among_the_random_ones() {
    // Without this, a generator that only makes refused configurations would prove nothing.
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let strategy = any_config();
    let (mut accepted, mut folded, mut exponential, mut deep) = (0, 0, 0, 0);
    for _ in 0..10_000 {
        let config = strategy.new_tree(&mut runner).expect("no filter").current();
        let mut run = preset("tiny", DatasetKind::Cifar10).expect("listed");
        run.model = ModelConfig::Ge2msT(config.clone());
        if run.validate().is_ok() {
            accepted += 1;
            folded += usize::from(config.temporal.form == TemporalForm::FoldIntoChannels);
            exponential += usize::from(matches!(config.neuron, NeuronConfig::ExpGIf { .. }));
            deep += usize::from(config.depth > 1);
        }
    }
    println!("{accepted} accepted, {folded} folded, {exponential} ExpG-IF, {deep} deep");
    assert!(accepted >= 100 && folded >= 20 && exponential >= 20 && deep >= 20);
}

#[test]
fn the_cards_imagenet_network_runs() {
    let run = preset("card-imagenet", DatasetKind::Cifar10).expect("listed");
    run.validate().expect("presets are valid");
    let network = Network::new(&run.model, 0, &Device::flex());
    let counted: usize = params::entries(&network)
        .iter()
        .filter(|entry| !entry.buffer)
        .map(params::Entry::len)
        .sum();
    let expected = parameters(&run.model).count();
    println!("card-imagenet has {counted} parameters");
    assert_eq!(counted as u64, expected);
    let pixels = spikes(1, 3 * 224 * 224);
    let output = network.valid().forward(tensor(pixels, [1, 3, 224, 224]));
    let logits = floats(output.logits);
    assert_eq!(logits.len(), 1000);
    assert!(logits.iter().all(|logit| logit.is_finite()));
    assert!(logits.iter().any(|&logit| logit != logits[0]));
}
