//! Activations made again on the way back (burn's gradient checkpointing, which sessions on a GPU use): the same figures
//! to the last bit. On the CPU backend, which computes the same thing in the same way each time.

use burn::tensor::Device;
use futures_lite::future::block_on;
use gemst::config::*;
use gemst::data::batch::{Batch, train_batch};
use gemst::data::synthetic;
use gemst::train::{Member, Session};

/// Losses of three steps and everything there is after them.
fn trained(config: &RunConfig, device: &Device) -> (Vec<f64>, Member) {
    let data = synthetic::generate(1, 64, 1);
    let mut session = Session::new(config.clone(), device).expect("the configuration is valid");
    let losses = (0..3).map(|step| {
        let images: Vec<usize> = (0..4).map(|image| 4 * step + image).collect();
        let augment = &config.train.augment;
        let batch = train_batch(&data.train, &images, augment, 0.2, 0, step as u64);
        let stats = match step {
            1 => session.step_counting(&batch),
            _ => session.step(&batch),
        };
        let numbers = block_on(stats.read());
        numbers.expect("flex reads").loss
    });
    let losses = losses.collect();
    (
        losses,
        block_on(session.save("either")).expect("flex reads"),
    )
}

/// The same with all kept and with some made again.
fn assert_same(config: &RunConfig, what: &str) {
    let kept = trained(config, &Device::flex());
    let again = trained(config, &Device::flex().autodiff().gradient_checkpointing());
    assert_eq!(kept.0, again.0, "{what}: losses");
    assert!(kept.0[0] != kept.0[2], "{what}: nothing was learned");
    for (name, (_, values)) in &kept.1.weights {
        assert_eq!(values, &again.1.weights[name].1, "{what}: {name}");
    }
    assert_eq!(kept.1, again.1, "{what}");
}

fn run(name: &str) -> RunConfig {
    preset(name, DatasetKind::Synthetic).expect("listed")
}

#[test]
fn every_kind_of_network_learns_the_same() {
    for name in ["small", "tiny", "tiny-exp", "card-tiny", "dense-tiny"] {
        assert_same(&run(name), name);
    }
}

#[test]
fn penalties_on_spikes_and_operations_do_not_change_that() {
    let mut config = run("tiny-exp");
    config.train.spike_penalty = 0.5;
    config.train.operation_penalty = 0.5;
    assert_same(&config, "penalties");
    // Nothing is lost by letting the spikes go: the penalty is part of the loss.
    let free = trained(&run("tiny-exp"), &Device::flex());
    assert_ne!(trained(&config, &Device::flex()).0, free.0);
}

#[test]
fn nor_do_frozen_layers() {
    for policy in [Freeze::AllButLast { blocks: 1 }, Freeze::AllButHead] {
        let mut config = run("tiny-exp");
        config.train.freeze = policy;
        assert_same(&config, &format!("{policy:?}"));
    }
}

/// Of the step's own spikes.
#[test]
fn a_step_that_counts_knows_its_firing_rate() {
    let data = synthetic::generate(2, 8, 1);
    let images: Vec<usize> = (0..8).collect();
    let config = run("tiny-exp");
    let batch: Batch = train_batch(&data.train, &images, &config.train.augment, 0.0, 0, 0);
    let rate = |name: &str, penalty: f64, counting: bool| {
        let mut config = run(name);
        config.train.spike_penalty = penalty;
        let mut session = Session::new(config, &Device::flex()).expect("valid");
        let stats = match counting {
            true => session.step_counting(&batch),
            false => session.step(&batch),
        };
        block_on(stats.firing_rate()).expect("flex reads")
    };
    assert_eq!(rate("tiny-exp", 0.0, false), None);
    assert_eq!(rate("tiny-exp", 0.5, false), None);
    assert_eq!(rate("dense-tiny", 0.0, true), None);
    let free = rate("tiny-exp", 0.0, true).expect("asked for");
    assert!((0.05..0.95).contains(&free), "{free}");
    let held = rate("tiny-exp", 0.5, true).expect("asked for");
    assert!((held - free).abs() < 1e-6, "{held} is not {free}");
}

#[test]
fn the_first_of_a_batch_are_a_batch() {
    let data = synthetic::generate(2, 8, 1);
    let augment = &run("tiny").train.augment;
    let all = train_batch(&data.train, &[0, 1, 2], augment, 0.2, 0, 0);
    let two = all.first(2);
    assert_eq!((two.size, two.labels.len()), (2, 2));
    assert_eq!(two.images, all.images[..2 * 3 * 32 * 32]);
    assert_eq!(
        two.mix.map(|mix| mix.0),
        all.mix.as_ref().map(|mix| mix.0[..2].to_vec())
    );
    assert_eq!(all.first(9).images, all.images);
}
