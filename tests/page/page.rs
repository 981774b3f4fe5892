//! Uses the built page (`dist/`) in headless Chromium as a visitor would. `cargo xtask test page` builds
//! it first and sets:
//!
//! - `GEMST_CIFAR`: folder of the official CIFAR binaries; without it the tests make images of ten
//!   colours in the official layout;
//! - `GEMST_TRAIN`: the native program, which makes the shards and accounts for energy.
//!
//! Every test has a browser with an empty profile. The site is served from a sub-path, as on GitHub Pages.
//! No test asserts a time; the waits are long because continuous integration has two busy cores.

mod activity;
mod address;
mod barriers;
mod camera;
mod checkpoint;
mod dataset;
mod energy;
mod gpu;
mod keep;
mod keyboard;
mod looks;
mod memory;
mod offline;
mod own;
mod picture;
mod print;
mod runs;
mod shipped;
mod site;
mod start;
mod tabs;
mod training;
mod trouble;
