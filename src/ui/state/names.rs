//! What classes are called.

use super::State;
use crate::config::class_names;

impl State {
    /// Name of a class of the networks, or its number where nothing names it: networks know the classes of the data
    /// set they were trained on, whatever images are in use.
    pub fn class_name(&self, class: usize) -> String {
        let networks = self.networks.as_ref();
        let own = networks.map(|networks| networks.spiking.data.dataset);
        let in_use = self.dataset.as_ref().map(|info| info.kind);
        match own.filter(|own| Some(*own) != in_use) {
            Some(own) => class_names(own).get(class).cloned(),
            None => return self.dataset_class_name(class),
        }
        .unwrap_or_else(|| format!("class {class}"))
    }

    /// Name of a class of the data set in use.
    pub fn dataset_class_name(&self, class: usize) -> String {
        self.dataset
            .as_ref()
            .and_then(|info| info.classes.get(class))
            .cloned()
            .unwrap_or_else(|| format!("class {class}"))
    }
}
