//! The model and a training step in a browser's dedicated worker, on the CPU path and on WebGPU, each
//! against the native figures. Without a GPU, WebGPU is SwiftShader.

#[path = "../same_support/mod.rs"]
mod same_support;

use crate::device::cpu_and_gpu;
use burn::tensor::Device;
use gemst::config::{DatasetKind, ModelConfig, Optimizer, VitConfig, preset};
use gemst::data::{batch::eval_batch, synthetic};
use gemst::train::Session;
use same_support::{PRESETS, difference, figures, native};
use wasm_bindgen_test::*;

#[wasm_bindgen_test]
async fn forward_and_training_agree_with_native_on_both_devices() {
    for (device, tolerance) in cpu_and_gpu().await.into_iter().zip([1e-3, 1e-2]) {
        compare(&device, tolerance).await;
    }
}

async fn compare(device: &Device, tolerance: f64) {
    for (preset, native) in PRESETS.iter().zip(native()) {
        let ours = figures(preset, device).await;
        let difference = difference(&ours, &native);
        console_log!("{preset}: off by {difference:e}");
        assert!(
            difference < tolerance,
            "{preset}: off by {difference}\nhere   {ours:?}\nnative {native:?}"
        );
    }
}

/// The dense transformer that issue 6 measures other libraries with: width 64, depth 2, 4 heads, patches of 4, batch 16,
/// AdamW. jax-js 0.1.25 takes 310 dispatches for a training step and 46 for a picture.
#[wasm_bindgen_test]
async fn dispatches_of_a_dense_transformer() {
    let [_, gpu] = cpu_and_gpu().await;
    let mut run = preset("dense-tiny", DatasetKind::Synthetic).expect("listed");
    run.train.optimizer = Optimizer::AdamW;
    run.model = ModelConfig::DenseVit(VitConfig {
        image_size: 32,
        in_channels: 3,
        classes: 10,
        patch: 4,
        dim: 64,
        depth: 2,
        heads: 4,
        mlp_ratio: 4,
    });
    let data = synthetic::generate(0, 16, 1);
    let batch = eval_batch(&data.train, 0..16);
    let one = eval_batch(&data.held_out, 0..1);
    let mut session = Session::new(run, &gpu).expect("the configuration is valid");
    count_dispatches();
    // The first of each makes what later ones use again.
    let (mut step, mut image) = (0.0, 0.0);
    for _ in 0..2 {
        let before = dispatches();
        session.step(&batch).read().await.expect("it reads back");
        step = dispatches() - before;
    }
    for _ in 0..2 {
        let before = dispatches();
        session.infer(&one).await.expect("it reads back");
        image = dispatches() - before;
    }
    console_log!("dispatches: {step} a training step, {image} a picture");
    assert!(step > 0.0 && image > 0.0, "nothing was counted");
    assert!(step <= 120.0, "{step} dispatches a training step");
    assert!(image <= 20.0, "{image} dispatches a picture");
}

/// What inference keeps ready is made anew when weights or statistics change.
#[wasm_bindgen_test]
async fn pictures_are_seen_with_the_weights_as_they_are() {
    for device in cpu_and_gpu().await {
        let run = preset("tiny-exp", DatasetKind::Synthetic).expect("listed");
        let data = synthetic::generate(5, 8, 2);
        let batch = eval_batch(&data.train, 0..8);
        let pictures = eval_batch(&data.held_out, 0..2);
        let mut session = Session::new(run, &device).expect("the configuration is valid");
        let mut said = Vec::new();
        for change in 0..4 {
            match change {
                0 => {}
                1 => session.calibrate(&batch),
                2 => drop(session.step(&batch)),
                _ => {
                    let mut other = Session::new(session.config().clone(), &device).expect("valid");
                    other.step(&batch);
                    other.step(&batch);
                    let member = other.save("other").await.expect("it reads back");
                    session = session.with_weights(&member).expect("the same network");
                }
            }
            let logits = session.infer(&pictures).await.expect("it reads back").0;
            let member = session.save("own").await.expect("it reads back");
            let fresh = Session::restore(&member, &device).expect("the same network");
            let expected = fresh.infer(&pictures).await.expect("it reads back").0;
            assert_eq!(logits, expected, "after change {change} on {device:?}");
            assert!(!said.contains(&logits), "change {change} changed nothing");
            said.push(logits);
        }
    }
}

/// The network that the page opens with: issue 6 allows 60 for a picture, and aims at 25. A training step, moved by Muon,
/// took two hundred more when its matrices were moved shape by shape.
#[wasm_bindgen_test]
async fn dispatches_of_small() {
    let [_, gpu] = cpu_and_gpu().await;
    let run = preset("small", DatasetKind::Synthetic).expect("listed");
    let mut session = Session::new(run, &gpu).expect("the configuration is valid");
    let data = synthetic::generate(0, 2, 1);
    let (batch, one) = (
        eval_batch(&data.train, 0..2),
        eval_batch(&data.held_out, 0..1),
    );
    count_dispatches();
    let (mut step, mut image) = (0.0, 0.0);
    for _ in 0..2 {
        let before = dispatches();
        session.infer(&one).await.expect("it reads back");
        image = dispatches() - before;
    }
    for _ in 0..2 {
        let before = dispatches();
        session.step(&batch).read().await.expect("it reads back");
        step = dispatches() - before;
    }
    console_log!("dispatches of small: {step} a training step, {image} a picture");
    assert!(step > 0.0 && image > 0.0, "nothing was counted");
    assert!(step <= 410.0, "{step} dispatches a training step");
    assert!(image <= 25.0, "{image} dispatches a picture");
}

/// Counts in `globalThis.dispatches` from here on.
fn count_dispatches() {
    js_sys::eval(
        "globalThis.dispatches ??= 0;
         if (!globalThis.counting) for (const name of ['dispatchWorkgroups', 'dispatchWorkgroupsIndirect']) {
           const encoder = GPUComputePassEncoder.prototype, real = encoder[name];
           encoder[name] = function (...a) { globalThis.dispatches++; return real.apply(this, a); };
         }
         globalThis.counting = true;",
    )
    .expect("WebGPU's interfaces are there once a device is open");
}

fn dispatches() -> f64 {
    let count = js_sys::eval("globalThis.dispatches").expect("a number");
    count.as_f64().expect("a number")
}
