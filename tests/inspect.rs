//! A look inside a network against the kernels' references, the counts of the energy account and arithmetic done
//! here.
#![cfg(not(target_family = "wasm"))]

use burn::module::Module;
use burn::tensor::{Device, Tensor, TensorData};
use futures_lite::future::block_on;
use gemst::config::*;
use gemst::data::batch::eval_batch;
use gemst::data::{Batch, synthetic};
use gemst::kernels::{ExpGIfParams, LifParams, exp_g_if_reference, exp_g_if_trace, lif_reference};
use gemst::model::Network;
use gemst::model::trace::{Code, Inspected, SAMPLE, Trace};
use gemst::protocol::LayerSample;
use gemst::train::Session;
use proptest::prelude::*;

fn picture(index: usize) -> Batch {
    eval_batch(
        &synthetic::generate(5, index + 1, 0).train,
        index..index + 1,
    )
}

fn run(preset_name: &str, change: impl FnOnce(&mut Ge2msTConfig)) -> RunConfig {
    let mut run = preset(preset_name, DatasetKind::Cifar10).expect("listed");
    match &mut run.model {
        ModelConfig::Ge2msT(model) => change(model),
        ModelConfig::DenseVit(_) => panic!("{preset_name} spikes"),
    }
    run
}

/// Weights, thresholds and running statistics that have moved from where they began.
fn trained(run: RunConfig) -> Session {
    let mut session = Session::new(run, &Device::flex()).expect("the configuration is valid");
    let batch = eval_batch(&synthetic::generate(9, 16, 0).train, 0..16);
    for _ in 0..6 {
        session.step(&batch);
    }
    session
}

fn variants() -> Vec<(&'static str, RunConfig)> {
    let soft_if = NeuronConfig::If {
        v_threshold: 0.5,
        reset: Reset::Soft,
        detach_reset: true,
        surrogate: Surrogate::Atan { alpha: 2.0 },
    };
    vec![
        ("LIF", run("tiny", |_| {})),
        (
            "IF, soft reset",
            run("tiny", |model| model.neuron = soft_if),
        ),
        ("ExpG-IF", run("tiny-exp", |_| {})),
        (
            "ExpG-IF, two groups",
            run("tiny-exp", |model| {
                model.neuron = NeuronConfig::ExpGIf {
                    steps: 2,
                    groups: 2,
                    theta: 0.25,
                };
                model.temporal.group = 2;
            }),
        ),
        (
            "folded time",
            run("tiny", |model| {
                model.temporal.form = TemporalForm::FoldIntoChannels
            }),
        ),
        (
            "linear order",
            run("tiny-exp", |model| {
                model.attention.kind = AttentionKind::GwSsaLinear;
                model.attention.windows = vec![4, 8];
            }),
        ),
        (
            "softmax attention",
            run("tiny", |model| model.attention.kind = AttentionKind::Card),
        ),
        (
            "frozen q and k",
            run("tiny", |model| {
                model.attention.kind = AttentionKind::FrozenQk
            }),
        ),
        (
            "convolution blocks",
            run("tiny-exp", |model| model.stem[1].blocks = 1),
        ),
    ]
}

/// The same forward, watched, before anything is read from it.
fn watched(session: &Session, batch: &Batch) -> Trace {
    let Network::Spiking(network) = session.network().valid() else {
        panic!("it spikes");
    };
    let images = TensorData::new(batch.images.clone(), [1, 3, 32, 32]);
    network
        .watch(Tensor::from_data(images, &Device::flex()))
        .trace
}

fn floats<const D: usize>(x: Tensor<D>) -> Vec<f32> {
    x.into_data().iter::<f32>().collect()
}

/// Spikes by the references, of the neurons of every layer: `[name][step][neuron]`, with the membrane inputs.
type Layers = Vec<(String, Vec<Vec<f32>>, Vec<Vec<f32>>)>;

fn by_reference(trace: &Trace, names: &[String]) -> Layers {
    let mut layers: Layers = names
        .iter()
        .map(|name| (name.clone(), Vec::new(), Vec::new()))
        .collect();
    // Entries in forward order; which layer each belongs to follows from the names of a network's own list.
    let entries = trace.names();
    for (entry, (name, code)) in entries.into_iter().enumerate() {
        let membrane = trace.membrane_of(entry).expect("the trace watched");
        let input = membrane.input.clone();
        let neurons = input.dims()[1];
        let (spikes, inputs) = match code {
            Code::Binary { steps } => {
                assert_eq!(input.dims()[0], steps);
                let s = floats(lif_reference(
                    input.clone(),
                    &membrane.params,
                    membrane.group,
                ));
                (s, floats(input))
            }
            Code::Weighted {
                theta,
                bits,
                groups,
            } => {
                let p = ExpGIfParams {
                    steps: bits,
                    groups,
                    lsq_scale: false,
                };
                let y = floats(exp_g_if_reference(input.clone(), theta.clone(), &p));
                let theta = floats(theta)[0];
                let mut s = vec![0.0; bits * groups * neurons];
                for (neuron, y) in y.into_iter().enumerate() {
                    let mut rest = (y / theta).round() as usize;
                    for group in 0..groups {
                        let code = rest.min((1 << bits) - 1);
                        rest -= code;
                        for k in 0..bits {
                            let spike = (code >> (bits - 1 - k)) & 1;
                            s[(group * bits + k) * neurons + neuron] = spike as f32;
                        }
                    }
                }
                (s, floats(input))
            }
        };
        let layer = layers
            .iter_mut()
            .find(|layer| layer.0 == name)
            .expect("listed");
        for (rows, values) in [(&mut layer.1, spikes), (&mut layer.2, inputs)] {
            rows.resize(values.len() / neurons, Vec::new());
            for (row, values) in rows.iter_mut().zip(values.chunks_exact(neurons)) {
                row.extend(values);
            }
        }
    }
    layers
}

fn inspected(session: &Session, batch: &Batch) -> Inspected {
    block_on(session.inspect(batch)).expect("flex reads")
}

fn names(inspected: &Inspected) -> Vec<String> {
    let layers = inspected.counts.layers.iter();
    layers.map(|layer| layer.name.clone()).collect()
}

fn fires(sample: &LayerSample, neuron: usize, step: usize) -> bool {
    sample.spikes[neuron] >> step & 1 == 1
}

#[test]
fn rasters_are_the_references() {
    for (variant, run) in variants() {
        let session = trained(run);
        let batch = picture(3);
        let inspected = inspected(&session, &batch);
        let layers = by_reference(&watched(&session, &batch), &names(&inspected));
        let mut seen = 0;
        for ((name, spikes, _), sample) in layers.iter().zip(&inspected.samples) {
            assert_eq!(
                sample.neurons.len(),
                SAMPLE.min(spikes[0].len()),
                "{variant}, {name}"
            );
            for (at, neuron) in sample.neurons.iter().enumerate() {
                for (step, row) in spikes.iter().enumerate() {
                    let wanted = row[*neuron as usize] == 1.0;
                    let fired = fires(sample, at, step);
                    assert_eq!(
                        fired, wanted,
                        "{variant}, {name}, neuron {neuron}, step {step}"
                    );
                    seen += usize::from(wanted);
                }
                assert_eq!(
                    sample.spikes[at] >> spikes.len(),
                    0,
                    "no spike after the last step"
                );
            }
        }
        assert!(seen > 20, "{variant}: {seen} spikes prove little");
    }
}

#[test]
fn membranes_follow_the_equations() {
    for (variant, run) in variants() {
        let ModelConfig::Ge2msT(model) = &run.model else {
            panic!()
        };
        let params = LifParams::from(&model.neuron);
        let exponential = matches!(model.neuron, NeuronConfig::ExpGIf { .. });
        let session = trained(run.clone());
        let batch = picture(7);
        let inspected = inspected(&session, &batch);
        let layers = by_reference(&watched(&session, &batch), &names(&inspected));
        for ((name, _, inputs), sample) in layers.iter().zip(&inspected.samples) {
            let steps = sample.thresholds.len();
            for (at, &neuron) in sample.neurons.iter().enumerate() {
                let (before, after) = (&sample.before[at], &sample.after[at]);
                let what = format!("{variant}, {name}, neuron {neuron}: {before:?} {after:?}");
                assert_eq!((before.len(), after.len()), (steps, steps), "{what}");
                let mut v = 0.0f32;
                for t in 0..steps {
                    let fired = fires(sample, at, t);
                    let threshold = sample.thresholds[t];
                    if exponential {
                        // What is left of z + theta/2; theta is the last step's threshold.
                        let theta = sample.thresholds[steps - 1];
                        let z = inputs[0][neuron as usize];
                        let left = if t == 0 {
                            z + 0.5 * theta
                        } else {
                            after[t - 1]
                        };
                        assert_eq!(before[t], left, "{what}");
                        let rest = before[t] - threshold * f32::from(u8::from(fired));
                        assert!((after[t] - rest).abs() <= 1e-6 * (1.0 + z.abs()), "{what}");
                        // The comparison is made without the subtraction's rounding.
                        let clear = (before[t] - threshold).abs() > 1e-6 * (1.0 + z.abs());
                        assert!(!clear || fired == (before[t] >= threshold), "{what}");
                    } else {
                        if t % sample.group == 0 {
                            v = 0.0;
                        }
                        let x = inputs[t][neuron as usize];
                        let h = if params.leak {
                            v + (x - v) * (1.0 / params.tau)
                        } else {
                            v + x
                        };
                        assert_eq!(before[t], h, "{what}");
                        assert_eq!(fired, h >= threshold, "{what}");
                        v = match (fired, params.hard_reset) {
                            (false, _) => h,
                            (true, true) => 0.0,
                            (true, false) => h - threshold,
                        };
                        assert_eq!(after[t], v, "{what}");
                    }
                }
            }
        }
    }
}

#[test]
fn totals_are_those_of_the_energy_account() {
    for (variant, run) in variants() {
        let session = trained(run);
        let batch = picture(1);
        let inspected = inspected(&session, &batch);
        let (_, trace) = block_on(session.infer(&batch)).expect("flex reads");
        let counts = block_on(trace.count()).expect("flex reads");
        assert_eq!(inspected.counts, counts, "{variant}");
        // Tokens of all head groups of a block: every spike of its q, k and v.
        for group in &inspected.windows {
            assert_eq!(group.spikes.len(), group.side * group.side);
        }
        let blocks = inspected.windows.iter().map(|group| group.block).max();
        for block in 0..=blocks.expect("this network attends") {
            let mut by_token = 0u64;
            for group in inspected
                .windows
                .iter()
                .filter(|group| group.block == block)
            {
                by_token += group.spikes.iter().map(|&n| u64::from(n)).sum::<u64>();
            }
            let parts = ["scores", "kv", "context"].map(|part| format!("block.{block}.{part}"));
            let layers = counts
                .layers
                .iter()
                .filter(|layer| parts.contains(&layer.name));
            let by_layer: u64 = layers.map(|layer| layer.spikes.iter().sum::<u64>()).sum();
            assert_eq!(by_token, by_layer, "{variant}, block {block}");
            assert!(by_layer > 0, "{variant}, block {block} is silent");
        }
    }
}

#[test]
fn tokens_of_windows_are_where_the_projection_put_them() {
    // Windows only decide who meets whom, so q, k and v of a block spike at the same tokens however it is cut, as long
    // as the blocks before it are the same.
    let spikes = |window: usize, shift: bool| {
        let run = run("tiny", |model| {
            model.attention.windows = vec![window];
            model.attention.kind = AttentionKind::GwSsaScores;
            model.attention.shift = shift;
            model.depth = 2;
        });
        let mut session = Session::new(run, &Device::flex()).expect("valid");
        session.calibrate(&eval_batch(&synthetic::generate(9, 16, 0).train, 0..16));
        inspected(&session, &picture(2)).windows
    };
    let (whole, small) = (spikes(8, true), spikes(2, true));
    assert_eq!(whole[0].spikes, small[0].spikes);
    assert!(whole[0].spikes.iter().any(|&n| n > 0));
    // The first block is never shifted.
    let (shifted, straight) = (spikes(4, true), spikes(4, false));
    assert_eq!((shifted[1].shift, straight[1].shift), (2, 0));
    assert_eq!(shifted[1].spikes, straight[1].spikes);
    assert_ne!(shifted[0].spikes, shifted[1].spikes);
}

#[test]
fn a_trace_that_does_not_watch_keeps_no_membranes() {
    let session = trained(run("tiny", |_| {}));
    let (_, trace) = block_on(session.infer(&picture(0))).expect("flex reads");
    assert!((0..trace.len()).all(|entry| trace.membrane_of(entry).is_none()));
    let inspected = block_on(trace.inspect()).expect("flex reads");
    assert!(inspected.windows.is_empty());
    assert!(
        inspected
            .samples
            .iter()
            .all(|sample| sample.before.is_empty())
    );
}

proptest! {
    #[test]
    fn an_exp_g_if_trace_is_the_reference(
        z in prop::collection::vec(-2.0f32..8.0, 1..40),
        theta in 0.01f32..1.0,
        steps in 1usize..7,
        groups in 1usize..4,
    ) {
        let p = ExpGIfParams { steps, groups, lsq_scale: false };
        let device = Device::flex();
        let input = Tensor::<1>::from_data(TensorData::new(z.clone(), [z.len()]), &device);
        let thetas = Tensor::<1>::from_data(TensorData::new(vec![theta], [1]), &device);
        let y = floats(exp_g_if_reference(input, thetas, &p));
        for (z, y) in z.into_iter().zip(y) {
            let trace = exp_g_if_trace(z, theta, &p);
            let weights = (0..steps * groups).map(|step| 1u32 << (steps - 1 - step % steps));
            let code: f32 = weights.zip(&trace.s).map(|(weight, s)| weight as f32 * s).sum();
            prop_assert_eq!(code * theta, y);
            prop_assert_eq!(*trace.after.last().expect("steps"), z + 0.5 * theta - y);
            prop_assert_eq!(trace.before[0], z + 0.5 * theta);
        }
    }
}
