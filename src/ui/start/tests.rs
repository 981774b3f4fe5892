use super::*;
use crate::report::shipped::{Measure, SHIPPED_FORMAT, ShippedFile, Training, Unsure};

fn shipped(preset: &str, dataset: DatasetKind) -> Shipped {
    let score = |class: &str, accuracy| ClassScore {
        class: class.to_owned(),
        accuracy,
        taken_for: Some(("maple_tree".to_owned(), 0.25)),
    };
    Shipped {
        file: ShippedFile {
            file: format!("{preset}-{}.safetensors", dataset.name()),
            bytes: 1_500_000,
            crc32: "00000000".to_owned(),
        },
        role: "spiking".to_owned(),
        preset: preset.to_owned(),
        dataset,
        params: 1,
        step: 7,
        validation: Measure {
            images: 5000,
            accuracy: 0.9,
        },
        test: Measure {
            images: 10_000,
            accuracy: 0.8765,
        },
        firing_rate: Some(0.0625),
        energy: vec![],
        unsure: Unsure {
            below: 0.5,
            wrong: 0.75,
        },
        best: vec![score("ship", 0.95)],
        worst: vec![score("oak_tree", 0.5)],
        training: Training::default(),
        probe: vec![],
    }
}

fn index() -> Index {
    let of = |dataset| [shipped("small", dataset), shipped("dense-small", dataset)];
    Index {
        format: SHIPPED_FORMAT,
        models: [of(DatasetKind::Cifar10), of(DatasetKind::Cifar100)].concat(),
    }
}

fn settings(query: &str) -> Settings {
    let (settings, notices) = crate::ui::url::parse(query);
    assert!(notices.is_empty(), "{notices:?}");
    settings
}

/// What a page with these parameters starts from: the networks' data set and the run's, by name.
fn begins(query: &str, in_use: Option<DatasetKind>) -> Option<(&'static str, &'static str)> {
    let index = index();
    let from = from_shipped(&settings(query), Some(&index), in_use)?;
    Some((from.pair.spiking.dataset.name(), from.dataset.name()))
}

#[test]
fn the_page_starts_from_the_networks_that_know_the_data_set() {
    assert_eq!(begins("", None), Some(("cifar10", "cifar10")));
    assert_eq!(
        begins("dataset=cifar100", None),
        Some(("cifar100", "cifar100"))
    );
    for fresh in ["dataset=synthetic", "preset=tiny", "start=fresh"] {
        assert_eq!(begins(fresh, None), None, "{fresh}");
    }
    assert_eq!(from_shipped(&settings(""), None, None), None);
}

#[test]
fn generated_images_in_place_of_cifar_leave_the_networks_as_they_are() {
    let generated = Some(DatasetKind::Synthetic);
    assert_eq!(begins("", generated), Some(("cifar10", "cifar10")));
}

#[test]
fn a_start_asked_for_with_other_images_is_a_transfer() {
    assert_eq!(
        begins("start=cifar100", None),
        Some(("cifar100", "cifar10"))
    );
    assert_eq!(
        begins("start=cifar100", Some(DatasetKind::Synthetic)),
        Some(("cifar100", "synthetic"))
    );
    assert_eq!(begins("start=cifar10", None), Some(("cifar10", "cifar10")));
    assert_eq!(
        begins("start=cifar10&dataset=synthetic", None),
        Some(("cifar10", "synthetic"))
    );
}

#[test]
fn choices_name_size_and_transfer() {
    let index = index();
    let say = |query: &str, start| label(&settings(query), start, Some(&index));
    assert!(say("", Start::Cifar10).ends_with("CIFAR-10, 3.00\u{202f}MB"));
    assert!(say("", Start::Cifar100).ends_with(", transfer"));
    assert!(say("preset=tiny", Start::Cifar10).contains("not shipped"));
    assert!(say("", Start::Fresh).contains("seed"));
}

#[test]
fn the_character_names_classes_and_the_line_below_which_nothing_is_believed() {
    let lines = character(&shipped("small", DatasetKind::Cifar10)).join("\n");
    for part in [
        "ship (95",
        "oak tree (50",
        "“maple tree”",
        "10 kinds",
        "Below 50",
        "75",
        "6.2",
    ] {
        assert!(lines.contains(part), "no {part:?} in {lines}");
    }
    let index = index();
    let pair = pair(&Settings::default(), Start::Cifar10, &index).expect("it is shipped");
    let words = introduction(pair);
    assert!(
        words.contains("CIFAR-10") && words.contains("87.6"),
        "{words}"
    );
    assert!(!words.contains("No fair race"), "{words}");
    // Earlier runs count: the last one alone says nothing.
    let mut ahead = pair.spiking.clone();
    let mut twin = pair.dense.expect("it is shipped too").clone();
    (ahead.step, twin.step) = (100, 900);
    (ahead.training.earlier, twin.training.earlier) = (900, 50);
    let words = introduction(Pair {
        spiking: &ahead,
        dense: Some(&twin),
    });
    assert!(!words.contains("No fair race"), "{words}");
    ahead.training.earlier = 0;
    let words = introduction(Pair {
        spiking: &ahead,
        dense: Some(&twin),
    });
    assert!(words.contains("No fair race"), "{words}");
}
