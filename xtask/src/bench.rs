//! `cargo xtask bench`: what the built page takes in a headless browser. A script that every worker runs
//! before its own notes the time and the number of GPU dispatches at each message the engine sends, so
//! the figures are the engine's, not the page's drawing of them.

mod peers;
mod table;

use crate::browser::Options;
use crate::page::{Page, WATCH_MEMORY};
use crate::server::Server;
use crate::site;
use anyhow::{Result, bail};
use gemst::protocol::{Command, Event, pack, unpack};
use std::time::Duration;
use table::Figures;

/// What to measure.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Preset of the spiking network; its dense twin follows.
    pub preset: String,
    /// Data set of the page: the networks that are shipped for it answer the pictures, or fresh ones.
    pub dataset: String,
    /// Images per training step.
    pub batch: u32,
    /// Training steps timed on the CPU engine, after a warm-up.
    pub cpu_steps: u32,
    /// Training steps timed on the WebGPU engine, after a warm-up.
    pub gpu_steps: u32,
    /// Run the peers in `../shared/peers` too.
    pub peers: bool,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            preset: "small".into(),
            dataset: "synthetic".into(),
            batch: 32,
            cpu_steps: 8,
            gpu_steps: 2,
            peers: false,
        }
    }
}

/// Pictures classified for the median time of one image.
const PICTURES: usize = 10;

/// For a step of SwiftShader, kernels compiled on the way.
const PATIENCE: Duration = Duration::from_secs(1500);

/// Runs in each worker first. The counters go in with the worker's first message, which it sends when its
/// device is open: while the worker is held at its start, WebGPU's interfaces are not there yet.
const WORKER_SCRIPT: &str = r"
self.noted = { dispatches: 0, modules: 0, counting: false, events: [] };
const count = () => {
  const encoder = self.GPUComputePassEncoder?.prototype;
  if (self.noted.counting || !encoder) return;
  self.noted.counting = true;
  for (const name of ['dispatchWorkgroups', 'dispatchWorkgroupsIndirect']) {
    const real = encoder[name];
    encoder[name] = function (...a) { self.noted.dispatches++; return real.apply(this, a); };
  }
  const module = GPUDevice.prototype.createShaderModule;
  GPUDevice.prototype.createShaderModule = function (...a) {
    self.noted.modules++;
    return module.apply(this, a);
  };
};
const post = self.postMessage.bind(self);
self.postMessage = (message, ...rest) => {
  count();
  if (message[0] instanceof Uint8Array)
    self.noted.events.push({
      bytes: Array.from(message[0]), dispatches: self.noted.dispatches,
    });
  return post(message, ...rest);
};";

/// Notes when the page says it is ready, in milliseconds since navigation began.
const PAGE_SCRIPT: &str = r#"
const watch = new MutationObserver(() => {
  if (document.querySelector('[data-metric="state"][data-value="ready"]')) {
    window.readyAt = performance.now();
    watch.disconnect();
  }
});
watch.observe(document, { subtree: true, childList: true, attributes: true });"#;

/// Measures `dist/` and prints a table.
pub fn run(plan: &Plan) -> Result<()> {
    let dist = site::dist();
    if !dist.join("index.html").is_file() {
        bail!("there is no dist/ to measure; run without --no-build");
    }
    let server = Server::site(&dist, 0)?;
    println!(
        "\nMeasuring preset {}, dataset {}, batch {}",
        plan.preset, plan.dataset, plan.batch
    );
    let mut all = Vec::new();
    for (backend, steps) in [("cpu", plan.cpu_steps), ("webgpu", plan.gpu_steps)] {
        println!("  {backend} …");
        match measure(&server, plan, backend, steps) {
            Ok(figures) => all.push(figures),
            Err(error) => println!("  {backend}: not measured: {error:#}"),
        }
    }
    table::print(&all, &site::downloads(&dist, site::BEST)?);
    if plan.peers {
        peers::run(plan, &all)?;
    }
    if all.is_empty() {
        bail!("nothing could be measured");
    }
    Ok(())
}

fn measure(server: &Server, plan: &Plan, backend: &'static str, steps: u32) -> Result<Figures> {
    let mut page = Page::open(&Options {
        webgpu: backend == "webgpu",
        // In blocks of their own: they name alike what each keeps to itself.
        worker_script: Some(format!("{{{WATCH_MEMORY}}}{{{WORKER_SCRIPT}}}")),
        ..Options::default()
    })?;
    page.before_load(PAGE_SCRIPT)?;
    let url = format!(
        "{}/?backend={backend}&preset={}&batch={}&dataset={}",
        server.origin(),
        plan.preset,
        plan.batch,
        plan.dataset
    );
    let ready_ms = ready(&mut page, &url, backend)?;
    let cached_ready_ms = ready(&mut page, &url, backend)?;
    let script = match backend {
        "webgpu" => "worker_gpu_loader.js",
        _ => "worker_cpu_loader.js",
    };
    let [spiking, dense] = [false, true].map(|dense| stepped(&mut page, script, steps, dense));
    let (spiking, dense) = (spiking?, dense?);
    if backend == "webgpu" && spiking.dispatches == 0.0 {
        bail!("no dispatch was counted: the browser hides GPUComputePassEncoder from workers");
    }
    let modules = page.eval_in_worker(script, "self.noted.modules")?;
    let pictures = classified(&mut page, script)?;
    let image = |figure: fn(&Note) -> f64| settled(pictures.iter().map(figure).collect());
    let (spiking_image_ms, dense_image_ms) = (image(|note| note.spiking), image(|note| note.dense));
    page.press("Train")?;
    // A GPU engine reads a loss every few steps: then they have been made, not only asked for.
    page.wait_number("loss", PATIENCE, f64::is_finite)?;
    page.press("Pause")?;
    page.wait_metric("state", PATIENCE, |state| state == "paused")?;
    Ok(Figures {
        backend,
        adapter: page.metric("adapter")?.unwrap_or_default(),
        ready_ms,
        cached_ready_ms,
        spiking_step_ms: spiking.ms,
        dense_step_ms: dense.ms,
        spiking_dispatches: spiking.dispatches,
        dense_dispatches: dense.dispatches,
        spiking_image_ms,
        dense_image_ms,
        modules: modules.as_f64().unwrap_or(f64::NAN),
        buffers: page.held(script)?.buffers,
    })
}

/// Goes to `url`: milliseconds until the page says that it is ready.
fn ready(page: &mut Page, url: &str, backend: &str) -> Result<f64> {
    page.go(url)?;
    page.wait_metric("state", PATIENCE, |state| state == "ready")?;
    page.wait_metric("backend", PATIENCE, |shown| shown == backend)?;
    Ok(page.eval("window.readyAt")?.as_f64().unwrap_or(f64::NAN))
}

/// A training step: its time, and its dispatches.
struct Step {
    ms: f64,
    dispatches: f64,
}

/// Trains a network of its own, of the spiking or the dense run, for one step and then for `steps`, each after one more
/// that warms up; every step's loss is waited for. The longer time counts, and what it dispatched more, which leaves out
/// what both do around their steps.
fn stepped(page: &mut Page, script: &str, steps: u32, dense: bool) -> Result<Step> {
    let short = probed(page, script, 1, dense)?;
    let long = probed(page, script, steps + 1, dense)?;
    Ok(Step {
        ms: long.ms,
        dispatches: (long.dispatches - short.dispatches) / f64::from(steps),
    })
}

fn probed(page: &mut Page, script: &str, steps: u32, dense: bool) -> Result<Step> {
    let earlier = notes(page, script, is_probe)?.len();
    let before = at_rest(page, script)?;
    let bytes = pack(&Command::Probe { steps, dense }).map_err(anyhow::Error::msg)?;
    page.eval_in_worker(
        script,
        &format!(
            "self.dispatchEvent(new MessageEvent('message', {{ data: [new Uint8Array({bytes:?})] }}))"
        ),
    )?;
    let note = page.wait("timed steps", PATIENCE, |page| {
        Ok(notes(page, script, is_probe)?.get(earlier).copied())
    })?;
    Ok(Step {
        ms: note.step,
        dispatches: note.dispatches - before,
    })
}

/// What the engine has dispatched when it does no more: the page has pictures looked at between trainings.
fn at_rest(page: &mut Page, script: &str) -> Result<f64> {
    const PAUSE: Duration = Duration::from_millis(700);
    let mut last = f64::NAN;
    page.wait("the engine's rest", PATIENCE, |page| {
        let now = page.eval_in_worker(script, "self.noted.dispatches")?;
        let now = now.as_f64().unwrap_or(0.0);
        let same = now == last;
        last = now;
        if !same {
            std::thread::sleep(PAUSE);
        }
        Ok(same.then_some(now))
    })
}

/// The median of the later half: the first ones compile.
fn settled(mut times: Vec<f64>) -> f64 {
    let mut later = times.split_off(times.len() / 2);
    later.sort_by(f64::total_cmp);
    later.get(later.len() / 2).copied().unwrap_or(f64::NAN)
}

/// One message of the engine.
#[derive(Debug, Clone, Copy)]
struct Note {
    /// Dispatched so far.
    dispatches: f64,
    /// Milliseconds: of a training step, of a picture in each network.
    step: f64,
    spiking: f64,
    dense: f64,
}

/// Opens the same image file again and again.
fn classified(page: &mut Page, script: &str) -> Result<Vec<Note>> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("grey.bmp");
    std::fs::write(&file, grey_bitmap())?;
    for count in 1..=PICTURES + 1 {
        page.choose("Open image", &file)?;
        page.wait("an answer", PATIENCE, |page| {
            let noted = notes(page, script, is_answer)?.len();
            Ok((noted >= count).then_some(()))
        })?;
    }
    notes(page, script, is_answer)
}

/// What the worker of `script` has told the page so far, of the wanted kind.
fn notes(page: &mut Page, script: &str, wanted: fn(&Event) -> bool) -> Result<Vec<Note>> {
    let noted = page.eval_in_worker(script, "self.noted.events")?;
    let mut notes = Vec::new();
    for note in noted.as_array().into_iter().flatten() {
        let bytes: Vec<u8> = note["bytes"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|byte| byte.as_u64().map(|byte| byte as u8))
            .collect();
        let event: Event = unpack(&bytes).map_err(anyhow::Error::msg)?;
        if !wanted(&event) {
            continue;
        }
        let mut figures = [f64::NAN; 3];
        match &event {
            Event::Classified { spiking, dense, .. } => {
                figures[1..].copy_from_slice(&[spiking.ms, dense.ms]);
            }
            Event::Probed {
                failure: Some(failure),
                ..
            } => bail!("the engine failed: {failure}"),
            Event::Probed { step_ms, .. } => figures[0] = *step_ms,
            _ => {}
        }
        let [step, spiking, dense] = figures;
        notes.push(Note {
            dispatches: note["dispatches"].as_f64().unwrap_or(f64::NAN),
            step,
            spiking,
            dense,
        });
    }
    Ok(notes)
}

fn is_probe(event: &Event) -> bool {
    matches!(event, Event::Probed { .. })
}

fn is_answer(event: &Event) -> bool {
    matches!(event, Event::Classified { .. })
}

/// A 32×32 bitmap with a ramp from dark to bright: 54 bytes of header, three bytes a pixel.
fn grey_bitmap() -> Vec<u8> {
    const SIDE: u32 = 32;
    let mut bytes = b"BM".to_vec();
    for word in [54 + 3 * SIDE * SIDE, 0, 54, 40, SIDE, SIDE, 1 | 24 << 16, 0] {
        bytes.extend(word.to_le_bytes());
    }
    bytes.extend([0; 20]);
    bytes.extend((0..SIDE * SIDE).flat_map(|pixel| [(pixel / 4) as u8; 3]));
    bytes
}
