//! A trained network that is changed without training: what stays, what goes, what it costs.
#![cfg(feature = "cpu")]

use burn::tensor::Device;
use futures_lite::future::block_on;
use gemst::config::*;
use gemst::data::{batch::eval_batch, synthetic};
use gemst::energy::{Activity, census};
use gemst::train::{Member, Session, what_if::changed};

const IMAGES: usize = 3;

fn saved(name: &str) -> Member {
    let config = preset(name, DatasetKind::Synthetic).expect("a preset");
    let session = Session::new(config, &Device::flex()).expect("presets are valid");
    block_on(session.save("spiking")).expect("flex reads")
}

fn nothing(member: &Member) -> WhatIf {
    WhatIf::nothing(&member.config.model).expect("a spiking preset")
}

/// Logits and spikes of the network as changed.
fn run(member: &Member, what_if: &WhatIf) -> (Vec<Vec<f32>>, Activity) {
    let member = changed(member, what_if).expect("a configuration that runs");
    let session = Session::restore(&member, &Device::flex()).expect("weights that fit");
    let set = synthetic::generate(0, 0, IMAGES).held_out;
    let (logits, trace) =
        block_on(session.infer(&eval_batch(&set, 0..IMAGES))).expect("flex reads");
    let activity = block_on(trace.count()).expect("flex reads").activity();
    // The census of the changed configuration is the one that the trace fits.
    let warnings = gemst::energy::account(
        &census(&session.config().model),
        &activity,
        &gemst::energy::Assumptions::default(),
    )
    .warnings;
    assert!(warnings.is_empty(), "{warnings:?}");
    (logits, activity)
}

fn rate(activity: &Activity) -> f64 {
    activity.firing_rate().expect("neurons")
}

#[test]
fn no_change_is_the_network_itself() {
    for name in ["tiny", "tiny-exp"] {
        let member = saved(name);
        let same = changed(&member, &nothing(&member)).expect("valid");
        assert_eq!(same.weights, member.weights, "{name}");
        assert_eq!(same.config, member.config, "{name}");
    }
}

#[test]
fn higher_thresholds_fire_less() {
    let member = saved("tiny-exp");
    let at = |threshold_scale| {
        let what_if = WhatIf {
            threshold_scale,
            ..nothing(&member)
        };
        rate(&run(&member, &what_if).1)
    };
    let (low, own, high) = (at(0.5), at(1.0), at(8.0));
    assert!(high < own && own != low, "{low} {own} {high}");
}

#[test]
fn fewer_bits_of_a_number_keep_its_range() {
    let member = saved("tiny-exp");
    let what_if = WhatIf {
        steps: 2,
        ..nothing(&member)
    };
    let halved = changed(&member, &what_if).expect("valid");
    let ModelConfig::Ge2msT(model) = &halved.config.model else {
        panic!("spiking")
    };
    assert_eq!((model.time_steps, model.temporal.group), (2, 2));
    let thetas = |member: &Member| -> Vec<f32> {
        let found = member
            .weights
            .iter()
            .filter(|(name, _)| name.ends_with(".theta"));
        found.flat_map(|(_, (_, values))| values.clone()).collect()
    };
    let (before, after) = (thetas(&member), thetas(&halved));
    assert!(!before.is_empty());
    // Two bits less: a unit four times as large.
    assert!(before.iter().zip(&after).all(|(a, b)| *b == 4.0 * a));
    let (_, activity) = run(&member, &what_if);
    assert!(activity.layers.iter().all(|layer| layer.spikes.len() == 2));
}

#[test]
fn fewer_time_steps_and_other_groups_run_with_the_same_weights() {
    let member = saved("tiny");
    for (steps, group) in [(2, 2), (2, 1), (4, 4), (4, 1)] {
        let what_if = WhatIf {
            steps,
            group,
            ..nothing(&member)
        };
        let (_, activity) = run(&member, &what_if);
        assert!(
            activity
                .layers
                .iter()
                .all(|layer| layer.spikes.len() == steps),
            "{steps} steps in groups of {group}"
        );
    }
    // Steps beyond the learned embedding are refused by name, not made up.
    let more = WhatIf {
        steps: 6,
        group: 2,
        ..nothing(&member)
    };
    let member = changed(&member, &more).expect("the configuration is valid");
    let error = Session::restore(&member, &Device::flex())
        .err()
        .expect("no weights for it");
    assert!(error.to_string().contains("step_embedding"), "{error}");
}

#[test]
fn windows_change_the_attention_alone() {
    let member = saved("tiny");
    let what_if = WhatIf {
        window: Some(8),
        ..nothing(&member)
    };
    run(&member, &what_if);
    let pairs = |config: &RunConfig, part: &str| -> u64 {
        let census = census(&config.model);
        let layers = census.layers.iter();
        layers
            .filter(|layer| layer.name.ends_with(part))
            .map(|layer| layer.dense_ops())
            .sum()
    };
    let wide = what_if.applied(&member.config).expect("8 divides the grid");
    assert_eq!(pairs(&wide, ".mlp.0"), pairs(&member.config, ".mlp.0"));
    assert_ne!(pairs(&wide, ".context"), pairs(&member.config, ".context"));
    let odd = WhatIf {
        window: Some(3),
        ..nothing(&member)
    };
    let error = changed(&member, &odd).expect_err("3 does not divide 8");
    assert!(error.to_string().contains("attention.windows"), "{error}");
}

#[test]
fn rounded_weights_lie_on_a_grid_and_norms_stay() {
    let member = saved("tiny");
    let what_if = WhatIf {
        weight_bits: 3,
        ..nothing(&member)
    };
    let rounded = changed(&member, &what_if).expect("valid");
    let mut seen = 0;
    for (name, (shape, values)) in &rounded.weights {
        let own = &member.weights[name].1;
        if !(name.ends_with(".weight") && shape.len() > 1) {
            assert_eq!(values, own, "{name}");
            continue;
        }
        seen += 1;
        let mut levels: Vec<u32> = values.iter().map(|value| value.abs().to_bits()).collect();
        levels.sort_unstable();
        levels.dedup();
        // 3 bits: a sign and 0 to 3.
        assert!(levels.len() <= 4, "{name}: {}", levels.len());
        let most = |values: &[f32]| {
            values
                .iter()
                .fold(0.0f32, |most, value| most.max(value.abs()))
        };
        assert!((most(values) / most(own) - 1.0).abs() < 1e-6, "{name}");
        let unit = most(own) / 3.0;
        assert!(
            values
                .iter()
                .zip(own)
                .all(|(a, b)| (a - b).abs() <= 0.5001 * unit),
            "{name}"
        );
    }
    assert!(seen > 5, "{seen} matrices");
    // A fresh network may be too quiet to say anything; its first spikes differ all the same.
    assert_ne!(run(&member, &what_if).1, run(&member, &nothing(&member)).1);
    // The dense twin's weights are rounded too.
    let dense = saved("dense-tiny");
    assert_ne!(
        changed(&dense, &what_if).expect("valid").weights,
        dense.weights
    );
}

#[test]
fn what_is_offered_can_be_run() {
    for name in ["tiny", "tiny-exp", "small", "card-cifar"] {
        let config = preset(name, DatasetKind::Cifar10).expect("a preset");
        let ModelConfig::Ge2msT(model) = &config.model else {
            panic!("spiking")
        };
        let offered = WhatIf::steps(model);
        assert!(offered.contains(&model.time_steps), "{name}: {offered:?}");
        for steps in offered {
            for group in WhatIf::groups(model, steps) {
                let what_if = WhatIf {
                    steps,
                    group,
                    ..WhatIf::nothing(&config.model).expect("spiking")
                };
                let applied = what_if.applied(&config);
                assert!(
                    applied.is_ok(),
                    "{name}: {steps} steps in groups of {group}: {applied:?}"
                );
            }
        }
    }
}

#[test]
fn what_the_weights_were_not_trained_for_is_named() {
    let model = |name: &str| {
        let run = preset(name, DatasetKind::Synthetic).expect("a preset");
        let own = WhatIf::nothing(&run.model).expect("a spiking preset");
        let ModelConfig::Ge2msT(model) = run.model else {
            panic!("{name} is spiking")
        };
        (model, own)
    };
    for name in ["tiny", "tiny-exp", "small", "card-cifar"] {
        let (model, own) = model(name);
        assert_eq!(own.untrained(&model), [], "{name}: nothing is changed");
        let all = WhatIf {
            steps: own.steps / 2,
            threshold_scale: 0.5,
            group: own.group + 1,
            window: Some(model.grid() * 2),
            weight_bits: 4,
        };
        let mut wanted = Knob::ALL.to_vec();
        if matches!(model.neuron, NeuronConfig::ExpGIf { .. }) {
            // Its groups are as long as its numbers: no setting of their own.
            wanted.retain(|knob| *knob != Knob::Group);
        }
        assert_eq!(all.untrained(&model), wanted, "{name}");
    }
    // One window for all heads is what was trained only where there was one.
    let (mut model, own) = model("tiny");
    let what_if = WhatIf {
        window: Some(4),
        ..own
    };
    assert_eq!(what_if.untrained(&model), [Knob::Window]);
    model.attention.windows = vec![4, 4];
    assert_eq!(what_if.untrained(&model), []);
}
