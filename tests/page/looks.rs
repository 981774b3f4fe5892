//! How the page looks, wide and narrow, light and dark. The pictures in `target/screenshots/` are for a
//! person; the test asserts what a machine can see.

use crate::site::{LATER, SMALL_RUN, Site, evaluate, ready, train_to};
use anyhow::{Result, ensure};
use xtask::shell::target_dir;

#[test]
fn fits_every_width_in_light_and_dark() -> Result<()> {
    let site = Site::serve()?;
    let folder = tempfile::tempdir()?;
    let mut page = ready(&site, SMALL_RUN)?;
    train_to(&mut page, 20.0)?;
    evaluate(&mut page)?;
    page.choose("Open image", &crate::picture::image_file(folder.path())?)?;
    page.wait_metric("prediction", LATER, |class| !class.is_empty())?;
    let mut backgrounds = Vec::new();
    for dark in [false, true] {
        for width in [1440, 820, 390] {
            page.look(width, 900, dark)?;
            // One frame for the layout, one for the drawing that follows it.
            page.eval("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done(0))))")?;
            let scheme = if dark { "dark" } else { "light" };
            page.screenshot(&target_dir().join(format!("screenshots/{scheme}-{width}.png")))?;
            let inner = page.eval("document.documentElement.scrollWidth")?;
            ensure!(
                inner.as_f64() <= Some(f64::from(width)),
                "at {width} px the page is {inner} px wide"
            );
            ensure!(
                page.offers("Train")?,
                "no Train button at {width} px, {scheme}"
            );
        }
        backgrounds.push(page.eval("getComputedStyle(document.documentElement).backgroundColor + getComputedStyle(document.body).backgroundColor")?);
    }
    ensure!(
        backgrounds[0] != backgrounds[1],
        "light and dark have the same background {}",
        backgrounds[0]
    );
    println!(
        "screenshots: {}",
        target_dir().join("screenshots").display()
    );
    Ok(())
}
