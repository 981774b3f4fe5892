//! The networks in `web/model/`, if there are any, keep what their index says; and the commands that write index,
//! cards and the recorded run agree with each other.
#![cfg(not(target_family = "wasm"))]

use burn::tensor::Device;
use futures_lite::future::block_on;
use gemst::config::{DatasetKind, ModelConfig};
use gemst::data::{Split, batch::eval_batch, cifar, shards::checksum, synthetic};
use gemst::report::shipped::{INDEX_FILE, Index, RECORDED_FILE, Recorded, Shipped};
use gemst::train::{Checkpoint, Session, Tally};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Logits may differ by this much. Processors sum in different orders, and a neuron whose potential is within rounding
/// of a threshold falls to either side of it: one such neuron has moved a logit by 1.2e-3 between two builds for the
/// same machine. Twelve more passes of training moved half of them by more than 1.
const TOLERANCE: f32 = 0.05;
/// Test images that a stated accuracy is checked on, and how far below it they may fall.
const IMAGES: usize = 500;
const MARGIN: f64 = 0.04;

fn shipped() -> Option<(PathBuf, Index)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("web/model");
    let Ok(json) = std::fs::read_to_string(folder.join(INDEX_FILE)) else {
        println!("nothing is shipped in {} yet", folder.display());
        return None;
    };
    Some((folder, Index::from_json(&json).expect("the index is whole")))
}

fn open(folder: &Path, model: &Shipped) -> Session {
    let bytes = std::fs::read(folder.join(&model.file.file)).expect("the file is there");
    assert_eq!(
        (bytes.len() as u64, checksum(&bytes)),
        (model.file.bytes, model.file.crc32.clone()),
        "{} is not the file its index describes: run `train card` again",
        model.file.file
    );
    let checkpoint = Checkpoint::from_bytes(&model.file.file, &bytes).expect("it is a checkpoint");
    assert_eq!(checkpoint.members.len(), 1, "{}", model.file.file);
    let member = &checkpoint.members[0];
    assert_eq!(member.role, model.role);
    let spiking = matches!(member.config.model, ModelConfig::Ge2msT(_));
    assert_eq!(spiking, model.role == "spiking");
    Session::restore(member, &Device::flex()).expect("the weights fit")
}

fn assert_probe(session: &Session, model: &Shipped) {
    let picture = synthetic::generate(0, 0, 1).held_out;
    let (logits, _) = block_on(session.infer(&eval_batch(&picture, 0..1))).expect("flex reads");
    assert_eq!(logits[0].len(), model.probe.len());
    for (now, stated) in logits[0].iter().zip(&model.probe) {
        assert!(
            (now - stated).abs() <= TOLERANCE,
            "{}: logit {now}, stated {stated}",
            model.file.file
        );
    }
}

#[test]
fn shipped_networks_give_the_stated_logits() {
    let Some((folder, index)) = shipped() else {
        return;
    };
    for model in &index.models {
        let session = open(&folder, model);
        assert_eq!(session.params(), model.params, "{}", model.file.file);
        assert!(model.params <= 1_500_000, "{}", model.file.file);
        assert_probe(&session, model);
        let card = folder.join(model.file.file.replace(".safetensors", ".md"));
        let card = std::fs::read_to_string(card).expect("every network has its card");
        assert!(card.contains(&model.file.crc32), "{}", model.file.file);
    }
}

#[test]
fn shipped_networks_reach_the_stated_accuracy() {
    let (Some((folder, index)), Some(data)) = (shipped(), std::env::var_os("GEMST_CIFAR")) else {
        println!("no networks or no GEMST_CIFAR: no accuracy is checked");
        return;
    };
    for model in &index.models {
        let (set, _) = cifar::load_dir(Path::new(&data), model.dataset, Split::Test)
            .expect("the official binaries");
        let session = open(&folder, model);
        let mut tally = Tally::default();
        for from in (0..IMAGES).step_by(100) {
            block_on(tally.add(&session, &set, from..from + 100)).expect("flex reads");
        }
        let (accuracy, stated) = (tally.accuracy(), model.test.accuracy);
        println!("{}: {accuracy:.3}, stated {stated:.3}", model.file.file);
        assert!(
            accuracy >= stated - MARGIN,
            "{}: {accuracy} of {IMAGES} test images, stated {stated}",
            model.file.file
        );
    }
}

#[test]
fn the_recorded_run_is_of_the_shipped_networks() {
    let Some((folder, index)) = shipped() else {
        return;
    };
    let Ok(json) = std::fs::read_to_string(folder.join(RECORDED_FILE)) else {
        println!("no run is recorded yet");
        return;
    };
    assert_recorded(&folder, &index, &json);
}

/// The recorded answers are those of the files.
fn assert_recorded(folder: &Path, index: &Index, json: &str) {
    let recorded = Recorded::from_json(json).expect("the recorded run is whole");
    let rgb = recorded.rgb().expect("its pixels are digits");
    let planar: Vec<u8> = (0..3)
        .flat_map(|channel| rgb.iter().skip(channel).step_by(3).copied())
        .collect();
    let batch = gemst::data::Batch {
        images: gemst::data::batch::to_unit(&planar),
        labels: vec![0],
        mix: None,
        size: 1,
    };
    for (file, answer) in recorded
        .files
        .iter()
        .zip([&recorded.spiking, &recorded.dense])
    {
        let model = index.models.iter().find(|model| &model.file.file == file);
        let session = open(folder, model.expect("it is of a shipped network"));
        let (logits, _) = block_on(session.infer(&batch)).expect("flex reads");
        let now = gemst::train::eval::top(&logits[0], 1)[0];
        assert_eq!(now.0, answer.top[0].0, "{file}");
        assert!((now.1 - answer.top[0].1).abs() < 0.01, "{file}");
    }
}

fn train(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_train"))
        .args(arguments)
        .output()
        .expect("the program runs");
    assert!(
        output.status.success(),
        "{arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn networks_become_a_folder_with_index_cards_and_a_recorded_run() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
    for preset in ["tiny", "dense-tiny"] {
        let printed = train(&[
            "transfer",
            "--dataset",
            "synthetic",
            "--preset",
            preset,
            "--at",
            "0,4",
            "--batch",
            "8",
            "--limit",
            "40",
            "--save",
            &path(&format!("{preset}.safetensors")),
            "--json",
        ]);
        let steps: Vec<u64> = printed
            .lines()
            .map(|line| {
                serde_json::from_str::<serde_json::Value>(line).expect("JSON")["step"].as_u64()
            })
            .map(|step| step.expect("a step"))
            .collect();
        assert_eq!(steps, [0, 4]);
    }
    let models = path("model");
    train(&[
        "card",
        "--ship",
        &path("tiny.safetensors"),
        &path("dense-tiny.safetensors"),
        "--out",
        &models,
        "--limit",
        "60",
    ]);
    let json = std::fs::read_to_string(Path::new(&models).join(INDEX_FILE)).expect("an index");
    let index = Index::from_json(&json).expect("a whole index");
    let spiking = index.find("tiny", DatasetKind::Synthetic).expect("listed");
    let dense = index
        .find("dense-tiny", DatasetKind::Synthetic)
        .expect("listed");
    for model in [spiking, dense] {
        assert_probe(&open(Path::new(&models), model), model);
        assert_eq!((model.test.images, model.validation.images), (60, 60));
        assert_eq!(model.step, 4);
        assert!((0.0..=1.0).contains(&model.unsure.below));
        assert_eq!(model.worst.len(), 3);
        assert_eq!(model.energy.len(), 3, "both twins carry all three rulings");
    }
    assert_eq!(spiking.energy, dense.energy);
    assert!(spiking.firing_rate.is_some() && dense.firing_rate.is_none());
    let card =
        std::fs::read_to_string(Path::new(&models).join("tiny-synthetic.md")).expect("a card");
    for part in [
        "Known weaknesses",
        "(a)",
        "(b)",
        "(c)",
        "its twin",
        "train pretrain",
        &spiking.file.crc32,
    ] {
        assert!(card.contains(part), "the card lacks {part:?}:\n{card}");
    }

    let picture = path("picture.ppm");
    let mut ppm = b"P6\n# A grey square.\n32 32\n255\n".to_vec();
    ppm.extend([128; 32 * 32 * 3]);
    std::fs::write(&picture, ppm).expect("a picture");
    let files =
        ["tiny", "dense-tiny"].map(|preset| format!("{models}/{preset}-synthetic.safetensors"));
    train(&[
        "record",
        "--checkpoint",
        &files[0],
        &files[1],
        "--picture",
        &picture,
        "--out",
        &models,
    ]);
    let json = std::fs::read_to_string(Path::new(&models).join(RECORDED_FILE)).expect("a run");
    assert_recorded(Path::new(&models), &index, &json);

    // A file that is no longer the one of the index is told by its checksum.
    let mut bytes = std::fs::read(&files[0]).expect("the file is there");
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    assert_ne!(checksum(&bytes), spiking.file.crc32);

    // Networks of an index without any, as a site has where nothing is shipped.
    let nothing = Index::from_json("{\"format\":2,\"models\":[]}").expect("an index");
    assert!(nothing.models.is_empty());
    let later = Index::from_json("{\"format\":99,\"models\":[]}");
    assert!(later.is_err_and(|why| why.contains("format is 99")));

    // From these weights again; the head fits the same shapes.
    let printed = train(&[
        "transfer",
        "--from",
        &files[0],
        "--dataset",
        "synthetic",
        "--at",
        "0",
        "--limit",
        "40",
    ]);
    assert!(printed.contains("step     0"), "{printed}");
}
