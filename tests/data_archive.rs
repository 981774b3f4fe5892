//! Archives pushed in pieces: the same data set whatever the pieces, and an error for every way a
//! file can be wrong.

mod data_support;

use data_support::*;
use gemst::config::DatasetKind::{self, Cifar10, Cifar100};
use gemst::data::archive::ArchiveReader;
use gemst::data::{DataError, Dataset, Split, cifar, class_names};
use proptest::prelude::*;

fn read(name: &str, bytes: &[u8], piece: usize) -> Result<Dataset, DataError> {
    let mut reader = ArchiveReader::new(name);
    for piece in bytes.chunks(piece.max(1)) {
        reader.push(piece)?;
    }
    reader.finish()
}

fn assert_whole(kind: DatasetKind, dataset: &Dataset) {
    assert_eq!(dataset.kind, kind);
    assert_eq!(dataset.classes, class_names(kind));
    assert!(
        dataset.train == expected(kind, Split::Train),
        "training part differs"
    );
    assert!(
        dataset.held_out == expected(kind, Split::Test),
        "test part differs"
    );
}

#[test]
fn tar_and_tar_gz() {
    for kind in [Cifar10, Cifar100] {
        let tar = tar(&members(kind));
        for (name, bytes) in [("set.tar", tar.clone()), ("set.tar.gz", gzip(&tar))] {
            for piece in [1000, bytes.len()] {
                let dataset = read(name, &bytes, piece).unwrap();
                assert_whole(kind, &dataset);
                assert_eq!(dataset.origin, name);
            }
        }
    }
}

#[test]
fn the_order_of_members_does_not_matter() {
    // The official archive has its batches in the order 1, 3, 4, test, 5, 2.
    let files = members(Cifar10);
    for order in [[0, 2, 3, 5, 4, 1], [4, 3, 5, 2, 1, 0], [5, 1, 0, 4, 2, 3]] {
        let files: Vec<_> = order.iter().map(|&i| files[i].clone()).collect();
        assert_whole(Cifar10, &read("a.tar", &tar(&files), 4096).unwrap());
    }
}

#[test]
fn other_members_are_skipped() {
    let mut files = members(Cifar10);
    files.insert(
        0,
        (
            "cifar-10-batches-bin/._data_batch_1.bin".into(),
            vec![5; 163],
        ),
    );
    files.insert(
        2,
        (
            "cifar-10-batches-bin/readme.html".into(),
            b"<html>".to_vec(),
        ),
    );
    files.push((
        format!("{}/{}", "x".repeat(90), "y".repeat(60)),
        vec![1; 700],
    ));
    files.push(("cifar-10-batches-bin/empty".into(), Vec::new()));
    assert_whole(Cifar10, &read("a.tar.gz", &gzip(&tar(&files)), 77).unwrap());
}

#[test]
fn class_names_come_from_the_archive() {
    let mut files = members(Cifar10);
    let names: Vec<String> = (0..10).map(|i| format!("thing {i}")).collect();
    files.push((
        "cifar-10-batches-bin/batches.meta.txt".into(),
        names.join("\n").into_bytes(),
    ));
    assert_eq!(read("a.tar", &tar(&files), 512).unwrap().classes, names);
}

#[test]
fn long_paths_keep_their_file_name() {
    // Over 100 bytes a GNU long-name header comes first; the pax form is made by hand.
    let deep = "folder/".repeat(30);
    let files: Vec<_> = members(Cifar100)
        .into_iter()
        .map(|(path, bytes)| (deep.clone() + &path, bytes))
        .collect();
    assert_whole(Cifar100, &read("a.tar", &tar(&files), 100).unwrap());

    let mut builder = tar::Builder::new(Vec::new());
    for (path, bytes) in &files {
        builder
            .append_pax_extensions([("path", path.as_bytes())])
            .unwrap();
        let mut header = tar::Header::new_ustar();
        header.set_path("short").unwrap();
        header.set_size(bytes.len() as u64);
        header.set_cksum();
        builder.append(&header, &bytes[..]).unwrap();
    }
    assert_whole(
        Cifar100,
        &read("a.tar", &builder.into_inner().unwrap(), 100).unwrap(),
    );
}

#[test]
fn a_bare_file_holds_out_its_end() {
    let set = pictures(Cifar10, 30, 0);
    let bytes = records(Cifar10, &set);
    for (name, bytes) in [
        ("data_batch_1.bin", bytes.clone()),
        ("data_batch_1 (2).bin", bytes.clone()),
        ("data_batch_1.bin.gz", gzip(&bytes)),
    ] {
        let dataset = read(name, &bytes, 999).unwrap();
        assert_eq!((dataset.train.len(), dataset.held_out.len()), (27, 3));
        assert_eq!(dataset.held_out.image(0), set.image(27));
        assert_eq!(
            dataset.origin,
            format!("{name}, its last 3 pictures held out")
        );
    }
    let bytes = records(Cifar100, &pictures(Cifar100, 2, 0));
    let dataset = read("test.bin", &bytes, 1).unwrap();
    assert_eq!((dataset.kind, dataset.train.len()), (Cifar100, 1));
}

#[test]
fn a_part_of_the_batches_is_said_to_be_one() {
    let files = members(Cifar10);
    let dataset = read("part.tar", &tar(&[files[3].clone(), files[5].clone()]), 512).unwrap();
    assert_eq!(dataset.train, pictures(Cifar10, 6, 3));
    assert_eq!(dataset.origin, "part.tar, 1 of 5 training files");
}

#[test]
fn a_truncated_archive_is_refused_wherever_it_ends() {
    let tar = tar(&members(Cifar10));
    let gz = gzip(&tar);
    for (name, bytes) in [("cut.tar.gz", &gz), ("cut.tar", &tar)] {
        // Both zero blocks at the end of a tar file say the same: one of them is enough.
        let end = if name.ends_with("gz") {
            bytes.len()
        } else {
            bytes.len() - 1024
        };
        let near_an_end = (0..700).chain(end - 700..end);
        for cut in near_an_end.chain((700..end).step_by(127)) {
            let error = match read(name, &bytes[..cut], 5000) {
                Err(error) => error,
                Ok(_) => panic!("{name} is accepted with {cut} of {} bytes", bytes.len()),
            };
            let text = error.to_string();
            assert!(text.starts_with(name), "{cut}: {text}");
            match error {
                DataError::Empty { .. } => assert_eq!(cut, 0),
                DataError::Truncated {
                    bytes: received, ..
                } => {
                    assert_eq!(received, cut as u64);
                    assert!(
                        text.contains("ends early") && text.contains("fetch"),
                        "{text}"
                    );
                }
                // Only gzip's own trailer cannot be told from a wrong one.
                DataError::Damaged { .. } => assert!(cut + 8 >= bytes.len(), "{cut}: {text}"),
                _ => panic!("{cut}: {text}"),
            }
        }
        assert_whole(Cifar10, &read(name, bytes, 5000).unwrap());
    }
    let text = read("cut.tar", &tar[..tar.len() / 2], 5000)
        .unwrap_err()
        .to_string();
    assert!(
        text.contains("it stops inside cifar-10-batches-bin/data_batch_"),
        "{text}"
    );
}

#[test]
fn wrong_files_are_told_what_they_are() {
    let html = b"<!DOCTYPE html><title>Sign in</title>".repeat(30);
    let python = [(
        "cifar-10-batches-py/data_batch_1".to_owned(),
        vec![0x80; 900],
    )];
    let photos = [("photos/cat.jpg".to_owned(), vec![1; 900])];
    let cases: [(&str, Vec<u8>, &str); 9] = [
        ("cifar-10-binary.tar.gz", html.clone(), "it is a web page"),
        ("a.tar.gz", gzip(&html), "it is a web page"),
        (
            "a.zip",
            [&b"PK\x03\x04"[..], &[0; 900]].concat(),
            "zip archive",
        ),
        (
            "a.png",
            [&b"\x89PNG\r\n"[..], &[0; 900]].concat(),
            "use Open image",
        ),
        ("short.txt", b"hi".to_vec(), "neither gzip nor tar"),
        ("a.bin", vec![0; 3073], "its name is not one of CIFAR's"),
        (
            "cifar-10-python.tar.gz",
            gzip(&tar(&python)),
            "python version",
        ),
        (
            "photos.tar",
            tar(&photos),
            "it holds photos/cat.jpg and no data_batch_1.bin",
        ),
        ("empty.tar", vec![0; 10240], "neither gzip nor tar"),
    ];
    for (name, bytes, says) in cases {
        let error = read(name, &bytes, 700).unwrap_err();
        let text = error.to_string();
        assert!(
            matches!(error, DataError::WrongFile { .. }),
            "{name}: {text}"
        );
        assert!(
            text.starts_with(name) && text.contains(says),
            "{name}: {text}"
        );
        assert!(text.contains("Open cifar-10-binary.tar.gz"), "{text}");
    }
    assert!(matches!(
        read("no.tar.gz", &[], 1),
        Err(DataError::Empty { .. })
    ));
    assert!(matches!(
        read("no.tar.gz", &gzip(&[]), 1),
        Err(DataError::Empty { .. })
    ));
}

#[test]
fn parts_that_are_missing_or_mixed_or_double_are_named() {
    let ten = members(Cifar10);
    let hundred = members(Cifar100);
    let text =
        |files: &[(String, Vec<u8>)]| read("a.tar", &tar(files), 512).unwrap_err().to_string();
    let no_test = text(&ten[..5]);
    assert!(
        no_test.starts_with("a.tar: test_batch.bin not found"),
        "{no_test}"
    );
    let no_train = text(&hundred[1..]);
    assert!(
        no_train.starts_with("a.tar: train.bin not found"),
        "{no_train}"
    );
    let mixed = text(&[hundred[0].clone(), ten[0].clone()]);
    assert!(
        mixed.contains("both CIFAR-10 (cifar-10-batches-bin/data_batch_1.bin) and CIFAR-100 (cifar-100-binary/train.bin)"),
        "{mixed}"
    );
    let double = text(&[ten[0].clone(), ten[0].clone()]);
    assert!(double.contains("holds data_batch_1.bin twice"), "{double}");
}

#[test]
fn records_inside_an_archive_are_checked() {
    let mut files = members(Cifar10);
    files[2].1.pop();
    let error = read("a.tar", &tar(&files), 512).unwrap_err().to_string();
    assert!(
        error.contains("data_batch_3.bin: record 4 is short, 3072 of 3073 bytes"),
        "{error}"
    );
    let mut files = members(Cifar10);
    files[1].1[2 * 3073] = 200;
    let mut reader = ArchiveReader::new("a.tar");
    let error = reader.push(&tar(&files)).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("data_batch_2.bin: record 2 has label 200"),
        "{error}"
    );
    assert_eq!(
        reader.push(b"more"),
        Err(error.clone()),
        "the first error stays"
    );
    assert_eq!(reader.finish(), Err(error));
}

#[test]
fn a_damaged_archive_is_refused() {
    let tar = tar(&members(Cifar100));
    let mut header = tar.clone();
    header[600 + records(Cifar100, &pictures(Cifar100, 3, 0)).len() / 512 * 512 + 512] ^= 1;
    let error = read("a.tar", &header, 512).unwrap_err().to_string();
    assert!(
        error.contains("a tar header is not valid, after cifar-100-binary/train.bin"),
        "{error}"
    );
    let mut gz = gzip(&tar);
    let at = gz.len() - 6; // inside the stored CRC-32
    gz[at] ^= 1;
    let error = read("a.tar.gz", &gz, 512).unwrap_err();
    assert!(matches!(error, DataError::Damaged { .. }), "{error}");
}

#[test]
fn gzip_members_and_padding_after_the_end() {
    let tar = tar(&members(Cifar10));
    let (front, back) = tar.split_at(tar.len() / 3);
    let two = [gzip(front), gzip(back)].concat();
    let padded = [gzip(&tar), vec![0; 1000]].concat();
    for piece in [1, 1 << 20] {
        assert_whole(Cifar10, &read("two.tar.gz", &two, piece).unwrap());
        assert_whole(Cifar10, &read("padded.tar.gz", &padded, piece).unwrap());
    }
}

/// A small archive, made once.
fn small() -> &'static Vec<u8> {
    static BYTES: std::sync::OnceLock<Vec<u8>> = std::sync::OnceLock::new();
    BYTES.get_or_init(|| gzip(&tar(&members(Cifar100))))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_pieces_give_the_same_set(cuts in prop::collection::vec(0usize..small().len(), 0..40)) {
        let mut cuts = cuts;
        cuts.extend([0, small().len()]);
        cuts.sort_unstable();
        let mut reader = ArchiveReader::new("a.tar.gz");
        for pair in cuts.windows(2) {
            reader.push(&small()[pair[0]..pair[1]]).unwrap();
        }
        assert_whole(Cifar100, &reader.finish().unwrap());
    }

    #[test]
    fn a_flipped_bit_changes_no_picture_unnoticed(bit in 0usize..small().len() * 8) {
        let mut bytes = small().clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        // A flip in gzip's time stamp or operating system changes nothing; any other is noticed.
        if let Ok(dataset) = read("a.tar.gz", &bytes, 1000) {
            assert_whole(Cifar100, &dataset);
        }
    }

    #[test]
    fn noise_is_refused(bytes in prop::collection::vec(any::<u8>(), 0..3000), gz in any::<bool>()) {
        let bytes = if gz { gzip(&bytes) } else { bytes };
        prop_assert!(read("train.tar.gz", &bytes, 100).is_err());
    }
}

#[test]
fn the_real_files_through_gzip() {
    let Some(dir) = real_cifar() else { return };
    struct Feed(ArchiveReader);
    impl std::io::Write for Feed {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.push(bytes).map_err(std::io::Error::other)?;
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    for kind in [Cifar10, Cifar100] {
        let feed = Feed(ArchiveReader::new("real.tar.gz"));
        let gzip = flate2::write::GzEncoder::new(feed, flate2::Compression::new(1));
        let mut builder = tar::Builder::new(gzip);
        let folder = cifar::folder(kind);
        builder.append_dir_all(folder, dir.join(folder)).unwrap();
        let dataset = builder
            .into_inner()
            .unwrap()
            .finish()
            .unwrap()
            .0
            .finish()
            .unwrap();
        let (train, classes) = cifar::load_dir(&dir, kind, Split::Train).unwrap();
        let (test, _) = cifar::load_dir(&dir, kind, Split::Test).unwrap();
        assert!(dataset.train == train && dataset.held_out == test);
        assert_eq!(dataset.classes, classes);
    }
}
