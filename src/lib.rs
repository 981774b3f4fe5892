//! Ge²mS-T, a spiking vision transformer, trained in a browser tab.
//!
//! | layer | may use | never |
//! |---|---|---|
//! | [`config`], [`protocol`], [`energy`], [`report`], `ui::state`, `ui::url` | std, serde | burn, web-sys |
//! | [`data`] | std and pure-Rust crates | burn, web-sys |
//! | `model`, `kernels`, `train` | burn (device passed in) | web-sys, a device constructor, a synchronous readback |
//! | `worker` | all of the above, web-sys | the DOM |
//! | `ui` | protocol, energy, report, web-sys | burn |
//!
//! Cargo features: `cpu` and `gpu` are the two engines, `cli` the native command line, `ui` the page.

#[cfg(all(feature = "cli", feature = "engine", not(target_family = "wasm")))]
pub mod cli;
pub mod config;
pub mod data;
pub mod energy;
#[cfg(feature = "engine")]
pub mod kernels;
#[cfg(feature = "engine")]
pub mod model;
pub mod protocol;
pub mod report;
#[cfg(feature = "engine")]
pub mod train;
#[cfg(feature = "ui")]
pub mod ui;
#[cfg(all(feature = "engine", target_family = "wasm"))]
pub mod worker;
