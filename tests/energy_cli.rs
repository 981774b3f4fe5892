//! `train energy` as a reader uses it: on a file, against the library's own figures.
#![cfg(all(feature = "cpu", feature = "cli"))]

use burn::tensor::Device;
use futures_lite::future::block_on;
use gemst::config::{DatasetKind, preset};
use gemst::data::{batch::eval_batch, synthetic};
use gemst::energy::{Assumptions, Comparison, census, compare};
use gemst::report::RunReport;
use gemst::train::{Checkpoint, Precision, Session};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Generated test images of the command line begin with these.
const IMAGES: usize = 4;

fn session(name: &str) -> Session {
    let config = preset(name, DatasetKind::Synthetic).expect("a preset");
    Session::new(config, &Device::flex()).expect("presets are valid")
}

/// A file with these networks as they are fresh.
fn checkpoint(folder: &Path, file: &str, names: &[&str]) -> PathBuf {
    let members = names.iter().map(|name| {
        let role = if name.starts_with("dense") {
            "dense"
        } else {
            "spiking"
        };
        block_on(session(name).save(role)).expect("flex reads")
    });
    let whole = Checkpoint {
        members: members.collect(),
    };
    let path = folder.join(file);
    std::fs::write(&path, whole.to_bytes(Precision::F32)).expect("a temporary file");
    path
}

fn energy(files: &[&Path], arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_train"))
        .args(["energy", "--dataset", "synthetic", "--checkpoint"])
        .args(files)
        .args(arguments)
        .output()
        .expect("the program runs")
}

fn text(output: &Output) -> String {
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The library's own account of one generated test image.
fn expected(index: usize, with: &Assumptions) -> Comparison {
    let (spiking, dense) = (session("tiny"), session("dense-tiny"));
    let set = synthetic::generate(0, 0, IMAGES).held_out;
    let (_, trace) =
        block_on(spiking.infer(&eval_batch(&set, index..index + 1))).expect("flex reads");
    let activity = block_on(trace.count()).expect("flex reads").activity();
    compare(
        &census(&spiking.config().model),
        &activity,
        &census(&dense.config().model),
        with,
    )
}

/// Parsed from the text: serde_json reads some numbers back one unit in the last place off.
fn figure(json: &str, name: &str) -> f64 {
    let start = format!("\"{name}\":");
    let found = json.rfind(&start).map(|at| &json[at + start.len()..]);
    let rest = found.unwrap_or_else(|| panic!("no {name}"));
    let end = rest.find([',', '}']).expect("a number ends");
    rest[..end].parse().expect("a number")
}

#[test]
fn one_image_costs_what_the_library_says_to_the_last_digit() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = checkpoint(folder.path(), "run.safetensors", &["tiny", "dense-tiny"]);
    let plain = expected(2, &Assumptions::default());
    let output = text(&energy(&[&file], &["--index", "2", "--json"]));
    let json: Value = serde_json::from_str(&output).expect("one JSON object");
    assert_eq!(json["images"], 1);
    assert_eq!(json["rulings"].as_array().map(Vec::len), Some(3));
    assert_eq!(
        json["assumptions"].as_array().map(Vec::len),
        Some(plain.assumptions.len())
    );
    // The total's keys come before the rulings', so the first of that name is the headline figure.
    let head = &output[..output.find("\"rulings\"").expect("rulings")];
    assert_eq!(figure(head, "spiking_pj"), plain.spiking_pj);
    assert_eq!(figure(head, "dense_pj"), plain.dense_pj);
    // Another image, another bill.
    let other = text(&energy(&[&file], &["--index", "3", "--json"]));
    let head = &other[..other.find("\"rulings\"").expect("rulings")];
    assert_ne!(figure(head, "spiking_pj"), plain.spiking_pj);
}

#[test]
fn prices_and_choices_come_from_arguments_or_a_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = checkpoint(folder.path(), "run.safetensors", &["tiny", "dense-tiny"]);
    let with = Assumptions {
        first_conv: gemst::energy::FirstConv::EveryStep,
        compute: gemst::energy::PriceTable::default()
            .find("45 nm INT8")
            .expect("a row")
            .clone(),
        ..Assumptions::default()
    };
    let wanted = expected(0, &with).spiking_pj;
    let by_arguments = ["--index", "0", "--json", "--price", "45 nm INT8"];
    let output = text(&energy(
        &[&file],
        &[&by_arguments[..], &["--conv1-every-step"]].concat(),
    ));
    let head = &output[..output.find("\"rulings\"").expect("rulings")];
    assert_eq!(figure(head, "spiking_pj"), wanted);

    let choices = folder.path().join("choices.json");
    std::fs::write(&choices, serde_json::to_string(&with).expect("JSON")).expect("a file");
    let path = choices.to_str().expect("a plain name");
    let output = text(&energy(
        &[&file],
        &["--index", "0", "--json", "--assumptions", path],
    ));
    let head = &output[..output.find("\"rulings\"").expect("rulings")];
    assert_eq!(figure(head, "spiking_pj"), wanted);

    let unknown = energy(&[&file], &["--price", "free"]);
    assert!(!unknown.status.success());
    let words = String::from_utf8_lossy(&unknown.stderr);
    assert!(words.contains("45 nm FP16"), "{words}");
}

#[test]
fn the_table_has_three_rulings_for_each_network_and_every_assumption() {
    let folder = tempfile::tempdir().expect("a folder");
    // The twin comes from a file of its own.
    let files = [
        checkpoint(folder.path(), "lif.safetensors", &["tiny"]),
        checkpoint(folder.path(), "exp.safetensors", &["tiny-exp"]),
        checkpoint(folder.path(), "dense.safetensors", &["dense-tiny"]),
    ];
    let paths: Vec<&Path> = files.iter().map(PathBuf::as_path).collect();
    let output = text(&energy(&paths, &["--limit", "4", "--table"]));
    let rows: Vec<&str> = output
        .lines()
        .filter(|line| line.starts_with("| tiny"))
        .collect();
    assert_eq!(rows.len(), 6, "{output}");
    for (row, letter) in rows.iter().zip(["(a)", "(b)", "(c)"].iter().cycle()) {
        assert!(row.contains(letter), "{row}");
        // Accuracy of both networks.
        assert_eq!(
            row.matches(" %").count() - usize::from(!row.contains("none:")),
            3,
            "{row}"
        );
    }
    for line in Assumptions::default().listed() {
        assert!(output.contains(&line), "{line}");
    }
    assert!(output.contains("emission steps pass"), "ExpG-IF's latency");
}

#[test]
fn the_report_is_written_twice() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = checkpoint(folder.path(), "run.safetensors", &["tiny", "dense-tiny"]);
    let target = folder.path().join("report");
    let path = target.to_str().expect("a plain name");
    let words = text(&energy(&[&file], &["--limit", "3", "--report", path]));
    let json = std::fs::read_to_string(target.with_extension("json")).expect("JSON");
    let report = RunReport::from_json(&json).expect("a report");
    let both = report.evaluation.as_ref().expect("an evaluation");
    assert_eq!(both.spiking.images, 3);
    assert_eq!(both.dense.as_ref().map(|dense| dense.images), Some(3));
    let markdown = std::fs::read_to_string(target.with_extension("md")).expect("Markdown");
    for ruling in &report.energy[0].comparison.rulings {
        assert!(markdown.contains(&ruling.sentence) && words.contains(&ruling.sentence));
    }
}

#[test]
fn a_dense_checkpoint_alone_is_refused_in_words() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = checkpoint(folder.path(), "dense.safetensors", &["dense-tiny"]);
    let output = energy(&[&file], &["--limit", "1"]);
    assert!(!output.status.success());
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(words.contains("give a spiking checkpoint"), "{words}");
}
