//! `train prune`: a network with fewer channels in its stem, to be trained on.

use super::eval::tally;
use super::source::{Source, read_member, write_whole};
use super::{DeviceName, Failure};
use crate::data::{ImageSet, Split};
use crate::train::{Checkpoint, Member, Precision, Session, Tally, prune};
use burn::tensor::Device;
use clap::Args;
use std::path::PathBuf;

/// Arguments of `train prune`.
#[derive(Args)]
pub struct Prune {
    #[command(flatten)]
    source: Source,
    /// Checkpoint of a spiking network.
    #[arg(long)]
    checkpoint: PathBuf,
    /// Channels to keep of the stem's stages, from the first on; the last stage keeps its own.
    #[arg(long, value_delimiter = ',', required = true)]
    stem: Vec<usize>,
    /// Training images on which the loss without each channel is measured.
    #[arg(long, default_value_t = 1000)]
    limit: usize,
    /// File to write, for `train pretrain --from`.
    #[arg(long)]
    out: PathBuf,
    /// Device.
    #[arg(long, value_enum, default_value_t = DeviceName::Cpu)]
    device: DeviceName,
}

impl Prune {
    pub fn run(self) -> Result<(), Failure> {
        let device = self.device.open()?;
        let whole = read_member(&self.checkpoint, None)?;
        self.source.suits(&whole.config)?;
        // All of it before the minutes that measuring takes.
        for (stage, &left) in self.stem.iter().enumerate() {
            let channels = prune::channels(&whole, stage)?;
            if left == 0 || left > channels {
                return Err(format!(
                    "stage {stage} of the stem has {channels} channels: keep 1 to {channels}, not {left}"
                )
                .into());
            }
        }
        let images = self.source.load(Split::Train)?.0.take(self.limit);
        let before = measure(&whole, &images, &device)?;
        let mut pruned = whole.clone();
        for (stage, &left) in self.stem.iter().enumerate() {
            let mut losses = Vec::new();
            for channel in 0..prune::channels(&whole, stage)? {
                let silenced = prune::without(&whole, stage, channel)?;
                losses.push(measure(&silenced, &images, &device)?.mean_loss());
            }
            let kept = prune::dearest(&losses, left);
            let dropped = (0..losses.len()).filter(|channel| !kept.contains(channel));
            let dropped: Vec<String> = dropped
                .map(|channel| format!("{channel} ({:.4})", losses[channel]))
                .collect();
            println!(
                "stage {stage}: {left} of {} channels; without, by number (loss without it alone): {}",
                losses.len(),
                dropped.join(", ")
            );
            pruned = prune::keep(&pruned, stage, &kept)?;
        }
        let after = measure(&pruned, &images, &device)?;
        println!(
            "loss {:.4} → {:.4}, accuracy {:.2} → {:.2} % of {} training images, to be trained on",
            before.mean_loss(),
            after.mean_loss(),
            100.0 * before.accuracy(),
            100.0 * after.accuracy(),
            after.images
        );
        let file = Checkpoint {
            members: vec![pruned],
        };
        write_whole(&self.out, &file.to_bytes(Precision::F32))?;
        println!("{}", self.out.display());
        Ok(())
    }
}

fn measure(member: &Member, images: &ImageSet, device: &Device) -> Result<Tally, Failure> {
    tally(&Session::restore(member, device)?, images)
}
