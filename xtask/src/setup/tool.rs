//! One thing that must be there.

use anyhow::{Result, anyhow, bail};
use std::time::Instant;

/// A tool: how to find it, how to get it, and what to say about it.
pub struct Tool {
    /// Name and version wanted.
    pub name: String,
    /// What it is for.
    pub why: &'static str,
    /// How long installing it takes on two cores.
    pub time: &'static str,
    /// Its version or place, if it is there.
    pub find: Box<dyn Fn() -> Option<String>>,
    /// Gets it.
    pub install: Box<dyn Fn() -> Result<()>>,
    /// What a person types when that fails.
    pub by_hand: String,
}

impl Tool {
    /// Finds the tool, or installs it and finds it then.
    pub fn ensure(&self) -> Result<()> {
        let Self {
            name, why, time, ..
        } = self;
        if let Some(found) = (self.find)() {
            println!("  {name}: there ({found})");
            return Ok(());
        }
        println!("  {name}: installing, about {time} ({why})");
        let started = Instant::now();
        (self.install)().map_err(|error| self.failed(&error))?;
        match (self.find)() {
            Some(found) => {
                println!(
                    "  {name}: installed in {:.0} s ({found})",
                    started.elapsed().as_secs_f64()
                );
                Ok(())
            }
            None => bail!(self.failed(&anyhow!("it was installed, but is still not found"))),
        }
    }

    fn failed(&self, cause: &anyhow::Error) -> anyhow::Error {
        anyhow!(
            "setting up {} failed.\n  Why it is needed: {}.\n  What went wrong: {cause:#}\n  By hand: {}\n  \
             Then run the same command again; what is already there is skipped.",
            self.name,
            self.why,
            self.by_hand
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;
    use std::rc::Rc;

    fn tool(there: Rc<Cell<bool>>, install: impl Fn() -> Result<()> + 'static) -> Tool {
        Tool {
            name: "hammer 1".into(),
            why: "nails",
            time: "a minute",
            find: Box::new(move || there.get().then(|| "on the wall".into())),
            install: Box::new(install),
            by_hand: "forge hammer".into(),
        }
    }

    #[test]
    fn what_is_there_is_skipped() {
        let tool = tool(Rc::new(Cell::new(true)), || {
            panic!("must not install again")
        });
        tool.ensure().unwrap();
    }

    #[test]
    fn installs_and_looks_again() {
        let there = Rc::new(Cell::new(false));
        let installed = there.clone();
        let tool = tool(there, move || {
            installed.set(true);
            Ok(())
        });
        tool.ensure().unwrap();
    }

    #[test]
    fn a_failure_names_step_cause_and_remedy() {
        let there = Rc::new(Cell::new(false));
        let error = tool(there.clone(), || Err(anyhow!("no iron")))
            .ensure()
            .unwrap_err();
        let text = format!("{error:#}");
        for part in ["hammer 1", "nails", "no iron", "forge hammer"] {
            assert!(text.contains(part), "{part:?} is missing in {text}");
        }
        let error = tool(there, || Ok(())).ensure().unwrap_err();
        assert!(error.to_string().contains("still not found"));
    }
}
