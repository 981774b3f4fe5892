//! Looking inside a network as it answers a picture.

use super::Session;
use crate::data::batch::Batch;
use crate::model::Network;
use crate::model::trace::Inspected;
use burn::module::Module;
use burn::tensor::ExecutionError;

impl Session {
    /// Spikes, membranes and windows of the one picture of `batch`, with the weights as they are; nothing of a dense
    /// network. The run is not touched.
    ///
    /// # Errors
    /// When the device fails.
    pub async fn inspect(&self, batch: &Batch) -> Result<Inspected, ExecutionError> {
        match self.network().valid() {
            Network::Spiking(network) => network.watch(self.pictures(batch)).trace.inspect().await,
            Network::Dense(_) => Ok(Inspected::default()),
        }
    }
}
