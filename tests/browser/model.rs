//! The model and a training step in a browser's dedicated worker, on the CPU path and on WebGPU, each
//! against the native figures. Without a GPU, WebGPU is SwiftShader.

#[path = "../same_support/mod.rs"]
mod same_support;

use crate::device::cpu_and_gpu;
use burn::tensor::Device;
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
