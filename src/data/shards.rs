//! A data set as files beside a page: `manifest.json` and shards of 1,000 pictures.
//!
//! A shard is a run of records, 1 label byte (the fine label) and 3072 planar pixel bytes each: the
//! CIFAR-10 record, for every set, some 3 MB a shard. Shards are plain: photographs of this size
//! lose only a few per cent under gzip, every static host serves the bytes as they are, and the
//! browser's store keeps them as they came. A page that needs 2,000 pictures loads two shards. File
//! names carry the CRC-32 of the content, so no cache on the way can mix two versions.

use super::record::{Layout, RecordDecoder};
use super::{DataError, Dataset, ImageSet, Split};
use crate::config::DatasetKind;
use serde::{Deserialize, Serialize};

/// Version of the manifest.
pub const SHARD_FORMAT: u32 = 1;

/// Name of the manifest in the shards' folder.
pub const MANIFEST_FILE: &str = "manifest.json";

/// Pictures in a full shard.
pub const SHARD_IMAGES: usize = 1000;

/// `manifest.json`: what the shards are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// [`SHARD_FORMAT`].
    pub format: u32,
    /// Which set.
    pub kind: DatasetKind,
    /// Class names in label order.
    pub classes: Vec<String>,
    /// Where the pictures came from, in words.
    pub origin: String,
    /// The shards; those of one part are in the order of its pictures.
    pub shards: Vec<Shard>,
}

/// One shard.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shard {
    /// File name, relative to the manifest.
    pub file: String,
    /// Number of pictures.
    pub images: usize,
    /// Which part they belong to.
    pub split: Split,
    /// Size in bytes.
    pub bytes: u64,
    /// CRC-32 (IEEE) of the bytes, eight lower-case hexadecimal digits.
    pub crc32: String,
}

impl Shard {
    /// Checks that these are the shard's bytes.
    ///
    /// # Errors
    /// [`DataError::Checksum`] if size or CRC-32 differ.
    pub fn verify(&self, bytes: &[u8]) -> Result<(), DataError> {
        let differs = |what, expected: String, found: String| {
            Err(DataError::Checksum {
                file: self.file.clone(),
                what,
                expected,
                found,
            })
        };
        let size = bytes.len() as u64;
        if size != self.bytes {
            return differs("size in bytes", self.bytes.to_string(), size.to_string());
        }
        let crc32 = checksum(bytes);
        if crc32 != self.crc32 {
            return differs("CRC-32", self.crc32.clone(), crc32);
        }
        Ok(())
    }
}

impl Manifest {
    /// The manifest of a data set and its shards, as [`pack`] gives them.
    pub fn new(dataset: &Dataset, shards: Vec<Shard>) -> Self {
        Self {
            format: SHARD_FORMAT,
            kind: dataset.kind,
            classes: dataset.classes.clone(),
            origin: dataset.origin.clone(),
            shards,
        }
    }

    /// Reads and checks a manifest; `file` is its name for messages.
    ///
    /// # Errors
    /// [`DataError::Manifest`] if it is not one, of another version, or contradicts itself;
    /// [`DataError::Missing`] if a part has no shard.
    pub fn from_json(file: &str, json: &[u8]) -> Result<Self, DataError> {
        let refuse = |why: String| DataError::Manifest {
            file: file.into(),
            why,
        };
        let manifest: Self =
            serde_json::from_slice(json).map_err(|error| refuse(error.to_string()))?;
        if manifest.format != SHARD_FORMAT {
            return Err(refuse(format!(
                "its format is {}, this build reads {SHARD_FORMAT}",
                manifest.format
            )));
        }
        let classes = manifest.kind.classes();
        if manifest.classes.len() != classes {
            return Err(refuse(format!(
                "it names {} classes, {} has {classes}",
                manifest.classes.len(),
                manifest.kind.name()
            )));
        }
        let record = manifest.layout().bytes();
        for shard in &manifest.shards {
            if shard.images == 0 || shard.bytes != (shard.images * record) as u64 {
                return Err(refuse(format!(
                    "{} has {} bytes for {} pictures of {record} bytes",
                    shard.file, shard.bytes, shard.images
                )));
            }
            // The name becomes a URL and a file in the browser's store: nothing but a plain name.
            let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
            if shard.file.starts_with('.') || !shard.file.chars().all(plain) {
                return Err(refuse(format!("{:?} is not a plain file name", shard.file)));
            }
        }
        for split in [Split::Train, Split::Test] {
            if !manifest.shards.iter().any(|shard| shard.split == split) {
                return Err(DataError::Missing {
                    place: file.into(),
                    files: format!("the {} shards", split.name()),
                    remedy: "Make the shards again with `cargo xtask data DIR`.".into(),
                });
            }
        }
        Ok(manifest)
    }

    /// The manifest as JSON text.
    pub fn to_json(&self) -> String {
        // A structure of strings and numbers always serialises.
        serde_json::to_string_pretty(self).unwrap_or_default()
    }

    /// The shards that hold the first `limit` pictures (`None`: all) of a part, in order.
    pub fn needed(&self, split: Split, limit: Option<usize>) -> Vec<&Shard> {
        let mut before = 0;
        self.shards
            .iter()
            .filter(|shard| shard.split == split)
            .take_while(|shard| {
                let wanted = limit.is_none_or(|limit| before < limit);
                before += shard.images;
                wanted
            })
            .collect()
    }

    /// Checks a shard's bytes against its entry and adds its pictures to `set`.
    ///
    /// # Errors
    /// [`DataError::Checksum`] for wrong bytes, [`DataError::Label`] for an impossible label;
    /// `set` is unchanged then.
    pub fn parse(&self, shard: &Shard, bytes: &[u8], set: &mut ImageSet) -> Result<(), DataError> {
        shard.verify(bytes)?;
        let before = set.len();
        let mut decoder = RecordDecoder::new(&shard.file, self.layout());
        let decoded = decoder
            .push(bytes, set)
            .and_then(|()| decoder.finish().map(drop));
        if decoded.is_err() {
            drop(set.split_off(before));
        }
        decoded
    }

    fn layout(&self) -> Layout {
        Layout::shard(self.kind.classes())
    }
}

/// The shards of a data set with their bytes, one at a time: the small test part first.
pub fn pack(dataset: &Dataset) -> impl Iterator<Item = (Shard, Vec<u8>)> + '_ {
    [Split::Test, Split::Train].into_iter().flat_map(|split| {
        let set = part(dataset, split);
        (0..set.len().div_ceil(SHARD_IMAGES)).map(move |number| {
            let start = number * SHARD_IMAGES;
            let range = start..set.len().min(start + SHARD_IMAGES);
            let images = range.len();
            let bytes = encode(set, range);
            let crc32 = checksum(&bytes);
            let shard = Shard {
                file: format!("{}-{number:02}-{crc32}.bin", split.name()),
                images,
                split,
                bytes: bytes.len() as u64,
                crc32,
            };
            (shard, bytes)
        })
    })
}

/// The records of the pictures `range`.
fn encode(set: &ImageSet, range: std::ops::Range<usize>) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(range.len() * (1 + super::IMAGE_BYTES));
    for i in range {
        bytes.push(set.label(i));
        bytes.extend_from_slice(set.image(i));
    }
    bytes
}

/// CRC-32 of bytes as the manifest writes it.
pub fn checksum(bytes: &[u8]) -> String {
    let mut crc = flate2::Crc::new();
    crc.update(bytes);
    format!("{:08x}", crc.sum())
}

fn part(dataset: &Dataset, split: Split) -> &ImageSet {
    match split {
        Split::Train => &dataset.train,
        Split::Test => &dataset.held_out,
    }
}

/// Writes the shards of a data set into a folder and the manifest last, so that an interrupted run
/// leaves no manifest that promises too much. Shards of an earlier run that the new manifest does
/// not name are removed.
///
/// # Errors
/// [`DataError::Empty`] if a part has no picture, [`DataError::Io`] if the folder cannot be written.
#[cfg(not(target_family = "wasm"))]
pub fn write(dir: impl AsRef<std::path::Path>, dataset: &Dataset) -> Result<Manifest, DataError> {
    let dir = dir.as_ref();
    let io = |path: &std::path::Path, error: std::io::Error| DataError::Io {
        file: path.display().to_string(),
        why: error.to_string(),
    };
    for split in [Split::Train, Split::Test] {
        if part(dataset, split).is_empty() {
            return Err(DataError::Empty {
                file: format!("the {} part of {}", split.name(), dataset.origin),
            });
        }
    }
    std::fs::create_dir_all(dir).map_err(|e| io(dir, e))?;
    let manifest_path = dir.join(MANIFEST_FILE);
    let old = std::fs::read(&manifest_path)
        .ok()
        .and_then(|json| Manifest::from_json(MANIFEST_FILE, &json).ok());
    let mut shards = Vec::new();
    for (shard, bytes) in pack(dataset) {
        let path = dir.join(&shard.file);
        std::fs::write(&path, bytes).map_err(|e| io(&path, e))?;
        shards.push(shard);
    }
    let manifest = Manifest::new(dataset, shards);
    std::fs::write(&manifest_path, manifest.to_json()).map_err(|e| io(&manifest_path, e))?;
    let stale = old
        .iter()
        .flat_map(|old| &old.shards)
        .filter(|old| manifest.shards.iter().all(|shard| shard.file != old.file));
    for shard in stale {
        let path = dir.join(&shard.file);
        std::fs::remove_file(&path).or_else(|error| match error.kind() {
            std::io::ErrorKind::NotFound => Ok(()),
            _ => Err(io(&path, error)),
        })?;
    }
    Ok(manifest)
}
