//! Operation counts of single layers, by hand and by brute force.

use gemst::energy::{LayerOp, LayerSpec, Signal, window_pairs, window_shift};

fn conv(
    c_in: usize,
    c_out: usize,
    kernel: usize,
    stride: usize,
    groups: usize,
    side: usize,
) -> LayerOp {
    LayerOp::Conv {
        c_in,
        c_out,
        kernel,
        stride,
        padding: (kernel + 1 - stride) / 2,
        groups,
        side_in: side,
    }
}

fn spec(op: LayerOp, input: Signal, steps: usize) -> LayerSpec {
    LayerSpec {
        name: "layer".into(),
        op,
        input,
        steps,
        neurons: 0,
        updates: 0,
        adds: 0,
    }
}

#[test]
fn neurobench_dense_counts() {
    // test_metrics.py (e521c28): a 3x3 kernel without padding on 3x3 and on 12x12 pixels.
    let unpadded = |side_in| LayerOp::Conv {
        c_in: 1,
        c_out: 1,
        kernel: 3,
        stride: 1,
        padding: 0,
        groups: 1,
        side_in,
    };
    assert_eq!(unpadded(3).macs(), 9);
    assert_eq!(unpadded(12).macs(), 900);
    // Conv1d(5, 1, 5) on length 10 is a linear layer on each of its 6 windows.
    let conv1d = LayerOp::Linear {
        rows: 6,
        c_in: 25,
        c_out: 1,
        groups: 1,
    };
    assert_eq!(conv1d.macs(), 150);
    // Linear 20-25-25 and 20-20-25-25-25.
    let linear = |c_in, c_out| {
        LayerOp::Linear {
            rows: 1,
            c_in,
            c_out,
            groups: 1,
        }
        .macs()
    };
    assert_eq!(linear(20, 25) + linear(25, 25), 1125);
    assert_eq!(linear(20, 20) + linear(20, 25) + 2 * linear(25, 25), 2150);
}

#[test]
fn padded_convolution_leaves_the_padding_out() {
    // 3x3 on 4x4, padding 1: along an axis the four outputs see 2, 3, 3 and 2 pixels.
    let op = conv(1, 1, 3, 1, 1, 4);
    assert_eq!(op.macs(), 10 * 10);
    assert_eq!(op.nominal_macs(), 4 * 4 * 9);
    // Stride 2: two outputs, of which the first sees 2 pixels and the second 3.
    let op = conv(3, 8, 3, 2, 1, 4);
    assert_eq!(op.outputs(), 8 * 2 * 2);
    assert_eq!(op.macs(), 5 * 5 * 3 * 8);
    assert_eq!(op.nominal_macs(), 2 * 2 * 9 * 3 * 8);
}

#[test]
fn grouped_and_depth_wise_convolutions() {
    let depth_wise = conv(16, 16, 3, 1, 16, 4);
    assert_eq!(depth_wise.macs(), 100 * 16);
    assert_eq!(depth_wise.weights(), 9 * 16);
    let grouped = conv(16, 16, 1, 1, 4, 4);
    assert_eq!(grouped.macs(), 16 * 4 * 16);
    assert_eq!(grouped.weights(), 4 * 16);
}

#[test]
fn convolutions_agree_with_enumeration() {
    for (kernel, stride) in [
        (1, 1),
        (3, 1),
        (5, 1),
        (3, 2),
        (4, 2),
        (2, 2),
        (4, 4),
        (7, 2),
    ] {
        for side in [4, 8, 12] {
            let op = conv(2, 6, kernel, stride, 2, side);
            let padding = (kernel + 1 - stride) / 2;
            let outputs = side / stride;
            let mut axis = 0;
            for output in 0..outputs {
                for tap in 0..kernel {
                    let at = (output * stride + tap) as i64 - padding as i64;
                    axis += u64::from((0..side as i64).contains(&at));
                }
            }
            assert_eq!(
                op.macs(),
                axis * axis * 6,
                "kernel {kernel}, stride {stride}, side {side}"
            );
            assert_eq!(op.outputs(), (6 * outputs * outputs) as u64);
        }
    }
}

#[test]
fn grouped_linear_layer() {
    let op = LayerOp::Linear {
        rows: 64,
        c_in: 12,
        c_out: 24,
        groups: 3,
    };
    assert_eq!(op.macs(), 64 * 4 * 24);
    assert_eq!(op.weights(), 4 * 24);
    assert_eq!((op.inputs(), op.outputs()), (64 * 12, 64 * 24));
}

#[test]
fn products_run_once_per_step_or_per_pair_of_steps() {
    let product = |trains| LayerOp::Product {
        pairs: 16,
        length: 8,
        trains,
        inputs: 64,
        outputs: 16,
    };
    assert_eq!(spec(product(2), Signal::Spikes, 4).dense_ops(), 4 * 128);
    // Each of the four weighted spikes of q meets each of the four of k.
    let weighted = Signal::WeightedSpikes { bits: 4 };
    assert_eq!(spec(product(2), weighted, 4).dense_ops(), 16 * 128);
    assert_eq!(spec(product(1), weighted, 4).dense_ops(), 4 * 128);
}

#[test]
fn bits_that_match_a_spike_train() {
    let op = LayerOp::Linear {
        rows: 1,
        c_in: 1,
        c_out: 1,
        groups: 1,
    };
    let bits = |input, steps| spec(op, input, steps).bits();
    // ceil(log2(T + 1)): Yan et al.
    for (steps, expected) in [(1, 1), (2, 2), (3, 2), (4, 3), (5, 3), (7, 3), (8, 4)] {
        assert_eq!(bits(Signal::Spikes, steps), expected, "T = {steps}");
    }
    assert_eq!(bits(Signal::WeightedSpikes { bits: 4 }, 4), 4);
    // Two groups of 2 spikes: 2·3 + 1 = 7 levels.
    assert_eq!(bits(Signal::WeightedSpikes { bits: 2 }, 4), 3);
    assert_eq!(bits(Signal::Real, 1), 0);
}

/// Swin's own construction: label the regions of the shifted picture, cut windows, count equal labels.
fn enumerated_pairs(grid: usize, window: usize, shift: usize) -> u64 {
    let region = |at: usize| {
        if shift == 0 || at < grid - window {
            0
        } else if at < grid - shift {
            1
        } else {
            2
        }
    };
    let mut pairs = 0;
    for window_index in 0..(grid / window).pow(2) {
        let (row, column) = (
            window_index / (grid / window),
            window_index % (grid / window),
        );
        let tokens: Vec<usize> = (0..window * window)
            .map(|token| {
                let (y, x) = (
                    row * window + token / window,
                    column * window + token % window,
                );
                3 * region(y) + region(x)
            })
            .collect();
        for a in &tokens {
            pairs += tokens.iter().filter(|b| *b == a).count() as u64;
        }
    }
    pairs
}

#[test]
fn masked_pairs_are_left_out() {
    for grid in [4, 8, 12] {
        for window in (1..=grid).filter(|window| grid % window == 0) {
            for shifted in [false, true] {
                let shift = window_shift(grid, window, shifted);
                assert_eq!(
                    window_pairs(grid, window, shift),
                    enumerated_pairs(grid, window, shift),
                    "grid {grid}, window {window}, shift {shift}"
                );
            }
        }
    }
    // By hand: 4x4 tokens in 2x2 windows shifted by one. Along an axis the first window keeps its 4
    // pairs, the last falls into two single tokens.
    assert_eq!(window_pairs(4, 2, 1), 6 * 6);
    assert_eq!(window_shift(8, 8, true), 0);
}
