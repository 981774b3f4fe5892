//! What a visitor downloads, and what it may grow to.

use super::ENGINES;
use anyhow::Result;
use std::fs;
use std::path::{Path, PathBuf};

/// brotli's best and slowest quality: what a host that compresses once, at deployment, sends.
pub const BEST: i32 = 11;
/// A tenth larger than the best, and seconds instead of a minute.
pub(super) const QUICK: i32 = 9;

/// What programs may grow to: more of burn comes with a single call of it.
struct Budget {
    what: &'static str,
    /// brotli's.
    quality: i32,
    bytes: u64,
}

/// The page's own wasm and scripts: what stands between a visitor and the first click. The engines load behind them.
const PAGE: Budget = Budget {
    what: "the page's own programs",
    quality: BEST,
    bytes: 300_000,
};
/// A tenth less at [`BEST`]: issue 6 aims at 1.5 MB.
const WEBGPU_ENGINE: Budget = Budget {
    what: "the WebGPU engine",
    quality: QUICK,
    bytes: 1_650_000,
};

/// A file a visitor downloads.
#[derive(Debug, Clone)]
pub struct Download {
    /// Name in `dist/`.
    pub name: String,
    /// Bytes.
    pub raw: u64,
    /// Bytes as a host with brotli sends them.
    pub brotli: u64,
}

/// The programs in `dist/`, wasm and JavaScript, with their sizes; `quality` is brotli's, 11 the best
/// and slowest.
pub fn downloads(dist: &Path, quality: i32) -> Result<Vec<Download>> {
    measured(programs(dist)?, quality)
}

pub(super) fn programs(dist: &Path) -> Result<Vec<PathBuf>> {
    let mut names: Vec<PathBuf> = fs::read_dir(dist)?
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<_>>()?;
    names.retain(|path| {
        path.extension()
            .is_some_and(|end| end == "wasm" || end == "js")
    });
    names.sort();
    Ok(names)
}

fn measured(programs: Vec<PathBuf>, quality: i32) -> Result<Vec<Download>> {
    // The engines are megabytes: a thread for each file.
    let threads: Vec<_> = programs
        .into_iter()
        .map(|path| std::thread::spawn(move || measure(&path, quality)))
        .collect();
    threads
        .into_iter()
        .map(|thread| thread.join().expect("measuring does not panic"))
        .collect()
}

fn measure(path: &Path, quality: i32) -> Result<Download> {
    let bytes = fs::read(path)?;
    let mut compressed = Vec::new();
    let parameters = brotli::enc::BrotliEncoderParams {
        quality,
        lgwin: 24,
        size_hint: bytes.len(),
        ..Default::default()
    };
    brotli::BrotliCompress(&mut bytes.as_slice(), &mut compressed, &parameters)?;
    Ok(Download {
        name: path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned(),
        raw: bytes.len() as u64,
        brotli: compressed.len() as u64,
    })
}

/// Whether a program of the site is an engine's.
fn is_engine(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    ENGINES.iter().any(|engine| name.starts_with(engine))
}

impl Budget {
    /// Refuses programs that have grown beyond it; `programs` are compressed as it says.
    fn check(&self, programs: &[Download]) -> Result<()> {
        let (what, most) = (self.what, self.bytes);
        let bytes: u64 = programs.iter().map(|one| one.brotli).sum();
        println!(
            "{what}: {bytes} bytes with brotli -{}, of {most} allowed",
            self.quality
        );
        if bytes > most {
            anyhow::bail!(
                "{what}: {} bytes too large, see what grew with `twiggy` or a name section",
                bytes - most
            );
        }
        Ok(())
    }
}

/// Prints them; `quality` is the one they were compressed with.
pub fn print(sizes: &[Download], quality: i32) {
    let heading = format!("brotli -{quality}");
    println!("{:<34} {:>12} {heading:>12}", "size, bytes", "raw");
    for Download { name, raw, brotli } in sizes {
        println!("{name:<34} {raw:>12} {brotli:>12}");
    }
}

/// Refuses a site that has outgrown a budget; `sizes` are all programs' at [`QUICK`].
pub(super) fn within_budgets(dist: &Path, mut sizes: Vec<Download>) -> Result<()> {
    let own = programs(dist)?.into_iter().filter(|path| !is_engine(path));
    PAGE.check(&measured(own.collect(), PAGE.quality)?)?;
    sizes.retain(|one| one.name.starts_with(ENGINES[1]));
    WEBGPU_ENGINE.check(&sizes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_measured_raw_and_compressed() {
        let dist = tempfile::tempdir().unwrap();
        fs::write(dist.path().join("a.wasm"), vec![7; 100_000]).unwrap();
        fs::write(dist.path().join("note.txt"), "not a program").unwrap();
        let downloads = downloads(dist.path(), 9).unwrap();
        assert_eq!(downloads.len(), 1);
        assert_eq!(downloads[0].raw, 100_000);
        assert!(downloads[0].brotli < 1000);
    }

    #[test]
    fn the_page_has_a_budget_and_the_engines_are_not_in_it() {
        let page = |brotli| {
            [Download {
                name: "app.wasm".to_owned(),
                raw: 0,
                brotli,
            }]
        };
        assert!(PAGE.check(&page(PAGE.bytes)).is_ok());
        assert!(PAGE.check(&page(PAGE.bytes + 1)).is_err());
        assert!(is_engine(Path::new("dist/worker_gpu_bg.wasm")));
        assert!(!is_engine(Path::new("dist/app-1_bg.wasm")));
    }
}
