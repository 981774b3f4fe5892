//! A visitor's own classes: their names in the configuration and in checkpoints.

use burn::tensor::Device;
use futures_lite::future::block_on;
use gemst::config::*;
use gemst::train::{Checkpoint, Precision, Session};

fn named(names: &[&str]) -> RunConfig {
    let mut run = preset("dense-tiny", DatasetKind::Synthetic).expect("listed");
    run.model = run.model.with_classes(names.len());
    run.data.classes = Some(names.iter().map(|&name| name.to_owned()).collect());
    run
}

#[test]
fn a_configuration_without_names_is_written_as_before_and_an_old_one_is_read() {
    let run = preset("tiny", DatasetKind::Cifar10).expect("listed");
    let text = serde_json::to_string(&run).expect("plain data");
    let data = r#""data":{"dataset":"cifar10","train_limit":null,"held_out":1000}"#;
    assert!(text.contains(data), "{text}");
    assert_eq!(serde_json::from_str::<RunConfig>(&text).expect("old"), run);
}

#[test]
fn names_that_are_wrong_are_all_reported() {
    let words = |names: &[&str]| named(names).validate().expect_err("refused").to_string();
    assert!(words(&["cup", " "]).contains("data.classes[1] is empty"));
    assert!(words(&["cup", "cup"]).contains("like another class"));
    assert!(words(&["cup", "pen\nknife"]).contains("in one line"));
    assert!(words(&["cup", &"x".repeat(CLASS_NAME_MAX + 1)]).contains("at most 40"));
    let mut run = named(&["cup", "pen"]);
    run.model = run.model.with_classes(10);
    let words = run.validate().expect_err("refused").to_string();
    assert!(words.contains("2 names, the network 10 classes"), "{words}");
    assert!(named(&["cup", "Füllhalter 1"]).validate().is_ok());
}

#[test]
fn names_travel_in_a_checkpoint() {
    let run = named(&["cup", "pen", "nothing"]);
    let session = Session::new(run, &Device::flex()).expect("valid");
    let saved = block_on(session.save("dense")).expect("flex reads");
    let file = Checkpoint {
        members: vec![saved],
    };
    let bytes = file.to_bytes(Precision::F16);
    let opened = Checkpoint::from_bytes("mine.safetensors", &bytes).expect("ours");
    let names = opened.members[0].config.data.classes.as_deref();
    assert_eq!(
        names,
        Some(&["cup".to_owned(), "pen".into(), "nothing".into()][..])
    );
}
