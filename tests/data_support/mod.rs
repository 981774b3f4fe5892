//! Records, archives and folders in the official layout, made for the tests.
#![allow(dead_code, reason = "each test binary uses its own part")]

use gemst::config::DatasetKind;
use gemst::data::{IMAGE_BYTES, ImageSet, Split, cifar};
use std::io::Write;
use std::path::Path;

/// A set of `len` pictures whose bytes depend on `salt`, picture and position.
pub fn pictures(kind: DatasetKind, len: usize, salt: usize) -> ImageSet {
    let mut set = ImageSet::default();
    for i in 0..len {
        let image: Vec<u8> = (0..IMAGE_BYTES)
            .map(|p| {
                // A multiplicative hash: incompressible, like a photograph's last bits.
                let position = (salt * 1000 + i) * IMAGE_BYTES + p;
                ((position as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40) as u8
            })
            .collect();
        set.push(&image, ((i * 7 + salt) % kind.classes()) as u8);
    }
    set
}

/// The set as an official file.
pub fn records(kind: DatasetKind, set: &ImageSet) -> Vec<u8> {
    let mut bytes = Vec::new();
    for i in 0..set.len() {
        if kind == DatasetKind::Cifar100 {
            bytes.push(set.label(i) / 5);
        }
        bytes.push(set.label(i));
        bytes.extend_from_slice(set.image(i));
    }
    bytes
}

/// The files of a whole small set, `(path, bytes)`, in official order; file `f` has `3 + f` records.
pub fn members(kind: DatasetKind) -> Vec<(String, Vec<u8>)> {
    [Split::Train, Split::Test]
        .into_iter()
        .flat_map(|split| {
            cifar::files(kind, split)
                .iter()
                .map(move |file| (split, file))
        })
        .enumerate()
        .map(|(f, (_, file))| {
            let path = format!("{}/{file}", cifar::folder(kind));
            (path, records(kind, &pictures(kind, 3 + f, f)))
        })
        .collect()
}

/// The pictures of a part of [`members`].
pub fn expected(kind: DatasetKind, split: Split) -> ImageSet {
    let train = cifar::files(kind, Split::Train).len();
    let range = match split {
        Split::Train => 0..train,
        Split::Test => train..train + 1,
    };
    let mut all = ImageSet::default();
    for f in range {
        let set = pictures(kind, 3 + f, f);
        all.pixels.extend_from_slice(&set.pixels);
        all.labels.extend_from_slice(&set.labels);
    }
    all
}

/// A tar archive of these files.
pub fn tar(members: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (path, bytes) in members {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        header.set_cksum();
        builder.append_data(&mut header, path, &bytes[..]).unwrap();
    }
    builder.into_inner().unwrap()
}

/// The bytes compressed with gzip.
pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Writes files below a folder.
pub fn unpack(dir: &Path, members: &[(String, Vec<u8>)]) {
    for (path, bytes) in members {
        let path = dir.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
}

/// Folder with the real binaries, from the environment; tests that need it say that they skip.
pub fn real_cifar() -> Option<std::path::PathBuf> {
    let dir = std::env::var_os("GEMST_CIFAR").map(std::path::PathBuf::from);
    if dir.is_none() {
        eprintln!("skipped: GEMST_CIFAR names no folder with the official binaries");
    }
    dir
}
