//! What a pretraining run writes: its log, its last and its best state, and the file to ship.

use crate::cli::Failure;
use crate::cli::source::{read_member, write_whole};
use crate::data::ImageSet;
use crate::train::{Checkpoint, Member, Precision, Session, Tally};
use futures_lite::future::block_on;
use serde_json::json;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Images per forward of an evaluation.
const EVAL_BATCH: usize = 250;

/// A run and its folder.
pub struct Run {
    pub session: Session,
    out: PathBuf,
    log: std::fs::File,
    best: f64,
}

impl Run {
    /// Goes on with the folder's log, if it has one.
    pub fn open(session: Session, out: &Path) -> Result<Self, Failure> {
        let path = out.join("log.jsonl");
        let log = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(&path)?;
        let mut run = Self {
            session,
            out: out.to_path_buf(),
            log,
            best: best_so_far(&path)?,
        };
        // For the model card.
        let command: Vec<String> = std::env::args().skip(1).collect();
        run.log(&json!({ "step": run.session.steps_made(), "command": command.join(" ") }))?;
        Ok(run)
    }

    /// Writes a line.
    pub fn log(&mut self, line: &serde_json::Value) -> std::io::Result<()> {
        writeln!(self.log, "{line}")
    }

    /// Writes the state, and measures it if asked to: the best one has a file of its own.
    pub fn checkpoint(&mut self, validation: &ImageSet, evaluate: bool) -> Result<(), Failure> {
        let member = block_on(self.session.save("spiking"))?;
        let whole = Checkpoint {
            members: vec![role(member)],
        };
        write_whole(
            &self.out.join("last.safetensors"),
            &whole.to_bytes(Precision::F32),
        )?;
        if !evaluate {
            return Ok(());
        }
        let mut tally = Tally::default();
        for from in (0..validation.len()).step_by(EVAL_BATCH) {
            block_on(tally.add(
                &self.session,
                validation,
                from..(from + EVAL_BATCH).min(validation.len()),
            ))?;
        }
        let accuracy = tally.accuracy();
        self.log(&json!({
            "step": self.session.steps_made(), "validation_accuracy": accuracy,
            "validation_loss": tally.mean_loss(), "validation_firing_rate": tally.spikes.firing_rate(),
        }))?;
        println!(
            "step {}: validation accuracy {:.2} %, firing rate {:.2} %",
            self.session.steps_made(),
            100.0 * accuracy,
            100.0 * tally.spikes.firing_rate()
        );
        if accuracy > self.best {
            self.best = accuracy;
            write_whole(
                &self.out.join("best.safetensors"),
                &whole.to_bytes(Precision::F32),
            )?;
        }
        Ok(())
    }

    /// The best state as a small file without optimiser state.
    pub fn ship(&self) -> Result<(), Failure> {
        let mut member = read_member(&self.out.join("best.safetensors"), None)?;
        member.moments = None;
        let bytes = Checkpoint {
            members: vec![member],
        }
        .to_bytes(Precision::F16);
        let path = self.out.join("model.safetensors");
        write_whole(&path, &bytes)?;
        println!("{}: {} bytes", path.display(), bytes.len());
        Ok(())
    }
}

/// The role follows from the network's kind.
fn role(mut member: Member) -> Member {
    if matches!(member.config.model, crate::config::ModelConfig::DenseVit(_)) {
        member.role = "dense".into();
    }
    member
}

/// Best validation accuracy in a log, for a run that goes on.
fn best_so_far(log: &Path) -> Result<f64, Failure> {
    let lines = std::fs::read_to_string(log)?;
    let accuracies = lines.lines().filter_map(|line| {
        serde_json::from_str::<serde_json::Value>(line)
            .ok()?
            .get("validation_accuracy")?
            .as_f64()
    });
    Ok(accuracies.fold(f64::NEG_INFINITY, f64::max))
}
