//! What was taken for what, in the report.

use super::{RunReport, table};
use crate::protocol::Evaluation;
use std::fmt::Write;

/// A whole table up to so many classes; beyond, only what is confused most.
const TABLE_CLASSES: usize = 20;
/// Lines of the most frequent confusions.
const LINES: usize = 15;

/// Both networks' confusions as Markdown.
pub(super) fn confusions(text: &mut String, report: &RunReport) {
    let Some(evaluation) = &report.evaluation else {
        return;
    };
    let both = [
        ("spiking", Some(&evaluation.spiking)),
        ("dense", evaluation.dense.as_ref()),
    ];
    for (network, evaluation) in both {
        if let Some(evaluation) =
            evaluation.filter(|one| one.confusion.iter().flatten().any(|n| *n > 0))
        {
            let _ = writeln!(text, "\n### Confusion, {network}\n");
            confusion(text, evaluation, &report.classes);
        }
    }
}

fn confusion(text: &mut String, evaluation: &Evaluation, classes: &[String]) {
    let name = |class: usize| {
        classes
            .get(class)
            .cloned()
            .unwrap_or_else(|| class.to_string())
    };
    let counts = &evaluation.confusion;
    if counts.len() <= TABLE_CLASSES {
        let names: Vec<String> = (0..counts.len()).map(name).collect();
        let mut header = vec!["truth ↓, answer →"];
        header.extend(names.iter().map(String::as_str));
        let rows = counts.iter().zip(&names).map(|(row, name)| {
            let cells = row.iter().map(u32::to_string);
            std::iter::once(name.clone()).chain(cells).collect()
        });
        return table(text, &header, rows);
    }
    let _ = writeln!(text, "The most frequent of {} classes:\n", counts.len());
    for one in mistakes(counts).into_iter().take(LINES) {
        let _ = writeln!(
            text,
            "- {} taken for {}: {}",
            name(one.truth),
            name(one.said),
            one.count
        );
    }
}

/// A mistake and how often it was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mistake {
    /// True class.
    pub truth: usize,
    /// The class it was taken for.
    pub said: usize,
    /// Images.
    pub count: u32,
    /// Images of the true class.
    pub of: u32,
}

/// The mistakes, most frequent first; of equal counts the larger share of its class first, then in class order.
pub fn mistakes(confusion: &[Vec<u32>]) -> Vec<Mistake> {
    let mut all = Vec::new();
    for (truth, row) in confusion.iter().enumerate() {
        let of = row.iter().sum();
        for (said, &count) in row.iter().enumerate() {
            if truth != said && count > 0 {
                all.push(Mistake {
                    truth,
                    said,
                    count,
                    of,
                });
            }
        }
    }
    all.sort_by_key(|one| (std::cmp::Reverse(one.count), one.of, one.truth, one.said));
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn evaluation(classes: usize) -> Evaluation {
        let mut confusion = vec![vec![0; classes]; classes];
        confusion[1][1] = 7;
        confusion[1][0] = 3;
        Evaluation {
            images: 10,
            accuracy: 0.7,
            loss: 1.0,
            confusion,
            activity: None,
        }
    }

    #[test]
    fn a_few_classes_are_a_table_with_their_names() {
        let mut text = String::new();
        confusion(
            &mut text,
            &evaluation(2),
            &["cat".to_owned(), "dog".to_owned()],
        );
        assert!(text.contains("| truth ↓, answer → | cat | dog |"), "{text}");
        assert!(text.contains("| dog | 3 | 7 |"), "{text}");
    }

    #[test]
    fn many_classes_are_a_list_of_errors() {
        let mut text = String::new();
        confusion(&mut text, &evaluation(100), &[]);
        assert!(text.contains("- 1 taken for 0: 3"), "{text}");
        assert!(!text.contains('|'), "{text}");
    }

    #[test]
    fn mistakes_come_by_count_then_by_share_and_hits_not_at_all() {
        let confusion = vec![vec![90, 4, 6], vec![2, 5, 0], vec![6, 0, 4]];
        let order: Vec<_> = mistakes(&confusion)
            .iter()
            .map(|one| (one.truth, one.said, one.count, one.of))
            .collect();
        assert_eq!(
            order,
            [(2, 0, 6, 10), (0, 2, 6, 100), (0, 1, 4, 100), (1, 0, 2, 7)]
        );
    }
}
