//! Earlier runs: kept when another begins, so that their curves lie under the new one's. Plain data in bounded
//! memory, and as text for the browser's storage.

use super::history::{Column, History, Row};
use super::settings::Settings;
use super::url::{freeze_name, parse, serialise};
use std::fmt::Write;

/// Runs kept; the oldest goes first. Each has a colour and a dash of its own.
pub const KEPT: usize = 6;
/// Rows kept of a run's curves.
const ROWS: usize = 100;
/// Length of the text for the storage, in bytes, at most.
pub const STORED_BYTES: usize = 60_000;
/// First line of that text; another one is of another build and left alone.
const FORMAT: &str = "gemst runs 1";

/// A run that another one followed.
#[derive(Debug, Clone, PartialEq)]
pub struct KeptRun {
    /// Counts the runs of this browser.
    pub number: u32,
    /// Which of the [`KEPT`] ways to draw it.
    pub slot: usize,
    /// Its settings.
    pub settings: Settings,
    /// Where its weights came from, in words; empty if they were drawn.
    pub origin: String,
    /// Last step.
    pub steps: u64,
    /// Whether its curves are drawn.
    pub shown: bool,
    /// Its curves.
    pub curve: History,
}

/// The kept runs, oldest first.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Runs {
    list: Vec<KeptRun>,
    last: u32,
    revision: u64,
}

impl Runs {
    /// The runs, oldest first.
    pub fn list(&self) -> &[KeptRun] {
        &self.list
    }

    /// A number that changes whenever something is kept, hidden or removed.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// The runs whose curves are drawn.
    pub fn shown(&self) -> impl Iterator<Item = &KeptRun> {
        self.list.iter().filter(|run| run.shown)
    }

    /// Keep a run, if it is more than a point.
    pub fn keep(&mut self, settings: Settings, weights: &str, history: &History) {
        let losses = history.column(Column::SpikingLoss);
        if losses.iter().flatten().count() < 2 {
            return;
        }
        if self.list.len() >= KEPT {
            self.list.remove(0);
        }
        self.last += 1;
        let origin = if weights.starts_with("fresh") {
            ""
        } else {
            weights
        };
        let run = KeptRun {
            number: self.last,
            slot: self.free_slot(),
            settings,
            origin: origin.to_owned(),
            steps: history.rows().last().map_or(0, |row| row.step),
            shown: true,
            curve: history.thinned(ROWS),
        };
        self.list.push(run);
        self.revision += 1;
    }

    /// Draw a run's curves, or do not.
    pub fn show(&mut self, number: u32, shown: bool) {
        for run in self.list.iter_mut().filter(|run| run.number == number) {
            run.shown = shown;
        }
        self.revision += 1;
    }

    /// Forget a run.
    pub fn remove(&mut self, number: u32) {
        self.list.retain(|run| run.number != number);
        self.revision += 1;
    }

    fn free_slot(&self) -> usize {
        let taken = |slot: &usize| self.list.iter().any(|run| run.slot == *slot);
        (0..KEPT).find(|slot| !taken(slot)).unwrap_or_default()
    }

    /// As text of at most [`STORED_BYTES`]; the oldest runs are left out until it fits. `fewer` leaves out so many
    /// more, for a storage that is nearly full.
    pub fn to_text(&self, fewer: usize) -> String {
        let mut from = fewer.min(self.list.len());
        loop {
            let mut text = FORMAT.to_owned();
            for run in &self.list[from..] {
                text.push('\n');
                write(&mut text, run);
            }
            if text.len() <= STORED_BYTES || from == self.list.len() {
                return text;
            }
            from += 1;
        }
    }

    /// From text; what cannot be read is left out.
    pub fn from_text(text: &str) -> Self {
        let mut runs = Self::default();
        let mut lines = text.lines();
        if lines.next() != Some(FORMAT) {
            return runs;
        }
        let read: Vec<KeptRun> = lines.filter_map(read).collect();
        for mut run in read.into_iter().rev().take(KEPT).rev() {
            run.slot = runs.free_slot();
            runs.last = runs.last.max(run.number);
            runs.list.push(run);
        }
        runs
    }
}

/// What of a run's settings differs from those of the run now, setting by setting.
pub fn difference(run: &Settings, now: &Settings) -> Vec<String> {
    let (theirs, ours) = (named(run), named(now));
    theirs
        .into_iter()
        .zip(ours)
        .filter(|(theirs, ours)| theirs != ours)
        .map(|((name, theirs), (_, ours))| format!("{name} {theirs} (now {ours})"))
        .collect()
}

fn named(settings: &Settings) -> [(&'static str, String); 9] {
    let limit = settings.train_limit;
    [
        ("network", settings.preset.clone()),
        ("images", settings.dataset.name().to_owned()),
        ("seed", settings.seed.to_string()),
        ("learning rate", settings.lr.to_string()),
        ("batch", settings.batch.to_string()),
        ("spike penalty", settings.penalty.to_string()),
        ("frozen", freeze_name(settings.freeze).replace('-', " ")),
        (
            "training images",
            limit.map_or("all".to_owned(), |limit| limit.to_string()),
        ),
        (
            "dense twin",
            if settings.twin { "trained" } else { "left out" }.to_owned(),
        ),
    ]
}

/// One line: number, shown, steps, settings, origin, rows; parted by tabs, rows by semicolons, figures by commas.
fn write(text: &mut String, run: &KeptRun) {
    let origin = run.origin.replace(char::is_control, " ");
    let _ = write!(
        text,
        "{}\t{}\t{}\t{}\t{origin}\t",
        run.number,
        u8::from(run.shown),
        run.steps,
        serialise(&run.settings),
    );
    for row in run.curve.rows() {
        let _ = write!(text, "{}", row.step);
        for column in Column::ALL {
            text.push(',');
            if let Some(value) = row.get(column) {
                let _ = write!(text, "{}", short(value));
            }
        }
        text.push(';');
    }
}

fn read(line: &str) -> Option<KeptRun> {
    let parts: Vec<&str> = line.split('\t').collect();
    let [number, shown, steps, query, origin, rows] = parts[..] else {
        return None;
    };
    let mut curve = History::default();
    for row in rows.split_terminator(';') {
        let mut fields = row.split(',');
        let mut read = Row::new(fields.next()?.parse().ok()?);
        for (column, value) in Column::ALL.into_iter().zip(fields) {
            read = read.with(column, value.parse().ok());
        }
        curve.push(read);
    }
    Some(KeptRun {
        number: number.parse().ok()?,
        slot: 0,
        settings: parse(query).0,
        origin: origin.to_owned(),
        steps: steps.parse().ok()?,
        shown: shown == "1",
        curve: curve.thinned(ROWS),
    })
}

/// Four significant digits: more than a curve shows.
fn short(value: f64) -> f64 {
    format!("{value:.3e}").parse().unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn curve(steps: u64) -> History {
        let mut history = History::default();
        for step in 1..=steps {
            let row = Row::new(step).with(Column::SpikingLoss, Some(1.0 / step as f64));
            let row = row.with(Column::DenseLoss, Some(2.0));
            let row = row.with(Column::SpikingAccuracy, Some(0.123_456_789));
            let row = row.with(Column::DenseAccuracy, Some(0.2));
            history.push(row.with(Column::SpikingEnergy, Some(3_212_345.0)));
        }
        history
    }

    fn seeded(seed: u64) -> Settings {
        Settings {
            seed,
            ..Settings::default()
        }
    }

    fn numbers(runs: &Runs) -> Vec<u32> {
        runs.list().iter().map(|run| run.number).collect()
    }

    #[test]
    fn a_bounded_number_is_kept_and_each_looks_different() {
        let mut runs = Runs::default();
        for seed in 0..10 {
            runs.keep(seeded(seed), "fresh weights", &curve(900));
        }
        assert_eq!(numbers(&runs), [5, 6, 7, 8, 9, 10]);
        assert!(
            runs.list()
                .iter()
                .all(|run| run.curve.rows().len() <= ROWS && run.steps == 900)
        );
        runs.remove(6);
        runs.keep(seeded(11), "fresh weights", &curve(5));
        let mut slots: Vec<usize> = runs.list().iter().map(|run| run.slot).collect();
        slots.sort_unstable();
        slots.dedup();
        assert_eq!(slots.len(), KEPT, "every run has a look of its own");
        assert_eq!(numbers(&runs), [5, 7, 8, 9, 10, 11]);
    }

    #[test]
    fn a_single_step_is_no_run() {
        let mut runs = Runs::default();
        runs.keep(seeded(1), "fresh weights", &curve(1));
        assert!(runs.list().is_empty());
        assert_eq!(runs.revision(), 0);
    }

    #[test]
    fn text_brings_the_runs_back() {
        let mut runs = Runs::default();
        runs.keep(seeded(3), "fresh weights, seed 3", &curve(7));
        runs.keep(
            seeded(4),
            "checkpoint odd\tname.safetensors, step 2",
            &curve(300),
        );
        runs.show(1, false);
        let back = Runs::from_text(&runs.to_text(0));
        assert_eq!(numbers(&back), [1, 2]);
        assert_eq!(back.list()[0].settings, seeded(3));
        assert!(!back.list()[0].shown && back.list()[1].shown);
        assert_eq!(back.list()[0].origin, "");
        assert!(back.list()[1].origin.starts_with("checkpoint odd name"));
        let row = back.list()[0].curve.rows()[6];
        assert_eq!(row.step, 7);
        assert_eq!(row.get(Column::SpikingAccuracy), Some(0.1235));
        assert_eq!(row.get(Column::SpikingEnergy), Some(3_212_000.0));
        assert_eq!(row.get(Column::FiringRate), None);
        // The next run does not take a number that was given.
        let mut back = back;
        back.keep(seeded(5), "fresh weights", &curve(3));
        assert_eq!(numbers(&back), [1, 2, 3]);
    }

    #[test]
    fn the_text_is_bounded_and_the_newest_survive() {
        let mut runs = Runs::default();
        for seed in 0..6 {
            runs.keep(seeded(seed), &"x".repeat(15_000), &curve(900));
        }
        let text = runs.to_text(0);
        assert!(text.len() <= STORED_BYTES, "{}", text.len());
        let kept = numbers(&Runs::from_text(&text));
        assert!(kept.len() >= 2 && kept.last() == Some(&6), "{kept:?}");
        let fewer = numbers(&Runs::from_text(&runs.to_text(5)));
        assert_eq!(fewer, [6]);
    }

    #[test]
    fn what_is_no_list_of_runs_is_none() {
        for text in ["", "holiday", "gemst runs 9\n1\t1\t3\t\t\t1,2;"] {
            assert!(Runs::from_text(text).list().is_empty(), "{text}");
        }
        let torn = format!("{FORMAT}\n1\t1\tthree\t\t\t1,2;\n2\t1\t3\tseed=4\t\t1,2,,;2,1");
        assert_eq!(numbers(&Runs::from_text(&torn)), [2]);
    }

    #[test]
    fn the_difference_names_what_differs_and_nothing_else() {
        let now = Settings::default();
        assert!(difference(&now, &now).is_empty());
        let run = Settings {
            seed: 7,
            penalty: 0.5,
            twin: false,
            ..Settings::default()
        };
        assert_eq!(
            difference(&run, &now),
            [
                "seed 7 (now 0)",
                "spike penalty 0.5 (now 0)",
                "dense twin left out (now trained)"
            ]
        );
    }
}
