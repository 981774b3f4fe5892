//! The trace of real networks against the census: at a rate of one they are the same number.
#![cfg(feature = "cpu")]

use burn::tensor::{Device, Tensor};
use futures_lite::future::block_on;
use gemst::config::*;
use gemst::data::{batch::eval_batch, synthetic};
use gemst::energy::*;
use gemst::model::Network;
use gemst::model::trace::{Code, Counting, Meeting, Pair, Trace, Train};

const IMAGES: usize = 2;

fn network(name: &str) -> Ge2msTConfig {
    match preset(name, DatasetKind::Cifar10).expect("a preset").model {
        ModelConfig::Ge2msT(model) => model,
        ModelConfig::DenseVit(_) => panic!("{name} is dense"),
    }
}

/// Activity of a network with fresh weights on generated pictures.
fn measured(config: &Ge2msTConfig) -> Activity {
    let device = Device::flex();
    let batch = eval_batch(&synthetic::generate(3, IMAGES, 0).train, 0..IMAGES);
    let images = Tensor::<1>::from_floats(batch.images.as_slice(), &device);
    let side = config.image_size;
    let network = Network::new(&ModelConfig::Ge2msT(config.clone()), 7, &device);
    let output = network.forward(images.reshape([IMAGES, 3, side, side]));
    block_on(output.trace.count())
        .expect("flex reads")
        .activity()
}

/// A threshold below every potential: every neuron fires at every step.
fn always_firing(mut config: Ge2msTConfig) -> Ge2msTConfig {
    match &mut config.neuron {
        NeuronConfig::Lif { v_threshold, .. } | NeuronConfig::If { v_threshold, .. } => {
            *v_threshold = -1e9
        }
        NeuronConfig::ExpGIf { .. } => panic!("a neuron with a fixed threshold"),
    }
    config
}

fn variants() -> Vec<(&'static str, Ge2msTConfig)> {
    let tiny = |change: &dyn Fn(&mut Ge2msTConfig)| {
        let mut config = network("tiny");
        change(&mut config);
        config
    };
    let kind = |kind| tiny(&|config| config.attention.kind = kind);
    vec![
        ("tiny", tiny(&|_| {})),
        ("card-cifar", network("card-cifar")),
        (
            "fold",
            tiny(&|config| config.temporal.form = TemporalForm::FoldIntoChannels),
        ),
        (
            "conv blocks",
            tiny(&|config| {
                config.stem[0] = StemConv {
                    blocks: 2,
                    groups: 4,
                    ..config.stem[0]
                }
            }),
        ),
        (
            "5x5 at stride 1",
            tiny(&|config| {
                config.stem[0].kernel = 4;
                config.stem.push(StemConv {
                    channels: 48,
                    kernel: 5,
                    stride: 1,
                    blocks: 0,
                    groups: 1,
                });
            }),
        ),
        (
            "windows shifted by two",
            tiny(&|config| config.attention.windows = vec![4]),
        ),
        (
            "one window",
            tiny(&|config| config.attention.windows = vec![8]),
        ),
        ("card attention", kind(AttentionKind::Card)),
        ("scores", kind(AttentionKind::GwSsaScores)),
        ("linear", kind(AttentionKind::GwSsaLinear)),
        ("identity", kind(AttentionKind::Identity)),
        ("frozen", kind(AttentionKind::FrozenQk)),
    ]
}

#[test]
fn at_a_rate_of_one_the_trace_is_the_census() {
    for (name, config) in variants() {
        let census = config.census();
        let activity = measured(&always_firing(config));
        let expected = Activity::uniform(&census, 1.0);
        assert_eq!(activity.images, IMAGES as u64, "{name}");
        assert_eq!(activity.layers.len(), expected.layers.len(), "{name}");
        let images = IMAGES as f64;
        for (ours, closed) in activity.layers.iter().zip(&expected.layers) {
            let what = format!("{name}, {}", closed.name);
            assert_eq!(ours.name, closed.name, "{what}");
            assert_eq!(
                ours.accumulates,
                images * closed.accumulates,
                "{what}: accumulates"
            );
            assert_eq!(ours.sites, images * closed.sites, "{what}: sites");
            let spikes: Vec<f64> = closed.spikes.iter().map(|count| images * count).collect();
            assert_eq!(ours.spikes, spikes, "{what}: spikes");
            assert_eq!((ours.dead, ours.saturated), (0, closed.neurons), "{what}");
        }
        let with = Assumptions::default();
        let (traced, closed) = (
            account(&census, &activity, &with),
            account(&census, &expected, &with),
        );
        assert_eq!(traced.total, closed.total, "{name}");
    }
}

#[test]
fn a_real_trace_fits_its_census() {
    let mut two_groups = network("tiny-exp");
    two_groups.neuron = NeuronConfig::ExpGIf {
        steps: 2,
        groups: 2,
        theta: 0.25,
    };
    two_groups.temporal.group = 2;
    let exponential = [
        ("tiny-exp", network("tiny-exp")),
        ("two groups", two_groups),
        ("small", network("small")),
    ];
    for (name, config) in exponential.into_iter().chain(variants()) {
        let census = config.census();
        let counted = account(&census, &measured(&config), &Assumptions::default());
        assert_eq!(counted.warnings, Vec::<String>::new(), "{name}");
        let rate = counted.firing_rate.expect("there are neurons");
        assert!(rate > 0.0 && rate < 1.0, "{name}: {rate}");
        for (layer, spec) in counted.layers.iter().zip(&census.layers) {
            if let (LayerOp::Linear { c_out, groups, .. }, true) = (spec.op, spec.is_spiking()) {
                assert_eq!(
                    layer.ops.acs,
                    layer.ops.spikes * (c_out / groups) as f64,
                    "{name}, {}",
                    layer.name
                );
            }
        }
    }
}

/// Two tokens of three channels whose K = 4 weighted spikes all fire: each of the four steps of one train meets
/// each of the four of the other.
#[test]
fn weighted_trains_that_always_fire() {
    let device = Device::flex();
    let theta = 0.25;
    let train = Tensor::<2>::full([1, 6], 15.0 * theta, &device);
    let mut trace = Trace::default();
    trace.pair(Pair {
        name: "block.0.scores".into(),
        left: Train::Whole(train.clone()),
        right: Train::Whole(train),
        shape: [1, 1, 2, 3],
        code: Code::Weighted {
            theta: Tensor::from_floats([theta], &device),
            bits: 4,
            groups: 1,
        },
        meeting: Meeting::Tokens {
            regions: vec![vec![0, 0]],
        },
    });
    let activity = block_on(trace.count()).expect("flex reads").activity();
    let spec = LayerSpec {
        name: "block.0.scores".into(),
        op: LayerOp::Product {
            pairs: 4,
            length: 3,
            trains: 2,
            inputs: 12,
            outputs: 4,
        },
        input: Signal::WeightedSpikes { bits: 4 },
        steps: 4,
        neurons: 12,
        updates: 48,
        adds: 0,
    };
    let census = Census {
        layers: vec![spec],
        params: 0,
        time_steps: 4,
        update: UpdateOps::default(),
    };
    assert_eq!(activity, Activity::uniform(&census, 1.0));
    assert_eq!(activity.layers[0].accumulates, 12.0 * 16.0);
}

#[test]
fn spikes_that_pass_by_are_counted_and_let_go() {
    let device = Device::flex();
    let batch = eval_batch(&synthetic::generate(3, 3, 0).train, 0..3);
    for (name, config) in variants() {
        // Rate coding draws other noise for each forward.
        if matches!(config.coding, InputCoding::Rate { .. }) {
            continue;
        }
        let traced = |trace: Trace| {
            let pixels = Tensor::<1>::from_floats(batch.images.as_slice(), &device);
            let pixels = pixels.reshape([3, 3, config.image_size, config.image_size]);
            let network = Network::new(&ModelConfig::Ge2msT(config.clone()), 7, &device);
            network.traced(pixels, trace).trace
        };
        let whole = block_on(traced(Trace::default()).count()).expect("flex reads");
        let passed = traced(Trace::passing(Counting::Rate));
        let rate = passed.firing_rate().expect("it was counted");
        let rate = f64::from(rate.into_scalar::<f32>());
        assert!((rate - whole.firing_rate()).abs() < 1e-6, "{name}");
        assert!(passed.is_empty() && passed.sites().is_empty(), "{name}");
        let figures = |trace: Trace| {
            let spikes = trace.regulation().expect("it spikes");
            let operations = spikes
                .operations()
                .map(|tensor| tensor.into_scalar::<f32>());
            (spikes.mean_rate().into_scalar::<f32>(), operations)
        };
        let regulated = figures(traced(Trace::passing(Counting::Regulated)));
        assert_eq!(regulated, figures(traced(Trace::default())), "{name}");
        let uncounted = traced(Trace::passing(Counting::Nothing));
        assert!(uncounted.firing_rate().is_none(), "{name}");
    }
}
