//! Developer commands of gemst, and the pieces that the page tests share with them: the static
//! server that serves `dist/` and the driver that uses the page in headless Chromium.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod bench;
pub mod browser;
pub mod data;
pub mod devtools;
pub mod offline;
pub mod page;
pub mod server;
pub mod setup;
pub mod shell;
pub mod site;
pub mod suite;
pub mod wasm;
