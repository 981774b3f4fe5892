//! The networks: shapes, parameter counts, every variant of the configuration, symmetries.

use burn::tensor::{Device, Tensor, TensorData};
use futures_lite::future::block_on;
use gemst::config::*;
use gemst::data::batch::eval_batch;
use gemst::data::{Batch, synthetic};
use gemst::energy::census;
use gemst::kernels::Windows;
use gemst::model::temporal::{fold_time_into_channels, unfold_channels_into_time};
use gemst::train::Session;
use proptest::prelude::*;
use proptest::strategy::ValueTree;

fn pictures(count: usize) -> Batch {
    eval_batch(&synthetic::generate(3, count, 0).train, 0..count)
}

fn session(config: RunConfig) -> Session {
    Session::new(config, &Device::flex()).expect("the configuration is valid")
}

fn spiking(run: &mut RunConfig) -> &mut Ge2msTConfig {
    match &mut run.model {
        ModelConfig::Ge2msT(model) => model,
        ModelConfig::DenseVit(_) => panic!("a spiking preset"),
    }
}

fn tiny(change: impl FnOnce(&mut Ge2msTConfig)) -> RunConfig {
    let mut run = preset("tiny", DatasetKind::Cifar10).expect("tiny is a preset");
    change(spiking(&mut run));
    run
}

#[test]
fn every_preset_has_the_parameters_its_census_says() {
    for known in PRESETS.iter().filter(|known| known.name != "card-imagenet") {
        let run = preset(known.name, DatasetKind::Cifar10).expect("listed");
        run.validate().expect("presets are valid");
        let counted = census(&run.model).params;
        assert_eq!(session(run).params(), counted, "{}", known.name);
    }
}

#[test]
fn small_stays_within_its_budget() {
    for name in ["small", "dense-small"] {
        let run = preset(name, DatasetKind::Cifar100).expect("listed");
        let params = session(run).params();
        assert!(params <= 1_500_000, "{name} has {params} parameters");
    }
}

/// Convolutions of `(channels, kernel, stride)`.
fn stem(convolutions: &[(usize, usize, usize)]) -> Vec<StemConv> {
    let conv = |&(channels, kernel, stride): &(usize, usize, usize)| StemConv {
        channels,
        kernel,
        stride,
        blocks: 0,
        groups: 1,
    };
    convolutions.iter().map(conv).collect()
}

/// One entry per mechanism of the configuration.
fn variants() -> Vec<(&'static str, RunConfig)> {
    let mut all = vec![
        ("tiny", tiny(|_| {})),
        (
            "tiny-exp",
            preset("tiny-exp", DatasetKind::Cifar10).expect("listed"),
        ),
        (
            "card-cifar",
            preset("card-cifar", DatasetKind::Cifar10).expect("listed"),
        ),
        (
            "dense-tiny",
            preset("dense-tiny", DatasetKind::Cifar10).expect("listed"),
        ),
        ("two exp groups", {
            let mut run = preset("tiny-exp", DatasetKind::Cifar10).expect("listed");
            let model = spiking(&mut run);
            model.neuron = NeuronConfig::ExpGIf {
                steps: 2,
                groups: 2,
                theta: 0.25,
            };
            model.temporal.group = 2;
            run
        }),
        (
            "fold",
            tiny(|model| model.temporal.form = TemporalForm::FoldIntoChannels),
        ),
        (
            "weighted read-out",
            tiny(|model| model.temporal.readout = Readout::Weighted),
        ),
        (
            "attention read-out",
            tiny(|model| model.temporal.readout = Readout::Attention),
        ),
        (
            "rate coding",
            tiny(|model| model.coding = InputCoding::Rate { noise: 0.1 }),
        ),
        ("layer norm", tiny(|model| model.norm = NormKind::Layer)),
        ("conv blocks", tiny(|model| model.stem[0].blocks = 2)),
        (
            "one convolution",
            tiny(|model| model.stem = stem(&[(48, 4, 4)])),
        ),
        (
            "four convolutions",
            tiny(|model| model.stem = stem(&[(8, 3, 1), (16, 3, 2), (32, 3, 2), (48, 3, 1)])),
        ),
        ("no shift", tiny(|model| model.attention.shift = false)),
        (
            "global window",
            tiny(|model| model.attention.windows = vec![8]),
        ),
        (
            "if, soft reset",
            tiny(|model| {
                model.neuron = NeuronConfig::If {
                    v_threshold: 1.0,
                    reset: Reset::Soft,
                    detach_reset: false,
                    surrogate: Surrogate::Sigmoid { alpha: 4.0 },
                };
            }),
        ),
    ];
    for (name, kind) in [
        ("card attention", AttentionKind::Card),
        ("scores", AttentionKind::GwSsaScores),
        ("linear", AttentionKind::GwSsaLinear),
        ("identity", AttentionKind::Identity),
        ("frozen qk", AttentionKind::FrozenQk),
    ] {
        all.push((name, tiny(|model| model.attention.kind = kind)));
    }
    all
}

#[test]
fn every_variant_runs_trains_and_names_its_layers_as_the_census_does() {
    let batch = pictures(4);
    for (name, run) in variants() {
        let mut session = session(run.clone());
        let before = session.params();
        assert_eq!(before, census(&run.model).params, "{name}: parameters");
        let numbers = block_on(session.step(&batch).read()).expect("flex reads");
        assert!(numbers.loss.is_finite(), "{name}: loss {}", numbers.loss);
        let (logits, trace) = block_on(session.infer(&batch)).expect("flex reads");
        assert_eq!((logits.len(), logits[0].len()), (4, 10), "{name}");
        let counts = block_on(trace.count()).expect("flex reads");
        let mut traced: Vec<&str> = counts
            .layers
            .iter()
            .map(|layer| layer.name.as_str())
            .collect();
        let mut expected: Vec<String> = census(&run.model)
            .layers
            .into_iter()
            .filter(|layer| layer.input != gemst::energy::Signal::Real)
            .map(|layer| layer.name)
            .collect();
        traced.sort_unstable();
        expected.sort_unstable();
        assert_eq!(traced, expected, "{name}: spiking layers");
    }
}

#[test]
fn the_same_seed_gives_the_same_network_and_another_seed_another() {
    let batch = pictures(2);
    let loss = |seed| {
        let mut run = tiny(|_| {});
        run.seed = seed;
        let stats = session(run).step(&batch);
        block_on(stats.read()).expect("flex reads").loss
    };
    assert_eq!(loss(1), loss(1));
    assert_ne!(loss(1), loss(2));
}

#[test]
fn permuting_the_batch_permutes_the_logits() {
    const PICTURES: usize = 5;
    let batch = pictures(PICTURES);
    let size = batch.images.len() / PICTURES;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let orders = Just((0..PICTURES).collect::<Vec<_>>()).prop_shuffle();
    for (name, run) in variants() {
        if name == "rate coding" || name == "card-cifar" {
            continue; // Each place in the batch draws its own noise.
        }
        let mut session = session(run);
        // A fresh BatchNorm's running statistics silence the network: train a little first.
        for _ in 0..40 {
            session.step(&batch);
        }
        let plain = block_on(session.infer(&batch)).expect("flex reads").0;
        assert!(
            plain[0] != plain[1],
            "{name}: different pictures, equal logits"
        );
        for _ in 0..3 {
            let order = orders.new_tree(&mut runner).expect("no filter").current();
            let mut turned = batch.clone();
            for (to, from) in order.iter().enumerate() {
                let picture = &batch.images[from * size..][..size];
                turned.images[to * size..][..size].copy_from_slice(picture);
            }
            let logits = block_on(session.infer(&turned)).expect("flex reads").0;
            for (to, from) in order.iter().enumerate() {
                for (a, b) in plain[*from].iter().zip(&logits[to]) {
                    assert!(
                        (a - b).abs() <= 1e-4 * a.abs().max(1.0),
                        "{name}, {order:?}: {a} against {b}"
                    );
                }
            }
        }
    }
}

#[test]
fn a_configuration_with_many_mistakes_names_each() {
    let mut run = tiny(|model| {
        model.heads = 5;
        model.temporal.group = 3;
        model.attention.windows = vec![3];
        model.channel_groups = vec![7, 1, 1];
    });
    run.train.lr = f64::NAN;
    let errors = run.validate().expect_err("it is wrong").to_string();
    for word in [
        "heads 5",
        "temporal.group 3",
        "windows[0] 3",
        "channel_groups[0] 7",
        "3 entries",
        "train.lr",
    ] {
        assert!(errors.contains(word), "{word} is missing in: {errors}");
    }
}

fn ramp<const D: usize>(shape: [usize; D]) -> Tensor<D> {
    let count: usize = shape.iter().product();
    let values: Vec<f32> = (0..count).map(|i| i as f32).collect();
    Tensor::from_data(TensorData::new(values, shape), &Device::flex())
}

fn values<const D: usize>(x: Tensor<D>) -> Vec<f32> {
    let data = block_on(x.into_data_async()).expect("flex reads");
    data.iter::<f32>().collect()
}

#[test]
fn shifted_windows_never_mix_across_the_border() {
    let windows = Windows::new(8, 4, true);
    assert_eq!((windows.shift, windows.count()), (2, 4));
    // Token indices as the windows see them: tokens of one region must be neighbours on the real grid.
    let seen = values(windows.partition(ramp([1, 64, 1]), 1));
    for (window, regions) in windows.regions().iter().enumerate() {
        for (i, a) in regions.iter().enumerate() {
            for (j, b) in regions.iter().enumerate() {
                if a == b {
                    let (p, q) = (seen[window * 16 + i] as i32, seen[window * 16 + j] as i32);
                    assert!(
                        (p / 8 - q / 8).abs() < 4 && (p % 8 - q % 8).abs() < 4,
                        "{p} and {q} share a region"
                    );
                }
            }
        }
    }
    assert_eq!(
        windows.regions()[0],
        vec![0; 16],
        "the first window has not wrapped"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn window_partition_and_reverse_are_inverses(
        rows in 1usize..3, window in 1usize..4, n in 1usize..4, heads in 1usize..3, d in 1usize..4, shifted: bool,
    ) {
        let side = window * n;
        let windows = Windows::new(side, window, shifted);
        let x = ramp([rows, side * side, heads * d]);
        let back = windows.reverse(windows.partition(x.clone(), heads));
        prop_assert_eq!(values(back), values(x));
    }

    #[test]
    fn time_folding_is_a_bijection(batch in 1usize..3, groups in 1usize..4, group in 1usize..4, tokens in 1usize..5, channels in 1usize..4) {
        let steps = groups * group;
        let x = ramp([steps * batch, tokens, channels]);
        let folded = fold_time_into_channels(x.clone(), steps, group);
        prop_assert_eq!(folded.dims(), [groups * batch, tokens, channels * group]);
        prop_assert_eq!(values(unfold_channels_into_time(folded, steps, group)), values(x));
    }
}
