//! Activations made again on the way back (burn's gradient checkpointing, which sessions on a GPU use): the same figures
//! to the last bit. On the CPU backend, which computes the same thing in the same way each time.

use burn::tensor::Device;
use futures_lite::future::block_on;
use gemst::config::*;
use gemst::data::batch::{Batch, train_batch};
use gemst::data::synthetic;
use gemst::train::{Look, Member, Session};

/// Losses of three steps and everything there is after them.
fn trained(config: &RunConfig, device: &Device) -> (Vec<f64>, Member) {
    let data = synthetic::generate(1, 64, 1);
    let mut session = Session::new(config.clone(), device).expect("the configuration is valid");
    let losses = (0..3).map(|step| {
        let images: Vec<usize> = (0..4).map(|image| 4 * step + image).collect();
        let augment = &config.train.augment;
        let batch = train_batch(&data.train, &images, augment, 0.2, 0, step as u64);
        let look = Look {
            firing_rate: step == 1,
            images: step,
        };
        let numbers = block_on(session.step_looking(&batch, look).read());
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

/// Of a step's own spikes, which a later forward would not make again.
#[test]
fn a_look_leaves_what_it_asks_for_and_nothing_else() {
    let data = synthetic::generate(2, 8, 1);
    let images: Vec<usize> = (0..8).collect();
    let config = run("tiny-exp");
    let augment = &config.train.augment;
    let batch: Batch = train_batch(&data.train, &images, augment, 0.0, 0, 0);
    let step = |look: Look| {
        let mut session =
            Session::new(config.clone(), &Device::flex()).expect("the configuration is valid");
        session.calibrate(&batch);
        session.step_looking(&batch, look)
    };
    let nothing = step(Look::default());
    assert_eq!(block_on(nothing.firing_rate()).expect("flex reads"), None);
    assert!(nothing.sample.is_none());
    let all = step(Look {
        firing_rate: true,
        images: 8,
    });
    let rate = block_on(all.firing_rate()).expect("flex reads");
    let counts = block_on(all.sample.expect("it was asked for").count()).expect("flex reads");
    let [rate, counted] = [rate.expect("asked for"), counts.firing_rate()];
    assert!(counted > 0.01, "the network is silent");
    assert!((rate - counted).abs() < 1e-5, "{rate} is not {counted}");
    let dense = Session::new(run("dense-tiny"), &Device::flex());
    let look = Look {
        firing_rate: true,
        images: 2,
    };
    let stats = dense.expect("valid").step_looking(&batch, look);
    assert_eq!(block_on(stats.firing_rate()).expect("flex reads"), None);
}
