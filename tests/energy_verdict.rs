//! Prices, verdicts and the words around them.

use gemst::config::*;
use gemst::energy::*;

fn network(name: &str) -> Census {
    census(&preset(name, DatasetKind::Cifar10).expect("a preset").model)
}

fn compared(name: &str, rate: f64) -> Comparison {
    let census = network(name);
    compare(
        &census,
        &Activity::uniform(&census, rate),
        &network("dense-small"),
        &Assumptions::default(),
    )
}

#[test]
fn three_rulings_and_their_sums() {
    let comparison = compared("small", 0.1);
    let kinds: Vec<RulingKind> = comparison
        .rulings
        .iter()
        .map(|ruling| ruling.kind)
        .collect();
    assert_eq!(
        kinds,
        [
            RulingKind::ComputeOnly,
            RulingKind::WithMovement,
            RulingKind::BitMatched
        ]
    );
    for ruling in &comparison.rulings {
        let close = |a: f64, b: f64| (a / b - 1.0).abs() < 1e-9;
        let items: (f64, f64) = ruling.breakdown_pj.iter().fold((0.0, 0.0), |sum, item| {
            (sum.0 + item.spiking_pj, sum.1 + item.dense_pj)
        });
        assert!(close(items.0, ruling.spiking_pj) && close(items.1, ruling.dense_pj));
        let layers = |list: &[LayerEnergy]| list.iter().map(|layer| layer.pj).sum::<f64>();
        assert!(close(layers(&ruling.spiking_layers), ruling.spiking_pj));
        assert!(close(layers(&ruling.dense_layers), ruling.dense_pj));
        assert_eq!(ruling.ratio, Some(ruling.dense_pj / ruling.spiking_pj));
    }
    let first = comparison.ruling(RulingKind::ComputeOnly);
    assert_eq!(
        (comparison.spiking_pj, comparison.dense_pj),
        (first.spiking_pj, first.dense_pj)
    );
    assert_eq!(
        dense_pj(&network("dense-small"), &Assumptions::default()),
        first.dense_pj
    );
}

#[test]
fn a_spiking_network_that_loses_is_told_so() {
    let comparison = compared("tiny", 0.9);
    let ruling = comparison.ruling(RulingKind::BitMatched);
    assert_eq!(ruling.outcome, Outcome::Loses);
    assert!(
        ruling.sentence.starts_with("Spiking loses: it needs"),
        "{}",
        ruling.sentence
    );
    assert!(ruling.ratio.expect("a ratio") < 1.0);
    // A quiet one wins, and its sentence says against whom.
    let comparison = compared("tiny", 0.01);
    let ruling = comparison.ruling(RulingKind::BitMatched);
    assert!(ruling.spiking_pj < ruling.dense_pj);
    assert!(
        ruling
            .sentence
            .contains("the same network with 3-bit activations"),
        "{}",
        ruling.sentence
    );
}

#[test]
fn a_verdict_that_turns_with_an_assumption_says_which() {
    let comparison = compared("small", 0.1);
    let ruling = comparison.ruling(RulingKind::WithMovement);
    let kept = &ruling.alternatives[0];
    assert!(kept.assumption.contains("once per picture"));
    assert!(kept.dense_pj < ruling.dense_pj);
    assert!(ruling.spiking_pj < ruling.dense_pj && kept.spiking_pj > kept.dense_pj);
    assert_eq!(ruling.outcome, Outcome::Depends);
    assert!(
        ruling.sentence.contains(&kept.assumption),
        "{}",
        ruling.sentence
    );
    // Turned round, the assumption is the other way about.
    let census = network("small");
    let with = Assumptions {
        dense_weights: WeightReads::OncePerPicture,
        ..Assumptions::default()
    };
    let turned = compare(
        &census,
        &Activity::uniform(&census, 0.1),
        &network("dense-small"),
        &with,
    );
    let turned = turned.ruling(RulingKind::WithMovement);
    assert_eq!(
        (turned.spiking_pj, turned.dense_pj),
        (kept.spiking_pj, kept.dense_pj)
    );
    assert_eq!(turned.alternatives[0].dense_pj, ruling.dense_pj);
}

#[test]
fn weighted_spikes_pay_for_shifts_and_latency() {
    let comparison = compared("tiny-exp", 0.2);
    let total = &comparison.spiking.total;
    assert!(total.acs > 0.0);
    assert_eq!(total.shifts, total.acs);
    let items = &comparison.ruling(RulingKind::ComputeOnly).breakdown_pj;
    let shifts = items
        .iter()
        .find(|item| item.name == "shifts")
        .expect("an item");
    assert!((shifts.spiking_pj / (total.shifts * 0.03) - 1.0).abs() < 1e-12);
    assert_eq!(comparison.bits, 4);
    // K = 4 steps for: stem.1, five neuron layers in each of two blocks, the last neurons.
    assert_eq!(comparison.emission_steps, Some(4 * (1 + 2 * 5 + 1)));
    assert!(
        comparison
            .warnings
            .iter()
            .any(|warning| warning.contains("48 emission steps")),
        "{:?}",
        comparison.warnings
    );
    let binary = compared("tiny", 0.2);
    assert_eq!(
        (binary.spiking.total.shifts, binary.emission_steps),
        (0.0, None)
    );
}

#[test]
fn published_lines() {
    let sides = |rate: f64| -> Vec<Side> {
        compared("tiny", rate)
            .thresholds
            .iter()
            .map(|threshold| threshold.side)
            .collect()
    };
    // Four steps: without attention, spikes per synapse are four times the rate.
    assert_eq!(sides(0.02), [Side::Below, Side::Below, Side::Below]);
    assert_eq!(sides(0.1), [Side::Within, Side::Below, Side::Above]);
    assert_eq!(sides(0.6), [Side::Above, Side::Above, Side::Above]);
    let comparison = compared("tiny", 0.1);
    let [dampfhoffer, davidson, yan] = &comparison.thresholds[..] else {
        panic!("three lines")
    };
    assert_eq!((dampfhoffer.low, dampfhoffer.high), (0.15, 1.38));
    assert_eq!(
        (davidson.low, davidson.quantity),
        (1.72, Quantity::SpikesPerSynapse)
    );
    assert_eq!((yan.low, yan.quantity), (0.057, Quantity::FiringRate));
    assert!((yan.value - 0.1).abs() < 1e-12);
    assert!(
        compared("tiny-exp", 0.1).thresholds[2]
            .citation
            .contains("ExpG-IF")
    );
}

#[test]
fn a_trace_that_does_not_fit_is_named() {
    let census = network("tiny");
    let mut activity = Activity::uniform(&census, 0.1);
    activity.layers[0].accumulates = 1e12;
    activity.layers[1].spikes.pop();
    activity.layers[2].name = "block.7.qkv".into();
    let counted = account(&census, &activity, &Assumptions::default());
    for (at, part) in [
        (0, "stem.1 counted 1000000000000 accumulates"),
        (
            1,
            "block.0.qkv has spikes of 3 steps, the configuration says 4",
        ),
        (2, "no activity for block.0.scores"),
        (3, "block.7.qkv is of no layer"),
    ] {
        assert!(
            counted.warnings[at].contains(part),
            "{:?}",
            counted.warnings
        );
    }
    let none = compare(
        &census,
        &Activity::default(),
        &network("dense-tiny"),
        &Assumptions::default(),
    );
    assert!(
        none.warnings[0].contains("no picture"),
        "{:?}",
        none.warnings
    );
}
