//! What must hold in a browser: data sets, kernels, networks. One program, since every browser test links
//! both engines; one dedicated worker, since that is where they run in the page.
#![cfg(target_family = "wasm")]

mod data;
mod device;
mod kernels;
mod model;

wasm_bindgen_test::wasm_bindgen_test_configure!(run_in_dedicated_worker);
