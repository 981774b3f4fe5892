//! Every picojoule of the three rulings by hand.

use gemst::energy::*;

/// One linear layer of 4 inputs and 3 outputs in two steps, two spikes, and the same layer on real numbers.
fn linear() -> (Census, Activity, Census) {
    let layer = |input, steps, updates, adds| LayerSpec {
        name: "linear".into(),
        op: LayerOp::Linear {
            rows: 1,
            c_in: 4,
            c_out: 3,
            groups: 1,
        },
        input,
        steps,
        neurons: if input == Signal::Real { 0 } else { 4 },
        updates,
        adds,
    };
    let spiking = Census {
        layers: vec![layer(Signal::Spikes, 2, 8, 6)],
        params: 15,
        time_steps: 2,
        update: UpdateOps { adds: 3, macs: 1 },
    };
    let dense = Census {
        layers: vec![layer(Signal::Real, 1, 0, 3)],
        params: 15,
        time_steps: 1,
        update: UpdateOps::default(),
    };
    let mut activity = Activity::uniform(&spiking, 0.0);
    activity.layers[0].spikes = vec![2.0, 0.0];
    activity.layers[0].accumulates = 6.0;
    (spiking, activity, dense)
}

fn items(comparison: &Comparison, kind: RulingKind) -> Vec<(f64, f64)> {
    let items = &comparison.ruling(kind).breakdown_pj;
    items
        .iter()
        .map(|item| (item.spiking_pj, item.dense_pj))
        .collect()
}

fn equal(ours: &[(f64, f64)], expected: &[(f64, f64)]) {
    assert_eq!(ours.len(), expected.len());
    for (ours, expected) in ours.iter().zip(expected) {
        assert!((ours.0 - expected.0).abs() < 1e-12, "{ours:?} {expected:?}");
        assert!((ours.1 - expected.1).abs() < 1e-12, "{ours:?} {expected:?}");
    }
}

#[test]
fn default_assumptions() {
    let (spiking, activity, dense) = linear();
    let with = Assumptions::default();
    let comparison = compare(&spiking, &activity, &dense, &with);
    equal(
        &items(&comparison, RulingKind::ComputeOnly),
        &[(0.0, 12.0 * 4.6), (6.0 * 0.9, 0.0), (0.0, 0.0)],
    );
    // Buffers in bytes: weights 12·4; events of four neurons or four activations 16; potentials 4·4.
    let slope = 2.5 / 8192.0;
    equal(
        &items(&comparison, RulingKind::WithMovement),
        &[
            (0.0, 12.0 * 3.2),
            (6.0 * 0.1, 0.0),
            (0.0, 0.0),
            // Eight updates of three additions and a leak, six biases; three biases.
            ((24.0 + 6.0) * 0.1 + 8.0 * 3.2, 3.0 * 0.1),
            (6.0 * 0.1, 7.0 * 0.1),
            (24.0 * 48.0 * slope, 48.0 * 48.0 * slope),
            // Two spikes written and read; four activations read, three written.
            (16.0 * 16.0 * slope, 28.0 * 16.0 * slope),
            // Eight reads and eight writes of four bytes.
            (64.0 * 16.0 * slope, 0.0),
        ],
    );
    // Two steps are two bits.
    assert_eq!(comparison.bits, 2);
    let e = 0.05448;
    equal(
        &items(&comparison, RulingKind::BitMatched),
        &[
            (6.0 * e, 12.0 * 2.0 * e),
            // Eight comparisons, two subtractions, eight leaks; four roundings.
            ((8.0 + 2.0 + 8.0) * e, 4.0 * e),
            (6.0 * 3.0, 12.0 * 2.0 * 0.25),
            (0.0, 0.0),
        ],
    );
}

#[test]
fn other_assumptions() {
    let (spiking, activity, dense) = linear();
    let compared = |with: Assumptions| compare(&spiking, &activity, &dense, &with);
    let base = Assumptions::default();
    let slope = 2.5 / 8192.0;
    // Dense weights once: 12 of four bytes. Potentials for six accumulates too: 14 reads, 14 writes.
    let with = Assumptions {
        dense_weights: WeightReads::OncePerPicture,
        membrane: MembraneAccess::PerEvent,
        ..base.clone()
    };
    let moved = items(&compared(with), RulingKind::WithMovement);
    equal(&moved[5..6], &[(24.0 * 48.0 * slope, 48.0 * 48.0 * slope)]);
    equal(&moved[7..], &[(112.0 * 16.0 * slope, 0.0)]);
    // Half as wide: half the bytes in half the buffer.
    let with = Assumptions {
        weight_bits: 16,
        event_bits: 8,
        membrane_bits: 16,
        ..base.clone()
    };
    let moved = items(&compared(with), RulingKind::WithMovement);
    equal(&moved[5..6], &[(12.0 * 24.0 * slope, 24.0 * 24.0 * slope)]);
    equal(&moved[6..7], &[(4.0 * 4.0 * slope, 28.0 * 16.0 * slope)]);
    equal(&moved[7..], &[(32.0 * 8.0 * slope, 0.0)]);
    // Two spikes for four activations of two bits; at most half of them are not zero.
    let e = 0.05448;
    let with = Assumptions {
        movement: Movement::Multicast,
        zero_skipping: ZeroSkipping::On,
        weights_from_dram: true,
        ..base
    };
    let dram = 12.0 * 4.0 * 1300.0 / 64.0;
    equal(
        &items(&compared(with), RulingKind::BitMatched),
        &[
            (6.0 * e, 6.0 * 2.0 * e),
            (18.0 * e, 4.0 * e),
            (2.0 * 3.0, 4.0 * 2.0 * 0.25),
            (dram, dram),
        ],
    );
}

/// Per-operation reads outnumber one read per weight where a layer has many rows.
#[test]
fn dense_weights_are_kept_over_rows() {
    let op = LayerOp::Linear {
        rows: 5,
        c_in: 4,
        c_out: 3,
        groups: 1,
    };
    let layer = LayerSpec {
        name: "linear".into(),
        op,
        input: Signal::Real,
        steps: 1,
        neurons: 0,
        updates: 0,
        adds: 0,
    };
    let census = Census {
        layers: vec![layer],
        params: 0,
        time_steps: 1,
        update: UpdateOps::default(),
    };
    let bytes = |dense_weights| {
        let with = Assumptions {
            dense_weights,
            ..Assumptions::default()
        };
        account(&census, &Activity::default(), &with)
            .total
            .weight_bytes
    };
    assert_eq!(bytes(WeightReads::PerOperation), 60.0 * 4.0);
    assert_eq!(bytes(WeightReads::OncePerPicture), 12.0 * 4.0);
}

/// `q kᵀ` and the context of two tokens with three channels, one head, two steps.
#[test]
fn products_move_operands_and_what_lies_between() {
    let product = |part: &str, trains, inputs, outputs, neurons| LayerSpec {
        name: format!("block.0.{part}"),
        op: LayerOp::Product {
            pairs: 4,
            length: 3,
            trains,
            inputs,
            outputs,
        },
        input: Signal::Spikes,
        steps: 2,
        neurons,
        updates: 2 * neurons,
        adds: 0,
    };
    let census = Census {
        layers: vec![
            product("scores", 2, 12, 4, 12),
            product("context", 1, 10, 6, 6),
        ],
        params: 0,
        time_steps: 2,
        update: UpdateOps { adds: 3, macs: 0 },
    };
    let mut activity = Activity::uniform(&census, 0.5);
    activity.layers[0].accumulates = 5.0;
    activity.layers[1].accumulates = 7.0;
    let with = Assumptions {
        event_bits: 16,
        ..Assumptions::default()
    };
    let counted = account(&census, &activity, &with);
    let [scores, context] = &counted.layers[..] else {
        panic!("two layers")
    };
    // Twelve spikes of two bytes written and read; five coincidences read a spike each and write at most as many
    // scores of four bytes.
    assert_eq!(
        scores.ops.activation_bytes,
        12.0 * 2.0 * 2.0 + 5.0 * 2.0 + 5.0 * 4.0
    );
    // Six spikes; seven scores of four bytes.
    assert_eq!(context.ops.activation_bytes, 6.0 * 2.0 * 2.0 + 7.0 * 4.0);
    assert_eq!(
        (scores.ops.weight_bytes, context.ops.weight_bytes),
        (0.0, 0.0)
    );
    // Where everything meets, each of four scores is written at each of two steps and no more.
    let counted = account(&census, &Activity::uniform(&census, 1.0), &with);
    assert_eq!(
        counted.layers[0].ops.activation_bytes,
        24.0 * 2.0 * 2.0 + 24.0 * 2.0 + 8.0 * 4.0
    );
    // Room for twelve events of two bytes, or four scores of four; six events, or six results.
    assert_eq!(counted.layers[0].buffers.activation_bytes, 24.0);
    assert_eq!(counted.layers[1].buffers.activation_bytes, 24.0);
    assert_eq!(counted.layers[0].buffers.membrane_bytes, 48.0);
}
