//! Class names in files.

use crate::config::DatasetKind;

/// Names from a `batches.meta.txt` or `fine_label_names.txt`: one a line, blank lines ignored.
/// `None` unless there is exactly one name for each class.
pub(crate) fn parse_names(kind: DatasetKind, text: &[u8]) -> Option<Vec<String>> {
    let names: Vec<String> = std::str::from_utf8(text)
        .ok()?
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .map(str::to_owned)
        .collect();
    (names.len() == kind.classes()).then_some(names)
}
