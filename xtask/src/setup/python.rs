//! A Python with numpy, for the script that unpacks the real CIFAR images; the tests do without it
//! where there is none.

use super::debian::apt_install;
use crate::shell::{command, find, output};
use std::path::PathBuf;

/// A Python interpreter that can import numpy.
pub struct Python(pub PathBuf);

/// Finds one, or installs numpy; the reason in words where neither works.
pub fn python_with_numpy() -> Result<Python, String> {
    if let Some(python) = installed() {
        return Ok(python);
    }
    println!("  numpy: installing, about a minute (unpacks the real CIFAR images for the tests)");
    let mut reasons = Vec::new();
    if let Some(python) = find("python3") {
        let pip = ["-m", "pip", "install", "--quiet", "numpy"];
        if output(command(python).args(pip)).is_none() {
            reasons.push("pip install numpy failed".to_owned());
        }
    }
    if installed().is_none()
        && let Err(error) = apt_install(&["python3-numpy"])
    {
        reasons.push(format!("{error:#}"));
    }
    installed().ok_or_else(|| {
        reasons.push("no python3 can import numpy (by hand: pip install numpy)".into());
        reasons.join("; ")
    })
}

fn installed() -> Option<Python> {
    // Debian's numpy belongs to Debian's Python, which need not be the first on the PATH.
    [find("python3"), Some(PathBuf::from("/usr/bin/python3"))]
        .into_iter()
        .flatten()
        .find(|python| output(command(python).args(["-c", "import numpy"])).is_some())
        .map(Python)
}
