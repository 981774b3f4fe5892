//! `cargo xtask bench`: what the built page takes in a headless browser. A script that every worker runs
//! before its own notes the time and the number of GPU dispatches at each message the engine sends, so
//! the figures are the engine's, not the page's drawing of them.

mod peers;
mod table;

use crate::browser::Options;
use crate::page::Page;
use crate::server::Server;
use crate::site;
use anyhow::{Context, Result, bail};
use gemst::protocol::{Event, unpack};
use std::time::Duration;
use table::Figures;

/// What to measure.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Preset of the spiking network; its dense twin follows.
    pub preset: String,
    /// Images per training step.
    pub batch: u32,
    /// Training steps timed on the CPU engine, after two warm-up steps.
    pub cpu_steps: u32,
    /// Training steps timed on the WebGPU engine, after one warm-up step.
    pub gpu_steps: u32,
    /// Run the peers in `../shared/peers` too.
    pub peers: bool,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            preset: "small".into(),
            batch: 32,
            cpu_steps: 8,
            gpu_steps: 2,
            peers: false,
        }
    }
}

/// Pictures classified for the mean time of one image, after one warm-up.
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
  const now = performance.now();
  if (message[0] instanceof Uint8Array)
    self.noted.events.push({
      bytes: Array.from(message[0]), at: now,
      dispatches: self.noted.dispatches, modules: self.noted.modules,
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
    println!("\nMeasuring preset {}, batch {}", plan.preset, plan.batch);
    let mut all = Vec::new();
    for (backend, steps, warm_up) in [("cpu", plan.cpu_steps, 2), ("webgpu", plan.gpu_steps, 1)] {
        println!("  {backend} …");
        match measure(&server, plan, backend, steps, warm_up) {
            Ok(figures) => all.push(figures),
            Err(error) => println!("  {backend}: not measured: {error:#}"),
        }
    }
    table::print(&all, &site::downloads(&dist, 11)?);
    if plan.peers {
        peers::run(plan, &all)?;
    }
    if all.is_empty() {
        bail!("nothing could be measured");
    }
    Ok(())
}

fn measure(
    server: &Server,
    plan: &Plan,
    backend: &'static str,
    steps: u32,
    warm_up: u32,
) -> Result<Figures> {
    let alone = trained(server, plan, backend, steps + warm_up, "off")?;
    let both = trained(server, plan, backend, steps + warm_up, "on")?;
    let per_step = |notes: &[Note]| -> (f64, f64) {
        let timed = &notes[warm_up as usize - 1..];
        let (first, last) = (&timed[0], &timed[timed.len() - 1]);
        let count = (timed.len() - 1) as f64;
        (
            (last.at - first.at) / count,
            (last.dispatches - first.dispatches) / count,
        )
    };
    let (spiking_step, spiking_dispatches) = per_step(&alone.steps);
    let (both_step, both_dispatches) = per_step(&both.steps);
    let mean = |figure: fn(&Note) -> f64| {
        let timed = &both.pictures[1..];
        timed.iter().map(figure).sum::<f64>() / timed.len() as f64
    };
    Ok(Figures {
        backend,
        adapter: both.adapter,
        ready_ms: alone.ready_ms,
        first_step_ms: alone.first_step_ms,
        spiking_step_ms: spiking_step,
        // The engine trains the twin on the same batch, so its share is the difference.
        dense_step_ms: both_step - spiking_step,
        spiking_dispatches,
        dense_dispatches: both_dispatches - spiking_dispatches,
        spiking_image_ms: mean(|note| note.spiking),
        dense_image_ms: mean(|note| note.dense),
        modules: both.steps.first().map_or(f64::NAN, |first| first.modules),
    })
}

/// What one browser measured.
struct Measured {
    adapter: String,
    ready_ms: f64,
    first_step_ms: f64,
    steps: Vec<Note>,
    pictures: Vec<Note>,
}

/// One message of the engine.
#[derive(Debug, Clone, Copy)]
struct Note {
    at: f64,
    dispatches: f64,
    /// Shader modules made so far.
    modules: f64,
    spiking: f64,
    dense: f64,
}

/// A fresh browser, `steps` training steps, and with the twin a few pictures from its held-out images.
fn trained(
    server: &Server,
    plan: &Plan,
    backend: &str,
    steps: u32,
    twin: &str,
) -> Result<Measured> {
    let mut page = Page::open(&Options {
        webgpu: backend == "webgpu",
        worker_script: Some(WORKER_SCRIPT.into()),
        ..Options::default()
    })?;
    page.before_load(PAGE_SCRIPT)?;
    page.go(&format!(
        "{}/?backend={backend}&preset={}&batch={}&twin={twin}&dataset=synthetic",
        server.origin(),
        plan.preset,
        plan.batch
    ))?;
    page.wait_metric("state", PATIENCE, |state| state == "ready")?;
    page.wait_metric("backend", PATIENCE, |shown| shown == backend)?;
    let script = match backend {
        "webgpu" => "worker_gpu_loader.js",
        _ => "worker_cpu_loader.js",
    };
    let ready_ms = page.eval("window.readyAt")?.as_f64().unwrap_or(f64::NAN);
    let pressed = page.eval_in_worker(script, "performance.now()")?;
    page.press("Train")?;
    page.wait_number("step", PATIENCE, |step| step >= f64::from(steps))?;
    page.press("Pause")?;
    page.wait_metric("state", PATIENCE, |state| state == "paused")?;
    let notes = notes(&mut page, script, is_step)?;
    let first = notes.first().context("no step was noted")?;
    if backend == "webgpu" && first.dispatches == 0.0 {
        bail!("no dispatch was counted: the browser hides GPUComputePassEncoder from workers");
    }
    let first_step_ms = first.at - pressed.as_f64().unwrap_or(f64::NAN);
    let pictures = if twin == "on" {
        classified(&mut page, script)?
    } else {
        Vec::new()
    };
    Ok(Measured {
        adapter: page.metric("adapter")?.unwrap_or_default(),
        ready_ms,
        first_step_ms,
        steps: notes,
        pictures,
    })
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
        let number = |name: &str| note[name].as_f64().unwrap_or(f64::NAN);
        let (spiking, dense) = match &event {
            Event::Classified { spiking, dense, .. } => (spiking.ms, dense.ms),
            _ => (f64::NAN, f64::NAN),
        };
        notes.push(Note {
            at: number("at"),
            dispatches: number("dispatches"),
            modules: number("modules"),
            spiking,
            dense,
        });
    }
    Ok(notes)
}

fn is_step(event: &Event) -> bool {
    matches!(event, Event::Step(_))
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
