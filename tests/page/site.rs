//! What every test begins with: the served site, a browser, a page that is ready.

use anyhow::{Context, Result, ensure};
use std::path::{Path, PathBuf};
use std::time::Duration;
use xtask::browser::Options;
use xtask::page::Page;
use xtask::server::{Mount, Server};

/// For whatever must happen soon.
pub const SOON: Duration = Duration::from_secs(60);
/// For whatever the CPU engine computes.
pub const LATER: Duration = Duration::from_secs(600);

/// Where the site lies on its host.
const PATH: &str = "/some/sub/path/";

/// The served site; it stops when dropped.
pub struct Site {
    pub server: Server,
    /// The folder of no networks.
    _none: Option<tempfile::TempDir>,
}

impl Site {
    /// Serves `dist/` without its data shards and trained networks.
    pub fn serve() -> Result<Self> {
        Self::with_shards(&nothing())
    }

    /// Serves `dist/`, or a copy of it, with its trained networks: as its service worker knows it.
    pub fn of(site: &Path) -> Result<Self> {
        Self::start(site, &nothing(), None)
    }

    /// Serves `dist/` with these data shards (`FOLDER/cifar10/manifest.json` …), without trained networks.
    pub fn with_shards(folder: &Path) -> Result<Self> {
        let none = tempfile::tempdir()?;
        std::fs::write(none.path().join("index.json"), xtask::site::NOTHING_SHIPPED)?;
        let models = none.path().to_owned();
        let mut site = Self::with_models(folder, &models)?;
        site._none = Some(none);
        Ok(site)
    }

    /// Serves `dist/` with these data shards and trained networks (`MODELS/index.json` …).
    pub fn with_models(shards: &Path, models: &Path) -> Result<Self> {
        Self::start(&xtask::site::dist(), shards, Some(models))
    }

    fn start(site: &Path, shards: &Path, models: Option<&Path>) -> Result<Self> {
        let mount = |path: String, folder: &Path| Mount {
            path,
            folder: folder.to_owned(),
        };
        let mut mounts = vec![
            mount(PATH.into(), site),
            mount(format!("{PATH}data/"), shards),
        ];
        mounts.extend(models.map(|models| mount(format!("{PATH}model/"), models)));
        Ok(Self {
            server: Server::start(&mounts, 0)?,
            _none: None,
        })
    }

    /// The page's address with these URL parameters.
    pub fn url(&self, query: &str) -> String {
        format!("{}{PATH}?{query}", self.server.origin())
    }

    /// Bytes of data shards that were asked for.
    pub fn shard_bytes(&self) -> u64 {
        self.bytes_of(|url| url.starts_with("data/") && url.ends_with(".bin"))
    }

    /// Bytes of trained networks that were asked for.
    pub fn model_bytes(&self) -> u64 {
        self.bytes_of(|url| url.contains(".safetensors"))
    }

    fn bytes_of(&self, wanted: impl Fn(&str) -> bool) -> u64 {
        let served = self.server.log().into_iter();
        served
            .filter(|served| served.url.strip_prefix(PATH).is_some_and(&wanted))
            .map(|served| served.bytes)
            .sum()
    }
}

/// A folder that is not there.
pub fn nothing() -> PathBuf {
    std::env::temp_dir().join("gemst-nothing-here")
}

/// A small run on the CPU with generated images: what most tests need.
pub const SMALL_RUN: &str = "backend=cpu&preset=tiny&dataset=synthetic";

/// A page in a browser without WebGPU and camera, ready to train.
pub fn ready(site: &Site, query: &str) -> Result<Page> {
    ready_in(site, query, &Options::default())
}

/// The same in another browser.
pub fn ready_in(site: &Site, query: &str, options: &Options) -> Result<Page> {
    let mut page = Page::open(options)?;
    page.go(&site.url(query))?;
    page.wait_metric("state", LATER, |state| state == "ready")?;
    Ok(page)
}

/// Trains until the step counter has reached `steps`, then pauses; the step it stopped at.
pub fn train_to(page: &mut Page, steps: f64) -> Result<f64> {
    page.press("Train")?;
    page.wait_number("step", LATER, |step| step >= steps)?;
    pause(page)
}

/// Pauses; the step training stopped at.
pub fn pause(page: &mut Page) -> Result<f64> {
    page.press("Pause")?;
    page.wait_metric("state", SOON, |state| state == "paused")?;
    page.number("step")
}

/// Evaluates; the accuracy the page then shows.
///
/// The old figure stands until the new one comes and may equal it, so the wait is for the button,
/// which is disabled while the engine evaluates.
pub fn evaluate(page: &mut Page) -> Result<f64> {
    const COUNT: &str = "(() => {
        if (window.evaluations === undefined) {
            window.evaluations = 0;
            const buttons = [...document.querySelectorAll('button')];
            const button = buttons.find(button => button.textContent.trim() === 'Evaluate');
            const watch = new MutationObserver(() => { if (!button.disabled) window.evaluations++; });
            watch.observe(button, { attributeFilter: ['disabled'] });
        }
        return window.evaluations;
    })()";
    let before = page.eval(COUNT)?.as_u64();
    page.press("Evaluate")?;
    page.wait("the evaluation to end", LATER, |page| {
        Ok((page.eval(COUNT)?.as_u64() > before).then_some(()))
    })?;
    let accuracy = page.number("eval-accuracy")?;
    ensure!(
        (0.0..=1.0).contains(&accuracy),
        "eval-accuracy is {accuracy}"
    );
    Ok(accuracy)
}

/// A file of this test, in a folder that is deleted at the end.
pub fn file(folder: &tempfile::TempDir, name: &str, bytes: &[u8]) -> Result<PathBuf> {
    let path = folder.path().join(name);
    std::fs::write(&path, bytes).with_context(|| format!("writing {}", path.display()))?;
    Ok(path)
}
