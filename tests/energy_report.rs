//! The record of a run.

use gemst::config::*;
use gemst::energy::*;
use gemst::protocol::{Backend, Evaluation};
use gemst::report::*;
use serde_json::Value;

fn evaluation(accuracy: f64) -> Evaluation {
    Evaluation {
        images: 100,
        accuracy,
        loss: 1.25,
        confusion: vec![vec![0; 10]; 10],
        activity: None,
    }
}

fn report() -> RunReport {
    let run = |name: &str| preset(name, DatasetKind::Cifar10).expect("a preset");
    let (config, dense_config) = (run("tiny-exp"), run("dense-tiny"));
    let (spiking, dense) = (census(&config.model), census(&dense_config.model));
    let activity = Activity::uniform(&spiking, 0.07);
    RunReport {
        format: REPORT_FORMAT,
        build: Build::current(),
        seed: config.seed,
        config,
        dense_config,
        backend: Backend::Webgpu,
        adapter: "an adapter | with a bar".into(),
        dataset: "CIFAR-10 from shards beside the page".into(),
        classes: (0..10).map(|class| format!("class-{class}")).collect(),
        step: 812,
        curve: (0..101)
            .map(|step| CurvePoint {
                step,
                loss: Some(2.3 - 0.01 * step as f64),
                ..CurvePoint::default()
            })
            .collect(),
        evaluation: Some(Evaluations {
            spiking: evaluation(0.6125),
            dense: Some(evaluation(0.7)),
        }),
        energy: vec![EnergyOf {
            subject: "100 held-out images".into(),
            comparison: compare(&spiking, &activity, &dense, &Assumptions::default()),
        }],
        trail: vec![TrailPoint {
            label: "tiny-exp, step 812: 4-bit weights".into(),
            images: 100,
            accuracy: 0.575,
            dense_accuracy: 0.6875,
            energy_pj: [[1.5e6, 3e6], [2e6, 4e6], [2.5e6, 5e6]],
        }],
        measured: Some(Measured {
            spiking_ms: 12.5,
            dense_ms: 3.25,
        }),
    }
}

/// The same value, numbers within rounding.
fn same(a: &Value, b: &Value, numbers: &mut usize, others: &mut usize) {
    match (a, b) {
        (Value::Object(a), Value::Object(b)) => {
            assert!(a.keys().eq(b.keys()));
            a.iter()
                .for_each(|(key, value)| same(value, &b[key], numbers, others));
        }
        (Value::Array(a), Value::Array(b)) => {
            assert_eq!(a.len(), b.len());
            a.iter()
                .zip(b)
                .for_each(|(a, b)| same(a, b, numbers, others));
        }
        (Value::Number(a), Value::Number(b)) => {
            let (a, b) = (a.as_f64().expect("f64"), b.as_f64().expect("f64"));
            assert!((a - b).abs() <= 1e-15 * b.abs(), "{a} {b}");
            *numbers += 1;
        }
        (a, b) => {
            assert_eq!(a, b);
            *others += 1;
        }
    }
}

#[test]
fn json_holds_everything() {
    let report = report();
    let text = report.to_json().expect("JSON");
    // serde_json reads some numbers back one unit in the last place off.
    let back = serde_json::to_value(RunReport::from_json(&text).expect("a report")).expect("JSON");
    let (mut numbers, mut others) = (0, 0);
    same(
        &back,
        &serde_json::to_value(&report).expect("JSON"),
        &mut numbers,
        &mut others,
    );
    assert!(
        numbers > 1000 && others > 100,
        "{numbers} numbers, {others} others"
    );
    assert!(
        RunReport::from_json("{}")
            .unwrap_err()
            .to_string()
            .contains("format")
    );
}

#[test]
fn markdown_lists_every_assumption_ruling_and_citation() {
    let report = report();
    let text = report.to_markdown();
    let comparison = &report.energy[0].comparison;
    for line in comparison.assumptions.iter().chain(&comparison.warnings) {
        assert!(text.contains(line.as_str()), "{line}");
    }
    for ruling in &comparison.rulings {
        assert!(text.contains(&ruling.sentence), "{}", ruling.sentence);
        for other in &ruling.alternatives {
            assert!(text.contains(&other.assumption), "{}", other.assumption);
        }
        for item in &ruling.breakdown_pj {
            assert!(text.contains(&item.name), "{}", item.name);
        }
    }
    for threshold in &comparison.thresholds {
        assert!(text.contains(&threshold.citation), "{}", threshold.citation);
    }
    for layer in &comparison.spiking.layers {
        assert!(
            text.contains(&format!("| {} |", layer.name)),
            "{}",
            layer.name
        );
    }
    for part in [
        "61.25 %",
        "12.50 ms",
        "steps: 812",
        "\"tiny-exp\"",
        "| 100 | 1.3000 |",
        "| tiny-exp, step 812: 4-bit weights | 100 | 57.50 % | 68.75 % | 1.50 µJ, 3.00 µJ |",
        env!("CARGO_PKG_VERSION"),
    ] {
        assert!(text.contains(part), "{part}");
    }
}

#[test]
fn markdown_of_a_run_that_has_only_begun() {
    let report = RunReport {
        evaluation: None,
        energy: Vec::new(),
        trail: Vec::new(),
        measured: None,
        curve: Vec::new(),
        ..report()
    };
    let text = report.to_markdown();
    assert!(text.starts_with("# Run of tiny-exp\n"));
    assert!(!text.contains("## Results") && !text.contains("## Training"));
}

/// Every row of a table has as many cells as its header.
#[test]
fn tables_are_whole() {
    let text = report().to_markdown();
    let cells = |line: &str| line.replace("\\|", "").matches('|').count();
    let mut width = None;
    for line in text.lines() {
        if line.starts_with('|') {
            assert_eq!(cells(line), *width.get_or_insert(cells(line)), "{line}");
        } else {
            width = None;
        }
    }
}
