//! The official binary layout: what is read, and what is refused in which words.

mod data_support;

use data_support::*;
use gemst::config::DatasetKind::{Cifar10, Cifar100};
use gemst::data::{DataError, ImageSet, Split, cifar, class_names};

#[test]
fn generated_records_come_back() {
    for kind in [Cifar10, Cifar100] {
        let set = pictures(kind, 13, 1);
        let bytes = records(kind, &set);
        let size = if kind == Cifar10 { 3073 } else { 3074 };
        assert_eq!(bytes.len(), 13 * size);
        let parsed = cifar::parse(kind, "some.bin", &bytes).unwrap();
        assert_eq!(parsed.labels, set.labels);
        assert_eq!(parsed.pixels, set.pixels);
    }
}

#[test]
fn a_record_is_label_then_planes() {
    let mut bytes = vec![0; 3073];
    bytes[0] = 7; // label
    bytes[1] = 11; // red, row 0, column 0
    bytes[1 + 33] = 12; // red, row 1, column 1
    bytes[1 + 1024] = 13; // green, row 0, column 0
    bytes[3072] = 14; // blue, row 31, column 31
    let set = cifar::parse(Cifar10, "one.bin", &bytes).unwrap();
    assert_eq!((set.len(), set.label(0)), (1, 7));
    let image = set.image(0);
    assert_eq!(
        (image[0], image[33], image[1024], image[3071]),
        (11, 12, 13, 14)
    );
    // CIFAR-100: the second byte, the fine label, is the one that counts.
    bytes.insert(0, 19);
    bytes[1] = 99;
    let set = cifar::parse(Cifar100, "one.bin", &bytes).unwrap();
    assert_eq!((set.label(0), set.image(0)[0]), (99, 11));
}

#[test]
fn a_folder_or_the_one_around_it() {
    for kind in [Cifar10, Cifar100] {
        let dir = tempfile::tempdir().unwrap();
        unpack(dir.path(), &members(kind));
        for place in [
            dir.path().to_path_buf(),
            dir.path().join(cifar::folder(kind)),
        ] {
            for split in [Split::Train, Split::Test] {
                let (set, classes) = cifar::load_dir(&place, kind, split).unwrap();
                assert_eq!(set.labels, expected(kind, split).labels);
                assert_eq!(set.pixels, expected(kind, split).pixels);
                assert_eq!(classes, class_names(kind), "official names without a list");
            }
        }
        let names: Vec<String> = (0..kind.classes()).map(|i| format!("class {i}")).collect();
        let list = dir
            .path()
            .join(cifar::folder(kind))
            .join(cifar::names_file(kind));
        std::fs::write(&list, names.join("\n") + "\n\n").unwrap();
        let (_, classes) = cifar::load_dir(dir.path(), kind, Split::Test).unwrap();
        assert_eq!(classes, names);
        std::fs::write(&list, "one\ntwo\n").unwrap();
        let error = cifar::load_dir(dir.path(), kind, Split::Test).unwrap_err();
        assert!(matches!(error, DataError::WrongFile { .. }), "{error}");
        assert!(
            error.to_string().contains(cifar::names_file(kind)),
            "{error}"
        );
    }
}

#[test]
fn missing_files_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let mut files = members(Cifar10);
    files.retain(|(path, _)| !path.contains("_2") && !path.contains("_4"));
    unpack(dir.path(), &files);
    let error = cifar::load_dir(dir.path(), Cifar10, Split::Train).unwrap_err();
    let text = error.to_string();
    assert!(matches!(error, DataError::Missing { .. }), "{text}");
    assert!(
        text.contains("cifar-10-batches-bin: data_batch_2.bin, data_batch_4.bin not found"),
        "{text}"
    );
    assert!(
        text.contains("Unpack the official archive (cifar-10-binary.tar.gz)"),
        "{text}"
    );
    // The test part is there, and does not need the others.
    cifar::load_dir(dir.path(), Cifar10, Split::Test).unwrap();
    let nowhere = cifar::load_dir("/no/such/folder", Cifar100, Split::Train).unwrap_err();
    assert!(
        nowhere
            .to_string()
            .contains("/no/such/folder: train.bin not found"),
        "{nowhere}"
    );
}

/// `(error, what the message must say)` of a file that cannot be used.
fn refused(bytes: &[u8], texts: &[&str]) -> DataError {
    let error = cifar::parse(Cifar10, "data_batch_1.bin", bytes).unwrap_err();
    for text in texts {
        assert!(
            error.to_string().contains(text),
            "{text:?} is not in {error:?}: {error}"
        );
    }
    error
}

#[test]
fn a_short_record_is_named() {
    let bytes = records(Cifar10, &pictures(Cifar10, 5, 0));
    let error = refused(
        &bytes[..bytes.len() - 1],
        &[
            "data_batch_1.bin",
            "record 4 is short",
            "3072 of 3073 bytes",
            "again",
        ],
    );
    assert!(matches!(
        error,
        DataError::ShortRecord {
            record: 4,
            have: 3072,
            need: 3073,
            ..
        }
    ));
    refused(&bytes[..1], &["record 0 is short", "1 of 3073 bytes"]);
}

#[test]
fn the_other_set_under_this_name_is_recognised() {
    let bytes = records(Cifar100, &pictures(Cifar100, 5, 0));
    refused(&bytes, &["record 5 is short", "whole records of CIFAR-100"]);
    let bytes = records(Cifar10, &pictures(Cifar10, 5, 0));
    let error = cifar::parse(Cifar100, "train.bin", &bytes).unwrap_err();
    assert!(
        error.to_string().contains("whole records of CIFAR-10,"),
        "{error}"
    );
}

#[test]
fn a_label_out_of_range_is_named() {
    let mut bytes = records(Cifar10, &pictures(Cifar10, 5, 0));
    bytes[3 * 3073] = 10;
    let error = refused(
        &bytes,
        &[
            "data_batch_1.bin",
            "record 3 has label 10",
            "10 classes (0 to 9)",
            "again",
        ],
    );
    assert_eq!(
        error,
        DataError::Label {
            file: "data_batch_1.bin".into(),
            record: 3,
            label: 10,
            classes: 10
        }
    );
    let mut bytes = records(Cifar100, &pictures(Cifar100, 2, 0));
    bytes[3074 + 1] = 100;
    let fine = cifar::parse(Cifar100, "train.bin", &bytes)
        .unwrap_err()
        .to_string();
    assert!(
        fine.contains("record 1 has label 100") && fine.contains("0 to 99"),
        "{fine}"
    );
    bytes[3074 + 1] = 99;
    bytes[3074] = 20;
    let coarse = cifar::parse(Cifar100, "train.bin", &bytes)
        .unwrap_err()
        .to_string();
    assert!(
        coarse.contains("record 1 has label 20") && coarse.contains("0 to 19"),
        "{coarse}"
    );
}

#[test]
fn an_empty_file_is_named() {
    let error = refused(&[], &["data_batch_1.bin holds no picture"]);
    assert!(matches!(error, DataError::Empty { .. }));
}

#[test]
fn a_set_can_be_cut() {
    let whole = pictures(Cifar10, 9, 0);
    let front = whole.clone().take(4);
    assert_eq!((front.len(), front.image(3)), (4, whole.image(3)));
    assert!(front.pixels.capacity() < 5 * 3072, "the rest is freed");
    assert_eq!(whole.clone().take(100), whole);
    let mut first = whole.clone();
    let second = first.split_off(6);
    assert_eq!((first.len(), second.len()), (6, 3));
    assert_eq!(second.image(0), whole.image(6));
    assert_eq!(whole.class_counts(10).iter().sum::<usize>(), 9);
    assert!(ImageSet::new(vec![0; 3072], vec![0, 1]).is_err());
}

#[test]
fn the_real_files() {
    let Some(dir) = real_cifar() else { return };
    for kind in [Cifar10, Cifar100] {
        let per_class = 50_000 / kind.classes();
        let (train, classes) = cifar::load_dir(&dir, kind, Split::Train).unwrap();
        assert_eq!(train.len(), 50_000);
        assert_eq!(
            train.class_counts(kind.classes()),
            vec![per_class; kind.classes()]
        );
        assert_eq!(
            classes,
            class_names(kind),
            "the list in the folder is the official one"
        );
        let (test, _) = cifar::load_dir(&dir, kind, Split::Test).unwrap();
        let files = cifar::files(kind, Split::Test);
        let size = std::fs::metadata(dir.join(cifar::folder(kind)).join(files[0]))
            .unwrap()
            .len();
        let record = if kind == Cifar10 { 3073 } else { 3074 };
        assert_eq!(
            test.len() as u64,
            size / record,
            "the file tells the number"
        );
        let counts = test.class_counts(kind.classes());
        let mean = test.len() / kind.classes();
        assert!(
            counts
                .iter()
                .all(|&count| count > mean / 2 && count < 2 * mean),
            "every class is there: {counts:?}"
        );
        // Photographs, not noise: neighbours are alike (uniform noise would differ by 85).
        let row: u64 = (0..1000)
            .flat_map(|i| train.image(i).windows(2))
            .map(|pair| u64::from(pair[0].abs_diff(pair[1])))
            .sum();
        assert!(
            row / (1000 * 3071) < 20,
            "mean step {}",
            row / (1000 * 3071)
        );
    }
}
