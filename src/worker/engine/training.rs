//! Training steps, and the timing of some.

use super::networks::classes;
use super::{Engine, sampling};
use crate::config::RunConfig;
use crate::data::{
    Sampler,
    batch::{eval_batch, train_batch},
    synthetic,
};
use crate::protocol::{Backend, Event, StepFigures, StepReport};
use crate::train::{Session, StepStats, self_test};
use crate::worker::host::now_ms;

/// A GPU's loss is read back every so many steps: each read waits for the whole queue.
const GPU_READ_EVERY: u64 = 4;
/// The firing rate of the training batch is counted every so many steps.
const RATE_EVERY: u64 = 10;

impl Engine {
    pub(super) fn start(&mut self, steps: Option<u64>) {
        if self.fits() {
            // A single step is not worth it: the pages of the one before would be given back for it.
            if let (Some(twins), false) = (&self.twins, steps == Some(1)) {
                twins.spiking.prepare();
            }
            self.speed.restart(now_ms());
            self.running = Some(steps);
            self.host.send(&Event::Running { running: true });
        }
    }

    pub(super) fn stop(&mut self) {
        if self.running.take().is_some() {
            self.host.send(&Event::Running { running: false });
        }
    }

    pub(super) async fn train_step(&mut self) {
        let last = matches!(self.running, Some(Some(left)) if left <= 1);
        if matches!(self.running, Some(Some(0))) {
            return self.stop();
        }
        let (Some(data), backend) = (&self.data, self.backend) else {
            return self.stop();
        };
        let limit = self.train_limit(data);
        let Some(twins) = &mut self.twins else {
            return self.stop();
        };
        let config = twins.spiking.config().clone();
        let step = twins.spiking.steps_made();
        let sampler = Sampler {
            seed: config.seed,
            len: limit,
            batch: config.train.batch.min(limit),
        };
        let batch = train_batch(
            &data.train,
            &sampler.indices(step),
            &config.train.augment,
            config.train.mixup,
            config.seed,
            step,
        );
        // From 1, as the steps made are counted.
        let number = step + 1;
        let read = backend == Backend::Cpu || last || number.is_multiple_of(GPU_READ_EVERY);
        let spiking = match read && rate_is_due(number) {
            true => twins.spiking.step_counting(&batch),
            false => twins.spiking.step(&batch),
        };
        let dense = twins.train_dense.then(|| twins.dense.step(&batch));
        let report = report(spiking, dense, read).await;
        self.speed.add(now_ms(), batch.size);
        match report {
            Ok(report) => {
                let step = report.step;
                self.finish_step(report, last);
                if read && sampling::is_due(step) {
                    self.send_sample(step, &batch).await;
                }
            }
            Err(text) => {
                self.running = None;
                self.host.send(&Event::Fatal { text });
            }
        }
    }

    pub(super) fn finish_step(&mut self, mut report: StepReport, last: bool) {
        let figures = [report.spiking, report.dense];
        report.images_per_second = self.speed.images_per_second();
        self.host.send(&Event::Step(report));
        if figures
            .iter()
            .flatten()
            .any(|figures| !figures.loss.is_finite())
        {
            self.stop();
            self.host.warn("the loss is no longer a number, training was paused: lower the learning rate and press Reset, or open a checkpoint");
            return;
        }
        if let Some(Some(left)) = &mut self.running {
            *left -= 1;
        }
        if last {
            self.stop();
        }
    }

    pub(super) async fn probe(&mut self, steps: u32, dense: bool) {
        let configured = self.twins.as_ref().map(|twins| {
            let run = if dense { &twins.dense } else { &twins.spiking };
            run.config().clone()
        });
        let Some(config) = configured else {
            return self
                .host
                .warn("nothing is configured yet, so there is nothing to time");
        };
        let mut failure = self_test(&self.device).await.err();
        let (mut first_step_ms, mut step_ms) = (f64::NAN, f64::NAN);
        if failure.is_none() {
            match self.time_steps(config, steps.max(1)).await {
                Ok(times) => (first_step_ms, step_ms) = times,
                Err(text) => failure = Some(text),
            }
        }
        // A failed probe reports zeros beside its reason.
        let finite = |ms: f64| if ms.is_finite() { ms } else { 0.0 };
        self.host.send(&Event::Probed {
            failure,
            step_ms: finite(step_ms),
            first_step_ms: finite(first_step_ms),
        });
    }

    /// First step and mean of `steps` more, on generated pictures and fresh weights.
    pub(super) async fn time_steps(
        &self,
        config: RunConfig,
        steps: u32,
    ) -> Result<(f64, f64), String> {
        let classes = classes(&config);
        let size = config.train.batch;
        let mut set = synthetic::generate(config.seed, size, 0).train;
        set.labels
            .iter_mut()
            .for_each(|label| *label %= classes.min(255) as u8);
        let batch = eval_batch(&set, 0..set.len());
        let mut session = Session::new(config, &self.device).map_err(|error| error.to_string())?;
        let mut times = Vec::new();
        for _ in 0..=steps {
            let start = now_ms();
            let numbers = session
                .step(&batch)
                .read()
                .await
                .map_err(|error| error.to_string())?;
            if !numbers.loss.is_finite() {
                return Err(format!("the loss of a timed step is {}", numbers.loss));
            }
            times.push(now_ms() - start);
            self.host.breathe().await;
        }
        let mean = times[1..].iter().sum::<f64>() / f64::from(steps);
        Ok((times[0], mean))
    }
}

async fn report(
    spiking: StepStats,
    dense: Option<StepStats>,
    read: bool,
) -> Result<StepReport, String> {
    let (step, lr) = (spiking.step, spiking.lr);
    let mut report = StepReport {
        step,
        lr,
        spiking: None,
        dense: None,
        images_per_second: 0.0,
        firing_rate: None,
    };
    if !read {
        return Ok(report);
    }
    report.spiking = Some(figures(&spiking).await?);
    if let Some(dense) = dense {
        report.dense = Some(figures(&dense).await?);
    }
    let rate = spiking.firing_rate().await;
    report.firing_rate = rate.map_err(|error| error.to_string())?;
    Ok(report)
}

/// Whether the firing rate is counted at step `step`, from 1.
fn rate_is_due(step: u64) -> bool {
    step.is_multiple_of(RATE_EVERY) || (step - 1).is_multiple_of(RATE_EVERY)
}

async fn figures(stats: &StepStats) -> Result<StepFigures, String> {
    let numbers = stats.read().await.map_err(|error| error.to_string())?;
    Ok(StepFigures {
        loss: numbers.loss,
        accuracy: numbers.accuracy,
    })
}
