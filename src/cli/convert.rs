//! `train convert`: a checkpoint's network on events against its training form.

use super::eval::load;
use super::source::{Source, read_member};
use super::{DeviceName, Failure, Part};
use crate::data::batch::eval_batch;
use crate::train::{Conversion, Session};
use clap::Args;
use futures_lite::future::block_on;
use serde_json::json;
use std::path::PathBuf;

/// Images per forward of the training form.
const BATCH: usize = 50;

/// Arguments of `train convert`.
#[derive(Args)]
pub struct Convert {
    /// Checkpoint file of an ExpG-IF network.
    #[arg(long)]
    checkpoint: PathBuf,
    #[command(flatten)]
    source: Source,
    /// Part of the data set.
    #[arg(long, value_enum, default_value_t = Part::Test)]
    split: Part,
    /// Images compared.
    #[arg(long, default_value_t = 2000)]
    limit: usize,
    /// Round the weights to 8-bit integers first.
    #[arg(long)]
    eight_bit: bool,
    /// Device of the training form.
    #[arg(long, value_enum, default_value_t = DeviceName::Cpu)]
    device: DeviceName,
    /// Name every picture that differs, not only their numbers by layer.
    #[arg(long)]
    each: bool,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

impl Convert {
    pub fn run(self) -> Result<(), Failure> {
        let member = read_member(&self.checkpoint, None)?;
        self.source.suits(&member.config)?;
        let mut session = Session::restore(&member, &self.device.open()?)?;
        if self.eight_bit {
            session = block_on(session.with_eight_bit_weights())?;
        }
        let set = load(&self.source, self.split, Some(self.limit))?;
        let mut conversion = block_on(Conversion::of(&session))?;
        let mut right = 0;
        for from in (0..set.len()).step_by(BATCH) {
            let batch = eval_batch(&set, from..(from + BATCH).min(set.len()));
            right += block_on(conversion.add(&session, &batch))?;
        }
        let images = conversion.images.max(1) as f64;
        let accuracy = right as f64 / images;
        let departures: Vec<String> = conversion
            .departures
            .iter()
            .map(|departure| departure.to_string())
            .collect();
        let layers = conversion.by_layer();
        if self.json {
            let layers: Vec<_> = layers
                .iter()
                .map(|layer| {
                    json!({
                        "layer": layer.layer, "images": layer.images, "other_top": layer.other_top,
                        "single_neuron": layer.single, "median_theta": layer.margin[0],
                        "largest_theta": layer.margin[1],
                    })
                })
                .collect();
            println!(
                "{}",
                json!({
                    "images": conversion.images, "identical": conversion.identical,
                    "close": conversion.close, "same_top": conversion.same_top,
                    "worst": conversion.worst, "accuracy": accuracy,
                    "spikes_per_image": conversion.spikes as f64 / images,
                    "layers": layers, "departures": departures,
                })
            );
            return Ok(());
        }
        println!("images       {}", conversion.images);
        let share = |count: usize| format!("{count} ({:.2} %)", 100.0 * count as f64 / images);
        println!("identical    {}", share(conversion.identical));
        println!("within 1e-4  {}", share(conversion.close));
        println!("same top-1   {}", share(conversion.same_top));
        println!("worst        {:.2e} of the largest logit", conversion.worst);
        println!("accuracy     {:.2} % on events", 100.0 * accuracy);
        println!(
            "spikes       {:.0} per image",
            conversion.spikes as f64 / images
        );
        if !layers.is_empty() {
            println!(
                "\nThe others part where a potential lies within a rounding of the training form's sums of the border\n\
                 between two codes. First layer that differs, and the distance from the border:"
            );
        }
        for layer in layers {
            println!(
                "{:20} {:5} pictures, {:5} by one neuron, {:3} with another top-1; {:.1e} theta at the median, {:.1e} at most",
                layer.layer,
                layer.images,
                layer.single,
                layer.other_top,
                layer.margin[0],
                layer.margin[1]
            );
        }
        if self.each {
            departures
                .iter()
                .for_each(|departure| println!("{departure}"));
        }
        Ok(())
    }
}
