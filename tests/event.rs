//! Inference on events against the training form: the neuron to the last bit, 8-bit networks to the last bit,
//! f32 networks but for sums in another order at a threshold.
#![cfg(not(target_family = "wasm"))]

use burn::tensor::{Device, Tensor, TensorData};
use futures_lite::future::block_on;
use gemst::config::*;
use gemst::data::batch::eval_batch;
use gemst::data::{Batch, synthetic};
use gemst::kernels::Windows;
use gemst::kernels::exp_g_if;
use gemst::model::event::{EventNet, EventNeuron};
use gemst::train::{Conversion, Session};
use proptest::prelude::*;

fn pictures(count: usize) -> Batch {
    eval_batch(&synthetic::generate(5, count, 0).train, 0..count)
}

fn tiny(change: impl FnOnce(&mut Ge2msTConfig)) -> RunConfig {
    let mut run = preset("tiny-exp", DatasetKind::Cifar10).expect("listed");
    match &mut run.model {
        ModelConfig::Ge2msT(model) => change(model),
        ModelConfig::DenseVit(_) => panic!("tiny-exp spikes"),
    }
    run
}

/// A network whose weights, thresholds and running statistics have moved from where they began.
fn trained(run: RunConfig, steps: usize) -> Session {
    let mut session = Session::new(run, &Device::flex()).expect("the configuration is valid");
    let batch = pictures(16);
    for _ in 0..steps {
        session.step(&batch);
    }
    session
}

fn variants() -> Vec<(&'static str, RunConfig)> {
    let kind = |kind| tiny(move |model| model.attention.kind = kind);
    vec![
        ("tiny-exp", tiny(|_| {})),
        ("scores", kind(AttentionKind::GwSsaScores)),
        ("linear", kind(AttentionKind::GwSsaLinear)),
        ("identity", kind(AttentionKind::Identity)),
        ("frozen qk", kind(AttentionKind::FrozenQk)),
        (
            "one window",
            tiny(|model| model.attention.windows = vec![8]),
        ),
        (
            "convolution blocks",
            tiny(|model| {
                model.stem[0].blocks = 1;
                model.stem[1].blocks = 2;
                model.stem[1].groups = 4;
            }),
        ),
        (
            "two groups",
            tiny(|model| {
                model.neuron = NeuronConfig::ExpGIf {
                    steps: 2,
                    groups: 2,
                    theta: 0.25,
                };
                model.temporal.group = 2;
            }),
        ),
    ]
}

#[test]
fn eight_bit_logits_are_equal_to_the_last_bit() {
    for (name, run) in variants() {
        let session = block_on(trained(run, 12).with_eight_bit_weights()).expect("it folds");
        let mut conversion = block_on(Conversion::of(&session)).expect("it converts");
        block_on(conversion.add(&session, &pictures(12))).expect("flex reads");
        assert_eq!(
            conversion.identical,
            12,
            "{name}: {:?}",
            conversion.departures.first()
        );
        assert!(
            conversion.spikes > 1000,
            "{name} is nearly silent: {}",
            conversion.spikes
        );
    }
}

#[test]
fn eight_bit_weights_are_integers_and_still_the_same_network() {
    let session = trained(tiny(|_| {}), 60);
    let batch = pictures(64);
    let (before, _) = block_on(session.infer(&batch)).expect("flex reads");
    let rounded = block_on(session.with_eight_bit_weights()).expect("it folds");
    let (after, _) = block_on(rounded.infer(&batch)).expect("flex reads");
    let top = |row: &Vec<f32>| gemst::train::eval::argmax(row);
    let same = before
        .iter()
        .zip(&after)
        .filter(|(a, b)| top(a) == top(b))
        .count();
    assert!(same >= 48, "{same} of 64 pictures keep their class");
    let weights = block_on(rounded.save("spiking"))
        .expect("flex reads")
        .weights;
    let (shape, values) = &weights["Spiking.blocks.1.fc1.weight"];
    let (inputs, outputs) = (shape[1], shape[2]);
    for group in values.chunks_exact(inputs * outputs) {
        for output in 0..outputs {
            let column = group.iter().skip(output).step_by(outputs);
            let largest = column.clone().fold(0.0f32, |most, w| most.max(w.abs()));
            let unit = (largest / 127.0).log2().ceil().exp2();
            for w in column {
                assert!(
                    (w / unit).fract() == 0.0 && (w / unit).abs() <= 127.0,
                    "{w} of {unit}"
                );
            }
        }
    }
}

#[test]
fn f32_logits_agree_but_for_potentials_at_a_threshold() {
    for (name, run) in variants() {
        let session = trained(run, 40);
        let mut conversion = block_on(Conversion::of(&session)).expect("it converts");
        let batch = pictures(50);
        block_on(conversion.add(&session, &batch)).expect("flex reads");
        println!(
            "{name}: {} of {} close, worst {:.1e}",
            conversion.close, conversion.images, conversion.worst
        );
        assert!(
            conversion.close >= 40,
            "{name}: {:?}",
            conversion.departures.first()
        );
        assert!(
            conversion.same_top >= 49,
            "{name}: {:?}",
            conversion.departures.first()
        );
        for departure in &conversion.departures {
            // Sums of a hundred f32 terms of up to 15 theta, in two orders, part by some 1e-4 theta at most; a wrong
            // weight parts them by tenths (see below).
            assert!(departure.margin < 1e-3, "{name}: {departure}");
        }
    }
}

#[test]
fn a_wrong_weight_is_noticed() {
    let session = trained(tiny(|_| {}), 12);
    let mut member = block_on(session.save("spiking")).expect("flex reads");
    let mut conversion = block_on(Conversion::of(&session)).expect("it converts");
    let weight = member
        .weights
        .get_mut("Spiking.blocks.0.fc2.weight")
        .expect("listed");
    weight.1.iter_mut().for_each(|w| *w *= 1.05);
    let other = Session::restore(&member, &Device::flex()).expect("the same shapes");
    block_on(conversion.add(&other, &pictures(8))).expect("flex reads");
    assert!(conversion.close < 8);
    assert!(
        conversion
            .departures
            .iter()
            .any(|departure| departure.margin > 1e-4)
    );
}

#[test]
fn what_has_no_event_form_says_why() {
    for (run, word) in [
        (
            preset("tiny", DatasetKind::Cifar10).expect("listed"),
            "ExpG-IF",
        ),
        (
            tiny(|model| model.attention.kind = AttentionKind::Card),
            "softmax",
        ),
        (tiny(|model| model.norm = NormKind::Layer), "LayerNorm"),
        (
            preset("dense-tiny", DatasetKind::Cifar10).expect("listed"),
            "dense",
        ),
    ] {
        let session = trained(run, 0);
        let error = block_on(Conversion::of(&session)).err().expect("refused");
        assert!(error.to_string().contains(word), "{error}");
    }
    let ModelConfig::Ge2msT(config) = tiny(|_| {}).model else {
        panic!("tiny-exp spikes")
    };
    let error = EventNet::new(&config, &Default::default()).expect_err("refused");
    assert!(error.to_string().contains("missing"), "{error}");
}

#[test]
fn members_are_what_partition_gathers() {
    for (side, window, shifted) in [
        (8, 4, true),
        (8, 4, false),
        (8, 2, true),
        (6, 3, true),
        (4, 4, true),
    ] {
        let windows = Windows::new(side, window, shifted);
        let places: Vec<f32> = (0..side * side).map(|place| place as f32).collect();
        let x = Tensor::from_data(
            TensorData::new(places, [1, side * side, 1]),
            &Device::flex(),
        );
        let gathered: Vec<usize> = windows
            .partition(x, 1)
            .into_data()
            .iter::<f32>()
            .map(|p| p as usize)
            .collect();
        assert_eq!(windows.members().concat(), gathered, "{windows:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// Potentials anywhere and within a few ulps of the border between two codes.
    #[test]
    fn the_code_is_the_quantisers_to_the_last_bit(
        steps in 1usize..=12,
        groups in 1usize..=4,
        theta in 1e-4f32..4.0,
        places in prop::collection::vec((-0.2f32..1.2, any::<bool>(), -3i32..=3), 1..60),
    ) {
        let top = groups * ((1 << steps) - 1);
        let z: Vec<f32> = places.iter().map(|&(share, border, ulps)| {
            let at = share * top as f32;
            if border {
                let z = (at.round() - 0.5) * theta;
                f32::from_bits((z.to_bits() as i32 + ulps) as u32)
            } else {
                at * theta
            }
        }).collect();
        let tensor = |values: &[f32]| Tensor::<1>::from_data(
            TensorData::new(values.to_vec(), [values.len()]), &Device::flex());
        let y: Vec<f32> = exp_g_if(tensor(&z), tensor(&[theta]), steps, groups)
            .into_data().iter::<f32>().collect();
        let neuron = EventNeuron::new(theta, steps, groups);
        let wide = |z: &[f32]| -> Vec<f64> { z.iter().copied().map(f64::from).collect() };
        let train = neuron.emit(&wide(&z));
        prop_assert_eq!(train.fired.len(), steps * groups);
        for ((z, y), code) in z.iter().zip(&y).zip(train.codes()) {
            prop_assert_eq!(neuron.level(code).to_bits(), y.to_bits(), "z {}", z);
        }
        // Thresholds divided by a unit decide as potentials multiplied by it, where both are exact.
        let sums: Vec<i64> = places.iter().map(|&(share, _, ulps)| (share * top as f32 * 8.0) as i64 + i64::from(ulps)).collect();
        let exact: Vec<f32> = sums.iter().map(|&sum| sum as f32 * 0.125).collect();
        let neuron = EventNeuron::new(1.0, steps, groups);
        prop_assert_eq!(neuron.emit_counts(&sums, &[0.125], |_| 0), neuron.emit(&wide(&exact)));
    }
}
