//! Figures that others published, by name. Sources in `spiking.md` §3 and §4.

use gemst::config::*;
use gemst::energy::*;

/// Spikformer-L-D for CIFAR as far as this parameterisation goes. The same: five 3x3 convolutions (four of
/// the patch splitting, one for relative position), widths D/8, D/4, D/2, D, D, BatchNorm, 64 tokens, attention
/// over all of them as q (kᵀ v), an MLP of 4 D. Different: strides instead of max-pooling, neurons at the entry of
/// branches (membrane shortcuts), no biases in front of BatchNorm, a step embedding.
fn spikformer(dim: usize, depth: usize, image_size: usize, classes: usize) -> Ge2msTConfig {
    let stem = |channels, stride| StemConv {
        channels,
        kernel: 3,
        stride,
        blocks: 0,
        groups: 1,
    };
    Ge2msTConfig {
        image_size,
        in_channels: 3,
        classes,
        time_steps: 4,
        neuron: CARD_LIF,
        coding: InputCoding::Direct,
        temporal: TemporalConfig {
            group: 4,
            form: TemporalForm::Parallel,
            readout: Readout::Mean,
        },
        stem: vec![
            stem(dim / 8, 1),
            stem(dim / 4, 1),
            stem(dim / 2, 2),
            stem(dim, 2),
            stem(dim, 1),
        ],
        depth,
        heads: dim / 32,
        mlp_ratio: 4,
        attention: AttentionConfig {
            kind: AttentionKind::GwSsaLinear,
            windows: vec![image_size / 4],
            shift: false,
        },
        channel_groups: vec![1],
        norm: NormKind::Batch,
    }
}

fn fp32() -> PriceRow {
    PriceTable::default()
        .find("45 nm FP32")
        .expect("the default row")
        .clone()
}

fn linear_layer(input: Signal, rows: usize, c_in: usize, c_out: usize, steps: usize) -> LayerSpec {
    LayerSpec {
        name: "linear".into(),
        op: LayerOp::Linear {
            rows,
            c_in,
            c_out,
            groups: 1,
        },
        input,
        steps,
        neurons: if input == Signal::Real {
            0
        } else {
            (rows * c_in) as u64
        },
        updates: (c_out * steps) as u64,
        adds: 0,
    }
}

fn alone(layer: LayerSpec) -> Census {
    let time_steps = layer.steps;
    Census {
        layers: vec![layer],
        params: 0,
        time_steps,
        update: UpdateOps { adds: 3, macs: 1 },
    }
}

/// `spiking.md` §2.3: 2.57, 4.15 and 9.32 M for stem and blocks; with head and the 4 D per block that a
/// profiler adds, exactly 9,330,874.
#[test]
fn spikformer_parameter_counts() {
    let published = |dim: usize, depth: usize, extra: usize| {
        let d = dim as f64;
        let stem = 9.0 * (3.0 * d / 8.0 + d * d / 32.0 + d * d / 8.0 + d * d / 2.0 + d * d)
            + 2.0 * (d / 8.0 + d / 4.0 + d / 2.0 + 2.0 * d);
        let block = 12.0 * d * d + (27 + extra) as f64 * d;
        stem + depth as f64 * block
    };
    let head = |dim: usize| (10 * dim + 10) as f64;
    for (dim, depth, millions) in [(256, 2, "2.57"), (256, 4, "4.15"), (384, 4, "9.32")] {
        let whole = published(dim, depth, 0);
        assert_eq!(format!("{:.2}", whole / 1e6), millions);
        // Ours has a step embedding [4, D/8] more and the 9 D biases in front of each block's BatchNorms less.
        let ours = parameters(&ModelConfig::Ge2msT(spikformer(dim, depth, 32, 10))).trainable;
        let matched = ours + 9 * (dim * depth) as u64 - 4 * (dim / 8) as u64;
        assert_eq!(matched as f64, whole + head(dim));
    }
    assert_eq!(published(384, 4, 4) + head(384), 9_330_874.0);
}

/// `spiking.md` §3.1: 4.6 pJ · MAC + 0.9 pJ · AC of Spikingformer's counter, to the last digit.
#[test]
fn spikingformer_energies() {
    let mj = |macs: f64, acs: f64| format!("{:.6}", fp32().pj(macs * 1e9, acs * 1e9, 0.0) / 1e9);
    assert_eq!(mj(0.520993768, 12.513659577), "13.658865");
    assert_eq!(mj(0.347329512, 6.517540941), "7.463503");
}

/// The first convolution at every step and the head are the multiply-accumulates of that counter, which
/// counts padding and the head's biases.
#[test]
fn spikingformer_multiply_accumulates() {
    let macs = |config: &Ge2msTConfig| {
        let with = Assumptions {
            first_conv: FirstConv::EveryStep,
            ..Assumptions::default()
        };
        let counted = account(&config.census(), &Activity::default(), &with);
        counted.total.rate_macs as usize + config.classes
    };
    assert_eq!(macs(&spikformer(768, 8, 224, 1000)), 520_993_768);
    assert_eq!(macs(&spikformer(384, 4, 32, 10)), 5_312_266);
    // A still picture's convolution once: four times less for it.
    let config = spikformer(384, 4, 32, 10);
    let once = account(
        &config.census(),
        &Activity::default(),
        &Assumptions::default(),
    );
    assert_eq!(once.total.rate_macs, f64::from(3 * 48 * 9 * 32 * 32 + 3840));
}

/// ZK-Zhou/spikformer#23: 0.2459 G AC and 5.31 M MAC are 0.2457 mJ.
#[test]
fn spikformer_on_cifar() {
    assert_eq!(
        format!("{:.4}", fp32().pj(5_312_266.0, 0.2459e9, 0.0) / 1e9),
        "0.2457"
    );
}

/// SSA: T·H·N·d²·(min(r_k, r_v) + r_q) for each block. The public run's 0.00055 G AC used a grid of 4x4
/// tokens; 8x8 is right and gives 0.00221 G.
#[test]
fn spikformer_ssa_term() {
    let term = |config: &Ge2msTConfig, rate: f64| {
        let census = config.census();
        let counted = account(
            &census,
            &Activity::uniform(&census, rate),
            &Assumptions::default(),
        );
        let of = |part: &str| {
            let layers = counted
                .layers
                .iter()
                .filter(|layer| layer.name.ends_with(part));
            layers.map(|layer| layer.ops.rate_acs).sum::<f64>()
        };
        of(".kv") + of(".context")
    };
    let (t, h, n, d, blocks) = (4.0, 12.0, 64.0, 32.0, 4.0);
    // r_q = r_k = r_v = r.
    let config = spikformer(384, 4, 32, 10);
    for rate in [0.05, 0.1, 1.0] {
        let published = blocks * t * h * n * d * d * (rate + rate);
        assert!((term(&config, rate) / published - 1.0).abs() < 1e-12);
    }
    // The rate that explains one of the two published figures explains the other.
    let rate = 0.00221e9 / term(&config, 1.0);
    assert_eq!(format!("{:.5}", term(&config, rate) / 1e9), "0.00221");
    assert_eq!(
        format!("{:.5}", term(&spikformer(384, 4, 16, 10), rate) / 1e9),
        "0.00055"
    );
}

/// SpikingJelly, op_counter tests (afb1322): Linear(4 -> 3).
#[test]
fn spikingjelly_linear() {
    // x = [1, 0, 1, 0]: two spikes, three connections each.
    let census = alone(linear_layer(Signal::Spikes, 1, 4, 3, 1));
    let activity = Activity {
        images: 1,
        layers: vec![LayerActivity {
            name: "linear".into(),
            spikes: vec![2.0],
            sites: 4.0,
            accumulates: 6.0,
            dead: 2,
            saturated: 2,
            neurons: 4,
        }],
    };
    let counted = account(&census, &activity, &Assumptions::default());
    assert_eq!(counted.total.acs, 6.0);
    assert_eq!(counted.total.macs, 0.0);
    assert_eq!(
        format!(
            "{:.1}",
            fp32().pj(counted.total.macs, counted.total.acs, 0.0)
        ),
        "5.4"
    );
    assert_eq!(counted.total.rate_acs, 0.5 * 12.0);
    assert_eq!(
        (counted.firing_rate, counted.spikes_per_synapse),
        (Some(0.5), Some(0.5))
    );
    assert_eq!(
        (counted.dead, counted.saturated, counted.neurons),
        (2, 2, 4)
    );
    // Two rows of 0.5.
    let census = alone(linear_layer(Signal::Real, 2, 4, 3, 1));
    let counted = account(&census, &Activity::default(), &Assumptions::default());
    assert_eq!(counted.total.macs, 24.0);
    let pj = dense_pj(&census, &Assumptions::default());
    assert_eq!(format!("{pj:.1}"), "110.4");
}

/// NeuroBench, test_metrics.py (e521c28): Linear(20 -> 5) and five Leaky neurons, ten steps of ones.
#[test]
fn neurobench_spiking_network() {
    let census = alone(linear_layer(Signal::Spikes, 1, 20, 5, 10));
    let activity = Activity::uniform(&census, 1.0);
    let counted = account(&census, &activity, &Assumptions::default());
    assert_eq!(counted.total.acs, 1000.0);
    assert_eq!(counted.total.macs, 0.0);
    // 50 updates of four operations each.
    assert_eq!(counted.total.updates, 50.0);
    assert_eq!(counted.total.membrane_writes, 50.0);
    assert_eq!(counted.total.update_adds + counted.total.update_macs, 200.0);
    // An activation sparsity of 0.96: two spikes of five neurons in ten steps.
    let census = alone(linear_layer(Signal::Spikes, 1, 5, 1, 10));
    let mut activity = Activity::uniform(&census, 0.0);
    activity.layers[0].spikes[3] = 2.0;
    activity.layers[0].accumulates = 2.0;
    let counted = account(&census, &activity, &Assumptions::default());
    assert_eq!(counted.firing_rate.map(|rate| 1.0 - rate), Some(0.96));
    assert_eq!(counted.rate_per_step[3], 0.4);
}

/// SpikingJelly's LemaireEnergyCostConfig: 10, 20, 100 pJ per 4 bytes.
#[test]
fn lemaire_memory_curve() {
    let curve = MemoryCurve::default();
    let kib = 1024.0;
    for (bytes, pj) in [
        (0.0, 0.0),
        (4.0 * kib, 1.25),
        (8.0 * kib, 2.5),
        (20.0 * kib, 3.75),
        (32.0 * kib, 5.0),
        (528.0 * kib, 15.0),
        (1024.0 * kib, 25.0),
        (4096.0 * kib, 25.0),
    ] {
        assert!(
            (curve.pj_per_byte(bytes) - pj).abs() < 1e-12,
            "{bytes} bytes"
        );
    }
}

/// Lemaire addressing in SpikingJelly: a spiking convolution, stride 1, away from the border, needs
/// nnz·C_out·k² additions and 2·nnz multiply-accumulates; a dense one |in| + |out| + C_out·k² additions.
#[test]
fn lemaire_addressing() {
    let op = LayerOp::Conv {
        c_in: 2,
        c_out: 7,
        kernel: 3,
        stride: 1,
        padding: 1,
        groups: 1,
        side_in: 5,
    };
    let layer = |input| LayerSpec {
        name: "conv".into(),
        op,
        input,
        steps: 1,
        neurons: if input == Signal::Real { 0 } else { 50 },
        updates: 0,
        adds: 0,
    };
    let census = alone(layer(Signal::Spikes));
    let mut activity = Activity::uniform(&census, 0.0);
    activity.layers[0].spikes = vec![3.0];
    activity.layers[0].accumulates = 3.0 * 7.0 * 9.0;
    let ops = account(&census, &activity, &Assumptions::default()).total;
    assert_eq!((ops.addressing_adds, ops.addressing_macs), (189.0, 6.0));
    let ops = account(
        &alone(layer(Signal::Real)),
        &Activity::default(),
        &Assumptions::default(),
    )
    .total;
    assert_eq!(
        (ops.addressing_adds, ops.addressing_macs),
        (50.0 + 175.0 + 63.0, 0.0)
    );
}

/// Yan et al.: T = 5 against 3 bits, break-even at 5.7 % (v4) or 6.4 % (v2, v3).
#[test]
fn yan_break_even() {
    let census = alone(linear_layer(Signal::Spikes, 64, 512, 512, 5));
    let comparison = compare(
        &census,
        &Activity::uniform(&census, 0.1),
        &census,
        &Assumptions::default(),
    );
    let ruling = comparison.ruling(RulingKind::BitMatched);
    assert_eq!(comparison.bits, 3);
    let rate = ruling.break_even_rate.expect("silence is cheap");
    assert!((0.057..0.064).contains(&rate), "{rate}");
    assert!(
        ruling.spiking_pj > ruling.dense_pj,
        "10 % is above the line"
    );
}

/// Yan et al., dense limit: every neuron fires, both sides move data equally well, ratio T / ceil(log2(T+1)).
#[test]
fn yan_dense_limit() {
    for (steps, bits) in [(3, 2), (5, 3), (8, 4)] {
        let mut layer = linear_layer(Signal::Spikes, 1, 2048, 2048, steps);
        layer.updates = 0;
        let mut census = alone(layer);
        census.update = UpdateOps::default();
        let mut with = Assumptions::default();
        with.quantised.sparse_move_pj_per_bit = with.quantised.dense_move_pj_per_bit;
        let comparison = compare(&census, &Activity::uniform(&census, 1.0), &census, &with);
        let ruling = comparison.ruling(RulingKind::BitMatched);
        let ratio = ruling.spiking_pj / ruling.dense_pj;
        let limit = f64::from(steps as u32) / f64::from(bits);
        assert!((ratio / limit - 1.0).abs() < 1e-3, "T = {steps}: {ratio}");
    }
}
