//! The command `train pretrain`: where a run begins, and how it goes on after a stop.
#![cfg(all(feature = "cpu", feature = "cli"))]

mod data_support;

use burn::tensor::Device;
use data_support::{pictures, records, unpack};
use futures_lite::future::block_on;
use gemst::config::{DatasetKind, ModelConfig, preset};
use gemst::data::{Split, cifar};
use gemst::train::prune::{channels, keep};
use gemst::train::{Checkpoint, Member, Precision, Session};
use std::path::Path;
use std::process::Command;

const KIND: DatasetKind = DatasetKind::Cifar10;

/// Official files of generated pictures: 5,000 of them are held back, 50 are left to train on.
fn data(folder: &Path) {
    let files = cifar::files(KIND, Split::Train).iter().enumerate();
    let members = files.map(|(salt, file)| {
        let path = format!("{}/{file}", cifar::folder(KIND));
        (path, records(KIND, &pictures(KIND, 1010, salt)))
    });
    unpack(folder, &members.collect::<Vec<_>>());
}

/// A network with fewer channels than its preset has.
fn pruned(path: &Path) -> usize {
    let run = preset("tiny-exp", KIND).expect("listed");
    let session = Session::new(run, &Device::flex()).expect("the configuration is valid");
    let whole = block_on(session.save("spiking")).expect("flex reads");
    let left = keep(&whole, 0, &[0, 1, 2, 3, 5]).expect("it has them");
    let file = Checkpoint {
        members: vec![left],
    };
    std::fs::write(path, file.to_bytes(Precision::F32)).expect("a temporary file");
    channels(&whole, 0).expect("it has two stages")
}

/// Whether it went well, and what was said.
fn pretrain(folder: &Path, out: &str, steps: &str, more: &[&str]) -> (bool, String) {
    let done = Command::new(env!("CARGO_BIN_EXE_train"))
        .args(["pretrain", "--preset", "tiny-exp", "--batch", "8"])
        .args(["--stop-after", steps, "--data"])
        .arg(folder)
        .arg("--out")
        .arg(folder.join(out))
        .args(more)
        .output()
        .expect("the program runs");
    let said = [done.stdout, done.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    (done.status.success(), said)
}

fn last(folder: &Path, out: &str) -> Member {
    let bytes = std::fs::read(folder.join(out).join("last.safetensors")).expect("it was written");
    let mut file = Checkpoint::from_bytes("last", &bytes).expect("a checkpoint");
    file.members.remove(0)
}

#[test]
fn a_run_from_a_pruned_network_keeps_its_shape_and_goes_on_without_its_file() {
    let temporary = tempfile::tempdir().expect("a temporary folder");
    let folder = temporary.path();
    data(folder);
    let file = folder.join("pruned.safetensors");
    let all = pruned(&file);
    let from = ["--from", file.to_str().expect("plain letters")];
    for (out, steps) in [("whole", "4"), ("parts", "2")] {
        let (good, said) = pretrain(folder, out, steps, &from);
        assert!(good, "{said}");
    }
    std::fs::remove_file(&file).expect("it was there");
    let (good, said) = pretrain(folder, "parts", "2", &from);
    assert!(good && said.contains("resuming at step 2"), "{said}");
    let (whole, parts) = (last(folder, "whole"), last(folder, "parts"));
    assert_eq!((whole.step, parts.step), (4, 4));
    assert!(whole.weights == parts.weights, "it went another way");
    assert_eq!(channels(&parts, 0), Ok(5));
    assert!(all > 5);

    // Without its shape, without its file or with another recipe it is another run.
    for (out, more, why) in [
        ("parts", &[][..], "another run"),
        (
            "parts",
            &[&from[..], &["--lr", "1e-3"]].concat(),
            "another run",
        ),
        ("fresh", &from, "could not be read"),
    ] {
        let (good, said) = pretrain(folder, out, "1", more);
        assert!(!good && said.contains(why), "{said}");
    }
    assert_eq!(last(folder, "parts").step, 4);
    assert!(
        !folder.join("fresh").exists(),
        "a refused run leaves nothing"
    );
}

#[test]
fn a_fresh_run_has_the_networks_shape_of_its_preset() {
    let temporary = tempfile::tempdir().expect("a temporary folder");
    data(temporary.path());
    let (good, said) = pretrain(temporary.path(), "run", "1", &[]);
    assert!(good, "{said}");
    let ModelConfig::Ge2msT(listed) = preset("tiny-exp", KIND).expect("listed").model else {
        panic!("tiny-exp spikes")
    };
    let made = channels(&last(temporary.path(), "run"), 0);
    assert_eq!(made, Ok(listed.stem[0].channels));
}
