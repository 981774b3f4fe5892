//! Every mistake of a configuration at once, in words.

use super::*;
use std::fmt;

/// Everything wrong with a [`RunConfig`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigErrors(pub Vec<String>);

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the configuration cannot run: {}", self.0.join("; "))
    }
}

impl std::error::Error for ConfigErrors {}

impl RunConfig {
    /// Check that a model can be built and trained from this configuration.
    ///
    /// # Errors
    /// Every problem found, each with the value that would do.
    pub fn validate(&self) -> Result<(), ConfigErrors> {
        let mut errors = Vec::new();
        if self.format != CONFIG_FORMAT {
            errors.push(format!(
                "its format is {}, this build reads {CONFIG_FORMAT}",
                self.format
            ));
        }
        match &self.model {
            ModelConfig::Ge2msT(model) => spiking(model, &mut errors),
            ModelConfig::DenseVit(model) => dense(model, &mut errors),
        }
        train(&self.train, &mut errors);
        if let Some(names) = &self.data.classes {
            class_names(names, self.model.classes(), &mut errors);
        }
        if errors.is_empty() {
            Ok(())
        } else {
            Err(ConfigErrors(errors))
        }
    }
}

fn class_names(names: &[String], classes: usize, errors: &mut Vec<String>) {
    if names.len() != classes {
        errors.push(format!(
            "data.classes has {} names, the network {classes} classes",
            names.len()
        ));
    }
    for (index, name) in names.iter().enumerate() {
        let what = format!("data.classes[{index}]");
        if name.trim().is_empty() {
            errors.push(format!("{what} is empty, it needs a name"));
        } else if name.chars().count() > CLASS_NAME_MAX || name.chars().any(char::is_control) {
            errors.push(format!(
                "{what} must be at most {CLASS_NAME_MAX} characters, in one line"
            ));
        } else if names[..index].contains(name) {
            errors.push(format!("{what} is \"{name}\" like another class"));
        }
    }
}

fn at_least_one(errors: &mut Vec<String>, pairs: &[(&str, usize)]) {
    for (what, value) in pairs {
        if *value == 0 {
            errors.push(format!("{what} is 0, it must be at least 1"));
        }
    }
}

fn divides(errors: &mut Vec<String>, what: &str, part: usize, of: &str, whole: usize) {
    if part == 0 {
        errors.push(format!("{what} is 0, it must be at least 1"));
    } else if !whole.is_multiple_of(part) {
        errors.push(format!("{what} {part} does not divide {of} {whole}"));
    }
}

fn positive(errors: &mut Vec<String>, what: &str, value: f64) {
    if !(value > 0.0 && value.is_finite()) {
        errors.push(format!("{what} is {value}, it must be a positive number"));
    }
}

fn within(errors: &mut Vec<String>, what: &str, value: f64, low: f64, high: f64) {
    if !(low..=high).contains(&value) {
        errors.push(format!(
            "{what} is {value}, it must lie between {low} and {high}"
        ));
    }
}

fn spiking(model: &Ge2msTConfig, errors: &mut Vec<String>) {
    at_least_one(
        errors,
        &[
            ("image_size", model.image_size),
            ("in_channels", model.in_channels),
            ("classes", model.classes),
            ("time_steps", model.time_steps),
            ("mlp_ratio", model.mlp_ratio),
            ("heads", model.heads),
        ],
    );
    if model.time_steps > 64 {
        errors.push(format!(
            "time_steps is {}, at most 64 are supported",
            model.time_steps
        ));
    }
    stem(model, errors);
    let fold = match model.temporal.form {
        TemporalForm::FoldIntoChannels => model.temporal.group.max(1),
        TemporalForm::Parallel => 1,
    };
    let dim = model.dim() * fold;
    divides(errors, "heads", model.heads, "the block width", dim);
    divides(
        errors,
        "temporal.group",
        model.temporal.group,
        "time_steps",
        model.time_steps,
    );
    neuron(model, errors);
    if let InputCoding::Rate { noise } = model.coding {
        within(errors, "coding.noise", f64::from(noise), 0.0, 1.0);
    }
    windows(model, errors);
    for (index, groups) in model.channel_groups.iter().enumerate() {
        let name = format!("channel_groups[{index}]");
        divides(errors, &name, *groups, "the block width", dim);
    }
    if !(model.channel_groups.len() == 1 || model.channel_groups.len() == model.depth) {
        errors.push(format!(
            "channel_groups has {} entries, it needs 1 or depth = {}",
            model.channel_groups.len(),
            model.depth
        ));
    }
}

fn stem(model: &Ge2msTConfig, errors: &mut Vec<String>) {
    if model.stem.is_empty() {
        errors.push("stem is empty, it needs at least one convolution".into());
    }
    let mut side = model.image_size;
    for (index, conv) in model.stem.iter().enumerate() {
        at_least_one(
            errors,
            &[
                (&format!("stem[{index}].channels"), conv.channels),
                (&format!("stem[{index}].kernel"), conv.kernel),
            ],
        );
        if conv.kernel < conv.stride {
            errors.push(format!(
                "stem[{index}].kernel {} is smaller than its stride {}: pixels would be skipped",
                conv.kernel, conv.stride
            ));
        }
        if conv.stride == 1 && conv.kernel.is_multiple_of(2) {
            errors.push(format!(
                "stem[{index}].kernel {} is even at stride 1: the map would change its side",
                conv.kernel
            ));
        }
        let name = format!("stem[{index}].stride");
        divides(errors, &name, conv.stride, "the side of its input", side);
        side /= conv.stride.max(1);
        if conv.blocks > 0 {
            let name = format!("stem[{index}].groups");
            divides(errors, &name, conv.groups, "its channels", conv.channels);
        }
    }
}

fn neuron(model: &Ge2msTConfig, errors: &mut Vec<String>) {
    match &model.neuron {
        NeuronConfig::Lif {
            tau,
            v_threshold,
            surrogate,
            ..
        } => {
            if !(*tau >= 1.0 && tau.is_finite()) {
                errors.push(format!("neuron.tau is {tau}, it must be at least 1"));
            }
            positive(errors, "neuron.v_threshold", f64::from(*v_threshold));
            self::surrogate(*surrogate, errors);
        }
        NeuronConfig::If {
            v_threshold,
            surrogate,
            ..
        } => {
            positive(errors, "neuron.v_threshold", f64::from(*v_threshold));
            self::surrogate(*surrogate, errors);
        }
        NeuronConfig::ExpGIf {
            steps,
            groups,
            theta,
        } => {
            positive(errors, "neuron.theta", f64::from(*theta));
            at_least_one(
                errors,
                &[("neuron.steps", *steps), ("neuron.groups", *groups)],
            );
            if *steps > 16 {
                errors.push(format!(
                    "neuron.steps is {steps}, at most 16 are exact in f32"
                ));
            }
            if steps * groups != model.time_steps {
                errors.push(format!(
                    "time_steps is {}, ExpG-IF needs steps x groups = {}",
                    model.time_steps,
                    steps * groups
                ));
            }
            if model.temporal.group != *steps {
                errors.push(format!(
                    "temporal.group is {}, ExpG-IF's groups have steps = {steps}",
                    model.temporal.group
                ));
            }
            if model.temporal.form == TemporalForm::FoldIntoChannels {
                errors.push(
                    "temporal.form fold-into-channels needs neurons with a time axis, not ExpG-IF"
                        .into(),
                );
            }
        }
    }
}

fn surrogate(surrogate: Surrogate, errors: &mut Vec<String>) {
    let (what, value) = match surrogate {
        Surrogate::Atan { alpha } => ("surrogate.alpha", alpha),
        Surrogate::Sigmoid { alpha } => ("surrogate.alpha", alpha),
        Surrogate::Rectangle { width } => ("surrogate.width", width),
        Surrogate::Triangle { width } => ("surrogate.width", width),
    };
    positive(errors, what, f64::from(value));
}

fn windows(model: &Ge2msTConfig, errors: &mut Vec<String>) {
    let windows = &model.attention.windows;
    if windows.is_empty() {
        errors.push("attention.windows is empty, it needs at least one window side".into());
    }
    for (index, window) in windows.iter().enumerate() {
        let name = format!("attention.windows[{index}]");
        divides(
            errors,
            &name,
            *window,
            "the token grid's side",
            model.grid(),
        );
    }
    if !windows.is_empty() && !model.heads.is_multiple_of(windows.len()) {
        errors.push(format!(
            "attention.windows has {} entries, their number must divide heads {}",
            windows.len(),
            model.heads
        ));
    }
}

fn dense(model: &VitConfig, errors: &mut Vec<String>) {
    at_least_one(
        errors,
        &[
            ("image_size", model.image_size),
            ("in_channels", model.in_channels),
            ("classes", model.classes),
            ("dim", model.dim),
            ("mlp_ratio", model.mlp_ratio),
        ],
    );
    divides(errors, "heads", model.heads, "dim", model.dim);
    divides(errors, "patch", model.patch, "image_size", model.image_size);
}

fn train(train: &TrainConfig, errors: &mut Vec<String>) {
    at_least_one(errors, &[("train.batch", train.batch)]);
    if train.batch > 4096 {
        errors.push(format!("train.batch is {}, at most 4096", train.batch));
    }
    within(errors, "train.lr", train.lr, 1e-8, 10.0);
    within(errors, "train.lr_min", train.lr_min, 0.0, train.lr.max(0.0));
    within(errors, "train.weight_decay", train.weight_decay, 0.0, 10.0);
    within(errors, "train.clip_norm", train.clip_norm, 0.0, 1e6);
    within(
        errors,
        "train.label_smoothing",
        train.label_smoothing,
        0.0,
        0.999,
    );
    within(errors, "train.mixup", train.mixup, 0.0, 10.0);
    for (name, penalty) in [
        ("train.spike_penalty", train.spike_penalty),
        ("train.operation_penalty", train.operation_penalty),
    ] {
        within(errors, name, penalty, 0.0, 1e3);
    }
    let augment = &train.augment;
    within(
        errors,
        "augment.rand_augment",
        f64::from(augment.rand_augment),
        0.0,
        1.0,
    );
    within(errors, "augment.erase", f64::from(augment.erase), 0.0, 1.0);
    if augment.crop_padding > 16 {
        errors.push(format!(
            "augment.crop_padding is {}, at most 16",
            augment.crop_padding
        ));
    }
}
