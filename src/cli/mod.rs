//! `train`: the native command line. Everything it does is the library's; this is arguments, files and
//! print-outs.

mod card;
mod convert;
mod energy;
mod eval;
mod pretrain;
mod prune;
mod record;
mod shards;
mod source;
mod transfer;

use crate::data::Split;
use clap::{Parser, Subcommand, ValueEnum};
use std::process::ExitCode;

/// What can go wrong, in words for the terminal.
type Failure = Box<dyn std::error::Error>;

/// Train, evaluate and measure gemst's networks natively.
#[derive(Parser)]
#[command(name = "train", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Train a preset from scratch or from a checkpoint; resumes exactly where it was stopped.
    Pretrain(pretrain::Pretrain),
    /// Accuracy, firing rate and modelled energy of a checkpoint on a data set.
    Eval(eval::Eval),
    /// Modelled energy of a checkpoint against its dense twin, itemised, under three rulings.
    Energy(energy::Energy),
    /// A checkpoint's network spike by spike against its training form: logits, top classes, where they part.
    Convert(convert::Convert),
    /// Milliseconds of a training step and of one image, spiking against dense.
    Bench(eval::Bench),
    /// Accuracy on test images after some steps from another network's weights.
    Transfer(transfer::Transfer),
    /// Take the channels that matter least out of a trained network's stem.
    Prune(prune::Prune),
    /// Measure the networks to ship, write their index and model cards.
    Card(card::Card),
    /// Record both shipped networks on a picture, for the page to show before its engine runs.
    Record(record::Record),
    /// Write a data set as the page's shards.
    Shards(shards::Shards),
}

/// A part of a data set on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Part {
    /// The official training part.
    Train,
    /// The official test part.
    Test,
}

impl Part {
    fn split(self) -> Split {
        match self {
            Self::Train => Split::Train,
            Self::Test => Split::Test,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Train => "training",
            Self::Test => "test",
        }
    }
}

/// Where the arithmetic happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum DeviceName {
    /// burn's flex on this machine's processor.
    Cpu,
    /// burn's wgpu (Vulkan or Metal); needs a build with `--features gpu`.
    Gpu,
}

impl DeviceName {
    fn open(self) -> Result<burn::tensor::Device, Failure> {
        match self {
            Self::Cpu => Ok(burn::tensor::Device::flex()),
            #[cfg(feature = "gpu")]
            Self::Gpu => Ok(burn::tensor::Device::wgpu(
                burn::tensor::DeviceKind::DefaultDevice,
            )),
            #[cfg(not(feature = "gpu"))]
            Self::Gpu => Err("this build has no GPU backend: build with --features gpu".into()),
        }
    }
}

/// Entry of the binary.
pub fn main() -> ExitCode {
    let result = match Arguments::parse().command {
        Command::Pretrain(command) => command.run(),
        Command::Eval(command) => command.run(),
        Command::Energy(command) => command.run(),
        Command::Convert(command) => command.run(),
        Command::Bench(command) => command.run(),
        Command::Transfer(command) => command.run(),
        Command::Prune(command) => command.run(),
        Command::Card(command) => command.run(),
        Command::Record(command) => command.run(),
        Command::Shards(command) => command.run(),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
