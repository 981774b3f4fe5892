//! axe-core, which looks for barriers in a page. A tool of the tests: it comes through npm into `target/` and is no
//! part of the site (its licence, MPL-2.0, is not the site's).

use super::debian::apt_install;
use super::tool::Tool;
use crate::shell::{command, find, run, target_dir};
use anyhow::{Context, Result, bail};
use std::path::PathBuf;

const VERSION: &str = "4.14.1";

fn folder() -> PathBuf {
    target_dir().join("axe")
}

fn package() -> PathBuf {
    folder().join("node_modules/axe-core")
}

/// axe-core's script.
pub fn axe_script() -> Result<String> {
    let path = package().join("axe.min.js");
    std::fs::read_to_string(&path).with_context(|| {
        format!(
            "there is no {}: `cargo xtask setup` gets it",
            path.display()
        )
    })
}

fn installed() -> Option<String> {
    axe_script().ok()?;
    let about = std::fs::read(package().join("package.json")).ok()?;
    let about: serde_json::Value = serde_json::from_slice(&about).ok()?;
    (about["version"] == VERSION).then(|| package().display().to_string())
}

fn install() -> Result<()> {
    if find("npm").is_none() {
        println!("  npm: installing from Debian's packages");
        apt_install(&["npm"])?;
    }
    let Some(npm) = find("npm") else {
        bail!("there is no npm");
    };
    std::fs::create_dir_all(folder())?;
    // --no-save and --prefix: a package.json further up is none of npm's business.
    run(command(npm)
        .args(["install", "--no-save", "--no-audit", "--no-fund"])
        .args(["--ignore-scripts", "--prefix"])
        .arg(folder())
        .arg(format!("axe-core@{VERSION}")))
}

pub(super) fn axe() -> Tool {
    Tool {
        name: format!("axe-core {VERSION}"),
        why: "the page tests look for barriers with it",
        time: "10 seconds",
        find: Box::new(installed),
        install: Box::new(install),
        by_hand: format!(
            "install Node.js with npm (Debian: apt-get install npm), then npm install --no-save --prefix {} \
             axe-core@{VERSION}",
            folder().display()
        ),
    }
}
