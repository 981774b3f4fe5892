//! Save checkpoint, Open checkpoint.

use crate::site::{LATER, SMALL_RUN, SOON, Site, evaluate, file, ready, train_to};
use anyhow::{Result, ensure};

#[test]
fn a_saved_run_comes_back_whole() -> Result<()> {
    let site = Site::serve()?;
    let folder = tempfile::tempdir()?;
    let mut page = ready(&site, SMALL_RUN)?;
    let step = train_to(&mut page, 12.0)?;
    let accuracy = evaluate(&mut page)?;
    let saved = page.download("Save checkpoint")?;
    // Kept beside, since the browser's folder goes with the browser.
    let name = saved.file_name().unwrap_or_default().to_owned();
    let kept = folder.path().join(name);
    std::fs::copy(&saved, &kept)?;

    page.press("Reset")?;
    page.wait_number("step", LATER, |at| at == 0.0)?;
    page.choose("Open checkpoint", &kept)?;
    page.wait_number("step", LATER, |at| at == step)?;
    let again = evaluate(&mut page)?;
    ensure!(
        again == accuracy,
        "accuracy {accuracy} when saved, {again} when reopened"
    );

    // Another browser, another preset in the URL: the file carries its own configuration.
    let mut other = ready(
        &site,
        "backend=cpu&preset=tiny-exp&dataset=synthetic&seed=99",
    )?;
    other.choose("Open checkpoint", &kept)?;
    other.wait_number("step", LATER, |at| at == step)?;
    let elsewhere = evaluate(&mut other)?;
    ensure!(
        elsewhere == accuracy,
        "accuracy {accuracy} when saved, {elsewhere} in another browser\n{}",
        other.describe()
    );

    // It goes on from there.
    other.press("Step")?;
    other.wait_number("step", LATER, |at| at == step + 1.0)?;
    Ok(())
}

#[test]
fn a_file_that_is_no_checkpoint_is_refused_and_the_run_stays() -> Result<()> {
    let site = Site::serve()?;
    let folder = tempfile::tempdir()?;
    let mut page = ready(&site, SMALL_RUN)?;
    let step = train_to(&mut page, 2.0)?;
    let accuracy = evaluate(&mut page)?;
    let garbage = file(
        &folder,
        "holiday.safetensors",
        b"This is a postcard, not a network.",
    )?;
    page.choose("Open checkpoint", &garbage)?;
    page.wait_text(&["holiday.safetensors"], SOON)?;

    // A real file that lost its second half.
    let saved = page.download("Save checkpoint")?;
    let bytes = std::fs::read(saved)?;
    let half = file(&folder, "half.safetensors", &bytes[..bytes.len() / 2])?;
    page.choose("Open checkpoint", &half)?;
    page.wait_text(&["half.safetensors"], SOON)?;

    ensure!(page.number("step")? == step, "the run was lost");
    let again = evaluate(&mut page)?;
    ensure!(
        again == accuracy,
        "accuracy went from {accuracy} to {again}"
    );
    page.press("Step")?;
    page.wait_number("step", LATER, |at| at == step + 1.0)?;
    Ok(())
}
