//! A tar archive read front to back, in pieces of any size.
//!
//! Headers are the `tar` crate's; the walk is ours because that crate pulls from a reader, and a
//! browser pushes.

use super::assembly::{Assembly, Member};
use crate::config::DatasetKind;
use crate::data::DataError;
use tar::{Header, PaxExtensions};

/// Headers and bodies are padded to blocks of this size.
const BLOCK: usize = 512;

/// Longest name list or name extension that is read; the real ones have under a kilobyte.
const SMALL: u64 = 64 * 1024;

/// Whether these bytes begin with a tar header: its checksum holds.
pub(super) fn is_header(bytes: &[u8]) -> bool {
    bytes.len() >= BLOCK
        && bytes[..BLOCK].iter().any(|&byte| byte != 0)
        && checksum_holds(&bytes[..BLOCK])
}

/// The checksum is the sum of the header's bytes with its own field read as spaces.
fn checksum_holds(block: &[u8]) -> bool {
    const FIELD: std::ops::Range<usize> = 148..156;
    let sum: u32 = block
        .iter()
        .enumerate()
        .map(|(i, &byte)| u32::from(if FIELD.contains(&i) { b' ' } else { byte }))
        .sum();
    Header::from_byte_slice(block)
        .cksum()
        .is_ok_and(|stored| stored == sum)
}

/// Reads headers, hands bodies to an [`Assembly`].
pub(super) struct TarWalk {
    name: String,
    state: State,
    header: Vec<u8>,
    /// Name of the next member, from an extension header.
    long_name: Option<String>,
    /// Path of the current or last member.
    path: String,
}

enum State {
    Header,
    Body {
        body: Body,
        remaining: u64,
        padding: usize,
    },
    Padding(usize),
    /// The mark of the end was read.
    Complete,
}

enum Body {
    Skip,
    Records(Box<Member>),
    Names(DatasetKind, Vec<u8>),
    GnuName(Vec<u8>),
    PaxName(Vec<u8>),
}

impl TarWalk {
    pub(super) fn new(name: &str) -> Self {
        Self {
            name: name.into(),
            state: State::Header,
            header: Vec::with_capacity(BLOCK),
            long_name: None,
            path: String::new(),
        }
    }

    /// Whether the archive's end was read.
    pub(super) fn is_complete(&self) -> bool {
        matches!(self.state, State::Complete)
    }

    /// Where the walk is, for a reader.
    pub(super) fn place(&self) -> String {
        match &self.state {
            _ if self.path.is_empty() => "before the first file in it".into(),
            State::Body { .. } => format!("inside {}", self.path),
            State::Complete => "behind its last file".into(),
            _ => format!("after {}", self.path),
        }
    }

    pub(super) fn push(
        &mut self,
        mut bytes: &[u8],
        assembly: &mut Assembly,
    ) -> Result<(), DataError> {
        while !bytes.is_empty() {
            match &mut self.state {
                // Archives are padded with zeros behind their end.
                State::Complete => return Ok(()),
                State::Padding(left) => {
                    let n = bytes.len().min(*left);
                    bytes = &bytes[n..];
                    *left -= n;
                    if *left == 0 {
                        self.state = State::Header;
                    }
                }
                State::Header => {
                    let n = bytes.len().min(BLOCK - self.header.len());
                    self.header.extend_from_slice(&bytes[..n]);
                    bytes = &bytes[n..];
                    if self.header.len() == BLOCK {
                        let block = std::mem::take(&mut self.header);
                        self.begin(&block, assembly)?;
                    }
                }
                State::Body {
                    body, remaining, ..
                } => {
                    let n = usize::try_from(*remaining)
                        .map_or(bytes.len(), |remaining| remaining.min(bytes.len()));
                    let (taken, rest) = bytes.split_at(n);
                    bytes = rest;
                    *remaining -= n as u64;
                    match body {
                        Body::Skip => {}
                        Body::Records(member) => assembly.push(member, taken)?,
                        Body::Names(_, text) | Body::GnuName(text) | Body::PaxName(text) => {
                            text.extend_from_slice(taken);
                        }
                    }
                    if *remaining == 0 {
                        self.end_body(assembly)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Reads a header block.
    fn begin(&mut self, block: &[u8], assembly: &mut Assembly) -> Result<(), DataError> {
        if block.iter().all(|&byte| byte == 0) {
            self.state = State::Complete;
            return Ok(());
        }
        let header = Header::from_byte_slice(block);
        let size = match header.entry_size() {
            Ok(size) if checksum_holds(block) => size,
            _ => {
                return Err(DataError::Damaged {
                    file: self.name.clone(),
                    why: format!("a tar header is not valid, {}", self.place()),
                });
            }
        };
        let kind = header.entry_type();
        let extension = kind.is_gnu_longname() || kind.is_pax_local_extensions();
        if !extension {
            self.path = self
                .long_name
                .take()
                .unwrap_or_else(|| String::from_utf8_lossy(&header.path_bytes()).into_owned());
        }
        let body = if kind.is_gnu_longname() && size <= SMALL {
            Body::GnuName(Vec::new())
        } else if kind.is_pax_local_extensions() && size <= SMALL {
            Body::PaxName(Vec::new())
        } else if kind.is_file() || kind.is_contiguous() {
            self.file(size, assembly)?
        } else {
            Body::Skip
        };
        self.state = State::Body {
            body,
            remaining: size,
            padding: (size as usize).wrapping_neg() % BLOCK,
        };
        if size == 0 {
            self.end_body(assembly)?;
        }
        Ok(())
    }

    /// What to do with the file at `self.path`.
    fn file(&self, size: u64, assembly: &mut Assembly) -> Result<Body, DataError> {
        if let Some(kind) = Assembly::names_of(&self.path).filter(|_| size <= SMALL) {
            return Ok(Body::Names(kind, Vec::new()));
        }
        Ok(match assembly.begin(&self.path, size)? {
            Some(member) => Body::Records(Box::new(member)),
            None => Body::Skip,
        })
    }

    fn end_body(&mut self, assembly: &mut Assembly) -> Result<(), DataError> {
        let State::Body { body, padding, .. } = std::mem::replace(&mut self.state, State::Header)
        else {
            return Ok(());
        };
        if padding > 0 {
            self.state = State::Padding(padding);
        }
        match body {
            Body::Skip => {}
            Body::Records(member) => assembly.end(*member)?,
            Body::Names(kind, text) => assembly.add_names(kind, text),
            Body::GnuName(text) => {
                let name = String::from_utf8_lossy(&text);
                self.long_name = Some(name.trim_end_matches('\0').to_owned());
            }
            Body::PaxName(text) => {
                let path = PaxExtensions::new(&text)
                    .flatten()
                    .find(|extension| extension.key_bytes() == b"path")
                    .map(|path| String::from_utf8_lossy(path.value_bytes()).into_owned());
                self.long_name = path.or(self.long_name.take());
            }
        }
        Ok(())
    }
}
