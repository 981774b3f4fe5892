//! From the members of an archive to a data set.

use crate::config::DatasetKind;
use crate::data::record::{Layout, RecordDecoder};
use crate::data::{DataError, Dataset, IMAGE_BYTES, ImageSet, Split, cifar, class_names, names};

/// Official size of a training part; more is not reserved ahead of its bytes.
const OFFICIAL_TRAIN: usize = 50_000;

/// Collects the members of one archive.
pub(super) struct Assembly {
    name: String,
    /// The set, and the member that told it.
    kind: Option<(DatasetKind, String)>,
    train: ImageSet,
    /// Place and length of each training file, in arrival order.
    blocks: Vec<(usize, usize)>,
    test: ImageSet,
    has_test: bool,
    names: Vec<(DatasetKind, Vec<u8>)>,
    /// A bare `.bin`: everything is in `train`.
    single: bool,
    /// Members that are not CIFAR's, for the message.
    others: Vec<String>,
}

/// A member being read.
pub(super) struct Member {
    decoder: RecordDecoder,
    split: Split,
    place: usize,
}

impl Assembly {
    pub(super) fn new(name: &str) -> Self {
        Self {
            name: name.into(),
            kind: None,
            train: ImageSet::default(),
            blocks: Vec::new(),
            test: ImageSet::default(),
            has_test: false,
            names: Vec::new(),
            single: false,
            others: Vec::new(),
        }
    }

    /// Name of the archive.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The file is one bare `.bin`.
    pub(super) fn begin_single(&mut self, kind: DatasetKind) {
        self.kind = Some((kind, self.name.clone()));
        self.single = true;
    }

    /// Where the records of a bare `.bin` go.
    pub(super) fn single(&mut self) -> &mut ImageSet {
        &mut self.train
    }

    /// Begins the member at `path`, `size` bytes long; `None` if it is not a file of records.
    pub(super) fn begin(&mut self, path: &str, size: u64) -> Result<Option<Member>, DataError> {
        let Some((kind, split, place)) = cifar::recognise(path) else {
            if self.others.len() < 4 {
                self.others.push(path.into());
            }
            return Ok(None);
        };
        match &self.kind {
            Some((known, member)) if *known != kind => {
                let (first, second) = if *known == DatasetKind::Cifar10 {
                    (member.clone(), path.into())
                } else {
                    (path.into(), member.clone())
                };
                return Err(DataError::Mixed {
                    file: self.name.clone(),
                    first,
                    second,
                });
            }
            _ => self.kind = Some((kind, path.into())),
        }
        let seen = match split {
            Split::Train => self.blocks.iter().any(|block| block.0 == place),
            Split::Test => self.has_test,
        };
        if seen {
            return Err(DataError::Damaged {
                file: self.name.clone(),
                why: format!("it holds {} twice", cifar::base_name(path)),
            });
        }
        let layout = Layout::official(kind);
        layout.check_size(path, size)?;
        if split == Split::Train && self.blocks.is_empty() {
            // One allocation for the whole part: growing would hold it twice for a moment.
            let files = cifar::files(kind, split).len();
            let records = (size as usize / layout.bytes() * files).min(OFFICIAL_TRAIN);
            self.train.pixels.reserve_exact(records * IMAGE_BYTES);
            self.train.labels.reserve_exact(records);
        }
        Ok(Some(Member {
            decoder: RecordDecoder::new(path, layout),
            split,
            place,
        }))
    }

    /// Decodes the member's next bytes.
    pub(super) fn push(&mut self, member: &mut Member, bytes: &[u8]) -> Result<(), DataError> {
        let set = match member.split {
            Split::Train => &mut self.train,
            Split::Test => &mut self.test,
        };
        member.decoder.push(bytes, set)
    }

    /// The member is complete.
    pub(super) fn end(&mut self, member: Member) -> Result<(), DataError> {
        let records = member.decoder.finish()?;
        match member.split {
            Split::Train => self.blocks.push((member.place, records)),
            Split::Test => self.has_test = true,
        }
        Ok(())
    }

    /// Whether `path` is a list of class names, and of which set.
    pub(super) fn names_of(path: &str) -> Option<DatasetKind> {
        [DatasetKind::Cifar10, DatasetKind::Cifar100]
            .into_iter()
            .find(|&kind| cifar::names_file(kind) == cifar::base_name(path))
    }

    /// Takes a list of class names.
    pub(super) fn add_names(&mut self, kind: DatasetKind, text: Vec<u8>) {
        self.names.push((kind, text));
    }

    /// The data set.
    pub(super) fn finish(mut self) -> Result<Dataset, DataError> {
        let Some((kind, _)) = self.kind else {
            return Err(DataError::WrongFile {
                why: self.strangers(),
                file: self.name,
            });
        };
        let (held_out, origin) = if self.single {
            self.hold_out()?
        } else {
            self.parts(kind)?
        };
        let classes = self
            .names
            .iter()
            .find(|(of, _)| *of == kind)
            .and_then(|(_, text)| names::parse_names(kind, text))
            .unwrap_or_else(|| class_names(kind));
        Ok(Dataset {
            kind,
            classes,
            train: self.train,
            held_out,
            origin,
        })
    }

    /// What an archive without any file of CIFAR's holds.
    fn strangers(&self) -> String {
        let python = |path: &String| path.contains("-py") || path.contains("python");
        let matlab = |path: &String| path.contains("-mat") || path.ends_with(".mat");
        if self.others.iter().any(python) {
            "it is the \"python version\"".into()
        } else if self.others.iter().any(matlab) {
            "it is the \"Matlab version\"".into()
        } else if self.others.is_empty() {
            "there is no file in it".into()
        } else {
            format!(
                "it holds {} and no data_batch_1.bin or train.bin",
                self.others.join(", ")
            )
        }
    }

    /// Puts the parts of an archive in order.
    fn parts(&mut self, kind: DatasetKind) -> Result<(ImageSet, String), DataError> {
        let train = cifar::files(kind, Split::Train);
        let missing = |files: &str| {
            Err(DataError::Missing {
                place: self.name.clone(),
                files: files.into(),
                remedy: "The archive needs training and test files; take the official one.".into(),
            })
        };
        if self.blocks.is_empty() {
            return missing(&train.join(", "));
        }
        if !self.has_test {
            return missing(&cifar::files(kind, Split::Test).join(", "));
        }
        sort_blocks(&mut self.train, &mut self.blocks);
        let origin = if self.blocks.len() == train.len() {
            self.name.clone()
        } else {
            let (have, all) = (self.blocks.len(), train.len());
            format!("{}, {have} of {all} training files", self.name)
        };
        Ok((std::mem::take(&mut self.test), origin))
    }

    /// Holds out the last tenth of a bare `.bin`.
    fn hold_out(&mut self) -> Result<(ImageSet, String), DataError> {
        let len = self.train.len();
        if len < 2 {
            return Err(DataError::WrongFile {
                file: self.name.clone(),
                why: "it holds one picture, training and evaluation need at least two".into(),
            });
        }
        let count = len.div_ceil(10);
        let held_out = self.train.split_off(len - count);
        Ok((
            held_out,
            format!("{}, its last {count} pictures held out", self.name),
        ))
    }
}

/// Brings blocks of pictures, `(place, length)` in arrival order, into the order of their places
/// without a second copy of the set.
fn sort_blocks(set: &mut ImageSet, blocks: &mut [(usize, usize)]) {
    let mut start = 0;
    for i in 0..blocks.len() {
        let Some(first) = (i..blocks.len()).min_by_key(|&j| blocks[j].0) else {
            return;
        };
        let before: usize = blocks[i..first].iter().map(|block| block.1).sum();
        let len = blocks[first].1;
        let range = start..start + before + len;
        set.labels[range.clone()].rotate_right(len);
        let bytes = IMAGE_BYTES;
        set.pixels[range.start * bytes..range.end * bytes].rotate_right(len * bytes);
        blocks[i..=first].rotate_right(1);
        start += len;
    }
}
