//! Shards: written, described, checked and read back.

mod data_support;

use data_support::*;
use gemst::config::DatasetKind::{Cifar10, Cifar100};
use gemst::data::shards::{self, MANIFEST_FILE, Manifest, SHARD_FORMAT, SHARD_IMAGES, Shard};
use gemst::data::{DataError, Dataset, ImageSet, Split, cifar, class_names};

fn dataset(train: usize, held_out: usize) -> Dataset {
    Dataset {
        kind: Cifar100,
        classes: class_names(Cifar100),
        train: pictures(Cifar100, train, 0),
        held_out: pictures(Cifar100, held_out, 1),
        origin: "made for a test".into(),
    }
}

/// Manifest and shards of a data set, in memory.
fn packed(dataset: &Dataset) -> (Manifest, Vec<Vec<u8>>) {
    let (shards, contents): (Vec<Shard>, Vec<_>) = shards::pack(dataset).unzip();
    (Manifest::new(dataset, shards), contents)
}

/// Both parts as the files in `dir` give them.
fn read(dir: &std::path::Path) -> (Manifest, ImageSet, ImageSet) {
    let json = std::fs::read(dir.join(MANIFEST_FILE)).unwrap();
    let manifest = Manifest::from_json(MANIFEST_FILE, &json).unwrap();
    let part = |split| {
        let mut set = ImageSet::default();
        for shard in manifest.needed(split, None) {
            let bytes = std::fs::read(dir.join(&shard.file)).unwrap();
            manifest.parse(shard, &bytes, &mut set).unwrap();
        }
        set
    };
    let (train, test) = (part(Split::Train), part(Split::Test));
    (manifest, train, test)
}

#[test]
fn written_shards_come_back() {
    let dir = tempfile::tempdir().unwrap();
    let dataset = dataset(2 * SHARD_IMAGES + 1, 3);
    let written = shards::write(dir.path(), &dataset).unwrap();
    let (manifest, train, test) = read(dir.path());
    assert_eq!(manifest, written);
    assert_eq!((manifest.format, manifest.kind), (SHARD_FORMAT, Cifar100));
    assert_eq!(manifest.classes, dataset.classes);
    assert!(train == dataset.train && test == dataset.held_out);
    let images: Vec<_> = manifest.shards.iter().map(|shard| shard.images).collect();
    assert_eq!(images, [3, 1000, 1000, 1], "the small part first");
    for shard in &manifest.shards {
        assert!(shard.file.contains(&shard.crc32), "{}", shard.file);
        let size = std::fs::metadata(dir.path().join(&shard.file))
            .unwrap()
            .len();
        assert_eq!(size, shard.bytes);
        assert!(size <= 4_000_000);
    }
}

#[test]
fn a_new_run_replaces_the_old_one() {
    let dir = tempfile::tempdir().unwrap();
    shards::write(dir.path(), &dataset(1500, 10)).unwrap();
    std::fs::write(dir.path().join("mine.txt"), "not a shard").unwrap();
    let smaller = dataset(7, 10);
    shards::write(dir.path(), &smaller).unwrap();
    let (manifest, train, _) = read(dir.path());
    assert!(train == smaller.train);
    let files = std::fs::read_dir(dir.path()).unwrap().count();
    assert_eq!(
        files,
        manifest.shards.len() + 2,
        "manifest, shards, and the foreign file"
    );
}

#[test]
fn the_crc_is_the_usual_one() {
    assert_eq!(
        shards::checksum(b"123456789"),
        "cbf43926",
        "the published check value"
    );
}

#[test]
fn only_the_needed_shards_are_named() {
    let (manifest, _) = packed(&dataset(2500, 1001));
    let count = |split, limit| manifest.needed(split, limit).len();
    for (limit, shards) in [(Some(0), 0), (Some(1), 1), (Some(1000), 1), (Some(1001), 2)] {
        assert_eq!(count(Split::Train, limit), shards, "{limit:?}");
    }
    assert_eq!(count(Split::Train, Some(1_000_000)), 3);
    assert_eq!(
        (count(Split::Train, None), count(Split::Test, None)),
        (3, 2)
    );
}

#[test]
fn wrong_bytes_are_refused_and_leave_the_set_alone() {
    let dataset = dataset(4, 2);
    let (manifest, contents) = packed(&dataset);
    let (shard, bytes) = (&manifest.shards[1], &contents[1]);
    let mut set = pictures(Cifar100, 2, 9);
    let before = set.clone();

    let short = manifest.parse(shard, &bytes[1..], &mut set).unwrap_err();
    let text = short.to_string();
    assert!(matches!(short, DataError::Checksum { .. }), "{text}");
    assert!(
        text.contains("size in bytes is 12291, the manifest says 12292"),
        "{text}"
    );

    let mut flipped = bytes.clone();
    flipped[100] ^= 1;
    let text = manifest
        .parse(shard, &flipped, &mut set)
        .unwrap_err()
        .to_string();
    assert!(
        text.starts_with(&shard.file) && text.contains("CRC-32 is"),
        "{text}"
    );
    assert!(
        text.contains("reload the page") && text.contains("cargo xtask data"),
        "{text}"
    );

    // A shard that was made wrongly: right checksum, impossible label in its last record.
    let mut wrong = bytes.clone();
    wrong[3 * 3073] = 100;
    let entry = Shard {
        crc32: shards::checksum(&wrong),
        ..shard.clone()
    };
    let text = manifest
        .parse(&entry, &wrong, &mut set)
        .unwrap_err()
        .to_string();
    assert!(text.contains("record 3 has label 100"), "{text}");

    assert_eq!(set, before);
    manifest.parse(shard, bytes, &mut set).unwrap();
    assert_eq!(set.len(), 6);
}

#[test]
fn a_manifest_that_contradicts_itself_is_refused() {
    let (manifest, _) = packed(&dataset(4, 2));
    let refused = |json: &[u8], says: &str| {
        let text = Manifest::from_json("data/manifest.json", json)
            .unwrap_err()
            .to_string();
        assert!(
            text.starts_with("data/manifest.json") && text.contains(says),
            "{text}"
        );
        assert!(
            text.contains("Make the shards again with `cargo xtask data DIR`"),
            "{text}"
        );
    };
    refused(b"<!DOCTYPE html>", "expected value");
    refused(b"{}", "missing field");
    let edited = |edit: &dyn Fn(&mut Manifest)| {
        let mut manifest = manifest.clone();
        edit(&mut manifest);
        manifest.to_json().into_bytes()
    };
    refused(
        &edited(&|m| m.format = 99),
        "its format is 99, this build reads 1",
    );
    refused(
        &edited(&|m| m.kind = Cifar10),
        "it names 100 classes, cifar10 has 10",
    );
    refused(
        &edited(&|m| m.shards[0].bytes += 1),
        "has 6147 bytes for 2 pictures of 3073 bytes",
    );
    refused(&edited(&|m| m.shards[0].images = 0), "bytes for 0 pictures");
    refused(
        &edited(&|m| m.shards[1].file = "../../secret".into()),
        "not a plain file name",
    );
    refused(
        &edited(&|m| m.shards[1].file = "https://other/x.bin".into()),
        "not a plain file name",
    );
    refused(
        &edited(&|m| drop(m.shards.remove(0))),
        "the test shards not found",
    );
}

#[test]
fn an_empty_part_is_not_written() {
    let dir = tempfile::tempdir().unwrap();
    let error = shards::write(dir.path(), &dataset(3, 0)).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("the test part of made for a test holds no picture"),
        "{error}"
    );
    assert!(!dir.path().join(MANIFEST_FILE).exists());
    let blocked = dir.path().join("file");
    std::fs::write(&blocked, "").unwrap();
    let error = shards::write(&blocked, &dataset(1, 1)).unwrap_err();
    assert!(matches!(error, DataError::Io { .. }), "{error}");
}

/// The shards that `tests/browser/data.rs` loads in a browser: six of three training pictures each, one
/// of eight held-out pictures, made here without the code under test.
fn fixture() -> Vec<(String, Vec<u8>)> {
    let (train, test) = (pictures(Cifar10, 18, 0), pictures(Cifar10, 8, 1));
    let parts = train
        .labels
        .chunks(3)
        .zip(train.pixels.chunks(3 * 3072))
        .map(|(labels, pixels)| (Split::Train, labels, pixels))
        .chain([(Split::Test, &test.labels[..], &test.pixels[..])]);
    let mut shards = Vec::new();
    let mut files = Vec::new();
    for (number, (split, labels, pixels)) in parts.enumerate() {
        let set = ImageSet::new(pixels.to_vec(), labels.to_vec()).unwrap();
        let bytes = records(Cifar10, &set);
        let crc32 = shards::checksum(&bytes);
        let file = format!("{}-{number:02}-{crc32}.bin", split.name());
        let (images, size) = (set.len(), bytes.len() as u64);
        shards.push(Shard {
            file: file.clone(),
            images,
            split,
            bytes: size,
            crc32,
        });
        files.push((file, bytes));
    }
    let manifest = Manifest {
        format: 1,
        kind: Cifar10,
        classes: class_names(Cifar10),
        origin: "generated for tests".into(),
        shards,
    };
    // The same manifest once more, in a folder with the test shard alone.
    let incomplete = |(file, bytes): &(String, Vec<u8>)| {
        let wanted = !file.starts_with("train");
        wanted.then(|| (format!("incomplete/{file}"), bytes.clone()))
    };
    files.push((MANIFEST_FILE.into(), manifest.to_json().into_bytes()));
    files.extend(files.iter().filter_map(incomplete).collect::<Vec<_>>());
    files
}

/// `GEMST_BLESS=1` writes the files anew.
#[test]
fn the_browser_tests_have_current_shards() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/browser/shards");
    if std::env::var_os("GEMST_BLESS").is_some() {
        std::fs::create_dir_all(folder.join("incomplete")).unwrap();
        for (file, bytes) in fixture() {
            std::fs::write(folder.join(file), bytes).unwrap();
        }
    }
    for (file, bytes) in fixture() {
        assert!(
            std::fs::read(folder.join(&file)).unwrap() == bytes,
            "{file} is stale"
        );
    }
}

#[test]
fn the_real_set_in_shards() {
    let Some(dir) = real_cifar() else { return };
    let (train, classes) = cifar::load_dir(&dir, Cifar10, Split::Train).unwrap();
    let (held_out, _) = cifar::load_dir(&dir, Cifar10, Split::Test).unwrap();
    let dataset = Dataset {
        kind: Cifar10,
        classes,
        train,
        held_out,
        origin: "real".into(),
    };
    let out = tempfile::tempdir().unwrap();
    shards::write(out.path(), &dataset).unwrap();
    let (manifest, train, test) = read(out.path());
    assert!(train == dataset.train && test == dataset.held_out);
    assert_eq!(manifest.needed(Split::Train, None).len(), 50);
}
