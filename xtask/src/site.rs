//! Building `dist/`, the deployable site: trunk compiles and bundles; this file gives the build an id,
//! adds checkpoints and data shards. What a visitor downloads is in `size`.

mod size;

pub use size::{BEST, Download, downloads, print};

use crate::offline;
use crate::shell::{command, find, output, root, run};
use crate::wasm::without_sections;
use anyhow::{Context, Result};
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::time::Instant;

/// The engines' names; each becomes `NAME_loader.js`, `NAME.js` and `NAME_bg.wasm`.
const ENGINES: [&str; 2] = ["worker_cpu", "worker_gpu"];

/// What [`build`] makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The site to deploy.
    Whole,
    /// For a developer's next look: the CPU engine alone, without optimisation across crates. Quick to build
    /// again, large, and slower.
    Quick,
}

/// The page without the WebGPU engine, for [`Kind::Quick`]; trunk's paths are relative to it.
const QUICK_PAGE: &str = "index.quick.html";

/// `model/index.json` of a site without trained networks.
pub const NOTHING_SHIPPED: &str = "{\"format\":2,\"models\":[]}\n";

/// Builds the site and returns its folder; the tools must be there ([`crate::setup`]).
pub fn build(kind: Kind) -> Result<PathBuf> {
    let started = Instant::now();
    let dist = dist();
    let id = build_id()?;
    println!("Building the site, build {id} (about 12 minutes the first time, then seconds)");
    // trunk builds offline, so the crates must be here first.
    run(command("cargo").args(["fetch", "--target", "wasm32-unknown-unknown"]))?;
    let mut trunk = command(find("trunk").context("trunk is not installed")?);
    trunk
        .arg("build")
        .env("GEMST_BUILD_ID", &id)
        // trunk reads this variable as true or false and refuses the customary 1.
        .env_remove("NO_COLOR");
    if kind == Kind::Quick {
        trunk.arg(quick_page()?);
        for profile in ["PAGE", "WEB"] {
            trunk
                .env(format!("CARGO_PROFILE_{profile}_LTO"), "off")
                .env(format!("CARGO_PROFILE_{profile}_CODEGEN_UNITS"), "16")
                .env(format!("CARGO_PROFILE_{profile}_INCREMENTAL"), "true");
        }
    }
    run(&mut trunk)?;
    if kind == Kind::Quick {
        let built = dist.join(QUICK_PAGE);
        if built.is_file() {
            fs::rename(built, dist.join("index.html"))?;
        }
    }
    for path in size::programs(&dist)? {
        if path.extension().is_some_and(|end| end == "wasm") {
            // The functions' names are a sixth of what a visitor would download.
            let stripped = without_sections(&fs::read(&path)?, &["name", "producers"])?;
            fs::write(&path, stripped)?;
        }
    }
    for engine in kind.engines() {
        write_loader(&dist, engine, &id)?;
    }
    add_folder(&root().join("web/model"), &dist.join("model"))?;
    add_folder(&root().join("data"), &dist.join("data"))?;
    index(&dist.join("model"))?;
    // The last file: it lists the others.
    offline::write(&dist, &id)?;
    let sizes = downloads(&dist, size::QUICK)?;
    print(&sizes, size::QUICK);
    if kind == Kind::Whole {
        size::within_budgets(&dist, sizes)?;
    }
    println!(
        "{} is ready, {:.0} s; any static host serves it, from any path",
        dist.display(),
        started.elapsed().as_secs_f64()
    );
    Ok(dist)
}

impl Kind {
    fn engines(self) -> &'static [&'static str] {
        match self {
            Self::Whole => &ENGINES,
            Self::Quick => &ENGINES[..1],
        }
    }
}

/// Writes the page of a quick build and returns its path.
fn quick_page() -> Result<PathBuf> {
    let page = fs::read_to_string(root().join("index.html"))?;
    let path = root().join(QUICK_PAGE);
    let lines = page.lines().filter(|line| !line.contains("worker_gpu"));
    fs::write(&path, lines.collect::<Vec<_>>().join("\n"))?;
    Ok(path)
}

/// Where the site is built.
pub fn dist() -> PathBuf {
    root().join("dist")
}

/// Names this build: the commit and a hash of what the site is made from. The same sources give the same
/// id, so an unchanged page is not compiled again.
fn build_id() -> Result<String> {
    let mut hasher = DefaultHasher::new();
    for source in ["Cargo.lock", "Cargo.toml", "index.html", "src", "web"] {
        hash_tree(&root().join(source), &mut hasher)?;
    }
    let sources = hasher.finish() as u32;
    let commit = output(command("git").args(["rev-parse", "--short=8", "HEAD"]));
    Ok(match commit {
        Some(commit) => format!("{commit}-{sources:08x}"),
        None => format!("{sources:08x}"),
    })
}

fn hash_tree(path: &Path, hasher: &mut DefaultHasher) -> Result<()> {
    if path.is_dir() {
        let mut entries: Vec<PathBuf> = fs::read_dir(path)?
            .map(|entry| Ok(entry?.path()))
            .collect::<Result<_>>()?;
        entries.sort();
        for entry in entries {
            hash_tree(&entry, hasher)?;
        }
    } else if path.is_file() {
        path.strip_prefix(root())?.hash(hasher);
        fs::read(path)
            .with_context(|| format!("reading {}", path.display()))?
            .hash(hasher);
    }
    Ok(())
}

/// Workers' files carry no hash in their names; the build id behind each address keeps a browser's
/// cache from mixing two builds.
fn write_loader(dist: &Path, engine: &str, id: &str) -> Result<()> {
    let template = root().join("web/worker/loader.js");
    let loader = fs::read_to_string(&template)
        .with_context(|| format!("reading {}", template.display()))?
        .replace("ENGINE", engine)
        .replace("BUILD", id);
    let path = dist.join(format!("{engine}_loader.js"));
    if !path.is_file() {
        anyhow::bail!(
            "trunk made no {}: does index.html link {engine}?",
            path.display()
        );
    }
    fs::write(path, loader).context("writing the worker's loader")
}

/// Copies a folder into the site, if it exists. Data shards are large: a hard link where one is possible.
fn add_folder(from: &Path, to: &Path) -> Result<()> {
    if !from.is_dir() {
        return Ok(());
    }
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?.path();
        let target = to.join(entry.file_name().context("an entry has a name")?);
        if entry.is_dir() {
            add_folder(&entry, &target)?;
        } else {
            if target.exists() {
                fs::remove_file(&target)?;
            }
            fs::hard_link(&entry, &target)
                .or_else(|_| fs::copy(&entry, &target).map(|_| ()))
                .with_context(|| format!("copying {}", entry.display()))?;
        }
    }
    Ok(())
}

/// An index of no networks where none are shipped: the page asks for one, and a missing file is an error in a
/// browser's console.
fn index(models: &Path) -> Result<()> {
    let index = models.join("index.json");
    if !index.is_file() {
        fs::create_dir_all(models)?;
        fs::write(index, NOTHING_SHIPPED)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_build_id_follows_the_sources() {
        fs::create_dir_all(root().join("target")).unwrap();
        let folder = tempfile::tempdir_in(root().join("target")).unwrap();
        let id = |text: &str| {
            fs::write(folder.path().join("a"), text).unwrap();
            let mut hasher = DefaultHasher::new();
            hash_tree(folder.path(), &mut hasher).unwrap();
            hasher.finish()
        };
        assert_eq!(id("one"), id("one"));
        assert_ne!(id("one"), id("two"));
        assert_eq!(build_id().unwrap(), build_id().unwrap());
    }

    #[test]
    fn the_loader_names_the_build_and_needs_trunks() {
        let dist = tempfile::tempdir().unwrap();
        assert!(write_loader(dist.path(), "worker_cpu", "7").is_err());
        fs::write(dist.path().join("worker_cpu_loader.js"), "x").unwrap();
        write_loader(dist.path(), "worker_cpu", "7").unwrap();
        let loader = fs::read_to_string(dist.path().join("worker_cpu_loader.js")).unwrap();
        assert!(
            loader.contains("worker_cpu.js?v=7") && loader.contains("worker_cpu_bg.wasm?v=7"),
            "{loader}"
        );
    }

    #[test]
    fn folders_are_added_whole_and_again() {
        let from = tempfile::tempdir().unwrap();
        let to = tempfile::tempdir().unwrap();
        fs::create_dir(from.path().join("cifar10")).unwrap();
        fs::write(from.path().join("cifar10/0.bin"), "pixels").unwrap();
        for _ in 0..2 {
            add_folder(from.path(), to.path()).unwrap();
        }
        assert_eq!(
            fs::read_to_string(to.path().join("cifar10/0.bin")).unwrap(),
            "pixels"
        );
    }

    #[test]
    fn a_site_without_networks_says_so_and_one_with_them_keeps_its_index() {
        let dist = tempfile::tempdir().unwrap();
        let models = dist.path().join("model");
        index(&models).unwrap();
        let written = fs::read_to_string(models.join("index.json")).unwrap();
        assert_eq!(written, NOTHING_SHIPPED);
        fs::write(models.join("index.json"), "mine").unwrap();
        index(&models).unwrap();
        let kept = fs::read_to_string(models.join("index.json")).unwrap();
        assert_eq!(kept, "mine");
    }
}
