//! Closed-form census of a network: every synaptic layer and its geometry, from the configuration alone.

mod dense;
mod products;
mod spiking;

use super::counts::Census;
use crate::config::{Ge2msTConfig, ModelConfig, VitConfig};

/// Operation counts, neurons and parameters of a network for one picture. The configuration must be
/// valid ([`crate::config::RunConfig::validate`]).
pub fn census(config: &ModelConfig) -> Census {
    match config {
        ModelConfig::Ge2msT(config) => config.census(),
        ModelConfig::DenseVit(config) => config.census(),
    }
}

impl ModelConfig {
    /// See [`census`].
    pub fn census(&self) -> Census {
        census(self)
    }
}

impl Ge2msTConfig {
    /// See [`census`].
    pub fn census(&self) -> Census {
        spiking::census(self)
    }
}

impl VitConfig {
    /// See [`census`].
    pub fn census(&self) -> Census {
        dense::census(self)
    }
}
