//! Transfer: another run's network as the start of a new run.

use super::checkpoint::Member;
use super::session::{RestoreError, Session};
use crate::config::RunConfig;
use burn::tensor::Device;

impl Session {
    /// A run with this recipe, seed and data that starts from another run's network: its architecture and its
    /// weights, with a head drawn anew if the classes are others. The step counts from 0.
    ///
    /// # Errors
    /// A configuration that cannot run, or weights that do not fit their own configuration.
    pub fn starting_from(
        mut config: RunConfig,
        member: &Member,
        device: &Device,
    ) -> Result<Self, RestoreError> {
        let classes = config.model.classes();
        config.model = member.config.model.clone().with_classes(classes);
        Ok(Self::new(config, device)?.with_weights(member)?)
    }
}
