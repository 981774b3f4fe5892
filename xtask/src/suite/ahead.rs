//! What browsers need, fetched and compiled while native checks run. Most of that time is one thread's, which optimises
//! across all crates at once, and cargo builds for another target and profile beside its own.

use crate::shell::{command, line, target_dir};
use anyhow::{Context, Result, bail};
use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Child, Command};

/// A command that was started before its turn; what it says goes to a file until then. Ends with this value.
pub struct Ahead {
    shown: String,
    log: PathBuf,
    child: Child,
}

impl Ahead {
    /// Starts `command`; `name` is the file's.
    pub fn start(name: &str, command: &mut Command) -> Result<Self> {
        let shown = line(command);
        fs::create_dir_all(target_dir())?;
        let log = target_dir().join(format!("{name}.log"));
        let file = File::create(&log).with_context(|| format!("writing {}", log.display()))?;
        let child = command
            .stdout(file.try_clone()?)
            .stderr(file)
            .spawn()
            .with_context(|| format!("`{shown}` did not start"))?;
        println!("Beside these: `{shown}` (what it says: {})", log.display());
        Ok(Self { shown, log, child })
    }

    /// Waits for it and prints what it said.
    pub fn finish(mut self) -> Result<()> {
        println!("$ {} (was started at the beginning)", self.shown);
        let status = self.child.wait()?;
        println!("{}", String::from_utf8_lossy(&fs::read(&self.log)?));
        if !status.success() {
            bail!("`{}` failed ({status})", self.shown);
        }
        Ok(())
    }
}

impl Drop for Ahead {
    fn drop(&mut self) {
        // Nothing to stop where it has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `cargo xtask ahead`, this program.
pub fn this_program() -> Result<Command> {
    let mut program = command(std::env::current_exe()?);
    program.arg("ahead");
    Ok(program)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut shell = Command::new("sh");
        shell.args(["-c", script]);
        shell
    }

    #[test]
    fn it_runs_beside_and_its_words_and_failure_are_kept() {
        let good = Ahead::start("ahead-good", &mut shell("echo one; echo two >&2")).unwrap();
        let log = good.log.clone();
        good.finish().unwrap();
        assert_eq!(fs::read_to_string(log).unwrap(), "one\ntwo\n");
        let bad = Ahead::start("ahead-bad", &mut shell("exit 3")).unwrap();
        assert!(bad.finish().unwrap_err().to_string().contains("exit 3"));
    }

    #[test]
    fn it_ends_with_its_owner() {
        let endless = Ahead::start("ahead-endless", &mut shell("exec sleep 1000")).unwrap();
        let process = PathBuf::from(format!("/proc/{}", endless.child.id()));
        drop(endless);
        assert!(!process.exists());
    }
}
