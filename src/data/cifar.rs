//! The official binary layout of CIFAR-10 and CIFAR-100
//! (<https://www.cs.toronto.edu/~kriz/cifar.html>, "binary version").
//!
//! A CIFAR-10 record is 1 label byte and 3072 pixel bytes; a CIFAR-100 record has a coarse and a
//! fine label byte first, of which the fine one is kept. Pixels are planes R, G, B of 1024 bytes,
//! each row major. The number of records comes from the file's size, never from a table.

use super::record::{Layout, RecordDecoder};
use super::{DataError, ImageSet, Split};
use crate::config::DatasetKind;

/// Decodes one `.bin` file.
///
/// # Errors
/// [`DataError::Empty`], [`DataError::ShortRecord`] or [`DataError::Label`], naming `file_name` and
/// the record.
pub fn parse(kind: DatasetKind, file_name: &str, bytes: &[u8]) -> Result<ImageSet, DataError> {
    let layout = Layout::official(kind);
    layout.check_size(file_name, bytes.len() as u64)?;
    let mut set = ImageSet::default();
    let mut decoder = RecordDecoder::new(file_name, layout);
    decoder.push(bytes, &mut set)?;
    decoder.finish()?;
    Ok(set)
}

/// Name of the folder inside the official archive.
pub fn folder(kind: DatasetKind) -> &'static str {
    match kind {
        DatasetKind::Cifar100 => "cifar-100-binary",
        _ => "cifar-10-batches-bin",
    }
}

/// Names of the files of one part, in order.
pub fn files(kind: DatasetKind, split: Split) -> &'static [&'static str] {
    match (kind, split) {
        (DatasetKind::Cifar100, Split::Train) => &["train.bin"],
        (DatasetKind::Cifar100, Split::Test) => &["test.bin"],
        (_, Split::Train) => &[
            "data_batch_1.bin",
            "data_batch_2.bin",
            "data_batch_3.bin",
            "data_batch_4.bin",
            "data_batch_5.bin",
        ],
        (_, Split::Test) => &["test_batch.bin"],
    }
}

/// Name of the text file with the class names.
pub fn names_file(kind: DatasetKind) -> &'static str {
    match kind {
        DatasetKind::Cifar100 => "fine_label_names.txt",
        _ => "batches.meta.txt",
    }
}

/// Which set, part and place in it a file belongs to, by its official name (folders ignored).
pub(crate) fn recognise(path: &str) -> Option<(DatasetKind, Split, usize)> {
    let name = without_copy_number(base_name(path));
    for kind in [DatasetKind::Cifar10, DatasetKind::Cifar100] {
        for split in [Split::Train, Split::Test] {
            if let Some(place) = files(kind, split).iter().position(|&file| file == name) {
                return Some((kind, split, place));
            }
        }
    }
    None
}

/// `test (1).bin` as `test.bin`: browsers number a download of a name that is already there.
fn without_copy_number(name: &str) -> String {
    let Some((head, tail)) = name.split_once('(') else {
        return name.into();
    };
    match tail.split_once(')') {
        Some((number, rest)) if number.bytes().all(|byte| byte.is_ascii_digit()) => {
            format!("{}{rest}", head.trim_end())
        }
        _ => name.into(),
    }
}

/// The part of a path after the last slash.
pub(crate) fn base_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// Reads one part from a folder: the folder of the `.bin` files, or the one around it. Class names
/// come from the text file beside them, or are the official ones if there is none.
///
/// # Errors
/// [`DataError::Missing`] names the files that are not there; else as [`parse`], or
/// [`DataError::Io`].
#[cfg(not(target_family = "wasm"))]
pub fn load_dir(
    dir: impl AsRef<std::path::Path>,
    kind: DatasetKind,
    split: Split,
) -> Result<(ImageSet, Vec<String>), DataError> {
    let dir = dir.as_ref();
    let place = [dir.to_path_buf(), dir.join(folder(kind))]
        .into_iter()
        .find(|place| {
            files(kind, split)
                .iter()
                .any(|file| place.join(file).is_file())
        })
        .unwrap_or_else(|| dir.to_path_buf());
    let missing: Vec<&str> = files(kind, split)
        .iter()
        .copied()
        .filter(|file| !place.join(file).is_file())
        .collect();
    if !missing.is_empty() {
        return Err(DataError::Missing {
            place: place.display().to_string(),
            files: missing.join(", "),
            remedy: format!(
                "Unpack the official archive ({}.tar.gz) and give its folder {} or the folder around it.",
                if kind == DatasetKind::Cifar100 {
                    "cifar-100-binary"
                } else {
                    "cifar-10-binary"
                },
                folder(kind)
            ),
        });
    }
    let mut set = ImageSet::default();
    for file in files(kind, split) {
        read(&place.join(file), Layout::official(kind), &mut set)?;
    }
    let names = place.join(names_file(kind));
    let classes = match std::fs::read(&names) {
        Ok(text) => super::names::parse_names(kind, &text).ok_or_else(|| DataError::WrongFile {
            file: names.display().to_string(),
            why: format!("it should list {} class names, one a line", kind.classes()),
        })?,
        Err(_) => super::class_names(kind),
    };
    Ok((set, classes))
}

/// Reads a file through the decoder, a piece at a time.
#[cfg(not(target_family = "wasm"))]
fn read(path: &std::path::Path, layout: Layout, set: &mut ImageSet) -> Result<(), DataError> {
    use std::io::Read;
    let io = |error: std::io::Error| DataError::Io {
        file: path.display().to_string(),
        why: error.to_string(),
    };
    let mut file = std::fs::File::open(path).map_err(io)?;
    let size = file.metadata().map_err(io)?.len();
    layout.check_size(&path.display().to_string(), size)?;
    let records = size as usize / layout.bytes();
    set.pixels.reserve_exact(records * super::IMAGE_BYTES);
    set.labels.reserve_exact(records);
    let mut decoder = RecordDecoder::new(path.display().to_string(), layout);
    let mut piece = vec![0; 1 << 20];
    loop {
        match file.read(&mut piece).map_err(io)? {
            0 => break,
            n => decoder.push(&piece[..n], set)?,
        }
    }
    decoder.finish()?;
    Ok(())
}
