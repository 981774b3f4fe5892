//! The official archives, decoded while their bytes arrive.
//!
//! [`ArchiveReader`] takes the bytes of a `.tar.gz`, a `.tar` or a bare `.bin` in pieces of any size
//! (a browser's file stream, a download) and holds only the decoded pictures and a few kilobytes.
//! The format is told from the content, the set and the part from the names inside.

mod assembly;
mod content;
mod tar;

use self::content::Content;
use super::{DataError, Dataset};
use flate2::write::GzDecoder;
use std::io::{self, Write};

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
        let content = match self.outer {
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
        content.finish(self.received)
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
    if let Some(error) = content.complaint() {
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
