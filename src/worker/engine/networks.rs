//! The two networks of a worker: drawn, tuned, saved, opened.

use super::{Engine, Twins};
use crate::config::RunConfig;
use crate::data::batch::eval_batch;
use crate::energy::census;
use crate::protocol::Event;
use crate::train::{Checkpoint, Precision, Session};
use std::fmt::Display;

/// Training pictures whose statistics a fresh network starts with.
const CALIBRATION: usize = 16;

impl Engine {
    pub(super) fn configure(&mut self, spiking: RunConfig, dense: RunConfig, train_dense: bool) {
        self.teaching = None;
        let weights = format!("fresh weights, seed {}", spiking.seed);
        match self.build(spiking, dense) {
            Ok((spiking, dense)) => {
                self.stop();
                self.twins = Some(Twins {
                    spiking,
                    dense,
                    train_dense,
                    weights,
                    fresh: true,
                });
                self.calibrate();
                self.announce();
            }
            Err(error) => self.host.warn(error.to_string()),
        }
    }

    /// Gives fresh networks the statistics of a few training pictures, once both are there.
    pub(super) fn calibrate(&mut self) {
        if let (Some(twins), Some(data)) = (&mut self.twins, &self.data)
            && twins.fresh
            && twins.spiking.config().data.classes.is_none()
            && classes(twins.spiking.config()) == data.classes.len()
        {
            let batch = eval_batch(&data.train, 0..CALIBRATION.min(data.train.len()));
            twins.spiking.calibrate(&batch);
            twins.dense.calibrate(&batch);
        }
    }

    pub(super) fn build(
        &self,
        spiking: RunConfig,
        dense: RunConfig,
    ) -> Result<(Session, Session), impl Display + use<>> {
        let spiking = Session::new(spiking, &self.device)?;
        Ok::<_, crate::config::ConfigErrors>((spiking, Session::new(dense, &self.device)?))
    }

    pub(super) fn announce(&self) {
        let Some(twins) = &self.twins else { return };
        let (spiking, dense) = (twins.spiking.config(), twins.dense.config());
        self.host.send(&Event::Ready {
            spiking: spiking.clone(),
            dense: dense.clone(),
            step: twins.spiking.steps_made(),
            spiking_params: twins.spiking.params(),
            dense_params: twins.dense.params(),
            spiking_census: census(&spiking.model),
            dense_census: census(&dense.model),
            weights: twins.weights.clone(),
        });
    }

    pub(super) fn reset(&mut self) {
        if let Some(twins) = &self.twins {
            // Fresh networks are for the data set; a visitor's own classes are learned from trained ones.
            let of_set = |config: &RunConfig| {
                let mut config = config.clone();
                if config.data.classes.take().is_some() {
                    let kind = self.data.as_ref().map(|data| data.kind);
                    config.data.dataset = kind.unwrap_or(config.data.dataset);
                    config.model = config.model.with_classes(config.data.dataset.classes());
                }
                config
            };
            let (spiking, dense) = (of_set(twins.spiking.config()), of_set(twins.dense.config()));
            self.configure(spiking, dense, twins.train_dense);
        }
    }

    pub(super) fn tune(&mut self, train_dense: bool, change: impl Fn(&mut RunConfig)) {
        let Some(twins) = &mut self.twins else { return };
        twins.train_dense = train_dense;
        let tuned = twins
            .spiking
            .tune(&change)
            .and_then(|()| twins.dense.tune(&change));
        if let Err(error) = tuned {
            self.host.warn(error.to_string());
        }
    }

    pub(super) async fn save(&self) {
        let Some(twins) = &self.twins else { return };
        let saved = async {
            let members = vec![
                twins.spiking.save("spiking").await?,
                twins.dense.save("dense").await?,
            ];
            Ok::<_, burn::tensor::ExecutionError>(Checkpoint { members })
        };
        match saved.await {
            Ok(checkpoint) => {
                let step = twins.spiking.steps_made();
                let config = twins.spiking.config();
                let what = match config.data.classes {
                    Some(_) => "own-classes".to_owned(),
                    None => format!("step{step}"),
                };
                let name = format!("gemst-{}-{what}.safetensors", config.preset);
                self.host.send_with(
                    &Event::Checkpoint { name, step },
                    &checkpoint.to_bytes(Precision::F32),
                );
            }
            Err(error) => self.host.send(&Event::Fatal {
                text: error.to_string(),
            }),
        }
    }

    pub(super) fn open(&mut self, name: &str, bytes: &[u8]) {
        match self.opened(name, bytes) {
            Ok(twins) => {
                self.teaching = None;
                self.stop();
                self.twins = Some(twins);
                self.announce();
            }
            Err(text) => self.host.warn(text),
        }
    }

    pub(super) fn opened(&self, name: &str, bytes: &[u8]) -> Result<Twins, String> {
        let checkpoint = Checkpoint::from_bytes(name, bytes).map_err(|error| error.to_string())?;
        let restore = |role: &str| {
            checkpoint
                .member(role)
                .map(|member| {
                    Session::restore(member, &self.device)
                        .map_err(|error| format!("{name}: {error}"))
                })
                .transpose()
        };
        let spiking = restore("spiking")?.ok_or_else(|| {
            format!("{name} holds no spiking network: open a checkpoint saved by this page or by `train pretrain` with a spiking preset")
        })?;
        let dense = match (restore("dense")?, &self.twins) {
            (Some(dense), _) => dense,
            // A file with the spiking network alone keeps the twin in use where it has the same classes.
            (None, Some(twins)) if classes(twins.dense.config()) == classes(spiking.config()) => {
                twins.dense.fork()
            }
            (None, _) => {
                return Err(format!(
                    "{name} holds no dense twin, and the one in use has another number of classes: choose the data set first, then open the file"
                ));
            }
        };
        let step = spiking.steps_made();
        let train_dense = self.twins.as_ref().is_none_or(|twins| twins.train_dense);
        Ok(Twins {
            spiking,
            dense,
            train_dense,
            weights: format!("checkpoint {name}, step {step}"),
            fresh: false,
        })
    }
}

pub(super) fn classes(config: &RunConfig) -> usize {
    config.model.classes()
}
