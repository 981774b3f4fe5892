//! What a worker does with pictures besides training: held-out batches, single pictures, samples.

use super::Engine;
use crate::config::WhatIf;
use crate::protocol::Event;
use crate::train::Tally;
use crate::worker::host::Progress;
use crate::worker::look::{interleave, look};
use crate::worker::try_out::Trial;

/// Images per forward in an evaluation.
const EVAL_BATCH: usize = 50;

impl Engine {
    pub(super) async fn evaluate(&mut self, images: usize) {
        if !self.fits() {
            return;
        }
        let (Some(twins), Some(data)) = (&self.twins, &self.data) else {
            return;
        };
        let total = images.min(data.held_out.len());
        if total == 0 {
            return self
                .host
                .warn("this data set has no held-out images to evaluate on");
        }
        let progress = Progress::new(&self.host);
        let mut tallies = [Tally::default(), Tally::default()];
        for from in (0..total).step_by(EVAL_BATCH) {
            let to = (from + EVAL_BATCH).min(total);
            for (tally, session) in tallies.iter_mut().zip([&twins.spiking, &twins.dense]) {
                if let Err(error) = tally.add(session, &data.held_out, from..to).await {
                    return self.host.send(&Event::Fatal {
                        text: error.to_string(),
                    });
                }
            }
            progress.report("evaluating on held-out images", to as u64, total as u64);
            self.host.breathe().await;
        }
        let [mut spiking, mut dense] = tallies;
        let step = twins.spiking.steps_made();
        let predicted = Event::Predicted {
            step,
            spiking: std::mem::take(&mut spiking.predicted),
            dense: std::mem::take(&mut dense.predicted),
        };
        self.host.send(&Event::Evaluated {
            step,
            spiking: spiking.evaluation(true),
            dense: dense.evaluation(false),
        });
        self.host.send(&predicted);
    }

    pub(super) async fn try_out(&self, what_if: WhatIf, images: usize, picture: Option<Vec<u8>>) {
        if !self.fits() {
            return;
        }
        let (Some(twins), Some(data)) = (&self.twins, &self.data) else {
            return;
        };
        let trial = Trial {
            host: &self.host,
            device: &self.device,
            data,
            what_if,
            images,
            picture,
        };
        let event = trial.run(&twins.spiking, &twins.dense).await;
        self.host.send(&event);
    }

    pub(super) async fn classify(&self, id: u64, label: Option<usize>, planar: &[u8]) {
        let Some(twins) = &self.twins else { return };
        // The data set's classes are not the visitor's own.
        let label = label.filter(|_| twins.spiking.config().data.classes.is_none());
        let looked = async {
            let (spiking, spikes) = look(&twins.spiking, planar).await?;
            let (dense, _) = look(&twins.dense, planar).await?;
            Ok::<_, burn::tensor::ExecutionError>((spiking, dense, spikes))
        };
        match looked.await {
            Ok((spiking, dense, spikes)) => self.host.send(&Event::Classified {
                id,
                label,
                seen: interleave(planar),
                spiking,
                dense,
                activity: spikes.activity(),
            }),
            Err(error) => self.host.send(&Event::Fatal {
                text: error.to_string(),
            }),
        }
    }

    pub(super) fn samples(&self, from: usize, count: usize) {
        let Some(data) = &self.data else { return };
        let to = from.saturating_add(count).min(data.held_out.len());
        let range = from.min(to)..to;
        let labels = range
            .clone()
            .map(|index| usize::from(data.held_out.label(index)))
            .collect();
        let pixels: Vec<u8> = range
            .flat_map(|index| interleave(data.held_out.image(index)))
            .collect();
        self.host
            .send_with(&Event::Samples { from, labels }, &pixels);
    }
}
