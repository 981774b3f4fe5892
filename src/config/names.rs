//! Class names in label order.

use super::DatasetKind;

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

impl DatasetKind {
    /// Name for a reader.
    pub fn title(self) -> &'static str {
        match self {
            Self::Cifar10 => "CIFAR-10",
            Self::Cifar100 => "CIFAR-100",
            Self::Synthetic => "the generated shapes",
        }
    }
}

/// Why networks of one data set can neither be trained nor evaluated on another.
pub fn other_classes(networks: DatasetKind, images: DatasetKind) -> String {
    format!(
        "These networks name the classes of {}; the images in use are of {}, so an accuracy on them would mean nothing. \
         Pictures and camera frames are answered all the same. To train on these images, press Train and say yes to \
         new heads; or choose the images that the networks know.",
        networks.title(),
        images.title()
    )
}
