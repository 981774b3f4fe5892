//! Learning rate over steps.

use crate::config::TrainConfig;

/// Linear warm-up to `lr`, then a cosine to `lr_min` at `total_steps`; constant after that.
pub fn learning_rate(config: &TrainConfig, step: u64) -> f64 {
    if step < config.warmup_steps {
        return config.lr * (step + 1) as f64 / config.warmup_steps as f64;
    }
    let length = config
        .total_steps
        .saturating_sub(config.warmup_steps)
        .max(1);
    let progress = ((step - config.warmup_steps) as f64 / length as f64).min(1.0);
    let cosine = (1.0 + (std::f64::consts::PI * progress).cos()) / 2.0;
    config.lr_min + (config.lr - config.lr_min) * cosine
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn warms_up_linearly_peaks_and_ends_at_the_minimum() {
        let config = TrainConfig {
            lr: 1.0,
            lr_min: 0.1,
            warmup_steps: 4,
            total_steps: 104,
            ..TrainConfig::default()
        };
        let rate = |step| learning_rate(&config, step);
        assert_eq!([rate(0), rate(1), rate(3)], [0.25, 0.5, 1.0]);
        assert_eq!(rate(4), 1.0);
        assert!(
            (rate(54) - 0.55).abs() < 1e-12,
            "half way between the two rates"
        );
        assert!((rate(104) - 0.1).abs() < 1e-12);
        assert!((rate(10_000) - 0.1).abs() < 1e-12);
    }
}
