//! A shipped network's card, Markdown: what it reaches, what it costs, what it is bad at, how to train it again.

use super::shipped::{ClassScore, Shipped};
use super::{percent, table};
use crate::config::{Optimizer, RunConfig};
use crate::energy::energy_text;
use std::fmt::Write;

/// Classes listed, where there are many.
const LISTED: usize = 10;

/// The card of a network beside its twin; `classes` in label order.
pub fn model_card(
    model: &Shipped,
    twin: Option<&Shipped>,
    config: &RunConfig,
    classes: &[ClassScore],
) -> String {
    let mut text = String::new();
    let _ = writeln!(
        text,
        "# {}\n\n{} of preset `{}`, trained on {}. Written by `train card`; every figure is measured from `{}`.\n",
        model.file.file.trim_end_matches(".safetensors"),
        if model.role == "spiking" {
            "The spiking network"
        } else {
            "The dense twin of the spiking network"
        },
        model.preset,
        model.dataset.title(),
        model.file.file
    );
    figures(&mut text, model, twin);
    energy(&mut text, model);
    weaknesses(&mut text, model, classes);
    recipe(&mut text, model, config);
    text
}

fn figures(text: &mut String, model: &Shipped, twin: Option<&Shipped>) {
    let mut header = vec!["", "this network"];
    if twin.is_some() {
        header.push("its twin");
    }
    let both: Vec<&Shipped> = std::iter::once(model).chain(twin).collect();
    let row = |name: &str, of: &dyn Fn(&Shipped) -> String| {
        let mut cells = vec![name.to_owned()];
        cells.extend(both.iter().map(|model| of(model)));
        cells
    };
    let measured = |measure: super::shipped::Measure| {
        format!("{} of {}", percent(measure.accuracy), measure.images)
    };
    let rows = [
        row("accuracy, test images", &|model| measured(model.test)),
        row("accuracy, validation images", &|model| {
            measured(model.validation)
        }),
        row("mean firing rate per step", &|model| {
            model.firing_rate.map_or_else(super::unknown, percent)
        }),
        row("parameters", &|model| model.params.to_string()),
        row("steps trained, last run", &|model| model.step.to_string()),
        row("steps trained, all runs", &|model| {
            model.steps_in_all().to_string()
        }),
        row("file", &|model| {
            format!(
                "{}, {} bytes, CRC-32 {}",
                model.file.file, model.file.bytes, model.file.crc32
            )
        }),
    ];
    table(text, &header, rows);
}

fn energy(text: &mut String, model: &Shipped) {
    if model.energy.is_empty() {
        return;
    }
    text.push_str("\n## Energy\n\nPer test image, modelled for event-driven hardware from published constants; nothing is measured. `train energy` itemises it.\n\n");
    let header = [
        "ruling",
        "spiking",
        "rival",
        "rival ÷ spiking",
        "who needs less",
    ];
    let rows = model.energy.iter().map(|line| {
        vec![
            format!("({}) {}", line.letter, line.title),
            energy_text(line.spiking_pj),
            format!("{} ({})", energy_text(line.dense_pj), line.rival),
            format!("{:.2}", line.dense_pj / line.spiking_pj),
            line.outcome.words().to_owned(),
        ]
    });
    table(text, &header, rows);
}

fn weaknesses(text: &mut String, model: &Shipped, classes: &[ClassScore]) {
    let _ = writeln!(
        text,
        "\n## Known weaknesses\n\n- It knows {} kinds of things and gives one of their names to every picture.\n\
         - It was trained on photographs of 32×32 pixels, most of them filled by one thing; a camera’s picture is another matter.\n\
         - An answer below {} confidence is unlike those that were right: 5 of 100 right answers on test images are below, and {} of the wrong ones. The others are wrong with confidence.",
        model.dataset.classes(),
        percent(model.unsure.below),
        percent(model.unsure.wrong)
    );
    let mut listed: Vec<&ClassScore> = classes.iter().collect();
    listed.sort_by(|a, b| a.accuracy.total_cmp(&b.accuracy));
    listed.truncate(LISTED);
    text.push_str("\nClasses, the worst known first:\n\n");
    let header = ["class", "known", "most often taken for"];
    let rows = listed.iter().map(|score| {
        let taken = score.taken_for.as_ref();
        vec![
            score.class.clone(),
            percent(score.accuracy),
            taken.map_or_else(super::unknown, |(other, share)| {
                format!("{other}, {}", percent(*share))
            }),
        ]
    });
    table(text, &header, rows);
}

fn recipe(text: &mut String, model: &Shipped, config: &RunConfig) {
    let train = &config.train;
    let augment = &train.augment;
    let _ = writeln!(text, "\n## Recipe\n");
    let mut line = |what: &str, how: String| {
        let _ = writeln!(text, "- {what}: {how}");
    };
    line(
        "data",
        format!(
            "the official training part of {} but for its last 5,000 images, which are the validation images; the test part is touched by evaluation only",
            model.dataset.title()
        ),
    );
    let rule = match train.optimizer {
        Optimizer::AdamW => "AdamW",
        Optimizer::Muon => "Muon for hidden weight matrices, AdamW for the rest",
    };
    line(
        "optimiser",
        format!(
            "{rule}; learning rate {} at its peak after {} steps of warm-up, a cosine to {} over {} steps, weight decay {}, gradient norm at most {}, batch {}",
            train.lr,
            train.warmup_steps,
            train.lr_min,
            train.total_steps,
            train.weight_decay,
            train.clip_norm,
            train.batch
        ),
    );
    line(
        "regularisation",
        format!(
            "label smoothing {}, mixup {}, crops with {} pixels of padding, mirroring {}, RandAugment {}, erasing {}, spike penalty {}, operation penalty {}",
            train.label_smoothing,
            train.mixup,
            augment.crop_padding,
            if augment.flip { "on" } else { "off" },
            augment.rand_augment,
            augment.erase,
            train.spike_penalty,
            train.operation_penalty
        ),
    );
    line("seed", config.seed.to_string());
    if let Some(seconds) = model.training.seconds {
        line(
            "time",
            format!(
                "{:.1} hours of training steps, from the log",
                seconds / 3600.0
            ),
        );
    }
    let from = if model.training.logged {
        "from its log"
    } else {
        "put together from the configuration in the file, which does not know --from and --limit"
    };
    let _ = writeln!(
        text,
        "\nThe command, {from}:\n\n```sh\n{}\n```\n\nThe figures, again:\n\n```sh\ntrain eval --checkpoint {} --dataset {} --data DIR\n```",
        model.training.command,
        model.file.file,
        model.dataset.name()
    );
    // Plain data: it serialises.
    let whole = serde_json::to_string_pretty(config).unwrap_or_default();
    let _ = writeln!(
        text,
        "\n<details><summary>The whole configuration</summary>\n\n```json\n{whole}\n```\n\n</details>"
    );
}
