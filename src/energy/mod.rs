//! Modelled energy on event-driven hardware, never the browser's power. Three separate types:
//! counts (what happened: [`Census`], [`Activity`]), prices (cited constants) and verdicts
//! (comparison under stated assumptions).

mod counts;

pub use counts::{Activity, Census, LayerActivity, LayerOp, LayerSpec, Signal};
