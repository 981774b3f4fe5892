//! How a network was trained, from the log of its run.

use super::super::Failure;
use crate::config::{Optimizer, RunConfig, preset};
use crate::report::shipped::Training;
use serde_json::Value;
use std::path::Path;

/// Training images of both CIFARs that are not held back.
const TRAINED_ON: u64 = 45_000;

/// What `log.jsonl` says; without one, the command as the configuration has it.
///
/// # Errors
/// A log that cannot be read.
pub fn training(log: &Path, config: &RunConfig) -> Result<Training, Failure> {
    if !log.is_file() {
        return Ok(reconstructed(config));
    }
    let text = std::fs::read_to_string(log)?;
    let lines: Vec<Value> = text
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect();
    let mut training = reconstructed(config);
    let mut commands = lines.iter().filter_map(|line| line["command"].as_str());
    if let Some(command) = commands.next() {
        training.command = format!("train {command}");
        training.logged = true;
    }
    training.seconds = seconds(&lines, config.train.batch);
    training.validation_accuracy = lines
        .iter()
        .filter_map(|line| line["validation_accuracy"].as_f64())
        .reduce(f64::max);
    Ok(training)
}

/// Seconds of training: the images of each stretch between two evaluations over its mean speed.
fn seconds(lines: &[Value], batch: usize) -> Option<f64> {
    let mut total = 0.0;
    // First step of the stretch, last step seen in it, images per second there.
    let mut from = 0;
    let mut last: Option<(u64, f64)> = None;
    let mut end = |last: &mut Option<(u64, f64)>, from: &mut u64| {
        if let Some((step, speed)) = last.take() {
            if speed > 0.0 {
                total += step.saturating_sub(*from) as f64 * batch as f64 / speed;
            }
            *from = step;
        }
    };
    for line in lines {
        let Some(step) = line["step"].as_u64() else {
            continue;
        };
        // A resumed run goes back to its last checkpoint.
        if last.is_some_and(|(before, _)| step < before) {
            end(&mut last, &mut from);
            from = step;
        }
        match line["images_per_second"].as_f64() {
            Some(speed) => last = Some((step, speed)),
            None => end(&mut last, &mut from),
        }
    }
    end(&mut last, &mut from);
    (total > 0.0).then_some(total)
}

/// The command that a configuration amounts to, as far as it tells.
pub fn reconstructed(config: &RunConfig) -> Training {
    let train = &config.train;
    let batch = train.batch.max(1) as u64;
    let epochs = train.total_steps.div_ceil(TRAINED_ON.div_ceil(batch));
    let warmup = train.warmup_steps as f64 / train.total_steps.max(1) as f64;
    let rule = match train.optimizer {
        Optimizer::AdamW => "adamw",
        Optimizer::Muon => "muon",
    };
    let mut command = format!(
        "train pretrain --preset {} --dataset {} --data DIR --out RUN --epochs {epochs} --optimizer {rule} --batch {} --lr {} \
         --warmup {warmup:.3} --weight-decay {} --smoothing {} --seed {}",
        config.preset,
        config.data.dataset.name(),
        train.batch,
        train.lr,
        train.weight_decay,
        train.label_smoothing,
        config.seed
    );
    for (option, value) in [
        ("mixup", train.mixup),
        ("rand-augment", f64::from(train.augment.rand_augment)),
        ("erase", f64::from(train.augment.erase)),
        ("spike-penalty", train.spike_penalty),
        ("operation-penalty", train.operation_penalty),
    ] {
        if value != 0.0 {
            // An f32's digits, not those of its nearest f64.
            command.push_str(&format!(" --{option} {}", value as f32));
        }
    }
    let of_preset = preset(&config.preset, config.data.dataset).map(|run| run.model);
    if of_preset.as_ref() != Some(&config.model) {
        // Its JSON is in the card.
        command.push_str(" --model MODEL.json");
    }
    Training {
        command,
        ..Training::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn time_is_summed_over_stretches_between_evaluations() {
        let lines = [
            json!({ "step": 10, "images_per_second": 100.0 }),
            json!({ "step": 20, "images_per_second": 200.0 }),
            json!({ "step": 20, "validation_accuracy": 0.5 }),
            json!({ "step": 30, "images_per_second": 50.0 }),
        ];
        // 20 steps of 10 images at 200 a second, then 10 steps at 50.
        assert_eq!(seconds(&lines, 10), Some(1.0 + 2.0));
        assert_eq!(seconds(&[], 10), None);
    }
}
