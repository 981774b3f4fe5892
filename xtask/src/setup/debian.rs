//! What comes from Debian's packages: Chromium with its driver.

use super::tool::Tool;
use crate::shell::{command, find, output, run};
use anyhow::{Context, Result, bail};
use std::path::PathBuf;
use std::sync::Once;

/// Chromium's executable: `CHROMIUM_PATH`, or one of the usual names.
pub fn chromium() -> Option<PathBuf> {
    if let Some(path) = std::env::var_os("CHROMIUM_PATH") {
        return Some(path.into());
    }
    ["chromium", "chromium-browser", "google-chrome"]
        .into_iter()
        .find_map(find)
}

/// The WebDriver server of that Chromium: `CHROMEDRIVER`, or the usual name.
pub fn chromedriver() -> Option<PathBuf> {
    match std::env::var_os("CHROMEDRIVER") {
        Some(path) => Some(path.into()),
        None => find("chromedriver"),
    }
}

pub(super) fn browser() -> Tool {
    Tool {
        name: "Chromium and chromedriver".into(),
        why: "the tests use the page in a real browser",
        time: "1 minute",
        find: Box::new(|| {
            chromedriver()?;
            output(command(chromium()?).arg("--version"))
        }),
        // Without a font the page in a headless browser has no letters.
        install: Box::new(|| apt_install(&["chromium", "chromium-driver", "fonts-liberation"])),
        by_hand:
            "install Chromium and the chromedriver of the same version (Debian: apt-get install \
             chromium chromium-driver fonts-liberation), or set CHROMIUM_PATH and CHROMEDRIVER"
                .into(),
    }
}

/// Installs Debian packages, asking sudo where the user is not root.
pub(super) fn apt_install(packages: &[&str]) -> Result<()> {
    if find("apt-get").is_none() {
        bail!(
            "this system has no apt-get, so {} cannot be installed automatically",
            packages.join(", ")
        );
    }
    // A fresh machine's package list is empty or stale; a failed refresh may still leave a usable one.
    static REFRESH: Once = Once::new();
    let mut refreshed = Ok(());
    REFRESH.call_once(|| refreshed = apt(&["update"]));
    let installed = apt(&[&["install", "-y", "--no-install-recommends"], packages].concat());
    match (installed, refreshed) {
        (Err(error), Err(refresh)) => {
            Err(error).context(format!("apt-get update had failed before: {refresh:#}"))
        }
        (installed, _) => installed,
    }
}

fn apt(arguments: &[&str]) -> Result<()> {
    let root = output(command("id").arg("-u")).as_deref() == Some("0");
    let mut apt = if root {
        command("apt-get")
    } else {
        let mut sudo = command("sudo");
        sudo.args(["DEBIAN_FRONTEND=noninteractive", "apt-get"]);
        sudo
    };
    apt.args(["-q"]).args(arguments);
    run(apt.env("DEBIAN_FRONTEND", "noninteractive"))
}
