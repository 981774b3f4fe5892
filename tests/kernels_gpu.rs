//! The CubeCL kernels natively, against the CPU kernels. Not in a default build:
//!
//! ```text
//! cargo test --no-default-features --features cpu,gpu --test kernels_gpu
//! ```
//!
//! Without a GPU, Chromium's software Vulkan serves: `LD_LIBRARY_PATH=/usr/lib/chromium
//! VK_DRIVER_FILES=/usr/lib/chromium/vk_swiftshader_icd.json`.
#![cfg(all(feature = "gpu", not(target_family = "wasm")))]

#[path = "kernels_support/agreement.rs"]
mod agreement;

use agreement::{assert_agree, figures};
use burn::tensor::Device;
use futures_lite::future::block_on;

#[test]
fn cube_kernels_agree_with_the_cpu_kernels() {
    let cpu = block_on(figures(&Device::flex()));
    let gpu = block_on(figures(&Device::wgpu(Default::default())));
    assert_agree(&gpu, &cpu, 1e-4);
}
