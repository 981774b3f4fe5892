//! What can be wrong with a data set, in words that say what to do.

/// A data set could not be read. Each message names the file, the place in it and the remedy; the
/// set in use before is untouched.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DataError {
    /// The archive stops in the middle.
    #[error(
        "{file} ends early: it stops {place}, after {bytes} bytes. The download or copy is not complete; fetch the file again and open it once more."
    )]
    Truncated {
        /// The archive.
        file: String,
        /// Where in it, e.g. "inside data_batch_3.bin".
        place: String,
        /// Bytes received.
        bytes: u64,
    },
    /// The bytes contradict their own checksum or format.
    #[error(
        "{file} is damaged: {why}. Fetch the file again; the official archives are at https://www.cs.toronto.edu/~kriz/cifar.html."
    )]
    Damaged {
        /// The archive.
        file: String,
        /// What does not hold.
        why: String,
    },
    /// Something else than CIFAR.
    #[error(
        "{file} is not a CIFAR file: {why}. Open cifar-10-binary.tar.gz or cifar-100-binary.tar.gz (the \"binary version\"), the same as .tar, or one of their .bin files."
    )]
    WrongFile {
        /// The file.
        file: String,
        /// What was found instead.
        why: String,
    },
    /// The file does not end at the end of a record.
    #[error(
        "{file}: record {record} is short, {have} of {need} bytes{hint}. Unpack or download the file again."
    )]
    ShortRecord {
        /// The file.
        file: String,
        /// Index of the record, from 0.
        record: usize,
        /// Bytes there are.
        have: usize,
        /// Bytes of a record.
        need: usize,
        /// What the size hints at, or nothing.
        hint: String,
    },
    /// A label that the data set does not have.
    #[error(
        "{file}: record {record} has label {label}, but there are only {classes} classes (0 to {}). The file is damaged or belongs to another data set; unpack or download it again.",
        classes - 1
    )]
    Label {
        /// The file.
        file: String,
        /// Index of the record, from 0.
        record: usize,
        /// The label found.
        label: u8,
        /// Number of classes.
        classes: usize,
    },
    /// Files that belong to the set are not there.
    #[error("{place}: {files} not found. {remedy}")]
    Missing {
        /// Folder or archive.
        place: String,
        /// What is missing.
        files: String,
        /// What to do.
        remedy: String,
    },
    /// CIFAR-10 and CIFAR-100 in one archive.
    #[error(
        "{file} holds both CIFAR-10 ({first}) and CIFAR-100 ({second}). Open an archive with one of the two."
    )]
    Mixed {
        /// The archive.
        file: String,
        /// A member of CIFAR-10.
        first: String,
        /// A member of CIFAR-100.
        second: String,
    },
    /// A shard is not the one the manifest describes.
    #[error(
        "{file}: {what} is {found}, the manifest says {expected}. The shard and manifest.json are not from the same run or the transfer failed; reload the page, or make the shards again with `cargo xtask data DIR`."
    )]
    Checksum {
        /// The shard.
        file: String,
        /// Which property differs.
        what: &'static str,
        /// According to the manifest.
        expected: String,
        /// Of the bytes.
        found: String,
    },
    /// The manifest cannot be used.
    #[error(
        "{file} is not a usable manifest: {why}. Make the shards again with `cargo xtask data DIR`."
    )]
    Manifest {
        /// The manifest.
        file: String,
        /// What is wrong.
        why: String,
    },
    /// No picture at all.
    #[error(
        "{file} holds no picture. Check that it is the file you meant; an interrupted copy also leaves an empty file."
    )]
    Empty {
        /// The file.
        file: String,
    },
    /// A picture whose bytes do not match its size.
    #[error("this picture cannot be used: {why}.")]
    Frame {
        /// What is wrong.
        why: String,
    },
    /// The operating system refused.
    #[error(
        "{file}: {why}. Check that the path is right, that it may be read or written, and that the disk is not full."
    )]
    Io {
        /// File or folder.
        file: String,
        /// The system's message.
        why: String,
    },
}
