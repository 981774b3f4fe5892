//! Measured counts of sparse spikes, by hand for each kind of layer, and against counting connection by connection.
#![cfg(feature = "cpu")]

use burn::tensor::{Device, Tensor, TensorData};
use futures_lite::future::block_on;
use gemst::config::*;
use gemst::data::{batch::eval_batch, synthetic};
use gemst::energy::{Activity, LayerActivity};
use gemst::model::trace::{Code, FanOut, Meeting, Pair, Site, Trace, Train};
use gemst::train::{Member, Session};
use proptest::prelude::*;

fn tensor<const D: usize>(values: &[f32], shape: [usize; D]) -> Tensor<D> {
    Tensor::from_data(TensorData::new(values.to_vec(), shape), &Device::flex())
}

fn counted(trace: Trace) -> LayerActivity {
    let mut activity = block_on(trace.count()).expect("flex reads").activity();
    activity.layers.remove(0)
}

/// One picture, one step, these spikes in front of one layer.
fn site(spikes: &[f32], fan_out: FanOut) -> LayerActivity {
    let mut trace = Trace::default();
    trace.site(Site {
        name: "layer".into(),
        spikes: Train::Whole(tensor(spikes, [1, spikes.len()])),
        code: Code::Binary { steps: 1 },
        fan_out,
    });
    counted(trace)
}

fn at(len: usize, places: &[usize]) -> Vec<f32> {
    let mut spikes = vec![0.0; len];
    for place in places {
        spikes[*place] = 1.0;
    }
    spikes
}

#[test]
fn linear_layers_by_hand() {
    // Linear(4 -> 3), x = [1, 0, 1, 0] (SpikingJelly's test): two spikes of three connections.
    let layer = site(&at(4, &[0, 2]), FanOut::Every(3));
    assert_eq!((layer.accumulates, layer.spikes), (6.0, vec![2.0]));
    assert_eq!((layer.dead, layer.saturated, layer.neurons), (2, 2, 4));
    // Four channels in two groups to six: a spike reaches the three outputs of its group.
    assert_eq!(site(&at(4, &[3]), FanOut::Every(3)).accumulates, 3.0);
}

#[test]
fn convolutions_by_hand() {
    // 3x3, padding 1, two channels of 4x4 to five: a corner spike meets 2·2 taps, an edge 2·3, the middle 3·3.
    let conv = |per_tap| FanOut::Conv {
        side: 4,
        kernel: 3,
        stride: 1,
        padding: 1,
        per_tap,
    };
    for (place, taps) in [(0, 4.0), (3, 4.0), (1, 6.0), (4, 6.0), (5, 9.0), (16, 4.0)] {
        let spikes = at(32, &[place]);
        assert_eq!(site(&spikes, conv(5)).accumulates, 5.0 * taps, "{place}");
        // Depth-wise: one output channel for each input channel.
        assert_eq!(site(&spikes, conv(1)).accumulates, taps, "{place}");
    }
    // Stride 2: outputs stand at 0 and 2 and see -1..=1 and 1..=3. Along an axis place 1 is seen twice, 0, 2, 3 once.
    let strided = FanOut::Conv {
        side: 4,
        kernel: 3,
        stride: 2,
        padding: 1,
        per_tap: 7,
    };
    assert_eq!(site(&at(16, &[0]), strided.clone()).accumulates, 7.0);
    assert_eq!(site(&at(16, &[1]), strided.clone()).accumulates, 14.0);
    assert_eq!(site(&at(16, &[5]), strided).accumulates, 28.0);
    // A grouped 1x1 convolution, eight channels in four groups: two outputs for each spike.
    let point = FanOut::Conv {
        side: 2,
        kernel: 1,
        stride: 1,
        padding: 0,
        per_tap: 2,
    };
    assert_eq!(site(&at(32, &[0, 31]), point).accumulates, 4.0);
}

#[test]
fn weighted_spikes_by_hand() {
    // 5 = 0101 and 12 = 1100 at K = 4: two spikes each, three connections a spike.
    let mut trace = Trace::default();
    let theta = 0.5;
    trace.site(Site {
        name: "layer".into(),
        spikes: Train::Whole(tensor(&[5.0 * theta, 0.0, 12.0 * theta], [1, 3])),
        code: Code::Weighted {
            theta: tensor(&[theta], [1]),
            bits: 4,
            groups: 1,
        },
        fan_out: FanOut::Every(3),
    });
    let layer = counted(trace);
    assert_eq!(layer.spikes, [1.0, 2.0, 0.0, 1.0], "most significant first");
    assert_eq!(layer.accumulates, 12.0);
}

/// Two windows of three tokens with two channels; the second window falls into two regions.
fn pair(left: &[f32], right: &[f32], meeting: Meeting) -> LayerActivity {
    let mut trace = Trace::default();
    trace.pair(Pair {
        name: "block.0.scores".into(),
        left: Train::Whole(tensor(left, [1, 12])),
        right: Train::Whole(tensor(right, [1, 12])),
        shape: [2, 1, 3, 2],
        code: Code::Binary { steps: 1 },
        meeting,
    });
    counted(trace)
}

fn regions() -> Meeting {
    Meeting::Tokens {
        regions: vec![vec![0, 0, 0], vec![0, 1, 1]],
    }
}

#[test]
fn attention_in_both_orders_by_hand() {
    // q: channel 0 of tokens 0 and 1 of the first window. k: channel 0 of token 2, channel 1 of token 0.
    let (q, k) = (at(12, &[0, 2]), at(12, &[4, 1]));
    // (q kT) v: channel 0 of two q tokens meets channel 0 of one k token; channel 1 meets nobody.
    let scores = pair(&q, &k, regions());
    assert_eq!((scores.accumulates, scores.spikes), (2.0, vec![4.0]));
    // q (kT v): token by token, every channel with every channel. Token 0 has one spike in each train, tokens 1 and
    // 2 have spikes in one of them only.
    assert_eq!(pair(&q, &k, Meeting::Channels).accumulates, 1.0);
    // Second window: tokens 1 and 2 may meet, token 0 may meet only itself.
    let (q, k) = (at(12, &[6]), at(12, &[8, 10]));
    assert_eq!(pair(&q, &k, regions()).accumulates, 0.0);
    let (q, k) = (at(12, &[8]), at(12, &[8, 10]));
    assert_eq!(pair(&q, &k, regions()).accumulates, 2.0);
}

/// Every connection of a convolution looked at one by one.
fn enumerated(spikes: &[f32], side: usize, kernel: usize, stride: usize, padding: usize) -> f64 {
    let outputs = (side + 2 * padding - kernel) / stride + 1;
    let inside = |out: usize, tap: usize| (out * stride + tap).checked_sub(padding);
    let mut sum = 0.0;
    for map in spikes.chunks_exact(side * side) {
        for (row, column) in (0..outputs).flat_map(|row| (0..outputs).map(move |c| (row, c))) {
            for (y, x) in (0..kernel).flat_map(|y| (0..kernel).map(move |x| (y, x))) {
                if let (Some(y), Some(x)) = (inside(row, y), inside(column, x))
                    && y < side
                    && x < side
                {
                    sum += f64::from(map[y * side + x]);
                }
            }
        }
    }
    sum
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// SpikingJelly's count of a convolution: the input through a kernel of ones.
    #[test]
    fn a_convolution_counts_its_connections(
        spikes in prop::collection::vec(any::<bool>(), 2 * 8 * 8),
        shape in prop_oneof![Just((3, 1, 1)), Just((3, 2, 1)), Just((4, 4, 0)), Just((5, 1, 2)), Just((1, 1, 0))],
        per_tap in 1_usize..9,
    ) {
        let (kernel, stride, padding) = shape;
        let spikes: Vec<f32> = spikes.iter().map(|spike| f32::from(u8::from(*spike))).collect();
        let layer = site(&spikes, FanOut::Conv { side: 8, kernel, stride, padding, per_tap });
        let by_hand = per_tap as f64 * enumerated(&spikes, 8, kernel, stride, padding);
        prop_assert_eq!(layer.accumulates, by_hand);
    }

    /// `Σ x·y` over every pair that may meet.
    #[test]
    fn a_product_counts_its_coincidences(
        left in prop::collection::vec(any::<bool>(), 12),
        right in prop::collection::vec(any::<bool>(), 12),
    ) {
        let floats = |spikes: &[bool]| -> Vec<f32> {
            spikes.iter().map(|spike| f32::from(u8::from(*spike))).collect()
        };
        let (left, right) = (floats(&left), floats(&right));
        let region = [[0, 0, 0], [0, 1, 1]];
        let mut tokens = 0.0;
        let mut channels = 0.0;
        for window in 0..2 {
            let of = |spikes: &[f32], token: usize, channel: usize| {
                f64::from(spikes[window * 6 + token * 2 + channel])
            };
            for a in 0..3 {
                for b in (0..3).filter(|b| region[window][a] == region[window][*b]) {
                    tokens += (0..2).map(|c| of(&left, a, c) * of(&right, b, c)).sum::<f64>();
                }
                for (c, d) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
                    channels += of(&left, a, c) * of(&right, a, d);
                }
            }
        }
        prop_assert_eq!(pair(&left, &right, regions()).accumulates, tokens);
        prop_assert_eq!(pair(&left, &right, Meeting::Channels).accumulates, channels);
    }
}

fn activity(member: &Member) -> Activity {
    let session = Session::restore(member, &Device::flex()).expect("weights that fit");
    let set = synthetic::generate(0, 0, 2).held_out;
    let (_, trace) = block_on(session.infer(&eval_batch(&set, 0..2))).expect("flex reads");
    block_on(trace.count()).expect("flex reads").activity()
}

/// BatchNorm is `x·gamma/r + (beta - mean·gamma/r)` for inference. Its scale moved into the weights and its shift into
/// beta leave every spike where it was. With scales that are powers of two no rounding differs either.
#[test]
fn folding_batch_norm_changes_no_measured_count() {
    for name in ["tiny", "tiny-exp"] {
        let config = preset(name, DatasetKind::Synthetic).expect("a preset");
        let session = Session::new(config, &Device::flex()).expect("presets are valid");
        let mut own = block_on(session.save("spiking")).expect("flex reads");
        let epsilon = 1e-5_f32;
        let paths: Vec<String> = own.weights.keys().cloned().collect();
        for path in &paths {
            let values = &mut own.weights.get_mut(path).expect("it is there").1;
            let last = path.rsplit('.').next().unwrap_or_default();
            for (index, value) in values.iter_mut().enumerate() {
                match last {
                    "gamma" => *value = [0.5, 1.0, 2.0][index % 3],
                    "beta" => *value = 0.75 + 0.125 * (index % 5) as f32,
                    "running_mean" => *value = 0.125 * (index % 4) as f32,
                    "running_var" => *value = 1.0 - epsilon,
                    _ => {}
                }
            }
        }
        assert_eq!(((1.0 - epsilon) + epsilon).sqrt(), 1.0);
        let mut folded = own.clone();
        let mut layers = 0;
        for path in paths.iter().filter(|path| path.ends_with(".gamma")) {
            let stem = path.strip_suffix("gamma").expect("it ends so");
            let at = |part: &str| own.weights[&format!("{stem}{part}")].1.clone();
            let (gamma, beta, mean) = (at("gamma"), at("beta"), at("running_mean"));
            let (layer, _) = stem.split_once(".norm").expect("a norm belongs to a layer");
            let weights = [format!("{layer}.conv.weight"), format!("{layer}.weight")];
            let weight = weights
                .iter()
                .find(|path| own.weights.contains_key(*path))
                .expect("a layer has weights");
            let (shape, values) = folded.weights.get_mut(weight).expect("found above");
            let channels = gamma.len();
            for (index, value) in values.iter_mut().enumerate() {
                let channel = match shape.as_slice() {
                    // [groups, in, out], outputs interleaved over the groups.
                    [groups, c_in, c_out] => index % c_out * groups + index / (c_in * c_out),
                    _ => index / (shape.iter().product::<usize>() / channels),
                };
                *value *= gamma[channel];
            }
            for channel in 0..channels {
                let mut set = |part: &str, value: f32| {
                    let path = format!("{stem}{part}");
                    folded.weights.get_mut(&path).expect("it is there").1[channel] = value;
                };
                set("beta", beta[channel] - mean[channel] * gamma[channel]);
                set("gamma", 1.0);
                set("running_mean", 0.0);
            }
            layers += 1;
        }
        assert!(layers > 5, "{name}: {layers} layers");
        let (before, after) = (activity(&own), activity(&folded));
        assert!(before.firing_rate() > Some(0.01), "{name} is silent");
        assert_eq!(before, after, "{name}");
    }
}
