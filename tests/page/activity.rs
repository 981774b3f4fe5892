//! A look inside: heatmap, raster, membrane, windows, dead and saturated neurons; what it costs when nobody looks.

use crate::site::{LATER, SMALL_RUN, SOON, Site, evaluate, ready, train_to};
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use xtask::browser::Options;
use xtask::page::Page;

/// Scrolls the pane into view and waits until it shows a look at the networks as they are.
fn look(page: &mut Page) -> Result<()> {
    page.eval("document.getElementById('activity').scrollIntoView({ behavior: 'instant' })")?;
    page.wait_number("activity-spikes", LATER, |spikes| spikes > 0.0)?;
    Ok(())
}

/// The heatmap: layer name to its counts by step, then by the name of the column.
fn heat(page: &mut Page) -> Result<Vec<Value>> {
    let rows = page.eval(
        "[...document.querySelectorAll('#heat-rows tr')].map(row => ({ \
           name: row.querySelector('button').textContent, layer: row.dataset.layer, \
           steps: [...row.querySelectorAll('.heat')].map(cell => +cell.dataset.value), \
           texts: [...row.querySelectorAll('.heat')].map(cell => cell.textContent), \
           behind: Object.fromEntries([...row.querySelectorAll('[data-count]')]\
             .map(cell => [cell.dataset.count, cell.dataset.value])) }))",
    )?;
    Ok(rows.as_array().cloned().unwrap_or_default())
}

/// The bill's table of counts: spiking layer to rate per step, dead and saturated, all as text.
fn counts(page: &mut Page) -> Result<BTreeMap<String, [String; 3]>> {
    page.eval("document.getElementById('counts').open = true")?;
    let rows = page.wait("the table of counts", SOON, |page| {
        let rows = page.eval(
            "[...document.querySelectorAll('#counts-rows tr.spiking')].map(row => [...row.children].map(cell => cell.textContent))",
        )?;
        Ok(Some(rows).filter(|rows| rows.as_array().is_some_and(|rows| !rows.is_empty())))
    })?;
    let text = |row: &Value, column: usize| row[column].as_str().unwrap_or_default().to_owned();
    Ok(rows
        .as_array()
        .into_iter()
        .flatten()
        .map(|row| {
            let name = text(row, 0).replace(", spiking", "");
            (name, [text(row, 15), text(row, 16), text(row, 17)])
        })
        .collect())
}

fn number(value: &Value) -> f64 {
    let text = || value.as_str().and_then(|text| text.parse().ok());
    value.as_f64().or_else(text).unwrap_or(f64::NAN)
}

#[test]
fn the_heatmap_has_the_counts_of_the_bill() -> Result<()> {
    let site = Site::serve()?;
    let mut page = ready(&site, SMALL_RUN)?;
    train_to(&mut page, 12.0)?;
    look(&mut page)?;
    // The last look may still be of the step before; the bill is another forward of the same picture.
    page.wait("the heatmap to agree with the bill", SOON, |page| {
        let bill = counts(page)?;
        let rows = heat(page)?;
        let same = rows.iter().all(|row| {
            let Some([_, dead, saturated]) = bill.get(row["name"].as_str().unwrap_or_default())
            else {
                return false;
            };
            row["behind"]["silent"] == dead.as_str()
                && row["behind"]["always"] == saturated.as_str()
        });
        Ok((same && !rows.is_empty()).then_some(()))
    })?;
    let (bill, rows) = (counts(&mut page)?, heat(&mut page)?);
    let spiking = bill.values().filter(|row| row[0].contains('%')).count();
    // The total is a row of the bill.
    ensure!(
        rows.len() + 1 >= spiking,
        "{} rows, {spiking} spiking layers",
        rows.len()
    );
    let mut all = 0.0;
    for row in &rows {
        let steps: Vec<f64> = row["steps"]
            .as_array()
            .into_iter()
            .flatten()
            .map(number)
            .collect();
        ensure!(steps.len() == 4, "tiny runs four steps: {row}");
        let sum: f64 = steps.iter().sum();
        ensure!(number(&row["behind"]["spikes"]) == sum, "{row}");
        all += sum;
        let name = row["name"].as_str().context("it has a name")?;
        let [per_step, ..] = bill
            .get(name)
            .with_context(|| format!("the bill lacks {name}"))?;
        let shares = per_step
            .split(", ")
            .zip(row["texts"].as_array().into_iter().flatten());
        for (exact, shown) in shares {
            let percent = |text: &str| text.replace(['\u{202f}', ' ', '%'], "").parse::<f64>();
            let (exact, shown) = (
                percent(exact)?,
                percent(shown.as_str().unwrap_or_default())?,
            );
            ensure!(
                (exact - shown).abs() <= 0.51,
                "{name}: {exact} % in the bill, {shown} % here"
            );
        }
    }
    ensure!(
        page.number("activity-spikes")? == all,
        "the total is not {all}"
    );
    Ok(())
}

#[test]
fn dead_and_saturated_neurons_are_those_of_the_evaluation() -> Result<()> {
    let site = Site::serve()?;
    let mut page = ready(&site, SMALL_RUN)?;
    train_to(&mut page, 12.0)?;
    look(&mut page)?;
    let unknown = heat(&mut page)?;
    ensure!(
        unknown.iter().all(|row| row["behind"]["dead"] == ""),
        "dead before any evaluation"
    );
    evaluate(&mut page)?;
    look(&mut page)?;
    let rows = page.wait("dead neurons", SOON, |page| {
        let rows = heat(page)?;
        let told = rows.iter().all(|row| row["behind"]["dead"] != "");
        Ok((told && !rows.is_empty()).then_some(rows))
    })?;
    let bill = counts(&mut page)?;
    for row in &rows {
        let name = row["name"].as_str().context("it has a name")?;
        let [_, dead, saturated] = bill
            .get(name)
            .with_context(|| format!("the bill lacks {name}"))?;
        let behind = &row["behind"];
        ensure!(
            behind["dead"] == dead.as_str(),
            "{row}: {dead} dead in the bill"
        );
        ensure!(
            behind["saturated"] == saturated.as_str(),
            "{row}: {saturated} in the bill"
        );
        // Who is silent for every image is silent for this one.
        ensure!(
            number(&behind["dead"]) <= number(&behind["silent"]),
            "{row}"
        );
    }
    ensure!(
        page.number("activity-silent")? > 0.0,
        "every neuron of a LIF network fires?"
    );
    Ok(())
}

fn key(page: &mut Page, key: &str) -> Result<()> {
    for kind in ["keyDown", "keyUp"] {
        page.call(
            "Input.dispatchKeyEvent",
            json!({ "type": kind, "key": key, "code": key }),
        )?;
    }
    Ok(())
}

fn attribute(page: &mut Page, id: &str, name: &str) -> Result<String> {
    let value = page.eval(&format!(
        "document.getElementById('{id}').getAttribute('{name}')"
    ))?;
    Ok(value.as_str().unwrap_or_default().to_owned())
}

/// Waits until an attribute is another than `old`.
fn changed(page: &mut Page, id: &str, name: &str, old: &str) -> Result<String> {
    page.wait(&format!("another {name} than {old:?}"), SOON, |page| {
        Ok(Some(attribute(page, id, name)?).filter(|value| value != old))
    })
}

#[test]
fn the_raster_follows_the_pointer_and_the_keyboard() -> Result<()> {
    let site = Site::serve()?;
    let mut page = ready(&site, SMALL_RUN)?;
    train_to(&mut page, 12.0)?;
    look(&mut page)?;
    page.eval("document.querySelector('#heat-rows [tabindex=\"0\"]').focus()")?;
    let first = attribute(&mut page, "raster", "data-layer")?;
    key(&mut page, "ArrowDown")?;
    let second = changed(&mut page, "raster", "data-layer", &first)?;
    let focus = page.eval("document.activeElement.closest('tr').dataset.layer")?;
    ensure!(
        focus == second.as_str(),
        "the focus is on {focus}, the raster of {second}"
    );
    key(&mut page, "End")?;
    let last = changed(&mut page, "raster", "data-layer", &second)?;
    let neuron = attribute(&mut page, "membrane-drawing", "data-neuron")?;
    let to = match page
        .eval("document.getElementById('neuron').value")?
        .as_str()
    {
        Some("31") => "ArrowLeft",
        _ => "ArrowRight",
    };
    key(&mut page, to)?;
    changed(&mut page, "membrane-drawing", "data-neuron", &neuron)?;
    // The mouse over another layer.
    let place = page.eval(
        "(() => { const row = document.querySelector('#heat-rows tr:nth-child(2) td'); \
         row.scrollIntoView({ block: 'center', behavior: 'instant' }); \
         const r = row.getBoundingClientRect(); return [r.x + 4, r.y + 4]; })()",
    )?;
    page.call(
        "Input.dispatchMouseEvent",
        json!({ "type": "mouseMoved", "x": place[0], "y": place[1] }),
    )?;
    let pointed = changed(&mut page, "raster", "data-layer", &last)?;
    ensure!(
        pointed == second,
        "the pointer is over {second}, the raster of {pointed}"
    );
    // As many marks as the words say, of the same 32 neurons.
    let words = attribute(&mut page, "raster", "aria-label")?;
    ensure!(words.contains("32 neurons"), "{words}");
    let said: f64 = words
        .split([':', ','])
        .filter_map(|part| part.split(" at step").next()?.trim().parse::<f64>().ok())
        .sum();
    let marks = page
        .eval("document.querySelector('#raster .marks').getAttribute('d').split('M').length - 1")?;
    ensure!(number(&marks) == said, "{marks} marks, {words}");
    Ok(())
}

/// The membrane's table as numbers: step, weight, membrane, threshold, fires, after.
fn membrane(page: &mut Page) -> Result<Vec<[f64; 6]>> {
    let rows = page.eval(
        "[...document.querySelectorAll('#membrane-rows tr')].map(row => [...row.children]\
         .map(cell => cell.textContent === 'fires' ? 1 : cell.textContent === '–' ? 0 : \
         +cell.textContent.replace('−', '-').replace('\\u202f', '')))",
    )?;
    let row = |row: &Value| [0, 1, 2, 3, 4, 5].map(|column| number(&row[column]));
    Ok(rows.as_array().into_iter().flatten().map(row).collect())
}

/// Rounding of what the table shows.
const SHOWN: f64 = 0.011;

#[test]
fn a_lif_membrane_is_held_against_its_threshold_and_reset() -> Result<()> {
    let site = Site::serve()?;
    let mut page = ready(&site, SMALL_RUN)?;
    train_to(&mut page, 12.0)?;
    look(&mut page)?;
    page.eval("document.querySelector('#heat-rows [tabindex=\"0\"]').focus()")?;
    let mut fired = 0;
    let layers = heat(&mut page)?.len();
    for _ in 1..layers {
        let rows = membrane(&mut page)?;
        ensure!(rows.len() == 4, "tiny runs four steps: {rows:?}");
        for [_, weight, before, threshold, fires, after] in &rows {
            ensure!(
                *weight == 1.0 && *threshold == 1.0,
                "the card's LIF: {rows:?}"
            );
            if (before - threshold).abs() > SHOWN {
                ensure!((*fires == 1.0) == (before > threshold), "{rows:?}");
            }
            let reset = if *fires == 1.0 { 0.0 } else { *before };
            ensure!((after - reset).abs() < SHOWN, "{rows:?}");
            fired += usize::from(*fires == 1.0);
        }
        let dots = page.eval("document.querySelectorAll('#membrane-drawing circle').length")?;
        let spikes: f64 = rows.iter().map(|row| row[4]).sum();
        ensure!(number(&dots) == spikes, "{dots} dots, {rows:?}");
        let before = attribute(&mut page, "raster", "data-layer")?;
        key(&mut page, "ArrowDown")?;
        changed(&mut page, "raster", "data-layer", &before)?;
    }
    ensure!(fired > 0, "no neuron followed fired");
    Ok(())
}

#[test]
fn exponential_coding_shows_weights_and_what_each_emission_leaves() -> Result<()> {
    let site = Site::serve()?;
    let mut page = ready(&site, "backend=cpu&preset=tiny-exp&dataset=synthetic")?;
    train_to(&mut page, 12.0)?;
    look(&mut page)?;
    let heads = page.eval("document.getElementById('heat-head').textContent")?;
    let heads = heads.as_str().unwrap_or_default();
    for head in ["1 (×8)", "2 (×4)", "3 (×2)", "4 (×1)"] {
        ensure!(heads.contains(head), "{head} is not in {heads}");
    }
    page.eval("document.querySelector('#heat-rows [tabindex=\"0\"]').focus()")?;
    let mut fired = 0;
    for _ in 1..heat(&mut page)?.len() {
        let rows = membrane(&mut page)?;
        ensure!(rows.len() == 4, "K is 4: {rows:?}");
        for (index, [_, weight, before, threshold, fires, after]) in rows.iter().enumerate() {
            ensure!(*weight == f64::from(8 >> index), "{rows:?}");
            let theta = threshold / weight;
            ensure!((theta / rows[3][3] - 1.0).abs() < 0.05, "{rows:?}");
            let taken = if *fires == 1.0 { *threshold } else { 0.0 };
            let near = SHOWN * before.abs().max(1.0);
            ensure!((before - taken - after).abs() < near, "{rows:?}");
            if (before - threshold).abs() > near {
                ensure!((*fires == 1.0) == (before > threshold), "{rows:?}");
            }
            fired += usize::from(*fires == 1.0);
        }
        let before = attribute(&mut page, "raster", "data-layer")?;
        key(&mut page, "ArrowDown")?;
        changed(&mut page, "raster", "data-layer", &before)?;
    }
    ensure!(fired > 0, "no neuron followed fired");
    Ok(())
}

#[test]
fn windows_lie_over_the_picture_with_their_spikes() -> Result<()> {
    let site = Site::serve()?;
    let mut page = ready(&site, SMALL_RUN)?;
    train_to(&mut page, 12.0)?;
    look(&mut page)?;
    let groups = page.eval(
        "[...document.querySelectorAll('#windows li')].map(item => ({ ...item.dataset, \
         words: item.querySelector('p').textContent, label: item.querySelector('[role=img]').getAttribute('aria-label'), \
         counts: [...item.querySelectorAll('text')].map(text => +text.textContent), \
         painted: [...item.querySelector('canvas').getContext('2d').getImageData(0, 0, 32, 32).data]\
           .some((value, at) => at % 4 < 3 && value > 0) }))",
    )?;
    let groups = groups.as_array().cloned().unwrap_or_default();
    let shape = |group: &Value| ["block", "window", "shift"].map(|name| number(&group[name]));
    let shapes: Vec<[f64; 3]> = groups.iter().map(shape).collect();
    // Tiny: two blocks, heads split between windows of 2 and 4; the second block is shifted by half a window.
    let wanted = [
        [0.0, 2.0, 0.0],
        [0.0, 4.0, 0.0],
        [1.0, 2.0, 1.0],
        [1.0, 4.0, 2.0],
    ];
    ensure!(shapes == wanted, "{shapes:?}");
    let rows = heat(&mut page)?;
    for block in 0..2 {
        let own = groups
            .iter()
            .filter(|group| group["block"].as_str() == Some(block.to_string().as_str()));
        let windows: f64 = own.map(|group| number(&group["spikes"])).sum();
        let parts = ["scores", "kv", "context"].map(|part| format!("block.{block}.{part}"));
        let layers = rows
            .iter()
            .filter(|row| parts.iter().any(|part| row["layer"] == part.as_str()));
        let layers: f64 = layers.map(|row| number(&row["behind"]["spikes"])).sum();
        ensure!(
            windows == layers,
            "block {block}: {windows} in windows, {layers} in its layers"
        );
    }
    for (group, pieces) in groups.iter().zip([16, 4, 25, 9]) {
        let counts: Vec<f64> = group["counts"]
            .as_array()
            .into_iter()
            .flatten()
            .map(number)
            .collect();
        ensure!(counts.len() == pieces, "{group}");
        ensure!(
            counts.iter().sum::<f64>() == number(&group["spikes"]),
            "{group}"
        );
        ensure!(
            group["painted"] == true,
            "the picture is not under the windows: {group}"
        );
        ensure!(group["label"] == group["words"], "{group}");
    }
    Ok(())
}

#[test]
fn a_closed_or_distant_pane_asks_for_nothing() -> Result<()> {
    const LOOKS: &str = "window.looks";
    // A message begins with the place of its command in `Command`; 12 is `Inspect`, and a pane in sight must ask.
    let site = Site::serve()?;
    let mut page = Page::open(&Options::default())?;
    page.before_load(
        "window.looks = 0; const post = Worker.prototype.postMessage; \
         Worker.prototype.postMessage = function (message, ...all) { \
           if (message[0][0] === 12) window.looks++; \
           return post.call(this, message, ...all); };",
    )?;
    page.go(&site.url(SMALL_RUN))?;
    page.wait_metric("state", LATER, |state| state == "ready")?;
    page.wait_metric("prediction", LATER, |class| !class.is_empty())?;
    // At the top of the page the pane is far below.
    page.eval("scrollTo({ top: 0, behavior: 'instant' })")?;
    train_to(&mut page, 6.0)?;
    let before = number(&page.eval(LOOKS)?);
    ensure!(before == 0.0, "{before} looks at a pane that nobody sees");
    look(&mut page)?;
    let seen = number(&page.eval(LOOKS)?);
    ensure!(seen > 0.0, "a pane in sight asked for nothing");
    // Closed: a picture and steps pass by.
    page.eval("document.getElementById('activity-pane').open = false")?;
    let seen = number(&page.eval(LOOKS)?).max(seen);
    train_to(&mut page, 16.0)?;
    page.eval("document.getElementById('activity').scrollIntoView({ behavior: 'instant' })")?;
    page.press("Step")?;
    page.wait_number("step", LATER, |step| step > 16.0)?;
    let after = number(&page.eval(LOOKS)?);
    ensure!(after == seen, "{} looks at a closed pane", after - seen);
    // Opened again, it catches up.
    page.eval(
        "document.getElementById('activity-pane').open = true; \
         document.getElementById('activity').scrollIntoView({ behavior: 'instant' })",
    )?;
    page.wait("a look at the opened pane", SOON, |page| {
        Ok((number(&page.eval(LOOKS)?) > seen).then_some(()))
    })?;
    Ok(())
}
