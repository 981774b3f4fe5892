//! Shows a test runner's output as it comes and adds up its closing lines.

use crate::shell::line;
use anyhow::{Context, Result, bail};
use std::fmt;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

/// Sums over every runner's `test result:` lines.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Tally {
    lines: Vec<String>,
    passed: u64,
    failed: u64,
    ignored: u64,
}

impl Tally {
    /// Runs a test command; `name` stands before its closing lines in the summary.
    pub fn watch(&mut self, name: &str, command: &mut Command) -> Result<()> {
        let shown = line(command);
        println!("$ {shown}");
        let mut child = command
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("`{shown}` did not start"))?;
        let output = child.stdout.take().expect("stdout is piped");
        let before = self.passed + self.failed;
        for text in BufReader::new(output).split(b'\n') {
            let text = String::from_utf8_lossy(&text?).into_owned();
            println!("{text}");
            self.take(name, &text);
        }
        let status = child.wait()?;
        if !status.success() {
            bail!("`{shown}` failed ({status})");
        }
        if self.passed + self.failed == before {
            bail!("`{shown}` ran no test");
        }
        Ok(())
    }

    fn take(&mut self, name: &str, text: &str) {
        let Some(result) = text.trim().strip_prefix("test result:") else {
            return;
        };
        let count = |what: &str| {
            let words: Vec<&str> = result.split([' ', ';', '.']).collect();
            let at = words.iter().position(|word| *word == what);
            at.and_then(|at| words.get(at.checked_sub(1)?)?.parse::<u64>().ok())
                .unwrap_or(0)
        };
        let (passed, failed) = (count("passed"), count("failed"));
        self.passed += passed;
        self.failed += failed;
        self.ignored += count("ignored");
        // Programs without tests print a line too.
        if passed + failed > 0 {
            self.lines.push(format!("{name}: test result:{result}"));
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in &self.lines {
            writeln!(out, "{line}")?;
        }
        let Self {
            passed,
            failed,
            ignored,
            ..
        } = self;
        write!(out, "{passed} passed, {failed} failed, {ignored} skipped")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closing_lines_are_added_up() {
        let mut tally = Tally::default();
        tally.take("a", "running 3 tests");
        tally.take(
            "a",
            "test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s",
        );
        tally.take(
            "b",
            "test result: ok. 0 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out",
        );
        tally.take(
            "c",
            "test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out",
        );
        assert_eq!((tally.passed, tally.failed, tally.ignored), (4, 2, 1));
        let text = tally.to_string();
        assert_eq!(text.lines().count(), 3);
        assert_eq!(text.lines().last(), Some("4 passed, 2 failed, 1 skipped"));
    }

    #[test]
    fn a_failing_and_an_empty_run_are_errors() {
        let mut tally = Tally::default();
        let fails = tally.watch("x", Command::new("sh").args(["-c", "exit 3"]));
        assert!(fails.is_err());
        let empty = tally.watch("x", Command::new("sh").args(["-c", "echo nothing"]));
        assert!(empty.unwrap_err().to_string().contains("ran no test"));
    }
}
