//! The official archives, decoded while their bytes arrive.
//!
//! [`ArchiveReader`] takes the bytes of a `.tar.gz`, a `.tar` or a bare `.bin` in pieces of any size
//! (a browser's file stream, a download) and holds only the decoded pictures and a few kilobytes.
//! The format is told from the content, the set and the part from the names inside.

mod assembly;
mod tar;

use self::assembly::Assembly;
use self::tar::TarWalk;
use super::cifar::recognise;
use super::record::{Layout, RecordDecoder};
use super::{DataError, Dataset, ImageSet};
use flate2::write::GzDecoder;
use std::io::{self, Write};

/// Bytes of a tar header, enough to tell what a file is.
const SNIFF: usize = 512;

/// Decodes one archive or `.bin` file.
///
/// ```no_run
/// # use gemst::data::{Dataset, DataError, archive::ArchiveReader};
/// # fn read(pieces: Vec<Vec<u8>>) -> Result<Dataset, DataError> {
/// let mut reader = ArchiveReader::new("cifar-10-binary.tar.gz");
/// for piece in &pieces {
///     reader.push(piece)?;
/// }
/// reader.finish()
/// # }
/// ```
pub struct ArchiveReader {
    name: String,
    received: u64,
    outer: Outer,
    failed: Option<DataError>,
}

/// The file as it is on disk.
enum Outer {
    /// Fewer than two bytes so far.
    Sniff(Vec<u8>),
    Gzip(Box<GzDecoder<Content>>),
    Plain(Box<Content>),
    /// A gzip file ended; bytes after it are ignored, as gzip does.
    Ended(Box<Content>),
}

impl ArchiveReader {
    /// A reader of the file of that name; the name serves messages, and tells what a bare `.bin` is.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            received: 0,
            outer: Outer::Sniff(Vec::new()),
            failed: None,
        }
    }

    /// Decodes the next bytes.
    ///
    /// # Errors
    /// As soon as the bytes show that the file cannot be used; the reader then repeats the error.
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), DataError> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        self.received += bytes.len() as u64;
        let pushed = self.decode(bytes);
        self.failed = pushed.clone().err();
        pushed
    }

    /// Ends the file.
    ///
    /// # Errors
    /// If the file is not complete or holds no data set; see [`DataError`].
    pub fn finish(mut self) -> Result<Dataset, DataError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        if self.received == 0 {
            return Err(DataError::Empty { file: self.name });
        }
        let mut content = match self.outer {
            Outer::Sniff(bytes) if bytes[0] == 0x1f => {
                return Err(truncated(&self.name, "in its first bytes", self.received));
            }
            Outer::Sniff(bytes) => {
                let mut content = Content::new(&self.name);
                content.push(&bytes)?;
                content
            }
            Outer::Gzip(ref mut gzip) => {
                if let Err(error) = gzip.try_finish() {
                    let content = gzip.get_mut();
                    return Err(gzip_error(&self.name, self.received, content, &error));
                }
                std::mem::replace(gzip.get_mut(), Content::new(&self.name))
            }
            Outer::Plain(content) | Outer::Ended(content) => *content,
        };
        content.end(self.received)?;
        content.assembly.finish()
    }

    fn decode(&mut self, bytes: &[u8]) -> Result<(), DataError> {
        match &mut self.outer {
            Outer::Sniff(start) => {
                start.extend_from_slice(bytes);
                if start.len() < 2 {
                    return Ok(());
                }
                let start = std::mem::take(start);
                let content = Content::new(&self.name);
                self.outer = if start.starts_with(&[0x1f, 0x8b]) {
                    Outer::Gzip(Box::new(GzDecoder::new(content)))
                } else {
                    Outer::Plain(Box::new(content))
                };
                self.decode(&start)
            }
            Outer::Plain(content) => content.push(bytes),
            Outer::Ended(_) => Ok(()),
            Outer::Gzip(_) => self.inflate(bytes),
        }
    }

    /// Feeds the gzip decoder; a file may have several gzip members, one after another.
    fn inflate(&mut self, mut bytes: &[u8]) -> Result<(), DataError> {
        while !bytes.is_empty() {
            let Outer::Gzip(gzip) = &mut self.outer else {
                return Ok(());
            };
            let written = gzip.write(bytes).and_then(|n| match n {
                // The member is over and checked; `bytes` is what follows it.
                0 => gzip.try_finish().map(|()| 0),
                n => Ok(n),
            });
            match written {
                Err(error) => {
                    let content = gzip.get_mut();
                    return Err(gzip_error(&self.name, self.received, content, &error));
                }
                Ok(0) => {
                    let content = std::mem::replace(gzip.get_mut(), Content::new(&self.name));
                    self.outer = if bytes[0] == 0x1f {
                        Outer::Gzip(Box::new(GzDecoder::new(content)))
                    } else {
                        Outer::Ended(Box::new(content))
                    };
                }
                Ok(n) => bytes = &bytes[n..],
            }
        }
        Ok(())
    }
}

fn truncated(name: &str, place: &str, received: u64) -> DataError {
    DataError::Truncated {
        file: name.into(),
        place: place.into(),
        bytes: received,
    }
}

/// What went wrong: the content's own complaint if it has one, else the decoder's.
fn gzip_error(name: &str, received: u64, content: &mut Content, error: &io::Error) -> DataError {
    if let Some(error) = content.complaint.take() {
        return error;
    }
    match error.kind() {
        io::ErrorKind::UnexpectedEof => truncated(name, &content.place(), received),
        _ => DataError::Damaged {
            file: name.into(),
            why: format!(
                "{error}, {}; its checksum is wrong or cut off",
                content.place()
            ),
        },
    }
}

/// What a file is once it is unpacked.
struct Content {
    form: Form,
    assembly: Assembly,
    /// Why [`Write::write`] failed; an `io::Error` cannot be taken apart again.
    complaint: Option<DataError>,
}

enum Form {
    /// Fewer than [`SNIFF`] bytes so far.
    Sniff(Vec<u8>),
    Tar(TarWalk),
    Records(RecordDecoder),
}

impl Content {
    fn new(name: &str) -> Self {
        Self {
            form: Form::Sniff(Vec::new()),
            assembly: Assembly::new(name),
            complaint: None,
        }
    }

    fn push(&mut self, bytes: &[u8]) -> Result<(), DataError> {
        match &mut self.form {
            Form::Sniff(start) => {
                start.extend_from_slice(bytes);
                if start.len() < SNIFF {
                    return Ok(());
                }
                let start = std::mem::take(start);
                self.decide(&start)
            }
            Form::Tar(walk) => walk.push(bytes, &mut self.assembly),
            Form::Records(decoder) => decoder.push(bytes, self.assembly.single()),
        }
    }

    /// Tells the format from the first bytes and takes them.
    fn decide(&mut self, start: &[u8]) -> Result<(), DataError> {
        let name = self.assembly.name().to_owned();
        if tar::is_header(start) {
            self.form = Form::Tar(TarWalk::new(&name));
        } else if let Some((kind, ..)) = recognise(name.trim_end_matches(".gz")) {
            self.assembly.begin_single(kind);
            self.form = Form::Records(RecordDecoder::new(&name, Layout::official(kind)));
        } else {
            return Err(DataError::WrongFile {
                file: name,
                why: describe(start).into(),
            });
        }
        self.push(start)
    }

    /// No byte follows.
    fn end(&mut self, received: u64) -> Result<(), DataError> {
        if let Form::Sniff(start) = &mut self.form {
            let start = std::mem::take(start);
            if start.is_empty() {
                return Err(DataError::Empty {
                    file: self.assembly.name().into(),
                });
            }
            if self.assembly.name().ends_with(".tar") {
                return Err(truncated(
                    self.assembly.name(),
                    "in its first bytes",
                    received,
                ));
            }
            self.decide(&start)?;
        }
        let place = self.place();
        match std::mem::replace(&mut self.form, Form::Sniff(Vec::new())) {
            Form::Tar(walk) if !walk.is_complete() => {
                Err(truncated(self.assembly.name(), &place, received))
            }
            Form::Records(decoder) => decoder.finish().map(drop),
            _ => Ok(()),
        }
    }

    /// Where the reading stands, for a reader.
    fn place(&self) -> String {
        match &self.form {
            Form::Sniff(_) => "in its first bytes".into(),
            Form::Tar(walk) => walk.place(),
            Form::Records(_) => "inside the records".into(),
        }
    }
}

impl Write for Content {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.complaint.is_none() {
            self.complaint = self.push(bytes).err();
        }
        match &self.complaint {
            None => Ok(bytes.len()),
            Some(_) => Err(io::Error::other("the content is refused")),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What a file that is no archive looks like.
fn describe(start: &[u8]) -> &'static str {
    let magic: [(&[u8], &str); 8] = [
        (b"PK", "it is a zip archive"),
        (b"BZh", "it is compressed with bzip2"),
        (b"\xfd7zXZ", "it is compressed with xz"),
        (b"\x89PNG", "it is a PNG picture; use Open image for it"),
        (
            b"\xff\xd8\xff",
            "it is a JPEG picture; use Open image for it",
        ),
        (
            b"\x80\x02",
            "it is a Python pickle, of the \"python version\" of CIFAR",
        ),
        (b"MATLAB", "it is of the \"Matlab version\" of CIFAR"),
        (
            b"<",
            "it is a web page, not the file behind it (a login page or an error?)",
        ),
    ];
    magic
        .iter()
        .find(|(magic, _)| start.trim_ascii_start().starts_with(magic))
        .map_or(
            "it is neither gzip nor tar, and its name is not one of CIFAR's",
            |(_, what)| what,
        )
}

/// The pictures of one part, in arrival order, until the archive is complete.
type Block = (usize, usize);

/// Brings blocks of pictures, `(place, length)` in arrival order, into the order of their places
/// without a second copy of the set.
fn sort_blocks(set: &mut ImageSet, blocks: &mut [Block]) {
    let mut start = 0;
    for i in 0..blocks.len() {
        let Some(first) = (i..blocks.len()).min_by_key(|&j| blocks[j].0) else {
            return;
        };
        let before: usize = blocks[i..first].iter().map(|block| block.1).sum();
        let len = blocks[first].1;
        let range = start..start + before + len;
        set.labels[range.clone()].rotate_right(len);
        let bytes = super::IMAGE_BYTES;
        set.pixels[range.start * bytes..range.end * bytes].rotate_right(len * bytes);
        blocks[i..=first].rotate_right(1);
        start += len;
    }
}
