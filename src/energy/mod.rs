//! Modelled energy on event-driven hardware, never the browser's power. Three separate kinds of type:
//! counts (what happened: [`Census`], [`Activity`]), prices (cited constants) and verdicts
//! (comparison under stated assumptions).

mod attention;
mod census;
mod counts;
mod geometry;
mod params;

pub use attention::{AttentionOrder, attention_order, window_pairs, window_shift};
pub use census::census;
pub use counts::{Activity, Census, LayerActivity, LayerOp, LayerSpec, Signal, UpdateOps};
pub use params::{Parameters, parameters};
