//! Training on the CPU backend: it learns, it resumes exactly, it freezes what it should.

use burn::tensor::Device;
use futures_lite::future::block_on;
use gemst::config::*;
use gemst::data::batch::{eval_batch, train_batch};
use gemst::data::{Dataset, Sampler, synthetic};
use gemst::train::{Checkpoint, CheckpointError, Precision, Session, Tally};

fn run(name: &str) -> RunConfig {
    let mut run = preset(name, DatasetKind::Synthetic).expect("listed");
    run.train.warmup_steps = 5;
    run.train.total_steps = 200;
    run.train.lr = 3e-3;
    run
}

fn session(config: RunConfig) -> Session {
    Session::new(config, &Device::flex()).expect("the configuration is valid")
}

/// Make steps up to `until`; the losses.
fn train(session: &mut Session, data: &Dataset, until: u64) -> Vec<f64> {
    let config = session.config().clone();
    let sampler = Sampler {
        seed: config.seed,
        len: data.train.len(),
        batch: config.train.batch,
    };
    let mut losses = Vec::new();
    while session.steps_made() < until {
        let step = session.steps_made();
        let batch = train_batch(
            &data.train,
            &sampler.indices(step),
            &config.train.augment,
            config.train.mixup,
            config.seed,
            step,
        );
        losses.push(
            block_on(session.step(&batch).read())
                .expect("flex reads")
                .loss,
        );
    }
    losses
}

fn accuracy(session: &Session, data: &Dataset) -> f64 {
    let mut tally = Tally::default();
    block_on(tally.add(session, &data.held_out, 0..data.held_out.len())).expect("flex reads");
    tally.accuracy()
}

#[test]
fn spiking_and_dense_networks_learn_generated_shapes() {
    let data = synthetic::generate(0, 640, 200);
    for (name, steps) in [("tiny", 100), ("tiny-exp", 120), ("dense-tiny", 80)] {
        let mut session = session(run(name));
        let losses = train(&mut session, &data, steps);
        let mean = |part: &[f64]| part.iter().sum::<f64>() / part.len() as f64;
        let (first, last) = (mean(&losses[..5]), mean(&losses[losses.len() - 5..]));
        let accuracy = accuracy(&session, &data);
        println!("{name}: loss {first:.3} -> {last:.3}, held-out accuracy {accuracy:.3}");
        assert!(
            last < first - 0.2,
            "{name}: the loss went from {first} to {last}"
        );
        assert!(
            accuracy > 0.2,
            "{name}: held-out accuracy {accuracy} is not above chance (0.1)"
        );
    }
}

/// A spiking network with the statistics it was drawn with is silent, so every picture gets the same logits.
#[test]
fn a_calibrated_network_tells_pictures_apart_and_trains_as_if_it_had_not_been() {
    let data = synthetic::generate(3, 64, 8);
    let fresh = session(run("tiny"));
    let mut calibrated = session(run("tiny"));
    calibrated.calibrate(&eval_batch(&data.train, 0..16));
    let distinct = |session: &Session| {
        let (logits, _) = block_on(session.infer(&eval_batch(&data.held_out, 0..8))).unwrap();
        logits.windows(2).filter(|pair| pair[0] != pair[1]).count()
    };
    assert_eq!(
        distinct(&fresh),
        0,
        "no longer silent: is calibrate still needed?"
    );
    assert!(distinct(&calibrated) >= 6, "still silent");
    let [mut fresh, mut calibrated] = [fresh, calibrated];
    let losses = [&mut fresh, &mut calibrated].map(|session| train(session, &data, 3));
    assert_eq!(losses[0], losses[1]);
    // A dozen steps were not enough to be heard, when the statistics crept up from 0 and 1.
    assert!(distinct(&fresh) >= 6, "silent after three steps");
}

/// Alone in this file with rate coding: the CPU backend has one stream of random numbers for the whole process.
#[test]
fn rate_coding_draws_its_noise_from_the_seed() {
    let pictures = eval_batch(&synthetic::generate(3, 16, 0).train, 0..4);
    let coded = |noise| {
        let mut run = run("tiny");
        if let ModelConfig::Ge2msT(model) = &mut run.model {
            model.coding = InputCoding::Rate { noise };
        }
        let mut session = session(run);
        let loss = |session: &mut Session| {
            let numbers = block_on(session.step(&pictures).read());
            numbers.expect("flex reads").loss
        };
        let losses = [0; 8].map(|_| loss(&mut session));
        let logits = [0; 2].map(|_| block_on(session.infer(&pictures)).expect("flex reads").0);
        (losses, logits)
    };
    let (losses, [first, again]) = coded(0.1);
    assert_eq!(first, again, "an inference repeats its noise");
    assert_eq!((losses, [first, again]), coded(0.1), "so does a run");
    assert_ne!(losses, coded(0.0).0, "there is noise");
}

#[test]
fn a_network_for_other_pictures_is_refused_in_words() {
    let run = preset("card-imagenet", DatasetKind::Synthetic).expect("listed");
    let refused = Session::new(run, &Device::flex())
        .err()
        .map(|error| error.to_string());
    let words = refused.expect("pictures of 224x224 pixels do not fit a batch");
    assert!(words.contains("224x224"), "{words}");
}

#[test]
fn a_resumed_run_makes_the_same_losses() {
    let data = synthetic::generate(1, 128, 1);
    for name in ["tiny", "tiny-exp", "dense-tiny"] {
        let mut whole = session(run(name));
        train(&mut whole, &data, 4);
        let saved = block_on(whole.save("spiking")).expect("flex reads");
        let bytes = Checkpoint {
            members: vec![saved],
        }
        .to_bytes(Precision::F32);
        let file = Checkpoint::from_bytes("run.safetensors", &bytes).expect("it was just written");
        let mut resumed = Session::restore(&file.members[0], &Device::flex()).expect("it fits");
        assert_eq!(resumed.steps_made(), 4);
        assert_eq!(
            train(&mut resumed, &data, 8),
            train(&mut whole, &data, 8),
            "{name}"
        );
    }
}

#[test]
fn frozen_parts_do_not_move_and_the_others_do() {
    let data = synthetic::generate(1, 128, 1);
    for (policy, moves) in [
        (Freeze::AllButHead, vec!["head"]),
        (Freeze::AllButLast { blocks: 1 }, vec!["head", "blocks.1"]),
    ] {
        let mut config = run("tiny-exp");
        config.train.freeze = policy;
        let mut session = session(config);
        let before = block_on(session.save("spiking")).expect("flex reads");
        train(&mut session, &data, 3);
        let after = block_on(session.save("spiking")).expect("flex reads");
        for (name, value) in &before.weights {
            let may_move = moves.iter().any(|part| name.contains(part)) || name.contains(".last.");
            if !may_move {
                assert_eq!(value, &after.weights[name], "{policy:?}: {name} moved");
            }
        }
        for part in moves {
            let moved = before
                .weights
                .iter()
                .any(|(name, value)| name.contains(part) && value != &after.weights[name]);
            assert!(moved, "{policy:?}: nothing in {part} moved");
        }
    }
}

#[test]
fn a_spike_penalty_lowers_the_firing_rate() {
    let data = synthetic::generate(2, 256, 64);
    let rate = |penalty: f64| {
        let mut config = run("tiny-exp");
        config.train.spike_penalty = penalty;
        let mut session = session(config);
        train(&mut session, &data, 40);
        let (_, trace) =
            block_on(session.infer(&eval_batch(&data.held_out, 0..64))).expect("flex reads");
        block_on(trace.count()).expect("flex reads").firing_rate()
    };
    let (free, held) = (rate(0.0), rate(5.0));
    assert!(
        held < 0.8 * free,
        "the firing rate went from {free} to {held}"
    );
}

#[test]
fn an_operation_penalty_lowers_the_spikes_that_arrive_at_synapses() {
    let data = synthetic::generate(2, 256, 64);
    let operations = |penalty: f64| {
        let mut config = run("tiny-exp");
        config.train.operation_penalty = penalty;
        let mut session = session(config);
        train(&mut session, &data, 40);
        let (_, trace) =
            block_on(session.infer(&eval_batch(&data.held_out, 0..64))).expect("flex reads");
        let spikes = trace.regulation().and_then(|spikes| spikes.operations());
        spikes.expect("it spikes").into_scalar::<f32>()
    };
    let (free, held) = (operations(0.0), operations(2.0));
    assert!(
        held < 0.7 * free,
        "spikes per synapse went from {free} to {held}"
    );
}

#[test]
fn transfer_keeps_everything_but_a_head_of_another_size() {
    let hundred = session(preset("tiny", DatasetKind::Cifar100).expect("listed"));
    let member = block_on(hundred.save("spiking")).expect("flex reads");
    let ten = session(preset("tiny", DatasetKind::Cifar10).expect("listed"))
        .with_weights(&member)
        .expect("only the head differs");
    let moved = block_on(ten.save("spiking")).expect("flex reads");
    for (name, value) in &moved.weights {
        if !name.contains("head") {
            assert_eq!(value, &member.weights[name], "{name}");
        }
    }
    let error = session(preset("tiny-exp", DatasetKind::Cifar10).expect("listed"))
        .with_weights(&member)
        .err()
        .expect("other neurons, other tensors");
    assert!(error.to_string().contains("theta"), "{error}");
}

#[test]
fn broken_checkpoints_are_refused_in_words() {
    let member = block_on(session(run("tiny")).save("spiking")).expect("flex reads");
    let good = Checkpoint {
        members: vec![member.clone()],
    }
    .to_bytes(Precision::F32);
    let open =
        |bytes: &[u8]| Checkpoint::from_bytes("mine.safetensors", bytes).expect_err("it is broken");

    assert!(matches!(open(b"hello"), CheckpointError::NotOurs { .. }));
    for cut in [0, 7, 100, good.len() / 2, good.len() - 1] {
        assert!(
            open(&good[..cut]).to_string().contains("mine.safetensors"),
            "cut at {cut}"
        );
    }
    let mut poisoned = member.clone();
    poisoned
        .weights
        .values_mut()
        .next()
        .expect("there are weights")
        .1[0] = f32::NAN;
    let error = open(
        &Checkpoint {
            members: vec![poisoned],
        }
        .to_bytes(Precision::F32),
    );
    assert!(error.to_string().contains("not finite"), "{error}");

    let mut other = member;
    let (name, _) = other.weights.pop_first().expect("there are weights");
    let error = Session::restore(&other, &Device::flex())
        .err()
        .expect("a tensor is missing");
    assert!(error.to_string().contains(&name), "{error}");
}

#[test]
fn half_precision_keeps_the_answers() {
    let data = synthetic::generate(4, 320, 50);
    let mut session = session(run("dense-tiny"));
    train(&mut session, &data, 30);
    let mut member = block_on(session.save("dense")).expect("flex reads");
    member.moments = None;
    let bytes = Checkpoint {
        members: vec![member],
    }
    .to_bytes(Precision::F16);
    let file = Checkpoint::from_bytes("f16", &bytes).expect("it was just written");
    let shipped = Session::restore(&file.members[0], &Device::flex()).expect("it fits");
    assert!((accuracy(&shipped, &data) - accuracy(&session, &data)).abs() <= 0.04);
}

#[test]
fn a_restored_network_answers_as_the_one_that_was_saved() {
    // Running statistics included: they are averages that every step moves.
    let data = synthetic::generate(4, 64, 8);
    let batch = eval_batch(&data.held_out, 0..8);
    for name in ["tiny", "tiny-exp"] {
        let mut session = session(run(name));
        train(&mut session, &data, 3);
        let member = block_on(session.save("spiking")).expect("flex reads");
        let restored = Session::restore(&member, &Device::flex()).expect("it fits");
        let answer = |session: &Session| block_on(session.infer(&batch)).expect("flex reads").0;
        assert_eq!(answer(&session), answer(&restored), "{name}");
    }
}
