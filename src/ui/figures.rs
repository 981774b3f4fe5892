//! The live figures: what each `data-metric` says, from the state alone.

use super::format::{duration, figure, grouped, percent, times};
use super::state::{Phase, State};
use crate::energy::{RulingKind, energy_text};
use crate::protocol::Backend;

/// One live figure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Figure {
    /// Name in `data-metric`.
    pub name: &'static str,
    /// Raw value in `data-value`; empty while unknown.
    pub value: String,
    /// Text for a reader.
    pub text: String,
}

/// Stands for a figure that is not known yet.
pub const UNKNOWN: &str = "–";

/// Every figure of the page.
pub fn figures(state: &State) -> Vec<Figure> {
    let run = &state.run;
    let evaluation = run.evaluation.as_ref();
    let answer = state.answer.as_ref();
    let top = answer.and_then(|answer| answer.spiking.top.first().copied());
    let dense_top = answer.and_then(|answer| answer.dense.top.first().copied());
    let class = |top: Option<(usize, f32)>| top.map(|(class, _)| state.class_name(class));
    let confidence = |top: Option<(usize, f32)>| top.map(|(_, share)| f64::from(share));
    let mut all = energies(state);
    all.extend(vec![
        number("step", Some(run.step as f64), grouped),
        number("loss", run.spiking.map(|(loss, _)| loss), figure),
        number("dense-loss", run.dense.map(|(loss, _)| loss), figure),
        number(
            "train-accuracy",
            run.spiking.map(|(_, share)| share),
            percent,
        ),
        number(
            "dense-train-accuracy",
            run.dense.map(|(_, share)| share),
            percent,
        ),
        number(
            "eval-accuracy",
            evaluation.map(|(_, spiking, _)| spiking.accuracy),
            percent,
        ),
        number(
            "dense-eval-accuracy",
            evaluation.map(|(_, _, dense)| dense.accuracy),
            percent,
        ),
        number("images-per-second", run.images_per_second, figure),
        number("firing-rate", run.firing_rate, percent),
        number("learning-rate", run.lr, figure),
        number(
            "sampled-energy-pj",
            run.sampled_pj.map(|(spiking, _)| spiking),
            energy_text,
        ),
        number(
            "sampled-dense-energy-pj",
            run.sampled_pj.map(|(_, dense)| dense),
            energy_text,
        ),
        number("kept-runs", Some(state.runs.list().len() as f64), grouped),
        number(
            "spiking-ms",
            answer.map(|answer| answer.spiking.ms),
            duration,
        ),
        number("dense-ms", answer.map(|answer| answer.dense.ms), duration),
        text("prediction", class(top)),
        number("confidence", confidence(top), percent),
        text("dense-prediction", class(dense_top)),
        number("dense-confidence", confidence(dense_top), percent),
        backend(state.engine.backend),
        text(
            "adapter",
            Some(state.engine.adapter.clone()).filter(|name| !name.is_empty()),
        ),
        Figure {
            name: "dataset",
            value: state
                .dataset
                .as_ref()
                .map_or(String::new(), |info| info.kind.name().to_owned()),
            text: dataset(state),
        },
        Figure {
            name: "state",
            value: state.phase().name().to_owned(),
            text: phase(state.phase()).to_owned(),
        },
    ]);
    all
}

/// Names of a ruling's figures: the spiking network's energy, its rival's, rival over spiking. By bill (the
/// picture's, then the held-out images') and by ruling; the literature's habit bears no letter.
pub const ENERGIES: [[[&str; 3]; 3]; 2] = [
    [
        ["spiking-energy-pj", "dense-energy-pj", "energy-ratio"],
        ["spiking-energy-pj-b", "dense-energy-pj-b", "energy-ratio-b"],
        ["spiking-energy-pj-c", "dense-energy-pj-c", "energy-ratio-c"],
    ],
    [
        [
            "eval-spiking-energy-pj",
            "eval-dense-energy-pj",
            "eval-energy-ratio",
        ],
        [
            "eval-spiking-energy-pj-b",
            "eval-dense-energy-pj-b",
            "eval-energy-ratio-b",
        ],
        [
            "eval-spiking-energy-pj-c",
            "eval-dense-energy-pj-c",
            "eval-energy-ratio-c",
        ],
    ],
];

/// All three rulings of both bills.
fn energies(state: &State) -> Vec<Figure> {
    let picture = state.answer.as_ref();
    let bills = [
        picture.and_then(|answer| answer.bill.as_ref()),
        state.run.bill.as_ref(),
    ];
    let mut all = Vec::new();
    for (names, bill) in ENERGIES.iter().zip(bills) {
        for (names, kind) in names.iter().zip(RulingKind::ALL) {
            let ruling = bill.map(|bill| bill.ruling(kind));
            let [spiking, dense, ratio] = *names;
            all.extend([
                number(spiking, ruling.map(|ruling| ruling.spiking_pj), energy_text),
                number(dense, ruling.map(|ruling| ruling.dense_pj), energy_text),
                number(ratio, ruling.and_then(|ruling| ruling.ratio), times),
            ]);
        }
    }
    let tried = state.tried();
    let names = [
        "what-if-spiking-energy-pj",
        "what-if-spiking-energy-pj-b",
        "what-if-spiking-energy-pj-c",
    ];
    for (name, kind) in names.into_iter().zip(RulingKind::ALL) {
        let pj = tried.map(|point| point.bill.ruling(kind).spiking_pj);
        all.push(number(name, pj, energy_text));
    }
    let accuracy = |name, share: Option<f64>| number(name, share, percent);
    all.push(accuracy(
        "what-if-accuracy",
        tried.map(|point| point.accuracy),
    ));
    all.push(accuracy(
        "what-if-dense-accuracy",
        tried.map(|point| point.dense_accuracy),
    ));
    let per_synapse = bills.map(|bill| bill.and_then(|bill| bill.spiking.spikes_per_synapse));
    all.push(number("spikes-per-synapse", per_synapse[0], figure));
    all.push(number("eval-spikes-per-synapse", per_synapse[1], figure));
    all
}

/// A phase in words.
pub fn phase(phase: Phase) -> &'static str {
    match phase {
        Phase::Loading => "loading",
        Phase::Ready => "ready",
        Phase::Training => "training",
        Phase::Paused => "paused",
        Phase::Camera => "looking",
        Phase::Error => "stopped",
    }
}

/// One sentence on what the page is doing, for its status line.
pub fn status(state: &State) -> String {
    if let Some(dead) = &state.engine.dead {
        return dead.clone();
    }
    if !state.engine.activity.is_empty() {
        return state.engine.activity.clone();
    }
    match state.phase() {
        _ if state.loading_dataset && state.as_shipped() && state.can_look() => {
            "Loading images to train on … Pictures and the camera are answered already.".to_owned()
        }
        _ if state.loading_dataset => "Loading images …".to_owned(),
        _ if state.trying => "Running the changed networks on held-out images …".to_owned(),
        _ if state.evaluating => "Evaluating both networks on held-out images …".to_owned(),
        Phase::Loading => "Building the networks …".to_owned(),
        Phase::Ready => "Ready. Press Train, or choose a picture to look at.".to_owned(),
        Phase::Training if state.settings.twin => {
            "Training: both networks learn from the same images.".to_owned()
        }
        Phase::Training => "Training the spiking network.".to_owned(),
        Phase::Paused => format!("Paused at step {}.", grouped(state.run.step as f64)),
        Phase::Camera => "Looking through the camera.".to_owned(),
        // Covered by `dead` above.
        Phase::Error => String::new(),
    }
}

fn number(name: &'static str, value: Option<f64>, show: fn(f64) -> String) -> Figure {
    Figure {
        name,
        value: value.map_or(String::new(), |value| value.to_string()),
        text: value.map_or_else(|| UNKNOWN.to_owned(), show),
    }
}

fn text(name: &'static str, value: Option<String>) -> Figure {
    let value = value.unwrap_or_default();
    Figure {
        name,
        text: if value.is_empty() {
            UNKNOWN.to_owned()
        } else {
            value.clone()
        },
        value,
    }
}

fn backend(backend: Option<Backend>) -> Figure {
    let (value, text) = match backend {
        Some(Backend::Cpu) => ("cpu", "CPU"),
        Some(Backend::Webgpu) => ("webgpu", "WebGPU"),
        None => ("", UNKNOWN),
    };
    Figure {
        name: "backend",
        value: value.to_owned(),
        text: text.to_owned(),
    }
}

fn dataset(state: &State) -> String {
    state.dataset.as_ref().map_or_else(
        || UNKNOWN.to_owned(),
        |info| {
            let name = match info.kind {
                crate::config::DatasetKind::Cifar10 => "CIFAR-10",
                crate::config::DatasetKind::Cifar100 => "CIFAR-100",
                crate::config::DatasetKind::Synthetic => "Generated shapes",
            };
            format!(
                "{name}: {} to train on, {} held out ({})",
                grouped(info.train as f64),
                grouped(info.held_out as f64),
                info.origin
            )
        },
    )
}
