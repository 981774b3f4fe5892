//! Structured pruning: what is taken out of a stem, and what is refused.
#![cfg(all(feature = "cpu", feature = "cli"))]

use burn::tensor::Device;
use futures_lite::future::block_on;
use gemst::config::*;
use gemst::data::batch::{Batch, eval_batch};
use gemst::data::synthetic;
use gemst::train::prune::{PruneError, channels, dearest, keep, without};
use gemst::train::{Checkpoint, Member, Precision, Session};
use std::process::Command;

/// A network that has taken some steps, so that its normalisations have seen pictures and it spikes.
fn trained(preset_name: &str) -> Member {
    let run = preset(preset_name, DatasetKind::Synthetic).expect("listed");
    let role = if preset_name.starts_with("dense") {
        "dense"
    } else {
        "spiking"
    };
    let mut session = Session::new(run, &Device::flex()).expect("the configuration is valid");
    for _ in 0..6 {
        block_on(session.step(&batch()).read()).expect("flex computes");
    }
    block_on(session.save(role)).expect("flex reads")
}

fn batch() -> Batch {
    eval_batch(&synthetic::generate(0, 8, 1).train, 0..8)
}

fn logits(member: &Member) -> Vec<f32> {
    let session = Session::restore(member, &Device::flex()).expect("it fits its configuration");
    let (rows, _) = block_on(session.infer(&batch())).expect("flex computes");
    rows.concat()
}

fn furthest(a: &[f32], b: &[f32]) -> f32 {
    a.iter()
        .zip(b)
        .map(|(a, b)| (a - b).abs())
        .fold(0.0, f32::max)
}

/// Weights of 0 behind a channel and no channel at all are the same network.
#[test]
fn a_channel_taken_out_is_a_channel_that_is_not_heard() {
    for name in ["tiny-exp", "tiny"] {
        let whole = trained(name);
        let said = logits(&whole);
        let count = channels(&whole, 0).expect("it has two stages");
        let without_two = without(&without(&whole, 0, 1).expect("there"), 0, 4).expect("there");
        let kept: Vec<usize> = (0..count).filter(|c| ![1, 4].contains(c)).collect();
        let pruned = keep(&whole, 0, &kept).expect("they are there");
        assert_eq!(channels(&pruned, 0), Ok(count - 2));
        let (silenced, pruned) = (logits(&without_two), logits(&pruned));
        assert!(furthest(&silenced, &pruned) < 1e-4, "{name}");
        assert!(
            furthest(&said, &pruned) > 1e-3,
            "{name}: those channels said nothing"
        );
    }
}

#[test]
fn a_pruned_network_trains_on_from_its_first_step() {
    let whole = trained("tiny-exp");
    let pruned = keep(&whole, 0, &[0, 2, 3, 5]).expect("they are there");
    assert!(pruned.moments.is_none() && whole.moments.is_some());
    let config = pruned.config.clone();
    let mut session = Session::starting_from(config, &pruned, &Device::flex()).expect("it fits");
    let before = Session::restore(&whole, &Device::flex())
        .expect("it fits")
        .params();
    assert!(session.params() < before);
    assert_eq!(session.steps_made(), 0);
    let mut read = || block_on(session.step(&batch()).read()).expect("flex computes");
    let first = read();
    let last = (0..20).map(|_| read()).last().expect("20 steps");
    assert!(last.loss < first.loss, "{} after {}", last.loss, first.loss);
}

#[test]
fn the_dearest_channels_are_those_without_which_the_loss_is_highest() {
    assert_eq!(dearest(&[0.5, 2.0, 0.7, 2.5], 2), [1, 3]);
    assert_eq!(dearest(&[1.0, 1.0, 1.0], 2), [0, 1]);
    assert_eq!(dearest(&[0.1, 0.2], 2), [0, 1]);
}

#[test]
fn the_command_writes_the_network_that_is_left() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (whole, left) = (folder.path().join("whole"), folder.path().join("left"));
    let file = Checkpoint {
        members: vec![trained("tiny-exp")],
    };
    std::fs::write(&whole, file.to_bytes(Precision::F32)).expect("a temporary file");
    let prune = |dataset: &str, stem: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_train"));
        command.args([
            "prune",
            "--limit",
            "16",
            "--dataset",
            dataset,
            "--stem",
            stem,
        ]);
        command.arg("--checkpoint").arg(&whole);
        let done = command.arg("--out").arg(&left).output();
        let done = done.expect("the program runs");
        let said = [done.stdout, done.stderr].concat();
        let said = String::from_utf8_lossy(&said).into_owned();
        (done.status.success(), said)
    };
    for (dataset, stem, why) in [
        ("synthetic", "0", "keep 1 to 16"),
        (
            "synthetic",
            "12,40",
            "the last one has the width of the blocks",
        ),
        ("cifar10", "12", "--dataset synthetic"),
    ] {
        let (good, said) = prune(dataset, stem);
        assert!(!good && said.contains(why) && !left.exists(), "{said}");
    }
    let (good, said) = prune("synthetic", "12");
    assert!(good && said.contains("12 of 16 channels"), "{said}");
    let bytes = std::fs::read(&left).expect("it was written");
    let pruned = Checkpoint::from_bytes("left", &bytes).expect("a checkpoint");
    assert_eq!(channels(&pruned.members[0], 0), Ok(12));
    assert_eq!(logits(&pruned.members[0]).len(), 8 * 10);
}

#[test]
fn what_cannot_be_taken_out_is_refused() {
    let whole = trained("tiny-exp");
    let count = channels(&whole, 0).expect("it has two stages");
    let last = count - 1;
    let wrong = Err(PruneError::Channels { stage: 0, last });
    for kept in [&[][..], &[count], &[2, 1], &[1, 1]] {
        assert_eq!(keep(&whole, 0, kept), wrong, "{kept:?}");
    }
    assert_eq!(without(&whole, 0, count), wrong);
    let ModelConfig::Ge2msT(model) = &whole.config.model else {
        panic!("tiny-exp spikes")
    };
    let stages = model.stem.len();
    for stage in [stages - 1, stages, 9] {
        assert_eq!(
            channels(&whole, stage),
            Err(PruneError::Stage { stage, stages })
        );
    }
    assert_eq!(channels(&trained("dense-tiny"), 0), Err(PruneError::Dense));
    let mut blocks = whole.clone();
    if let ModelConfig::Ge2msT(model) = &mut blocks.config.model {
        model.stem[0].blocks = 1;
    }
    assert_eq!(channels(&blocks, 0), Err(PruneError::Blocks { stage: 0 }));
    let mut damaged = whole.clone();
    damaged
        .weights
        .retain(|name, _| !name.contains("stem.stages.1."));
    assert!(matches!(
        without(&damaged, 0, 0),
        Err(PruneError::Missing(_))
    ));
}
