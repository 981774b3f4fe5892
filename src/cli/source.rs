//! Data sets and checkpoints from arguments.

use super::Failure;
use crate::config::{DatasetKind, RunConfig};
use crate::data::{ImageSet, Split, cifar, synthetic};
use crate::train::{Checkpoint, Member};
use clap::{Args, ValueEnum};
use std::path::{Path, PathBuf};

/// Generated images of a part when the set is `synthetic`.
const GENERATED: usize = 5000;

/// Which images.
#[derive(Args, Clone, Debug)]
pub struct Source {
    /// Folder with the official binaries (`cifar-10-batches-bin` or `cifar-100-binary`, or the folder around
    /// it).
    #[arg(long)]
    pub data: Option<PathBuf>,
    /// Data set.
    #[arg(long, default_value = "cifar10")]
    pub dataset: Name,
}

/// A data set's name on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Name {
    /// CIFAR-10.
    Cifar10,
    /// CIFAR-100, fine labels.
    Cifar100,
    /// Generated shapes.
    Synthetic,
}

impl From<DatasetKind> for Name {
    fn from(kind: DatasetKind) -> Self {
        match kind {
            DatasetKind::Cifar10 => Self::Cifar10,
            DatasetKind::Cifar100 => Self::Cifar100,
            DatasetKind::Synthetic => Self::Synthetic,
        }
    }
}

impl Source {
    /// The data set asked for.
    pub fn kind(&self) -> DatasetKind {
        match self.dataset {
            Name::Cifar10 => DatasetKind::Cifar10,
            Name::Cifar100 => DatasetKind::Cifar100,
            Name::Synthetic => DatasetKind::Synthetic,
        }
    }

    /// Whether a network can be measured here: on the images of the classes that it knows.
    ///
    /// # Errors
    /// A network of another data set, or of a visitor's own classes.
    pub fn suits(&self, config: &RunConfig) -> Result<(), Failure> {
        if let Some(own) = &config.data.classes {
            return Err(format!(
                "this network knows a visitor's own classes ({}): no data set has images of them",
                own.join(", ")
            )
            .into());
        }
        let its = config.data.dataset;
        if its != self.kind() {
            return Err(format!(
                "this network was trained on {0} and knows its classes, not those of {1}: --dataset {0}",
                its.name(),
                self.kind().name()
            )
            .into());
        }
        Ok(())
    }

    /// One part of it, with class names.
    pub fn load(&self, split: Split) -> Result<(ImageSet, Vec<String>), Failure> {
        let kind = self.kind();
        if kind == DatasetKind::Synthetic {
            let data = synthetic::generate(0, GENERATED, GENERATED);
            let set = match split {
                Split::Train => data.train,
                Split::Test => data.held_out,
            };
            return Ok((set, data.classes));
        }
        let dir = self.data.as_deref().ok_or_else(|| {
            format!(
                "--data DIR is missing: the folder with the official {} binaries",
                kind.name()
            )
        })?;
        Ok(cifar::load_dir(dir, kind, split)?)
    }
}

/// Read a checkpoint file.
pub fn read_checkpoint(path: &Path) -> Result<Checkpoint, Failure> {
    let name = path.display().to_string();
    let bytes =
        std::fs::read(path).map_err(|error| format!("{name} could not be read: {error}"))?;
    Ok(Checkpoint::from_bytes(&name, &bytes)?)
}

/// The network of that role, or the first one.
pub fn read_member(path: &Path, role: Option<&str>) -> Result<Member, Failure> {
    let mut checkpoint = read_checkpoint(path)?;
    match role {
        None => Ok(checkpoint.members.swap_remove(0)),
        Some(role) => {
            let roles: Vec<String> = checkpoint
                .members
                .iter()
                .map(|member| member.role.clone())
                .collect();
            let found = checkpoint
                .members
                .into_iter()
                .find(|member| member.role == role);
            found.ok_or_else(|| {
                format!("{} holds {}, not {role}", path.display(), roles.join(", ")).into()
            })
        }
    }
}

/// Write a file through a temporary one, so that a kill never leaves half of it.
pub fn write_whole(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let part = path.with_extension("part");
    std::fs::write(&part, bytes)?;
    std::fs::rename(part, path)
}
