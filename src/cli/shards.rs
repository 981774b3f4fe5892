//! `train shards`: the files a page serves its data set from.

use super::Failure;
use super::source::Source;
use crate::data::{Dataset, Split, shards};
use clap::Args;
use std::path::PathBuf;

/// Arguments of `train shards`.
#[derive(Args)]
pub struct Shards {
    #[command(flatten)]
    source: Source,
    /// Folder to write to; `<OUT>/<dataset>/manifest.json` and the shards.
    #[arg(long)]
    out: PathBuf,
}

impl Shards {
    pub fn run(self) -> Result<(), Failure> {
        let (train, classes) = self.source.load(Split::Train)?;
        let (held_out, _) = self.source.load(Split::Test)?;
        let kind = self.source.kind();
        let dataset = Dataset {
            kind,
            classes,
            train,
            held_out,
            origin: String::new(),
        };
        let dir = self.out.join(kind.name());
        let manifest = shards::write(&dir, &dataset)?;
        let bytes: u64 = manifest.shards.iter().map(|shard| shard.bytes).sum();
        println!(
            "{}: {} shards, {bytes} bytes",
            dir.display(),
            manifest.shards.len()
        );
        Ok(())
    }
}
