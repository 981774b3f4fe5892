//! The second visit without a network, and a newer build beside a running page.

use crate::keep::step;
use crate::site::{LATER, SMALL_RUN, SOON, Site, ready};
use anyhow::{Context, Result, ensure};
use std::collections::BTreeMap;
use std::path::Path;

#[test]
fn it_opens_and_trains_when_its_server_is_gone() -> Result<()> {
    let site = Site::of(&xtask::site::dist())?;
    let mut page = ready(&site, SMALL_RUN)?;
    page.wait_metric("offline", LATER, |state| state == "ready")?;
    page.wait_text(&["Ready for offline use"], SOON)?;
    let url = site.url("backend=cpu&preset=tiny-exp&dataset=synthetic&seed=4");
    drop(site);
    ensure!(
        page.eval("fetch('nothing-like-this').then(() => 'there', () => 'gone')")? == "gone",
        "the server still answers, so this proves nothing"
    );
    page.go(&url)?;
    page.wait_metric("state", LATER, |state| state == "ready")?;
    let loss = step(&mut page, 1)?;
    ensure!(loss.is_finite() && loss > 0.0, "loss {loss}");
    Ok(())
}

#[test]
fn whole_files_are_kept_and_parts_never() -> Result<()> {
    let site = Site::of(&xtask::site::dist())?;
    let mut page = ready(&site, SMALL_RUN)?;
    page.wait_metric("offline", LATER, |state| state == "ready")?;
    // Asked for in part, as a player or a download manager does.
    page.eval(
        "fetch('worker_cpu_bg.wasm', { headers: { range: 'bytes=0-99' } }).then(part => part.arrayBuffer())",
    )?;
    let kept = page.eval(
        "(async () => { const all = {}; for (const name of await caches.keys()) { \
         const cache = await caches.open(name); for (const request of await cache.keys()) { \
         const path = request.url.slice(new URL('.', document.baseURI).href.length) || 'index.html'; \
         all[path.split('?')[0]] = (await (await cache.match(request)).arrayBuffer()).byteLength; } } return all; })()",
    )?;
    let kept: BTreeMap<String, u64> = serde_json::from_value(kept)?;
    ensure!(
        kept.contains_key("worker_cpu_bg.wasm") && kept.contains_key("index.html"),
        "{kept:?}"
    );
    for (name, bytes) in &kept {
        let there = std::fs::metadata(xtask::site::dist().join(name))
            .with_context(|| format!("{name} is kept and not in dist/"))?
            .len();
        ensure!(*bytes == there, "{name}: {bytes} bytes are kept of {there}");
    }
    ensure!(
        !kept.keys().any(|name| name.contains("worker_gpu")),
        "no WebGPU here: {kept:?}"
    );
    Ok(())
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let path = entry?.path();
        let target = to.join(path.file_name().context("an entry has a name")?);
        if path.is_dir() {
            copy(&path, &target)?;
        } else {
            std::fs::copy(&path, &target)?;
        }
    }
    Ok(())
}

/// Changes the served service worker as a rebuild does; the build's old name is returned.
fn rebuild(folder: &Path) -> Result<String> {
    let path = folder.join("sw.js");
    let script = std::fs::read_to_string(&path)?;
    let build = script
        .split('"')
        .nth(1)
        .context("sw.js names its build")?
        .to_owned();
    std::fs::write(&path, script.replace(&build, "another-build"))?;
    Ok(build)
}

#[test]
fn a_newer_build_announces_itself_and_the_running_page_goes_on() -> Result<()> {
    let folder = tempfile::tempdir()?;
    copy(&xtask::site::dist(), folder.path())?;
    let site = Site::of(folder.path())?;
    let mut page = ready(&site, SMALL_RUN)?;
    page.wait_metric("offline", LATER, |state| state == "ready")?;
    step(&mut page, 1)?;
    // Left behind by a build that no page is of.
    let prefix = page.eval("caches.keys().then(names => names[0].split('files')[0])")?;
    let prefix = prefix.as_str().context("the cache has a name")?.to_owned();
    page.eval(&format!(
        "caches.open('{prefix}files forgotten').then(() => 0)"
    ))?;

    let build = rebuild(folder.path())?;
    // Not awaited: a new worker starts only once this test has listened to it.
    page.eval("void navigator.serviceWorker.getRegistration().then(found => found.update())")?;
    page.wait_text(&["There is a newer version of this page"], LATER)?;
    let names = page.eval("caches.keys()")?;
    for (name, wanted) in [
        (build.as_str(), true),
        ("another-build", true),
        ("forgotten", false),
    ] {
        let there = names.to_string().contains(name);
        ensure!(there == wanted, "{name}: {names}");
    }
    step(&mut page, 2)?;

    // Online, a rebuilt page shows at the next load, whatever is kept.
    let index = folder.path().join("index.html");
    let html = std::fs::read_to_string(&index)?;
    std::fs::write(&index, html.replace("<main>", "<main><p>Built anew.</p>"))?;
    page.go(&site.url(SMALL_RUN))?;
    page.wait_text(&["Built anew."], SOON)?;
    Ok(())
}
