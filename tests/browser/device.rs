//! The devices, opened once for all tests: a worker may open WebGPU only once.

use burn::tensor::Device;
use gemst::protocol::Backend;
use gemst::worker::{open_device, run_constructors};
use std::cell::RefCell;
use wasm_bindgen_test::console_log;

thread_local! {
    static OPEN: RefCell<Option<[Device; 2]>> = const { RefCell::new(None) };
}

/// The CPU path and WebGPU.
pub async fn cpu_and_gpu() -> [Device; 2] {
    if let Some(open) = OPEN.with_borrow(Clone::clone) {
        return open;
    }
    run_constructors();
    let (cpu, _) = open_device(Backend::Cpu).await.expect("always there");
    let (gpu, adapter) = open_device(Backend::Webgpu).await.expect("Chromium has it");
    console_log!("WebGPU: {adapter}");
    OPEN.set(Some([cpu.clone(), gpu.clone()]));
    [cpu, gpu]
}
