//! What the page is doing, and on which engine.

use crate::protocol::Backend;

/// What the page is doing, as `data-metric="state"` says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// No engine, network or data yet.
    Loading,
    /// Waiting for the visitor.
    Ready,
    /// Steps are being made.
    Training,
    /// Steps were made and stopped.
    Paused,
    /// The camera is live.
    Camera,
    /// No engine runs and none can be started.
    Error,
}

impl Phase {
    /// Value of the metric.
    pub fn name(self) -> &'static str {
        match self {
            Self::Loading => "loading",
            Self::Ready => "ready",
            Self::Training => "training",
            Self::Paused => "paused",
            Self::Camera => "camera",
            Self::Error => "error",
        }
    }
}

/// The engine in use and how it was chosen.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct EngineStatus {
    /// Its device, once it answered.
    pub backend: Option<Backend>,
    /// Adapter name, or the CPU path's description.
    pub adapter: String,
    /// Why this one.
    pub reason: String,
    /// What is under way, e.g. another engine being tried.
    pub activity: String,
    /// Measured milliseconds of a training step on the CPU engine.
    pub cpu_ms: Option<f64>,
    /// Measured milliseconds of a training step on the WebGPU engine.
    pub gpu_ms: Option<f64>,
    /// Why no engine can run.
    pub dead: Option<String>,
}
