//! What classes are called.

use super::State;
use crate::config::class_names;

impl State {
    /// Name of a class of the networks, or its number where nothing names it: a visitor's own classes come with the
    /// networks, and networks know the classes of the data set they were trained on, whatever images are in use.
    pub fn class_name(&self, class: usize) -> String {
        if let Some(own) = self.own_classes() {
            let name = own.get(class).cloned();
            return name.unwrap_or_else(|| format!("class {class}"));
        }
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
    /// The visitor's own classes, if the networks in force know them.
    pub fn own_classes(&self) -> Option<&[String]> {
        self.networks.as_ref()?.spiking.data.classes.as_deref()
    }
}

#[cfg(test)]
mod tests {
    use super::super::Networks;
    use super::*;
    use crate::config::DatasetKind;
    use crate::energy::census;
    use crate::protocol::DatasetInfo;

    #[test]
    fn own_classes_name_what_the_networks_say_and_not_the_data_set() {
        let mut state = State::default();
        assert_eq!(state.class_name(1), "class 1");
        state.dataset = Some(DatasetInfo {
            kind: DatasetKind::Synthetic,
            classes: vec!["disc".to_owned(), "ring".to_owned()],
            train: 1,
            held_out: 1,
            origin: String::new(),
        });
        assert_eq!(state.class_name(1), "ring");
        let (mut spiking, dense) = state.settings.runs();
        spiking.data.classes = Some(vec!["cup".to_owned(), "pen".to_owned()]);
        state.networks = Some(Networks {
            spiking_census: census(&spiking.model),
            dense_census: census(&dense.model),
            spiking,
            dense,
            weights: String::new(),
            trained: true,
        });
        assert_eq!(state.class_name(1), "pen");
        assert_eq!(state.class_name(2), "class 2");
        assert_eq!(state.dataset_class_name(1), "ring");
    }
}
