//! The page opens with trained networks from beside it. Small ones here, made by the native program.

use crate::picture;
use crate::site::{LATER, SOON, Site, nothing, ready, train_to};
use anyhow::{Context, Result, ensure};
use std::path::{Path, PathBuf};
use std::process::Command;
use xtask::browser::Options;
use xtask::page::Page;

/// A page that asks for the preset which is shipped here.
const SHIPPED_RUN: &str = "backend=cpu&preset=tiny";

fn train(arguments: &[&str]) -> Result<()> {
    let program = std::env::var_os("GEMST_TRAIN")
        .context("GEMST_TRAIN is not set; `cargo xtask test page` sets it")?;
    let output = Command::new(program).args(arguments).output()?;
    ensure!(
        output.status.success(),
        "{arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}

/// `FOLDER/model/` with `tiny` and its twin on this data set, and the recorded run.
fn make_models(folder: &Path, dataset: &str) -> Result<PathBuf> {
    let binaries = match dataset {
        "cifar100" => picture::cifar100_binaries(folder)?,
        _ => picture::cifar10_binaries(folder)?,
    };
    let data = binaries.to_string_lossy();
    let path = |name: &str| folder.join(name).to_string_lossy().into_owned();
    let mut card = vec!["card".to_owned(), "--ship".to_owned()];
    for preset in ["tiny", "dense-tiny"] {
        let file = path(&format!("{preset}.safetensors"));
        train(&[
            "transfer",
            "--dataset",
            dataset,
            "--data",
            &data,
            "--preset",
            preset,
            "--at",
            "12",
            "--limit",
            "50",
            "--save",
            &file,
        ])?;
        card.push(file);
    }
    let models = path("model");
    let rest = ["--out", &models, "--data", &data, "--limit", "100"];
    card.extend(rest.map(str::to_owned));
    train(&card.iter().map(String::as_str).collect::<Vec<_>>())?;
    let picture = path("picture.ppm");
    let mut ppm = b"P6\n# A grey square.\n32 32\n255\n".to_vec();
    ppm.extend([128; 32 * 32 * 3]);
    std::fs::write(&picture, ppm)?;
    let files = ["tiny", "dense-tiny"].map(|name| format!("{models}/{name}-{dataset}.safetensors"));
    train(&[
        "record",
        "--checkpoint",
        &files[0],
        &files[1],
        "--picture",
        &picture,
        "--out",
        &models,
    ])?;
    Ok(models.into())
}

fn run_of_glance(page: &mut Page) -> Result<String> {
    let run = page.eval(
        "(() => { const part = document.getElementById('glance'); \
         return part.hidden ? 'hidden' : part.dataset.run; })()",
    )?;
    Ok(run.as_str().unwrap_or_default().to_owned())
}

fn wait_glance(page: &mut Page, wanted: &str) -> Result<()> {
    page.wait(&format!("the {wanted} run"), LATER, |page| {
        Ok((run_of_glance(page)? == wanted).then_some(()))
    })
}

#[test]
fn opens_with_the_shipped_networks_and_returns_to_them() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let models = make_models(folder.path(), "cifar10")?;
    let site = Site::with_models(&nothing(), &models)?;
    let mut page = ready(&site, SHIPPED_RUN)?;
    page.wait_text(
        &["In force: shipped weights, tiny-cifar10.safetensors"],
        SOON,
    )?;
    // No CIFAR is beside the page, and the networks name its classes all the same.
    ensure!(page.metric("dataset")?.as_deref() == Some("synthetic"));
    wait_glance(&mut page, "live")?;
    let names = "airplane automobile bird cat deer dog frog horse ship truck";
    page.wait_metric("prediction", SOON, |name| {
        names.split(' ').any(|known| known == name)
    })?;
    page.wait_text(&["What these networks are good and bad at"], SOON)?;

    // An accuracy on other images means nothing. Training draws new heads, says so, and needs no second click.
    page.press("Evaluate")?;
    page.wait_text(&["would mean nothing"], SOON)?;
    page.press("Start training")?;
    page.wait_text(&["they have new heads now"], SOON)?;
    page.wait_number("step", LATER, |step| step >= 2.0)?;
    crate::site::pause(&mut page)?;
    page.wait_text(&["transfer to the generated shapes"], SOON)?;

    page.press("Reset")?;
    page.wait_text(&["In force: shipped weights"], LATER)?;
    page.wait_number("step", SOON, |step| step == 0.0)?;

    // The next visit loads none of it again.
    let loaded = site.model_bytes();
    ensure!(
        loaded > 10_000,
        "only {loaded} bytes of networks were loaded"
    );
    page.go(&site.url(SHIPPED_RUN))?;
    page.wait_text(&["In force: shipped weights"], LATER)?;
    ensure!(
        site.model_bytes() == loaded,
        "the networks were loaded again"
    );
    Ok(())
}

#[test]
fn a_recorded_run_shows_before_any_engine_answers() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let models = make_models(folder.path(), "cifar10")?;
    let site = Site::with_models(&nothing(), &models)?;
    let mut page = Page::open(&Options::default())?;
    // An engine that takes for ever.
    page.before_load("window.Worker = class { postMessage() {} terminate() {} };")?;
    page.go(&site.url(SHIPPED_RUN))?;
    wait_glance(&mut page, "recorded")?;
    page.wait_text(&["Recorded: what both networks said"], SOON)?;
    let answers = page.eval(
        "['glance-spiking', 'glance-dense'].map(id => document.getElementById(id).children.length).join()",
    )?;
    ensure!(answers == "5,5", "{answers} answers");
    let text = page.text()?;
    for part in ["(a)", "(b)", "(c)", "modelled"] {
        ensure!(text.contains(part), "no {part} in\n{text}");
    }
    ensure!(page.metric("state")?.as_deref() == Some("loading"));

    // Other networks were asked for: the recorded run is not theirs.
    let mut other = ready(&site, "backend=cpu&preset=tiny&start=fresh")?;
    other.wait_text(&["In force: fresh weights"], SOON)?;
    ensure!(run_of_glance(&mut other)? == "hidden");
    Ok(())
}

#[test]
fn a_damaged_file_gives_words_and_fresh_weights() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let models = make_models(folder.path(), "cifar10")?;
    let file = models.join("tiny-cifar10.safetensors");
    let whole = std::fs::read(&file)?;
    let mut changed = whole.clone();
    let last = changed.len() - 1;
    changed[last] ^= 1;
    for (bytes, words) in [
        (&whole[..whole.len() / 2], "arrived incomplete"),
        (&changed[..], "checksum differs"),
    ] {
        // Removed first: the folder's file must not be one that a cache holds open.
        std::fs::remove_file(&file)?;
        std::fs::write(&file, bytes)?;
        let site = Site::with_models(&nothing(), &models)?;
        let mut page = ready(&site, SHIPPED_RUN)?;
        page.wait_text(&[words], SOON)?;
        page.wait_text(&["In force: fresh weights"], SOON)?;
        page.press("Step")?;
        page.wait_number("step", LATER, |step| step == 1.0)?;
        ensure!(run_of_glance(&mut page)? == "hidden");
    }
    Ok(())
}

#[test]
fn transfer_from_cifar100_to_cifar10() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let models = make_models(folder.path(), "cifar100")?;
    crate::dataset::make_shards(folder.path())?;
    let site = Site::with_models(&folder.path().join("shards"), &models)?;
    let query = format!("{SHIPPED_RUN}&start=cifar100&train_limit=500");
    let mut page = ready(&site, &query)?;
    page.wait_metric("dataset", LATER, |name| name == "cifar10")?;
    page.wait_text(&["transfer from tiny-cifar100.safetensors"], SOON)?;
    page.wait_text(&["They are a start for CIFAR-10"], SOON)?;
    train_to(&mut page, 3.0)?;
    let loss = page.number("loss")?;
    ensure!(loss.is_finite() && loss > 0.0, "loss {loss}");
    let address = page.eval("location.search")?;
    ensure!(
        address
            .as_str()
            .is_some_and(|query| query.contains("start=cifar100")),
        "{address}"
    );
    Ok(())
}
