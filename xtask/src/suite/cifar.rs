//! The real images for the tests, where they are at hand.

use crate::setup::{Python, python_with_numpy};
use crate::shell::{command, root, run, target_dir};
use std::path::PathBuf;

/// The folder of the official binaries: `GEMST_CIFAR`, or unpacked once from `../shared/cifar`. Says so
/// where there is none; the tests then use generated images.
pub fn provide() -> Option<PathBuf> {
    println!("Images:");
    if let Some(folder) = std::env::var_os("GEMST_CIFAR") {
        let folder = PathBuf::from(folder);
        println!("  CIFAR: {} (GEMST_CIFAR)", folder.display());
        return Some(folder);
    }
    let script = root().join("../shared/cifar/unpack.py");
    if !script.is_file() {
        println!(
            "  no CIFAR here (set GEMST_CIFAR to a folder with the official binaries): the tests use generated images"
        );
        return None;
    }
    let folder = target_dir().join("cifar");
    let unpacked = python_with_numpy().and_then(|Python(python)| {
        run(command(python).arg(script).arg(&folder)).map_err(|error| format!("{error:#}"))
    });
    match unpacked {
        Ok(()) => {
            println!("  CIFAR: {}", folder.display());
            Some(folder)
        }
        Err(reason) => {
            println!("  CIFAR could not be unpacked ({reason}): the tests use generated images");
            None
        }
    }
}
