//! The service worker of a site: `web/offline/sw.js` with the list of the files that it keeps.

use crate::shell::root;
use anyhow::{Context, Result};
use sha2::{Digest, Sha256};
use std::fs;
use std::path::{Path, PathBuf};

/// Name in `dist/`.
pub const WORKER: &str = "sw.js";
/// Not kept by the service worker: itself, and the data sets, which the engines keep.
const LEFT_OUT: [&str; 2] = [WORKER, "data"];
/// Files up to this many bytes are kept without being used first.
const SMALL: u64 = 4 << 20;

/// When a file is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// Before the page is called ready for offline use.
    Now,
    /// After that, if the page asks for it.
    Later,
    /// When it is used.
    OnUse,
}

/// A file that the service worker keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// Address below the page's folder, as the page asks for it.
    pub address: String,
    /// SHA-256 of its bytes, in hexadecimal.
    pub hash: String,
    /// When.
    pub when: When,
}

/// Writes `dist/sw.js` for a build whose other files are all in place.
///
/// # Errors
/// When a file cannot be read or written.
pub fn write(dist: &Path, id: &str) -> Result<()> {
    let template = root().join("web/offline/sw.js");
    let template =
        fs::read_to_string(&template).with_context(|| format!("reading {}", template.display()))?;
    let lines: Vec<String> = list(dist, id)?
        .iter()
        .map(|file| {
            let when = match file.when {
                When::Now => "now",
                When::Later => "later",
                When::OnUse => "on-use",
            };
            format!(
                "  {},\n",
                serde_json::json!([file.address, file.hash, when])
            )
        })
        .collect();
    let build = serde_json::json!(id);
    let head = format!(
        "const BUILD = {build};\nconst FILES = [\n{}];\n\n",
        lines.concat()
    );
    fs::write(dist.join(WORKER), head + &template).context("writing the service worker")
}

/// Every file of a site that is kept, the page itself first.
///
/// # Errors
/// When a file cannot be read.
pub fn list(dist: &Path, id: &str) -> Result<Vec<Kept>> {
    let mut files = Vec::new();
    walk(dist, &mut files)?;
    files.sort();
    let mut list = Vec::new();
    for path in files {
        let below = path.strip_prefix(dist)?;
        if below
            .iter()
            .next()
            .is_some_and(|first| LEFT_OUT.iter().any(|out| first == *out))
        {
            continue;
        }
        let name = below.to_string_lossy().replace('\\', "/");
        let bytes = fs::read(&path).with_context(|| format!("reading {}", path.display()))?;
        let hash: String = Sha256::digest(&bytes)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let when = when(&name, bytes.len() as u64);
        list.push(Kept {
            address: address(&name, id),
            hash,
            when,
        });
    }
    list.sort_by_key(|file| file.address != "./");
    Ok(list)
}

/// The start needs the page, its styles and the CPU engine; the other engine and the checkpoints can wait.
fn when(name: &str, bytes: u64) -> When {
    if name.starts_with("worker_gpu") {
        When::Later
    } else if !name.contains('/') {
        When::Now
    } else if bytes <= SMALL {
        When::Later
    } else {
        When::OnUse
    }
}

/// The address under which the page asks for a file: engines carry the build, the page has no name.
fn address(name: &str, id: &str) -> String {
    if name == "index.html" {
        "./".to_owned()
    } else if name.starts_with("worker_") {
        format!("{name}?v={id}")
    } else {
        name.to_owned()
    }
}

fn walk(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            walk(&path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_has_every_file_but_data_as_the_page_asks_for_it() {
        let dist = tempfile::tempdir().unwrap();
        for (name, text) in [
            ("index.html", "<p>"),
            ("app-1.js", "1"),
            ("worker_cpu.js", "2"),
            ("worker_gpu_bg.wasm", "3"),
            ("model/small.safetensors", "4"),
            ("data/cifar10/0.bin", "5"),
            ("sw.js", "an earlier one"),
        ] {
            let path = dist.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let found = list(dist.path(), "7").unwrap();
        let said: Vec<_> = found
            .iter()
            .map(|file| (file.address.as_str(), file.when))
            .collect();
        assert_eq!(
            said,
            [
                ("./", When::Now),
                ("app-1.js", When::Now),
                ("model/small.safetensors", When::Later),
                ("worker_cpu.js?v=7", When::Now),
                ("worker_gpu_bg.wasm?v=7", When::Later),
            ]
        );
        // echo -n 1 | sha256sum
        assert_eq!(
            found[1].hash,
            "6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b"
        );
        write(dist.path(), "7").unwrap();
        let script = fs::read_to_string(dist.path().join(WORKER)).unwrap();
        assert!(
            script.starts_with("const BUILD = \"7\";\nconst FILES = [\n  [\"./\","),
            "{script}"
        );
        assert!(script.contains("addEventListener(\"fetch\""));
    }

    #[test]
    fn large_checkpoints_are_kept_when_they_are_used() {
        assert_eq!(when("model/large.safetensors", SMALL + 1), When::OnUse);
        assert_eq!(when("model/small.safetensors", SMALL), When::Later);
    }
}
