use super::*;
use crate::config::DatasetKind;
use crate::energy::census;
use crate::protocol::StepFigures;
use crate::ui::figures::{figures, status};

mod follow;

fn ready(state: &State, step: u64) -> Event {
    let (spiking, dense) = state.settings.runs();
    Event::Ready {
        spiking_census: census(&spiking.model),
        dense_census: census(&dense.model),
        spiking,
        dense,
        step,
        spiking_params: 1,
        dense_params: 1,
        weights: "fresh weights, seed 0".to_owned(),
    }
}

fn dataset(kind: DatasetKind) -> Event {
    Event::Dataset(DatasetInfo {
        kind,
        classes: (0..kind.classes())
            .map(|class| format!("class-{class}"))
            .collect(),
        train: 100,
        held_out: 10,
        origin: "generated".to_owned(),
    })
}

fn step(step: u64, loss: f64) -> Event {
    Event::Step(StepReport {
        step,
        lr: 1e-3,
        spiking: Some(StepFigures {
            loss,
            accuracy: 0.5,
        }),
        dense: None,
        images_per_second: 100.0,
        firing_rate: Some(0.2),
    })
}

fn started() -> State {
    let mut state = State::default();
    state.apply(&ready(&state, 0), false);
    state.apply(&dataset(DatasetKind::Cifar10), false);
    state
}

fn classified(state: &State) -> Event {
    let networks = state.networks.as_ref().expect("networks are built");
    let answer = |class| Classification {
        top: vec![(class, 0.75), (0, 0.25)],
        ms: 4.0,
    };
    Event::Classified {
        id: 1,
        label: Some(3),
        seen: vec![0; 3072],
        spiking: answer(3),
        dense: answer(5),
        activity: Activity::uniform(&networks.spiking_census, 0.1),
    }
}

fn value(state: &State, name: &str) -> String {
    let all = figures(state);
    let found = all.iter().find(|figure| figure.name == name);
    found
        .unwrap_or_else(|| panic!("no figure {name}"))
        .value
        .clone()
}

#[test]
fn the_phase_follows_a_run_from_loading_to_pause() {
    let mut state = State::default();
    assert_eq!(state.phase(), Phase::Loading);
    state.apply(&ready(&state, 0), false);
    assert_eq!(state.phase(), Phase::Loading, "no images yet");
    state.apply(&dataset(DatasetKind::Synthetic), false);
    assert_eq!(state.phase(), Phase::Ready);
    state.apply(&Event::Running { running: true }, false);
    assert_eq!(state.phase(), Phase::Training);
    state.camera = Camera::Live;
    assert_eq!(state.phase(), Phase::Training, "training is said first");
    state.apply(&Event::Running { running: false }, false);
    assert_eq!(state.phase(), Phase::Camera);
    state.camera = Camera::Idle;
    assert_eq!(state.phase(), Phase::Paused);
    state.apply(&ready(&state, 0), false);
    assert_eq!(
        state.phase(),
        Phase::Ready,
        "fresh networks have no paused run"
    );
    state.engine.dead = Some("no wasm".to_owned());
    assert_eq!(state.phase(), Phase::Error);
    assert_eq!(status(&state), "no wasm");
}

#[test]
fn every_contracted_figure_is_there_and_empty_before_it_is_known() {
    let contracted = [
        "step",
        "loss",
        "train-accuracy",
        "eval-accuracy",
        "images-per-second",
        "firing-rate",
        "spiking-energy-pj",
        "dense-energy-pj",
        "energy-ratio",
        "spiking-ms",
        "dense-ms",
        "prediction",
        "confidence",
        "backend",
        "adapter",
        "dataset",
        "state",
    ];
    let state = State::default();
    for name in contracted {
        let raw = value(&state, name);
        match name {
            "step" => assert_eq!(raw, "0"),
            "state" => assert_eq!(raw, "loading"),
            _ => assert_eq!(raw, "", "{name}"),
        }
    }
}

#[test]
fn figures_are_raw_numbers_and_names() {
    let mut state = started();
    state.apply(&step(7, 1.25), false);
    let answer = classified(&state);
    state.apply(&answer, false);
    for (name, expected) in [
        ("step", "7"),
        ("loss", "1.25"),
        ("train-accuracy", "0.5"),
        ("prediction", "class-3"),
        ("dense-prediction", "class-5"),
        ("confidence", "0.75"),
        ("spiking-ms", "4"),
        ("dataset", "cifar10"),
    ] {
        assert_eq!(value(&state, name), expected, "{name}");
    }
    let number = |name| value(&state, name).parse::<f64>().expect(name);
    assert!(
        (number("firing-rate") - 0.1).abs() < 1e-9,
        "the picture's rate"
    );
    let ratio = number("dense-energy-pj") / number("spiking-energy-pj");
    assert!((number("energy-ratio") - ratio).abs() < 1e-9);
}

#[test]
fn a_run_that_goes_on_elsewhere_keeps_its_curves_up_to_the_checkpoint() {
    let mut state = started();
    (1..=10).for_each(|at| state.apply(&step(at, 1.0), false));
    state.apply(&ready(&state, 6), true);
    assert_eq!(state.run.step, 6);
    assert_eq!(state.history.rows().last().map(|row| row.step), Some(6));
    assert_eq!(state.phase(), Phase::Paused);
    state.apply(&ready(&state, 0), false);
    assert!(state.history.rows().is_empty());
    assert!(!state.networks.as_ref().unwrap().trained);
}

#[test]
fn a_refusal_leaves_everything_as_it_was_and_nothing_waiting() {
    let mut state = started();
    state.apply(&step(3, 1.0), false);
    let before = state.clone();
    state.loading_dataset = true;
    state.evaluating = true;
    state.progress = Some(Progress {
        label: "reading".to_owned(),
        done: 1,
        total: 2,
    });
    state.apply(
        &Event::Notice {
            level: Level::Warning,
            text: "cut short".to_owned(),
        },
        false,
    );
    assert_eq!(state, before);
}

#[test]
fn networks_are_configured_for_the_images_in_use() {
    let mut state = started();
    state.settings.dataset = DatasetKind::Cifar10;
    state.apply(&dataset(DatasetKind::Cifar100), false);
    let Command::Configure { spiking, dense, .. } = state.configure() else {
        panic!("configure() makes another command");
    };
    assert_eq!(spiking.data.dataset, DatasetKind::Cifar100);
    assert_eq!(dense.data, spiking.data);
}

#[test]
fn an_evaluation_stands_in_the_curves_at_its_step() {
    let mut state = started();
    state.apply(&step(4, 1.0), false);
    state.evaluating = true;
    let of = |accuracy| Evaluation {
        images: 10,
        accuracy,
        loss: 1.0,
        confusion: vec![],
        activity: None,
    };
    state.apply(
        &Event::Evaluated {
            step: 4,
            spiking: of(0.5),
            dense: of(0.75),
        },
        false,
    );
    assert!(!state.evaluating);
    assert_eq!(value(&state, "eval-accuracy"), "0.5");
    let last = state.history.rows().last().unwrap();
    assert_eq!(last.get(Column::DenseHeldOut), Some(0.75));
}

#[test]
fn an_evaluation_takes_what_the_run_says_and_never_more_than_there_is() {
    let mut state = started();
    assert_eq!(state.images_to_evaluate(), 10);
    if let Some(info) = &mut state.dataset {
        info.held_out = 10_000;
    }
    assert_eq!(state.images_to_evaluate(), 1000);
}

#[test]
fn prices_are_applied_to_the_counts_that_are_here() {
    let mut state = started();
    let answer = classified(&state);
    state.apply(&answer, false);
    let census = state.networks.as_ref().unwrap().spiking_census.clone();
    let evaluation = |activity| Evaluation {
        images: 10,
        accuracy: 0.5,
        loss: 1.0,
        confusion: vec![],
        activity,
    };
    state.apply(
        &Event::Evaluated {
            step: 0,
            spiking: evaluation(Some(Activity::uniform(&census, 0.2))),
            dense: evaluation(None),
        },
        false,
    );
    let number = |state: &State, name| value(state, name).parse::<f64>().expect(name);
    let names = [
        "spiking-energy-pj",
        "dense-energy-pj",
        "eval-spiking-energy-pj",
    ];
    let before = names.map(|name| number(&state, name));
    let other = ["spiking-energy-pj-b", "spiking-energy-pj-c"].map(|name| number(&state, name));
    assert!(before[2] > before[0], "twice the rate");
    // A row ten times as dear: exactly the first ruling follows.
    let row = crate::energy::PriceRow {
        name: "mine".to_owned(),
        mac_pj: 46.0,
        ac_pj: 9.0,
        shift_pj: 0.3,
        citation: "a chip of ours".to_owned(),
    };
    state.reprice(|pricing| {
        pricing.table.add(row.clone()).expect("a good row");
        pricing.with.compute = row;
    });
    for (name, before) in names.iter().zip(before) {
        let ratio = number(&state, name) / before;
        assert!((ratio - 10.0).abs() < 1e-9, "{name}: {ratio}");
    }
    assert_eq!(
        ["spiking-energy-pj-b", "spiking-energy-pj-c"].map(|name| number(&state, name)),
        other
    );
    let bill = state.run.bill.as_ref().expect("a bill");
    assert!(
        bill.assumptions
            .iter()
            .any(|line| line.contains("a chip of ours"))
    );
    // Fresh networks: what the old ones cost on held-out images is no longer said.
    state.apply(&ready(&state, 0), false);
    assert_eq!(value(&state, "eval-spiking-energy-pj"), "");
}

#[test]
fn the_report_holds_both_bills_and_survives_json() {
    let mut state = started();
    assert!(State::default().report("").is_none(), "no networks yet");
    state.apply(&step(7, 1.25), false);
    let answer = classified(&state);
    state.apply(&answer, false);
    let census = state.networks.as_ref().unwrap().spiking_census.clone();
    let evaluation = |accuracy, activity| Evaluation {
        images: 10,
        accuracy,
        loss: 1.0,
        confusion: vec![vec![1; 10]; 10],
        activity,
    };
    state.apply(
        &Event::Evaluated {
            step: 7,
            spiking: evaluation(0.5, Some(Activity::uniform(&census, 0.2))),
            dense: evaluation(0.75, None),
        },
        false,
    );
    let report = state.report("Held-out image 3: cat.").expect("a report");
    let subjects: Vec<&str> = report
        .energy
        .iter()
        .map(|energy| energy.subject.as_str())
        .collect();
    assert_eq!(
        subjects,
        [
            "10 held-out images at step 7",
            "the picture shown (Held-out image 3: cat)"
        ]
    );
    assert_eq!(
        report.curve.last().map(|point| point.loss),
        Some(Some(1.25))
    );
    let [point] = &report.trail[..] else {
        panic!("the evaluation is a point: {:?}", report.trail)
    };
    assert_eq!((point.accuracy, point.dense_accuracy), (0.5, 0.75));
    assert_eq!(
        point.energy_pj[0][0].to_string(),
        value(&state, "eval-spiking-energy-pj")
    );
    let json = report.to_json().expect("JSON");
    let back = crate::report::RunReport::from_json(&json).expect("a report");
    assert_eq!(back.energy[0].comparison.rulings.len(), 3);
    let markdown = report.to_markdown();
    for text in subjects {
        assert!(markdown.contains(text), "{text}");
    }
}
