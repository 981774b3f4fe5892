//! Class names in label order.

use crate::config::DatasetKind;

const CIFAR10: &str = "airplane automobile bird cat deer dog frog horse ship truck";

const CIFAR100: &str = "apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy \
bridge bus butterfly camel can castle caterpillar cattle chair chimpanzee clock cloud cockroach couch \
crab crocodile cup dinosaur dolphin elephant flatfish forest fox girl hamster house kangaroo keyboard \
lamp lawn_mower leopard lion lizard lobster man maple_tree motorcycle mountain mouse mushroom oak_tree \
orange orchid otter palm_tree pear pickup_truck pine_tree plain plate poppy porcupine possum rabbit \
raccoon ray road rocket rose sea seal shark shrew skunk skyscraper snail snake spider squirrel \
streetcar sunflower sweet_pepper table tank telephone television tiger tractor train trout tulip \
turtle wardrobe whale willow_tree wolf woman worm";

const SYNTHETIC: &str = "disc ring square triangle cross star stripes checker dots crescent";

/// The official class names of a data set (fine labels for CIFAR-100), in label order.
pub fn class_names(kind: DatasetKind) -> Vec<String> {
    let names = match kind {
        DatasetKind::Cifar10 => CIFAR10,
        DatasetKind::Cifar100 => CIFAR100,
        DatasetKind::Synthetic => SYNTHETIC,
    };
    names.split_whitespace().map(str::to_owned).collect()
}

/// Names from a `batches.meta.txt` or `fine_label_names.txt`: one a line, blank lines ignored.
/// `None` unless there is exactly one name for each class.
pub(crate) fn parse_names(kind: DatasetKind, text: &[u8]) -> Option<Vec<String>> {
    let names: Vec<String> = std::str::from_utf8(text)
        .ok()?
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .map(str::to_owned)
        .collect();
    (names.len() == kind.classes()).then_some(names)
}
