//! A visitor's own classes: their names in the configuration and in checkpoints, and the lesson itself.

use burn::tensor::Device;
use futures_lite::future::block_on;
use gemst::config::*;
use gemst::data::batch::eval_batch;
use gemst::data::{IMAGE_BYTES, ImageSet};
use gemst::train::lesson::Taught;
use gemst::train::{Checkpoint, Examples, Lesson, Precision, Session};

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

/// Two classes of noise in two colours, `each` examples of both, in turn.
fn coloured(each: usize) -> ImageSet {
    let mut set = ImageSet::default();
    let mut noise = 1u32;
    for index in 0..2 * each {
        let class = index % 2;
        let image: Vec<u8> = (0..IMAGE_BYTES)
            .map(|at| {
                noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let bright = at / (IMAGE_BYTES / 3) == 2 * class;
                (noise >> 25) as u8 + if bright { 120 } else { 20 }
            })
            .collect();
        set.push(&image, class as u8);
    }
    set
}

fn networks() -> [Session; 2] {
    ["tiny-exp", "dense-tiny"].map(|name| {
        let run = preset(name, DatasetKind::Synthetic).expect("listed");
        let mut session = Session::new(run, &Device::flex()).expect("valid");
        let data = gemst::data::synthetic::generate(0, 16, 0);
        session.calibrate(&eval_batch(&data.train, 0..16));
        session
    })
}

fn teach(networks: &[Session; 2], freeze: Freeze) -> Taught {
    let [spiking, dense] = networks;
    let examples = Examples {
        classes: vec!["red".into(), "blue".into()],
        set: coloured(10),
    };
    block_on(async {
        let both = [spiking, dense];
        let mut lesson = Lesson::begin(both, examples, freeze, &Device::flex()).await?;
        let mut parts = 0;
        while !lesson.advance(both).await? {
            parts += 1;
            assert_eq!(lesson.progress().0, parts);
        }
        lesson.finish().await
    })
    .expect("two classes of ten")
}

#[test]
fn both_networks_learn_a_visitors_classes_and_what_they_were_is_kept() {
    let networks = networks();
    let before = networks
        .each_ref()
        .map(|session| block_on(session.save("any")).expect("flex reads"));
    let taught = teach(&networks, Freeze::AllButHead);
    assert_eq!((taught.learned, taught.held_back), (16, 4));
    assert_eq!(taught.right, [4, 4], "two plain colours");
    for ((session, old), kept) in taught
        .sessions
        .iter()
        .zip(&before)
        .zip(&taught.before.members)
    {
        assert_eq!(kept.weights, old.weights);
        assert_eq!(kept.config, old.config);
        let config = session.config();
        assert_eq!(config.model.classes(), 2);
        assert_eq!(config.data.classes, Some(vec!["red".into(), "blue".into()]));
        assert_eq!(config.train, old.config.train, "the run's recipe is back");
        // Only the head is new.
        let new = block_on(session.save("any")).expect("flex reads");
        for (name, weights) in &new.weights {
            if name.contains(".head.") {
                assert_ne!(Some(weights), old.weights.get(name), "{name}");
            } else {
                assert_eq!(Some(weights), old.weights.get(name), "{name}");
            }
        }
    }
}

#[test]
fn the_last_block_learns_and_the_others_stay() {
    let networks = networks();
    let taught = teach(&networks, Freeze::AllButLast { blocks: 1 });
    let old = &taught.before.members[1];
    let new = block_on(taught.sessions[1].save("dense")).expect("flex reads");
    for (name, weights) in &new.weights {
        let learns = [".head.", ".norm.", ".blocks.1."];
        let changed = Some(weights) != old.weights.get(name);
        let may = learns.iter().any(|part| name.contains(part));
        assert!(may || !changed, "{name} was frozen");
        assert!(changed || !name.ends_with(".blocks.1.fc1.weight"));
    }
    assert_eq!(taught.right, [4, 4]);
}

#[test]
fn what_is_no_lesson_is_refused() {
    let networks = networks();
    let both = [&networks[0], &networks[1]];
    let refused = |classes: &[&str], set: ImageSet| {
        let classes = classes.iter().map(|&name| name.to_owned()).collect();
        let examples = Examples { classes, set };
        let device = Device::flex();
        let lesson = Lesson::begin(both, examples, Freeze::AllButHead, &device);
        block_on(lesson).err().expect("refused").to_string()
    };
    assert!(refused(&["red"], coloured(5)).contains("two classes"));
    assert!(refused(&["red", "blue", "green"], coloured(5)).contains("no example of green"));
    assert!(refused(&["red", "red"], coloured(5)).contains("like another class"));
}

#[test]
fn the_page_shrinks_a_picture_as_the_worker_does() {
    let mut noise = 7u32;
    let rgba: Vec<u8> = (0..256 * 256 * 4)
        .map(|_| {
            noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (noise >> 24) as u8
        })
        .collect();
    let worker = gemst::data::frame::rgba_to_image(&rgba, 256, 256).expect("a square");
    let page = gemst::ui::examples::shrink(&rgba);
    assert_eq!(page, gemst::data::frame::to_interleaved(&worker));
}
