//! Networks that start from other weights: shipped files, or the ones in force with new heads.

use super::{Engine, Twins};
use crate::config::{DatasetKind, RunConfig};
use crate::protocol::{Event, SHIPPED_WEIGHTS};
use crate::report::shipped::ShippedFile;
use crate::train::{Checkpoint, Member, Session};
use crate::worker::host::Progress;
use crate::worker::shipped;

impl Engine {
    pub(super) async fn configure_from(
        &mut self,
        runs: [RunConfig; 2],
        train_dense: bool,
        base: &str,
        files: &[ShippedFile],
    ) {
        match self.read_networks(&runs, base, files).await {
            Ok(([spiking, dense], weights)) => {
                self.teaching = None;
                self.stop();
                self.twins = Some(Twins {
                    spiking,
                    dense,
                    train_dense,
                    weights,
                    fresh: false,
                });
                self.announce();
            }
            Err(why) => {
                self.host.send(&Event::NotShipped {
                    text: format!("The shipped networks cannot be used: {why}. The networks start from fresh weights. Reload the page to try again."),
                });
                let [spiking, dense] = runs;
                self.configure(spiking, dense, train_dense);
            }
        }
    }

    async fn read_networks(
        &self,
        runs: &[RunConfig; 2],
        base: &str,
        files: &[ShippedFile],
    ) -> Result<([Session; 2], String), String> {
        let progress = Progress::new(&self.host);
        let report = |label: &str, done, total| progress.report(label, done, total);
        let read = shipped::get(base, files, report).await?;
        let start = |at: usize, role: &str| -> Result<(Session, DatasetKind), String> {
            let name = &files[at].file;
            let members = Checkpoint::from_bytes(name, &read[at]).map_err(|e| e.to_string())?;
            let found = members.members.into_iter().find(|one| one.role == role);
            let member = found.ok_or_else(|| format!("{name} holds no {role} network"))?;
            let session = Session::starting_from(runs[at].clone(), &member, &self.device)
                .map_err(|error| format!("{name}: {error}"))?;
            Ok((session, member.config.data.dataset))
        };
        let Some(first) = files.first() else {
            return Err("no file was named".to_owned());
        };
        let (spiking, trained_on) = start(0, "spiking")?;
        let kept = trained_on == runs[0].data.dataset;
        let (dense, names) = match files.get(1) {
            Some(twin) => (
                start(1, "dense")?.0,
                format!("{} and {}", first.file, twin.file),
            ),
            None => (
                Session::new(runs[1].clone(), &self.device).map_err(|error| error.to_string())?,
                format!("{}, with a fresh dense twin", first.file),
            ),
        };
        let sessions = [spiking, dense];
        let weights = if kept {
            format!("{SHIPPED_WEIGHTS}, {names}")
        } else {
            format!("transfer from {names}, with heads drawn anew")
        };
        Ok((sessions, weights))
    }

    pub(super) async fn new_heads(&mut self) {
        let (Some(twins), Some(data)) = (&self.twins, &self.data) else {
            return self
                .host
                .warn("there is no data set yet: wait for it to load, or open one");
        };
        let (kind, classes) = (data.kind, data.classes.len());
        let saved = async {
            let spiking = twins.spiking.save("spiking").await?;
            Ok::<_, burn::tensor::ExecutionError>([spiking, twins.dense.save("dense").await?])
        };
        let members = match saved.await {
            Ok(members) => members,
            Err(error) => {
                return self.host.send(&Event::Fatal {
                    text: error.to_string(),
                });
            }
        };
        let start = |member: &Member| {
            let mut run = member.config.clone();
            run.data.dataset = kind;
            run.data.classes = None;
            run.model = run.model.with_classes(classes);
            Session::starting_from(run, member, &self.device).map_err(|error| error.to_string())
        };
        let train_dense = twins.train_dense;
        match start(&members[0]).and_then(|spiking| Ok((spiking, start(&members[1])?))) {
            Ok((spiking, dense)) => {
                self.teaching = None;
                self.stop();
                self.twins = Some(Twins {
                    spiking,
                    dense,
                    train_dense,
                    weights: format!("transfer to {}, with heads drawn anew", kind.title()),
                    fresh: false,
                });
                self.announce();
            }
            Err(text) => self.host.warn(text),
        }
    }
}
