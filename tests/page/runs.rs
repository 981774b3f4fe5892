//! Earlier runs, the dataset browser, the confusion matrices, the stories.

use crate::site::{LATER, SMALL_RUN, SOON, Site, evaluate, ready, train_to};
use anyhow::{Context, Result, ensure};
use serde_json::Value;
use xtask::page::Page;

/// Waits until an expression is true.
fn wait_true(page: &mut Page, what: &str, expression: &str) -> Result<()> {
    page.wait(what, SOON, |page| {
        Ok((page.eval(expression)? == Value::Bool(true)).then_some(()))
    })
}

fn text(page: &mut Page, selector: &str) -> Result<String> {
    let text = page.eval(&format!(
        "document.querySelector('{selector}')?.textContent ?? ''"
    ))?;
    Ok(text.as_str().unwrap_or_default().to_owned())
}

#[test]
fn an_earlier_run_lies_under_the_new_one_with_what_differs() -> Result<()> {
    let site = Site::serve()?;
    let mut page = ready(&site, SMALL_RUN)?;
    train_to(&mut page, 12.0)?;
    // Energy: sampled from training images, far below the twin's share of a closed form.
    let spiking = page.wait_number("sampled-energy-pj", SOON, |pj| pj > 1000.0)?;
    let dense = page.number("sampled-dense-energy-pj")?;
    ensure!(dense == page.number("dense-energy-pj")?, "one closed form");
    println!("sampled: spiking {spiking} pJ, dense {dense} pJ");
    evaluate(&mut page)?;
    let held_out = page.number("eval-spiking-energy-pj")?;
    ensure!(
        (spiking / held_out).ln().abs() < 1.0,
        "a training image costs {spiking} pJ, a held-out one {held_out}"
    );
    let label = page.eval("document.getElementById('energy-chart').getAttribute('aria-label')")?;
    let label = label.as_str().unwrap_or_default().to_owned();
    ensure!(
        label.contains("spiking") && label.contains("held-out"),
        "{label}"
    );

    // Another seed begins another run.
    page.eval(
        "(() => { const seed = document.getElementById('seed'); seed.value = '7'; \
         seed.dispatchEvent(new Event('change', { bubbles: true })); })()",
    )?;
    page.wait_number("kept-runs", LATER, |count| count == 1.0)?;
    page.wait_number("step", LATER, |step| step == 0.0)?;
    let row = text(&mut page, "#runs-rows tr")?;
    ensure!(
        row.contains("Run 1") && row.contains("seed 0 (now 7)"),
        "{row}"
    );
    train_to(&mut page, 3.0)?;
    let label = page.eval("document.getElementById('loss-chart').getAttribute('aria-label')")?;
    ensure!(
        label
            .as_str()
            .is_some_and(|label| label.contains("one earlier run")),
        "{label}"
    );
    // Hidden, and it is still there after a reload, hidden as it was.
    page.eval("document.querySelector('[aria-label=\"Draw run 1\"]').click()")?;
    wait_true(
        &mut page,
        "the run to be hidden",
        "!document.getElementById('loss-chart').getAttribute('aria-label').includes('earlier')",
    )?;
    page.go(&site.url(SMALL_RUN))?;
    page.wait_number("kept-runs", LATER, |count| count == 1.0)?;
    ensure!(
        page.eval("document.querySelector('[aria-label=\"Draw run 1\"]').checked")? == false,
        "a hidden run came back drawn"
    );
    page.press("Remove run 1")?;
    page.wait_number("kept-runs", SOON, |count| count == 0.0)?;
    let stored = page.eval("localStorage.getItem('gemst-runs')")?;
    ensure!(stored == "gemst runs 1", "left in the storage: {stored}");
    let errors = &page.record()?.errors;
    ensure!(errors.is_empty(), "console errors: {errors:#?}");
    Ok(())
}

#[test]
fn runs_are_kept_where_the_storage_is_full_or_broken() -> Result<()> {
    let site = Site::serve()?;
    for broken in [
        "Storage.prototype.setItem = () => { throw new DOMException('full', 'QuotaExceededError'); }",
        "Object.defineProperty(window, 'localStorage', { get() { throw new DOMException('no', 'SecurityError'); } })",
        "localStorage.setItem('gemst-runs', 'gemst runs 1\\n1\\tx')",
    ] {
        let mut page = Page::open(&xtask::browser::Options::default())?;
        page.before_load(broken)?;
        page.go(&site.url(SMALL_RUN))?;
        page.wait_metric("state", LATER, |state| state == "ready")?;
        train_to(&mut page, 2.0)?;
        page.press("Reset")?;
        page.wait_number("kept-runs", LATER, |count| count == 1.0)?;
        page.wait_metric("state", LATER, |state| state == "ready")?;
    }
    Ok(())
}

#[test]
fn the_browser_shows_classes_images_and_answers() -> Result<()> {
    let site = Site::serve()?;
    let mut page = ready(&site, SMALL_RUN)?;
    let all = page.wait_number("browsed-images", SOON, |count| count > 0.0)?;
    wait_true(
        &mut page,
        "a page of images",
        "document.querySelectorAll('#browser-images .shot').length === 24",
    )?;
    // Counts of the classes add up.
    let counts =
        "[...document.querySelectorAll('#class-rows tr')].map(row => +row.cells[2].textContent)";
    let sum = page.eval(&format!("({counts}).reduce((a, b) => a + b)"))?;
    ensure!(
        sum.as_f64() == Some(all),
        "classes hold {sum} images of {all}"
    );
    ensure!(
        !page.offers("Previous page")?,
        "there is no page before the first"
    );
    let names = "[...document.querySelectorAll('#browser-images button')].map(b => b.getAttribute('aria-label'))";
    let first = page.eval(names)?;
    page.press("Next page")?;
    wait_true(
        &mut page,
        "other images",
        &format!("({names})[0]?.startsWith('Image 24,') === true"),
    )?;
    ensure!(
        page.eval(names)? != first,
        "the next page shows the same images"
    );

    // One class only.
    let class = page.eval("document.querySelector('#class-rows tr').dataset.class")?;
    let class = class.as_str().context("a class has a name")?.to_owned();
    page.press(&format!("Show {class}"))?;
    let of_class = page.wait_number("browsed-images", SOON, |count| count < all)?;
    wait_true(
        &mut page,
        "images of the class",
        &format!("({names}).length > 0 && ({names}).every(name => name.includes(', {class}.'))"),
    )?;

    // Evaluate, and every image says what both networks take it for.
    train_to(&mut page, 12.0)?;
    let accuracy = evaluate(&mut page)?;
    wait_true(
        &mut page,
        "answers",
        &format!(
            "({names}).length > 0 && ({names}).every(name => /Spiking: .*, (right|wrong)\\. Dense: .*, (right|wrong)\\./.test(name))"
        ),
    )?;
    let marked = page.eval(
        "[...document.querySelectorAll('.shot-said')].every(line => \
         line.textContent.includes(line.classList.contains('wrong') ? '✗' : '✓'))",
    )?;
    ensure!(marked == true, "an answer is marked by its colour alone");
    page.press("Show all images")?;
    page.wait_number("browsed-images", SOON, |count| count == all)?;
    page.eval(
        "(() => { const field = document.getElementById('browse-answered'); field.value = 'spiking'; \
         field.dispatchEvent(new Event('change', { bubbles: true })); })()",
    )?;
    let wrong = page.wait_number("browsed-images", SOON, |count| count != all)?;
    ensure!(
        (wrong / all - (1.0 - accuracy)).abs() < 1e-9,
        "{wrong} of {all} images are wrong at an accuracy of {accuracy}"
    );
    println!("{of_class} images of {class}, {wrong} of {all} wrong");

    // An image opens under Look.
    let name = page.eval(&format!("({names})[0]"))?;
    let index = name
        .as_str()
        .and_then(|name| name.split([' ', ',']).nth(1))
        .unwrap_or_default()
        .to_owned();
    page.press(name.as_str().context("an image has a name")?)?;
    page.wait_text(&[&format!("Held-out image {index}")], SOON)?;
    let errors = &page.record()?.errors;
    ensure!(errors.is_empty(), "console errors: {errors:#?}");
    Ok(())
}

#[test]
fn a_cell_of_the_matrix_opens_the_images_behind_it() -> Result<()> {
    let site = Site::serve()?;
    let mut page = ready(&site, SMALL_RUN)?;
    train_to(&mut page, 12.0)?;
    evaluate(&mut page)?;
    for side in ["spiking", "dense"] {
        let cells = format!("[...document.querySelectorAll('#matrix-{side} button')]");
        wait_true(&mut page, "the matrix", &format!("{cells}.length > 0"))?;
        let sum = page.eval(&format!(
            "{cells}.reduce((sum, cell) => sum + +cell.textContent, 0)"
        ))?;
        ensure!(sum == 1000, "the {side} matrix holds {sum} images");
        let tabs = page.eval(&format!(
            "{cells}.filter(cell => cell.tabIndex === 0).length"
        ))?;
        ensure!(tabs == 1, "{tabs} cells are reached by Tab");
        let mistake =
            format!("{cells}.find(cell => cell.getAttribute('aria-label').includes('taken for'))");
        let name = page.eval(&format!("{mistake}?.getAttribute('aria-label')"))?;
        let count = page.eval(&format!("+{mistake}?.textContent"))?;
        page.press(name.as_str().context("a network without a mistake")?)?;
        page.wait_number("browsed-images", SOON, |found| {
            Some(found) == count.as_f64()
        })?;
        let answer = format!(
            "[...document.querySelectorAll('#browser-images .shot')].every(shot => shot.dataset.{side} === 'wrong')"
        );
        wait_true(&mut page, "images with that mistake", &answer)?;
        wait_true(
            &mut page,
            "the focus at the images",
            "document.activeElement.id === 'browser-title'",
        )?;
    }
    // The arrow keys walk, and Enter opens.
    page.eval("document.querySelector('#matrix-dense button[tabindex=\"0\"]').focus()")?;
    let before = page.eval("document.activeElement.dataset.cell")?;
    for key in ["ArrowDown", "ArrowRight", "ArrowUp", "ArrowDown"] {
        page.eval(&format!(
            "document.activeElement.dispatchEvent(new KeyboardEvent('keydown', {{ key: '{key}', bubbles: true }}))"
        ))?;
    }
    let after = page.eval("document.activeElement.dataset.cell")?;
    ensure!(
        after.is_string() && after != before,
        "the arrows led from {before} to {after}"
    );
    // The most frequent mistakes, most frequent first.
    let counts = page.eval("[...document.querySelectorAll('#mistakes-dense li span')].map(line => parseInt(line.textContent))")?;
    let counts: Vec<u64> = serde_json::from_value(counts)?;
    ensure!(
        !counts.is_empty() && counts.is_sorted_by(|a, b| a >= b),
        "{counts:?}"
    );
    Ok(())
}

#[test]
fn a_story_sets_the_settings_and_marks_its_steps() -> Result<()> {
    let site = Site::serve()?;
    let mut page = ready(&site, "backend=cpu&preset=tiny&dataset=synthetic&penalty=2")?;
    ensure!(
        !page.offers("Transfer from CIFAR-100 to CIFAR-10")?,
        "there is no model to transfer from"
    );
    page.press("Watch spikes thin out")?;
    page.wait_metric("story", SOON, |name| name == "thin")?;
    page.wait_metric("state", LATER, |state| state == "ready")?;
    let address = page.eval("location.search")?;
    ensure!(
        address == "?backend=cpu&dataset=synthetic&twin=off&start=fresh",
        "the address is {address}"
    );
    ensure!(
        page.number("story-step")? == 0.0,
        "a step is done before it is"
    );
    train_to(&mut page, 60.0)?;
    page.wait_number("story-step", SOON, |done| done == 1.0)?;
    evaluate(&mut page)?;
    page.wait_number("story-step", SOON, |done| done == 2.0)?;
    page.eval(
        "(() => { const field = document.getElementById('penalty'); field.value = '5'; \
         field.dispatchEvent(new Event('change', { bubbles: true })); })()",
    )?;
    page.wait_number("story-step", SOON, |done| done == 3.0)?;
    page.wait_text(&["3 of 5 steps are done"], SOON)?;
    page.press("Leave this story")?;
    wait_true(
        &mut page,
        "the story to be gone",
        "document.getElementById('story').hidden",
    )?;
    let errors = &page.record()?.errors;
    ensure!(errors.is_empty(), "console errors: {errors:#?}");
    Ok(())
}
