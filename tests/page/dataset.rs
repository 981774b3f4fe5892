//! CIFAR from an archive that the visitor opens, and from shards beside the page.

use crate::picture;
use crate::site::{LATER, SMALL_RUN, SOON, Site, evaluate, file, ready, train_to};
use anyhow::{Context, Result, ensure};
use std::path::{Path, PathBuf};
use std::process::Command;

#[test]
fn opens_the_official_archive() -> Result<()> {
    let site = Site::serve()?;
    let folder = tempfile::tempdir()?;
    let mut page = ready(&site, SMALL_RUN)?;
    page.choose("Open dataset", &picture::cifar10_archive(folder.path())?)?;
    page.wait_metric("dataset", LATER, |name| name == "cifar10")?;
    page.wait_text(&["cifar-10-binary.tar.gz"], SOON)?;
    page.press("Step")?;
    page.wait_number("loss", LATER, |loss| loss.is_finite() && loss > 0.0)?;
    let errors = &page.record()?.errors;
    ensure!(errors.is_empty(), "console errors: {errors:#?}");
    Ok(())
}

#[test]
fn a_truncated_archive_is_refused_and_the_images_stay() -> Result<()> {
    let site = Site::serve()?;
    let folder = tempfile::tempdir()?;
    let mut page = ready(&site, SMALL_RUN)?;
    let step = train_to(&mut page, 2.0)?;
    let whole = std::fs::read(picture::cifar10_archive(folder.path())?)?;
    let half = file(&folder, "half-of-cifar.tar.gz", &whole[..whole.len() / 2])?;
    page.choose("Open dataset", &half)?;
    let text = page.wait_text(&["half-of-cifar.tar.gz"], LATER)?;
    page.wait_text(
        &[
            "truncated",
            "incomplete",
            "ends early",
            "cut off",
            "download",
        ],
        LATER,
    )
    .with_context(|| format!("no remedy named in:\n{text}"))?;
    ensure!(
        page.metric("dataset")?.as_deref() == Some("synthetic"),
        "the set in use was lost\n{}",
        page.describe()
    );
    page.press("Step")?;
    page.wait_number("step", LATER, |at| at == step + 1.0)?;
    Ok(())
}

#[test]
fn a_wrong_file_is_named() -> Result<()> {
    let site = Site::serve()?;
    let folder = tempfile::tempdir()?;
    let mut page = ready(&site, SMALL_RUN)?;
    let wrong = file(&folder, "recipes.tar.gz", b"flour, water, salt")?;
    page.choose("Open dataset", &wrong)?;
    page.wait_text(&["recipes.tar.gz"], SOON)?;
    ensure!(
        page.metric("dataset")?.as_deref() == Some("synthetic"),
        "the set in use was lost"
    );
    Ok(())
}

#[test]
fn loads_shards_once_and_keeps_them() -> Result<()> {
    let folder = tempfile::tempdir()?;
    make_shards(folder.path())?;
    let site = Site::with_shards(&folder.path().join("shards"))?;
    let query = "backend=cpu&preset=tiny&dataset=cifar10";
    let mut page = ready(&site, query)?;
    page.wait_metric("dataset", LATER, |name| name == "cifar10")?;
    let loaded = site.shard_bytes();
    ensure!(
        loaded > 1_000_000,
        "only {loaded} bytes of shards were loaded"
    );

    page.go(&site.url(query))?;
    page.wait_metric("dataset", LATER, |name| name == "cifar10")?;
    page.wait_metric("state", LATER, |state| state == "ready")?;
    ensure!(
        site.shard_bytes() == loaded,
        "the second visit loaded {} bytes again",
        site.shard_bytes() - loaded
    );
    Ok(())
}

/// The README's figure: what fine-tuning on 2,000 images does to the accuracy on 1,000 others.
#[test]
fn fine_tuning_on_2000_images_visibly_learns() -> Result<()> {
    const STEPS: f64 = 250.0;
    let folder = tempfile::tempdir()?;
    make_shards(folder.path())?;
    let site = Site::with_shards(&folder.path().join("shards"))?;
    let mut page = ready(
        &site,
        "backend=cpu&preset=small&dataset=cifar10&train_limit=2000&twin=off",
    )?;
    page.wait_metric("dataset", LATER, |name| name == "cifar10")?;
    let before = evaluate(&mut page)?;
    let steps = train_to(&mut page, STEPS)?;
    let after = evaluate(&mut page)?;
    println!(
        "fine-tuning on 2,000 {} images, cpu: accuracy on 1,000 held-out images {before:.3} before, \
         {after:.3} after {steps} steps",
        if picture::cifar().is_some() {
            "CIFAR-10"
        } else {
            "generated"
        }
    );
    ensure!(
        after > before + 0.1,
        "accuracy {before} before, {after} after {steps} steps"
    );
    Ok(())
}

/// `FOLDER/shards/cifar10/`, made by the native program; the folder of the binaries it is made from.
pub fn make_shards(folder: &Path) -> Result<PathBuf> {
    let program = std::env::var_os("GEMST_TRAIN")
        .context("GEMST_TRAIN is not set; `cargo xtask test page` sets it")?;
    let binaries = picture::cifar10_binaries(folder)?;
    let status = Command::new(program)
        .args(["shards", "--dataset", "cifar10", "--data"])
        .arg(binaries.parent().context("it lies in a folder")?)
        .arg("--out")
        .arg(folder.join("shards"))
        .status()?;
    ensure!(status.success(), "`train shards` failed");
    Ok(binaries)
}
