//! `cargo xtask test`: every check, one after the other; a failed one does not stop the rest. What browsers need is made
//! beside the native ones.

mod ahead;
mod cifar;
mod tally;

use crate::setup::{self, Purpose};
use crate::shell::{command, find, root, run, target_dir};
use crate::site;
use ahead::Ahead;
use anyhow::{Context, Result, bail};
use std::path::PathBuf;
use std::time::{Duration, Instant};
use tally::Tally;

/// A group of checks that can be asked for alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    /// Formatting, lints, native tests, documentation.
    Native,
    /// Wasm tests in a headless browser.
    Web,
    /// The built page, used in a headless browser.
    Page,
}

impl Group {
    /// Every group, in the order they run.
    pub const ALL: [Group; 3] = [Group::Native, Group::Web, Group::Page];

    /// The group of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "native" => Some(Self::Native),
            "web" => Some(Self::Web),
            "page" => Some(Self::Page),
            _ => None,
        }
    }
}

type Check = fn(&mut Run) -> Result<()>;

/// Name, usual minutes from cold on two cores, and what to do.
const CHECKS: [(Group, &str, u32, Check); 8] = [
    (Group::Native, "format", 1, format),
    (Group::Native, "lint", 6, lint),
    (Group::Native, "features", 1, features),
    (Group::Native, "native tests", 12, native),
    (Group::Native, "documentation", 1, documentation),
    (Group::Page, "build dist/", 11, build),
    (Group::Web, "wasm tests in Chromium", 12, web),
    (Group::Page, "page tests in Chromium", 20, page),
];

/// What the checks share.
struct Run {
    /// Folder of the real CIFAR images, if there is one.
    cifar: Option<PathBuf>,
    tally: Tally,
    /// What browsers need, if it is being made beside native checks.
    ahead: Option<Ahead>,
}

/// Sets up the tools and runs these groups; fails if any check failed.
pub fn run_groups(groups: &[Group]) -> Result<()> {
    let checks: Vec<_> = CHECKS
        .iter()
        .filter(|(group, ..)| groups.contains(group))
        .collect();
    println!("This runs:");
    for (_, name, minutes, _) in &checks {
        println!("  {name} (up to {minutes} min the first time)");
    }
    let all = Group::ALL.iter().all(|group| groups.contains(group));
    setup::ensure(&purposes(if all { &[Group::Native] } else { groups }))?;
    let cifar = cifar::provide();
    // After what may install packages: two installers at a time would meet at one lock.
    let ahead = all.then(|| Ahead::start("ahead", &mut ahead::this_program()?));
    let mut run = Run {
        cifar,
        tally: Tally::default(),
        ahead: ahead.transpose()?,
    };
    let mut outcomes = Vec::new();
    for (_, name, _, check) in checks {
        println!("\n=== {name}");
        let started = Instant::now();
        let result = check(&mut run);
        if let Err(error) = &result {
            println!("{name} FAILED: {error:#}");
        }
        outcomes.push((*name, result.is_ok(), started.elapsed()));
    }
    close(&outcomes, &run.tally)
}

fn purposes(groups: &[Group]) -> Vec<Purpose> {
    let mut purposes = Vec::new();
    for group in groups {
        let needed: &[Purpose] = match group {
            Group::Native => &[Purpose::NativeTest],
            Group::Web => &[Purpose::BrowserTest],
            Group::Page => &[Purpose::Build, Purpose::BrowserTest, Purpose::PageTest],
        };
        purposes.extend(needed);
    }
    purposes
}

/// The closing table; the plain last line is for programs that read logs.
fn close(outcomes: &[(&str, bool, Duration)], tally: &Tally) -> Result<()> {
    println!("\n=== summary");
    for (name, passed, time) in outcomes {
        let word = if *passed { "ok" } else { "FAILED" };
        println!("{name:<26} {word:<7} {:>6.0} s", time.as_secs_f64());
    }
    let failed: Vec<&str> = outcomes
        .iter()
        .filter(|outcome| !outcome.1)
        .map(|outcome| outcome.0)
        .collect();
    println!("{tally}");
    if !failed.is_empty() {
        bail!("failed: {}", failed.join(", "));
    }
    Ok(())
}

fn format(_: &mut Run) -> Result<()> {
    run(command("cargo").args(["fmt", "--all", "--check"]))
}

/// Native code, then what only a browser compiles. Packages one by one: together, cargo would unify
/// their features and compile burn a second time.
fn lint(_: &mut Run) -> Result<()> {
    let clippy = |arguments: &[&str]| {
        run(command("cargo")
            .arg("clippy")
            .args(arguments)
            .args(["--", "-D", "warnings"]))
    };
    clippy(&["-p", "gemst", "--all-targets"])?;
    clippy(&["-p", "xtask", "--all-targets", "--features", "page-tests"])?;
    let wasm = ["--target", "wasm32-unknown-unknown"];
    let page = ["-p", "gemst", "--no-default-features", "--lib", "--bins"];
    clippy(&[&wasm[..], &page, &["--features", "ui,gpu"]].concat())?;
    clippy(&[&wasm[..], &["-p", "browser-tests", "--tests"]].concat())
}

/// burn's autotune silently picks kernels that browsers reject (`loss` became NaN): it must stay off.
fn features(_: &mut Run) -> Result<()> {
    let mut tree = command("cargo");
    tree.args([
        "tree",
        "-p",
        "gemst",
        "--target",
        "wasm32-unknown-unknown",
        "--edges",
        "features",
        "--no-default-features",
        "--features",
        "cpu,gpu",
    ]);
    let tree = crate::shell::output(&mut tree).context("`cargo tree` failed")?;
    if tree.contains("feature \"autotune\"") {
        bail!(
            "a dependency turns burn's autotune on for wasm; use default-features = false everywhere"
        );
    }
    println!("autotune is off");
    Ok(())
}

fn native(run: &mut Run) -> Result<()> {
    let gemst = run.tested(&["-p", "gemst"]);
    let xtask = run.tested(&["-p", "xtask"]);
    gemst.and(xtask)
}

fn documentation(_: &mut Run) -> Result<()> {
    for package in ["gemst", "xtask"] {
        run(command("cargo")
            .args(["doc", "--no-deps", "--lib", "-p", package])
            .env("RUSTDOCFLAGS", "-D warnings"))?;
    }
    Ok(())
}

/// What all groups' tests in a browser need: the tools, the site, and the wasm tests compiled.
pub fn prepare_for_browsers() -> Result<()> {
    setup::ensure(&purposes(&[Group::Web, Group::Page]))?;
    site::build(site::Kind::Whole)?;
    let tests = [
        "build",
        "--tests",
        "-p",
        "browser-tests",
        "--profile",
        "web",
    ];
    run(command("cargo")
        .args(tests)
        .args(["--target", "wasm32-unknown-unknown"]))
}

fn web(run: &mut Run) -> Result<()> {
    let driver = setup::chromedriver().context("chromedriver is not installed")?;
    let mut pack = command(find("wasm-pack").context("wasm-pack is not installed")?);
    pack.args(["test", "--headless", "--chrome", "--chromedriver"])
        .arg(driver)
        // The profile of the site's engines, so that burn is compiled once for both.
        .args(["--mode", "no-install", "tests/browser", "--profile", "web"])
        .env(
            "WASM_BINDGEN_TEST_WEBDRIVER_JSON",
            root().join("webdriver.json"),
        )
        // SwiftShader compiles every kernel on a processor; the defaults are 20 s and 5 s.
        .env("WASM_BINDGEN_TEST_TIMEOUT", "1200")
        .env("WASM_BINDGEN_TEST_DRIVER_TIMEOUT", "60");
    run.tally.watch("wasm", &mut pack)
}

fn build(run: &mut Run) -> Result<()> {
    match run.ahead.take() {
        Some(ahead) => ahead.finish(),
        None => site::build(site::Kind::Whole).map(|_| ()),
    }
}

fn page(run: &mut Run) -> Result<()> {
    if !site::dist().join("index.html").is_file() {
        bail!("there is no dist/ to test");
    }
    // Some tests serve shards that the native program makes. With its own tests, whose dependencies' features would
    // otherwise have burn compiled a second time.
    let program = ["test", "-p", "gemst", "--no-run", "--test", "shipped"];
    crate::shell::run(command("cargo").args(program))?;
    // Two browsers at a time: the engine in each of them computes in one thread.
    run.tested(&[
        "-p",
        "xtask",
        "--features",
        "page-tests",
        "--test",
        "page",
        "--",
        "--test-threads=2",
        "--nocapture",
    ])
}

impl Run {
    fn tested(&mut self, arguments: &[&str]) -> Result<()> {
        let mut cargo = command("cargo");
        cargo
            .arg("test")
            .args(arguments)
            .env("GEMST_TRAIN", target_dir().join("debug/train"));
        if let Some(cifar) = &self.cifar {
            cargo.env("GEMST_CIFAR", cifar);
        }
        let name = arguments[1];
        self.tally.watch(name, &mut cargo)
    }
}
