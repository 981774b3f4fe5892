//! `cargo xtask data`: CIFAR as shards beside the page, from a folder with the official binaries or
//! from the official archives.

use crate::shell::{command, find, output, root, run, target_dir};
use anyhow::{Context, Result, bail};
use std::fs;
use std::path::{Path, PathBuf};

/// An official archive.
struct Archive {
    name: &'static str,
    /// The folder inside it.
    folder: &'static str,
    /// Sum published beside it.
    md5: &'static str,
    megabytes: u32,
}

const SITE: &str = "https://www.cs.toronto.edu/~kriz";

const ARCHIVES: [Archive; 2] = [
    Archive {
        name: "cifar-10-binary.tar.gz",
        folder: "cifar-10-batches-bin",
        md5: "c32a1d4ab5d03f1284b67883e8d87530",
        megabytes: 162,
    },
    Archive {
        name: "cifar-100-binary.tar.gz",
        folder: "cifar-100-binary",
        md5: "03b5dce01913d631647c71ecec9e9cb8",
        megabytes: 161,
    },
];

/// Makes `data/cifar10/` and `data/cifar100/` from `folder`, or from downloaded archives.
pub fn make(folder: Option<PathBuf>) -> Result<()> {
    let (folder, sets) = match folder {
        Some(folder) => {
            let sets = sets_in(&folder)?;
            (folder, sets)
        }
        None => {
            let folder = target_dir().join("cifar-official");
            fs::create_dir_all(&folder)?;
            for archive in &ARCHIVES {
                archive.provide(&folder)?;
            }
            (folder, vec!["cifar10", "cifar100"])
        }
    };
    for set in sets {
        shards(&folder, set)?;
    }
    println!("`cargo xtask serve` (or build) now puts these beside the page");
    Ok(())
}

/// Which of the two sets a folder holds, itself or in the official subfolder.
fn sets_in(folder: &Path) -> Result<Vec<&'static str>> {
    let holds = |names: [&str; 2], inner: &str| {
        [folder.to_owned(), folder.join(inner)]
            .iter()
            .any(|place| names.iter().all(|name| place.join(name).is_file()))
    };
    let mut sets = Vec::new();
    if holds(
        ["data_batch_1.bin", "test_batch.bin"],
        "cifar-10-batches-bin",
    ) {
        sets.push("cifar10");
    }
    if holds(["train.bin", "test.bin"], "cifar-100-binary") {
        sets.push("cifar100");
    }
    if sets.is_empty() {
        bail!(
            "{} holds no official CIFAR binaries. Expected data_batch_1.bin … test_batch.bin (CIFAR-10) \
             or train.bin and test.bin (CIFAR-100), there or in cifar-10-batches-bin/ and \
             cifar-100-binary/: unpack the official \"binary version\" archives ({SITE}/cifar.html)",
            folder.display()
        );
    }
    Ok(sets)
}

/// Writes one set's shards to `data/SET/` with the native program.
fn shards(folder: &Path, set: &str) -> Result<()> {
    run(command("cargo")
        .args(["run", "--release", "--bin", "train", "--", "shards"])
        .arg("--data")
        .arg(fs::canonicalize(folder)?)
        .args(["--dataset", set])
        .arg("--out")
        .arg(root().join("data")))
}

impl Archive {
    /// Downloads, checks and unpacks, as far as that is not done yet.
    fn provide(&self, folder: &Path) -> Result<()> {
        if folder.join(self.folder).is_dir() {
            println!("{}: there", self.folder);
            return Ok(());
        }
        let path = folder.join(self.name);
        if !path.is_file() {
            self.download(&path)?;
        }
        self.check(&path)?;
        // Unpacked aside, so that an interrupted run leaves nothing that looks complete.
        let part = folder.join(format!("{}.part", self.folder));
        if part.exists() {
            fs::remove_dir_all(&part)?;
        }
        fs::create_dir(&part)?;
        run(command("tar").arg("-xzf").arg(&path).arg("-C").arg(&part))?;
        fs::rename(part.join(self.folder), folder.join(self.folder))
            .with_context(|| format!("{} holds no folder {}", self.name, self.folder))?;
        fs::remove_dir(part)?;
        Ok(())
    }

    fn download(&self, path: &Path) -> Result<()> {
        let url = format!("{SITE}/{}", self.name);
        println!("Downloading {url} ({} MB)", self.megabytes);
        let part = path.with_extension("part");
        if find("curl").is_none() {
            bail!("curl is not installed. {}", self.by_hand(&url));
        }
        run(command("curl")
            .args([
                "--fail",
                "--location",
                "--connect-timeout",
                "30",
                "--continue-at",
                "-",
            ])
            .arg("--output")
            .arg(&part)
            .arg(&url))
        .with_context(|| {
            format!(
                "{} could not be downloaded. {}",
                self.name,
                self.by_hand(&url)
            )
        })?;
        fs::rename(part, path)?;
        Ok(())
    }

    fn by_hand(&self, url: &str) -> String {
        format!(
            "By hand: get {url} on any machine, unpack it into a folder DIR, and run `cargo xtask data DIR`. \
             The page also takes the archive itself (Open dataset), and works without CIFAR on generated images"
        )
    }

    fn check(&self, path: &Path) -> Result<()> {
        let line = output(command("md5sum").arg(path))
            .context("md5sum (Debian package coreutils) did not run")?;
        let sum = line.split_whitespace().next().unwrap_or_default();
        // A backslash marks an escaped file name.
        if sum.trim_start_matches('\\') != self.md5 {
            bail!(
                "{} is damaged: its md5 sum is {sum}, the official one {}. Delete it and run the command again",
                path.display(),
                self.md5
            );
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_tells_which_sets_it_holds() {
        let folder = tempfile::tempdir().unwrap();
        let error = sets_in(folder.path()).unwrap_err().to_string();
        assert!(
            error.contains("data_batch_1.bin") && error.contains("cifar.html"),
            "{error}"
        );
        for name in ["train.bin", "test.bin"] {
            fs::write(folder.path().join(name), "").unwrap();
        }
        assert_eq!(sets_in(folder.path()).unwrap(), ["cifar100"]);
        let inner = folder.path().join("cifar-10-batches-bin");
        fs::create_dir(&inner).unwrap();
        for name in ["data_batch_1.bin", "test_batch.bin"] {
            fs::write(inner.join(name), "").unwrap();
        }
        assert_eq!(sets_in(folder.path()).unwrap(), ["cifar10", "cifar100"]);
    }

    #[test]
    fn a_damaged_archive_is_named_with_its_sum() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(ARCHIVES[0].name);
        fs::write(&path, "half an archive").unwrap();
        let error = ARCHIVES[0].provide(folder.path()).unwrap_err().to_string();
        for part in [ARCHIVES[0].name, ARCHIVES[0].md5, "Delete"] {
            assert!(error.contains(part), "{part:?} is missing in {error}");
        }
        assert!(!folder.path().join(ARCHIVES[0].folder).exists());
    }
}
