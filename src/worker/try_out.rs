//! What if: a changed copy of the networks in force on held-out images and on the picture shown. The run itself is
//! not touched.

use super::host::{Host, Progress};
use super::look::look;
use crate::config::WhatIf;
use crate::data::Dataset;
use crate::energy::census;
use crate::protocol::{Event, Level};
use crate::train::{Session, Tally, what_if::changed};
use burn::tensor::{Device, ExecutionError};

/// Images per forward.
const BATCH: usize = 50;

/// What is run and on what.
pub struct Trial<'a> {
    pub host: &'a Host,
    pub device: &'a Device,
    pub data: &'a Dataset,
    pub what_if: WhatIf,
    /// Held-out images, from the first.
    pub images: usize,
    /// Planar RGB of the picture shown.
    pub picture: Option<Vec<u8>>,
}

impl Trial<'_> {
    /// [`Event::TriedOut`], or what went wrong.
    pub async fn run(self, spiking: &Session, dense: &Session) -> Event {
        match self.changed(spiking, dense).await {
            Ok(Ok([spiking, dense])) => self
                .measured(&spiking, &dense)
                .await
                .unwrap_or_else(|error| fatal(&error)),
            Ok(Err(text)) => Event::Notice {
                level: Level::Warning,
                text: format!("this network cannot be changed like that: {text}"),
            },
            Err(error) => fatal(&error),
        }
    }

    async fn changed(
        &self,
        spiking: &Session,
        dense: &Session,
    ) -> Result<Result<[Session; 2], String>, ExecutionError> {
        let members = [spiking.save("spiking").await?, dense.save("dense").await?];
        let restore = |member| {
            let member = changed(member, &self.what_if).map_err(|error| error.to_string())?;
            Session::restore(&member, self.device).map_err(|error| error.to_string())
        };
        Ok(restore(&members[0]).and_then(|spiking| Ok([spiking, restore(&members[1])?])))
    }

    async fn measured(&self, spiking: &Session, dense: &Session) -> Result<Event, ExecutionError> {
        let total = self.images.min(self.data.held_out.len());
        let progress = Progress::new(self.host);
        let mut tallies = [Tally::default(), Tally::default()];
        for from in (0..total).step_by(BATCH) {
            let to = (from + BATCH).min(total);
            for (tally, session) in tallies.iter_mut().zip([spiking, dense]) {
                tally.add(session, &self.data.held_out, from..to).await?;
            }
            progress.report("running the changed networks", to as u64, total as u64);
            self.host.breathe().await;
        }
        let picture = match &self.picture {
            None => None,
            Some(planar) => {
                let (answer, spikes) = look(spiking, planar).await?;
                Some((answer, spikes.activity()))
            }
        };
        let [own, twin] = tallies;
        Ok(Event::TriedOut {
            what_if: self.what_if.clone(),
            step: spiking.steps_made(),
            spiking_census: census(&spiking.config().model),
            spiking: own.evaluation(true),
            dense: twin.evaluation(false),
            picture,
        })
    }
}

fn fatal(error: &ExecutionError) -> Event {
    Event::Fatal {
        text: error.to_string(),
    }
}
