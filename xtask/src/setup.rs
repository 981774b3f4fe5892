//! Finds or installs every tool that building and testing need, on a machine that has rustup's
//! stable toolchain and nothing else. Each step says what it does, why, and how long it may take; a
//! tool that is there is not touched; a failure names the step, the cause and the way by hand.

mod axe;
mod debian;
mod python;
mod tool;

pub use axe::axe_script;
pub use debian::{chromedriver, chromium};
pub use python::{Python, python_with_numpy};
use tool::Tool;

use crate::shell::{command, find, output, root, run, target_dir};
use anyhow::{Context, Result, anyhow};

/// What the tools are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Build the site.
    Build,
    /// Lint and test natively.
    NativeTest,
    /// Run tests in a browser.
    BrowserTest,
    /// Look for barriers in the built page.
    PageTest,
}

/// trunk 0.22 needs a newer rustc than the one this workspace promises (1.95).
const TRUNK: &str = "0.21.14";
const WASM_PACK: &str = "0.15.1";

/// Finds or installs what these purposes need; prints one line a tool.
pub fn ensure(purposes: &[Purpose]) -> Result<()> {
    println!("Tools:");
    for tool in tools(purposes)? {
        tool.ensure()?;
    }
    Ok(())
}

fn tools(purposes: &[Purpose]) -> Result<Vec<Tool>> {
    let needs = |purpose| purposes.contains(&purpose);
    // Whatever is done compiles for browsers: lints look at that, too.
    let mut tools = vec![wasm_target()];
    if needs(Purpose::NativeTest) {
        tools.push(lint_components());
    }
    if needs(Purpose::Build) || needs(Purpose::BrowserTest) {
        let bindgen = locked_version("wasm-bindgen")?;
        // Its lock file names a crate version that the registry no longer has, hence no --locked. Unoptimised it takes 8
        // seconds instead of 2 for the largest engine, and minutes less to compile.
        tools.push(cargo_tool(
            "wasm-bindgen",
            "wasm-bindgen-cli",
            &bindgen,
            &["--debug"],
            "writes the JavaScript beside each wasm; must be the version in Cargo.lock",
            "1 minute",
        ));
    }
    if needs(Purpose::Build) {
        tools.push(cargo_tool(
            "trunk",
            "trunk",
            TRUNK,
            &["--debug", "--locked"],
            "puts page, style and wasm together into dist/",
            "3 minutes",
        ));
    }
    if needs(Purpose::BrowserTest) {
        tools.push(cargo_tool(
            "wasm-pack",
            "wasm-pack",
            WASM_PACK,
            &["--debug", "--locked"],
            "runs the wasm tests in a browser",
            "1 minute",
        ));
        tools.push(debian::browser());
    }
    if needs(Purpose::PageTest) {
        tools.push(axe::axe());
    }
    Ok(tools)
}

/// The version of a package in Cargo.lock.
fn locked_version(package: &str) -> Result<String> {
    let path = root().join("Cargo.lock");
    let text =
        std::fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
    version_in_lock(&text, package)
        .ok_or_else(|| anyhow!("{} names no package {package}", path.display()))
}

fn version_in_lock(lock: &str, package: &str) -> Option<String> {
    let name = format!("name = \"{package}\"");
    let mut lines = lock.lines().skip_while(|line| *line != name);
    let version = lines.nth(1)?.strip_prefix("version = \"")?;
    version.strip_suffix('"').map(str::to_owned)
}

fn wasm_target() -> Tool {
    const TARGET: &str = "wasm32-unknown-unknown";
    Tool {
        name: TARGET.into(),
        why: "Rust's standard library for the browser",
        time: "half a minute",
        find: Box::new(|| {
            let libdir =
                output(command("rustc").args(["--print", "target-libdir", "--target", TARGET]))?;
            std::path::Path::new(&libdir)
                .is_dir()
                .then(|| "installed".to_owned())
        }),
        install: Box::new(|| run(command("rustup").args(["target", "add", TARGET]))),
        by_hand: format!("rustup target add {TARGET}"),
    }
}

fn lint_components() -> Tool {
    Tool {
        name: "rustfmt and clippy".into(),
        why: "formatting and lints are checked",
        time: "half a minute",
        find: Box::new(|| {
            output(command("cargo").args(["fmt", "--version"]))?;
            output(command("cargo").args(["clippy", "--version"]))
        }),
        install: Box::new(|| {
            run(command("rustup").args(["component", "add", "rustfmt", "clippy"]))
        }),
        by_hand: "rustup component add rustfmt clippy".into(),
    }
}

/// A tool that `cargo install` builds; all of them share one build folder.
fn cargo_tool(
    program: &'static str,
    package: &'static str,
    version: &str,
    flags: &'static [&'static str],
    why: &'static str,
    time: &'static str,
) -> Tool {
    let wanted = version.to_owned();
    let arguments: Vec<String> = ["install", package, "--version", version]
        .iter()
        .chain(flags)
        .map(|word| (*word).to_owned())
        .collect();
    let by_hand = format!("cargo {}", arguments.join(" "));
    Tool {
        name: format!("{program} {version}"),
        why,
        time,
        find: Box::new(move || {
            let said = output(command(find(program)?).arg("--version"))?;
            says_version(&said, &wanted).then_some(said)
        }),
        install: Box::new(move || {
            // --force replaces another version; the shared folder saves compiling common crates twice.
            run(command("cargo")
                .args(&arguments)
                .arg("--force")
                // Nobody debugs them, and that is a fifth of what compiling hundreds of crates takes.
                .env("CARGO_PROFILE_DEV_DEBUG", "false")
                .env("CARGO_TARGET_DIR", target_dir().join("tools")))
        }),
        by_hand,
    }
}

/// Whether a `--version` line ("trunk 0.21.14") names exactly this version.
fn says_version(said: &str, wanted: &str) -> bool {
    said.split_whitespace().any(|word| word == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_version_from_a_lock_file() {
        let lock = "[[package]]\nname = \"wasm-bindgen-test\"\nversion = \"0.3.80\"\n\n\
                    [[package]]\nname = \"wasm-bindgen\"\nversion = \"0.2.130\"\n";
        assert_eq!(
            version_in_lock(lock, "wasm-bindgen").as_deref(),
            Some("0.2.130")
        );
        assert_eq!(version_in_lock(lock, "trunk"), None);
    }

    #[test]
    fn the_workspace_lock_names_wasm_bindgen() {
        assert!(locked_version("wasm-bindgen").is_ok());
        assert!(locked_version("no-such-package").is_err());
    }

    #[test]
    fn a_version_must_match_whole() {
        assert!(says_version("trunk 0.21.14", "0.21.14"));
        assert!(!says_version("trunk 0.21.140", "0.21.14"));
        assert!(!says_version("trunk 10.21.14", "0.21.14"));
    }
}
