//! What a file is once gzip is taken off: a tar archive, or the records of one `.bin`.

use super::assembly::Assembly;
use super::tar::{self, TarWalk};
use super::truncated;
use crate::data::cifar::recognise;
use crate::data::record::{Layout, RecordDecoder};
use crate::data::{DataError, Dataset};
use std::io::{self, Write};

/// Bytes of a tar header, enough to tell what a file is.
const SNIFF: usize = 512;

/// What a file is once it is unpacked.
pub(super) struct Content {
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
    pub(super) fn new(name: &str) -> Self {
        Self {
            form: Form::Sniff(Vec::new()),
            assembly: Assembly::new(name),
            complaint: None,
        }
    }

    /// Decodes the next bytes.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Result<(), DataError> {
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

    /// No byte follows; `received` of the file's bytes came.
    pub(super) fn finish(mut self, received: u64) -> Result<Dataset, DataError> {
        self.end(received)?;
        self.assembly.finish()
    }

    /// Why a [`Write::write`] failed.
    pub(super) fn complaint(&mut self) -> Option<DataError> {
        self.complaint.take()
    }

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
    pub(super) fn place(&self) -> String {
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
