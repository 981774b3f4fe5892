//! Records of the official binary layout, decoded while bytes arrive.

use super::{DataError, IMAGE_BYTES, ImageSet};
use crate::config::DatasetKind;

/// Superclasses of CIFAR-100; the first byte of its records is one of them.
const COARSE_CLASSES: usize = 20;

/// One record: label bytes, then 3072 pixel bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Layout {
    /// Bytes before the pixels; the last one is the label.
    label_bytes: usize,
    /// Number of classes.
    classes: usize,
}

impl Layout {
    /// The official layout of a data set: one label byte for CIFAR-10 (and generated sets), a
    /// coarse and a fine one for CIFAR-100.
    pub(crate) fn official(kind: DatasetKind) -> Self {
        Self {
            label_bytes: 1 + usize::from(kind == DatasetKind::Cifar100),
            classes: kind.classes(),
        }
    }

    /// The layout of a shard: one label byte, whatever the set.
    pub(crate) fn shard(classes: usize) -> Self {
        Self {
            label_bytes: 1,
            classes,
        }
    }

    /// Bytes of a record.
    pub(crate) fn bytes(self) -> usize {
        self.label_bytes + IMAGE_BYTES
    }

    /// Checks that a file of `size` bytes is whole records.
    pub(crate) fn check_size(self, file: &str, size: u64) -> Result<(), DataError> {
        let need = self.bytes();
        let have = (size % need as u64) as usize;
        if size == 0 {
            return Err(DataError::Empty { file: file.into() });
        }
        if have != 0 {
            return Err(DataError::ShortRecord {
                file: file.into(),
                record: (size / need as u64) as usize,
                have,
                need,
                hint: self.hint(size),
            });
        }
        Ok(())
    }

    /// What the size of a file that is not whole records hints at.
    fn hint(self, total: u64) -> String {
        let other = Self {
            label_bytes: 3 - self.label_bytes,
            ..self
        };
        if total.is_multiple_of(other.bytes() as u64) {
            let name = ["CIFAR-10", "CIFAR-100"][other.label_bytes - 1];
            format!(" (the file's {total} bytes are whole records of {name}, is it named wrongly?)")
        } else {
            String::new()
        }
    }
}

/// Decodes one file; bytes may come in pieces of any size.
pub(crate) struct RecordDecoder {
    file: String,
    layout: Layout,
    partial: Vec<u8>,
    records: usize,
}

impl RecordDecoder {
    /// A decoder of the file of that name.
    pub(crate) fn new(file: impl Into<String>, layout: Layout) -> Self {
        Self {
            file: file.into(),
            layout,
            partial: Vec::new(),
            records: 0,
        }
    }

    /// Decodes the next bytes into `set`.
    pub(crate) fn push(&mut self, mut bytes: &[u8], set: &mut ImageSet) -> Result<(), DataError> {
        let size = self.layout.bytes();
        if !self.partial.is_empty() {
            let wanted = (size - self.partial.len()).min(bytes.len());
            let (head, rest) = bytes.split_at(wanted);
            self.partial.extend_from_slice(head);
            bytes = rest;
            if self.partial.len() < size {
                return Ok(());
            }
            let record = std::mem::take(&mut self.partial);
            self.record(&record, set)?;
        }
        let mut records = bytes.chunks_exact(size);
        for record in &mut records {
            self.record(record, set)?;
        }
        self.partial.extend_from_slice(records.remainder());
        Ok(())
    }

    fn record(&mut self, record: &[u8], set: &mut ImageSet) -> Result<(), DataError> {
        let (labels, pixels) = record.split_at(self.layout.label_bytes);
        let limits = [COARSE_CLASSES, self.layout.classes];
        for (&label, &classes) in labels.iter().zip(&limits[2 - labels.len()..]) {
            if usize::from(label) >= classes {
                return Err(DataError::Label {
                    file: self.file.clone(),
                    record: self.records,
                    label,
                    classes,
                });
            }
        }
        set.push(pixels, labels[labels.len() - 1]);
        self.records += 1;
        Ok(())
    }

    /// Ends the file; returns its number of records.
    pub(crate) fn finish(self) -> Result<usize, DataError> {
        let size = self.records * self.layout.bytes() + self.partial.len();
        self.layout.check_size(&self.file, size as u64)?;
        Ok(self.records)
    }
}
