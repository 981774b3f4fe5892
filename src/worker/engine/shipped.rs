//! Networks that start from other weights: shipped files, or the ones in force with new heads.

use super::{Engine, Twins};
use crate::config::RunConfig;
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
        files: &[ShippedFile; 2],
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
        files: &[ShippedFile; 2],
    ) -> Result<([Session; 2], String), String> {
        let progress = Progress::new(&self.host);
        let report = |label: &str, done, total| progress.report(label, done, total);
        let [own, twin] = shipped::get(base, files, report).await?;
        let member = |file: &ShippedFile, bytes: &[u8], role: &str| -> Result<Member, String> {
            let read =
                Checkpoint::from_bytes(&file.file, bytes).map_err(|error| error.to_string())?;
            let found = read.members.into_iter().find(|member| member.role == role);
            found.ok_or_else(|| format!("{} holds no {role} network", file.file))
        };
        let members = [
            member(&files[0], &own, "spiking")?,
            member(&files[1], &twin, "dense")?,
        ];
        let kept = members[0].config.data.dataset == runs[0].data.dataset;
        let start = |at: usize| {
            Session::starting_from(runs[at].clone(), &members[at], &self.device)
                .map_err(|error| format!("{}: {error}", files[at].file))
        };
        let sessions = [start(0)?, start(1)?];
        let names = format!("{} and {}", files[0].file, files[1].file);
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
