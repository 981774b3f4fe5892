//! Runs kept for after a reload or a crash: what is said of one, when one is written, which one makes room. Plain data
//! and words; `vault` stores, `keep` acts.

use super::format::{bytes, grouped};
use serde::{Deserialize, Serialize};

/// Version of [`Record`].
pub const RECORD_FORMAT: u32 = 2;
/// Runs kept; beyond that the shortest makes room.
pub const KEPT_RUNS: usize = 4;
/// Steps after which a checkpoint is taken.
pub const STEPS: u64 = 100;
/// Milliseconds after which one is taken even if fewer steps were made.
const LONG_MS: f64 = 30_000.0;
/// Milliseconds between two writings of a run that goes on: a small network makes a hundred steps in a second.
const PAUSE_MS: f64 = 10_000.0;

/// What is kept beside a run's checkpoint and curves. Configuration, optimiser and step are in the checkpoint.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Record {
    /// [`RECORD_FORMAT`].
    pub format: u32,
    /// Names the run, in every tab.
    pub id: String,
    /// File name of the checkpoint.
    pub name: String,
    /// Preset.
    pub preset: String,
    /// Step.
    pub step: u64,
    /// Name of the data set it was trained on.
    pub dataset: String,
    /// Whether the dense twin was trained too.
    pub twin: bool,
    /// Prices and assumptions, as the address has them.
    pub prices: String,
    /// When it was written: milliseconds since 1970.
    pub saved_ms: f64,
    /// Bytes of the checkpoint.
    pub bytes: f64,
}

/// Why a run could not be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trouble {
    /// No room.
    Full,
    /// The browser keeps nothing for this page; its words.
    Denied(String),
}

impl Trouble {
    /// What is the case, and what to do.
    pub fn words(&self) -> String {
        match self {
            Self::Full => {
                "The browser’s storage for this page is full, so this run would not survive a reload. Delete a kept run, or press Save checkpoint to keep this one as a file.".to_owned()
            }
            Self::Denied(why) => format!(
                "The browser keeps nothing for this page ({}), so a run does not survive a reload. Press Save checkpoint to keep it as a file.",
                why.trim_end_matches('.')
            ),
        }
    }
}

/// Whether a checkpoint is due after so many steps and milliseconds since the last one.
pub fn due(steps: u64, ms: f64) -> bool {
    steps >= STEPS || steps > 0 && ms >= LONG_MS
}

/// Whether a checkpoint that has come is written now: at once where nothing may follow (the run stands still, or the
/// tab is hidden and may be ended), else at most every ten seconds.
pub fn write_now(running: bool, hidden: bool, ms: f64) -> bool {
    !running || hidden || ms >= PAUSE_MS
}

/// A record from its text; `None` if it is of another version.
pub fn read(text: &str) -> Option<Record> {
    let record: Record = serde_json::from_str(text).ok()?;
    (record.format == RECORD_FORMAT).then_some(record)
}

/// The run that makes room for `id`, if one must: the shortest that no tab is training, the older of equals. Long runs
/// cost the most to make again.
pub fn make_room<'a>(records: &'a [Record], id: &str, live: &[String]) -> Option<&'a Record> {
    let others = || records.iter().filter(|record| record.id != id);
    if others().count() < KEPT_RUNS {
        return None;
    }
    others()
        .filter(|record| !live.contains(&record.id))
        .min_by(|a, b| {
            let of = |record: &Record| (record.step, record.saved_ms);
            of(a)
                .partial_cmp(&of(b))
                .unwrap_or(std::cmp::Ordering::Equal)
        })
}

/// The run that is offered after a reload: the one written last that no other tab holds.
pub fn offered<'a>(records: &'a [Record], live: &[String]) -> Option<&'a Record> {
    records
        .iter()
        .filter(|record| !live.contains(&record.id))
        .max_by(|a, b| a.saved_ms.total_cmp(&b.saved_ms))
}

impl Record {
    /// The run in a line.
    pub fn line(&self, now_ms: f64) -> String {
        let images = match self.dataset.as_str() {
            "cifar10" => "CIFAR-10",
            "cifar100" => "CIFAR-100",
            "synthetic" => "generated shapes",
            other => other,
        };
        format!(
            "{}, step {}, on {images}, kept {} ({})",
            self.preset,
            grouped(self.step as f64),
            ago(now_ms - self.saved_ms),
            bytes(self.bytes)
        )
    }

    /// Name of the button that goes on with it.
    pub fn button(&self) -> String {
        format!("Resume from step {}", self.step)
    }
}

/// A stretch of time up to now.
fn ago(ms: f64) -> String {
    let minutes = (ms / 60_000.0).floor();
    let (count, unit) = match minutes {
        m if m < 1.0 => return "just now".to_owned(),
        m if m < 60.0 => (m, "minute"),
        m if m < 48.0 * 60.0 => ((m / 60.0).floor(), "hour"),
        m => ((m / 1440.0).floor(), "day"),
    };
    let end = if count == 1.0 { "" } else { "s" };
    format!("{count} {unit}{end} ago")
}

/// A stretch of time that a tab was out of sight, and what became of the run meanwhile.
pub fn absence(ms: f64, from: u64, to: u64) -> Option<String> {
    // A glance at another tab is not worth a word.
    if ms < 5_000.0 {
        return None;
    }
    let [first, last] = [from, to].map(|step| grouped(step as f64));
    Some(if to > from {
        format!(
            "Training went on while this tab was out of sight: from step {first} to step {last}."
        )
    } else {
        format!(
            "The browser let nothing run while this tab was out of sight: training stood still at step {last} and goes on now."
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(id: &str, step: u64, saved_ms: f64) -> Record {
        Record {
            format: RECORD_FORMAT,
            id: id.to_owned(),
            step,
            saved_ms,
            ..Record::default()
        }
    }

    #[test]
    fn a_record_survives_its_text_and_another_version_is_not_read() {
        let record = Record {
            preset: "tiny".to_owned(),
            twin: true,
            prices: "bits=8".to_owned(),
            ..record("a", 12, 1.5e12)
        };
        let text = serde_json::to_string(&record).unwrap();
        assert_eq!(read(&text), Some(record));
        assert_eq!(read(&text.replace("\"format\":2", "\"format\":3")), None);
        assert_eq!(read("torn"), None);
    }

    #[test]
    fn checkpoints_are_due_by_steps_and_by_time() {
        assert!(due(100, 0.0) && due(1, 30_000.0));
        assert!(!due(99, 29_000.0) && !due(0, 1e9));
    }

    #[test]
    fn a_run_is_written_at_once_where_nothing_may_follow() {
        assert!(write_now(false, false, 0.0) && write_now(true, true, 0.0));
        assert!(!write_now(true, false, 9_000.0) && write_now(true, false, 10_000.0));
    }

    #[test]
    fn the_shortest_run_that_nobody_trains_makes_room() {
        let mut runs = vec![
            record("long", 3000, 1.0),
            record("short", 4, 2.0),
            record("shorter", 3, 3.0),
        ];
        assert_eq!(make_room(&runs, "new", &[]), None, "there is room for four");
        runs.push(record("middle", 50, 4.0));
        let gone = |live: &[String]| make_room(&runs, "new", live).map(|run| run.id.as_str());
        assert_eq!(gone(&[]), Some("shorter"));
        assert_eq!(gone(&["shorter".to_owned()]), Some("short"));
        assert_eq!(
            make_room(&runs, "long", &[]),
            None,
            "its own place is enough"
        );
        let all: Vec<String> = runs.iter().map(|run| run.id.clone()).collect();
        assert_eq!(gone(&all), None, "a run in another tab is never thrown out");
    }

    #[test]
    fn the_run_written_last_is_offered_unless_another_tab_has_it() {
        let runs = [record("old", 9, 1.0), record("new", 2, 2.0)];
        assert_eq!(offered(&runs, &[]).unwrap().id, "new");
        assert_eq!(offered(&runs, &["new".to_owned()]).unwrap().id, "old");
        assert_eq!(offered(&[], &[]), None);
    }

    #[test]
    fn a_line_says_what_and_when() {
        let record = Record {
            preset: "small".to_owned(),
            dataset: "synthetic".to_owned(),
            bytes: 2e6,
            ..record("a", 812, 0.0)
        };
        assert_eq!(
            record.line(61_000.0),
            "small, step 812, on generated shapes, kept 1 minute ago (2.00\u{202f}MB)"
        );
        assert!(
            record.line(1e9).contains("11 days ago"),
            "{}",
            record.line(1e9)
        );
        assert_eq!(record.button(), "Resume from step 812");
    }

    #[test]
    fn trouble_has_words_and_a_way_on() {
        for trouble in [Trouble::Full, Trouble::Denied("no cookies.".to_owned())] {
            assert!(trouble.words().contains("Save checkpoint"), "{trouble:?}");
        }
        assert!(
            Trouble::Denied("no cookies.".to_owned())
                .words()
                .contains("(no cookies)")
        );
    }

    #[test]
    fn an_absence_is_told_with_its_steps() {
        assert_eq!(absence(1_000.0, 3, 9), None);
        assert!(
            absence(60_000.0, 3, 12_345)
                .unwrap()
                .contains("from step 3 to step 12\u{202f}345")
        );
        assert!(
            absence(60_000.0, 12_345, 12_345)
                .unwrap()
                .contains("stood still at step 12\u{202f}345")
        );
    }
}
