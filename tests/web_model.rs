//! The model and a training step in a browser's dedicated worker, on the CPU path and on WebGPU, each
//! against the native figures. Without a GPU, WebGPU is SwiftShader.
#![cfg(target_family = "wasm")]

mod same_support;

use burn::tensor::Device;
use gemst::protocol::Backend;
use gemst::worker::{open_device, run_constructors};
use same_support::{PRESETS, difference, figures, native};
use wasm_bindgen_test::*;

wasm_bindgen_test_configure!(run_in_dedicated_worker);

/// Both devices in one test: a worker may open WebGPU only once.
#[wasm_bindgen_test]
async fn forward_and_training_agree_with_native_on_both_devices() {
    run_constructors();
    for (backend, tolerance) in [(Backend::Cpu, 1e-3), (Backend::Webgpu, 1e-2)] {
        let (device, adapter) = open_device(backend).await.expect("Chromium has both");
        console_log!("{backend:?}: {adapter}");
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
