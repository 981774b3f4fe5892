//! Who is taken for whom: confusions put in an order, and a hundred classes folded into twenty.

use crate::config::DatasetKind;

/// Superclasses of CIFAR-100, as the data set names them.
const SUPERCLASSES: [&str; 20] = [
    "aquatic mammals",
    "fish",
    "flowers",
    "food containers",
    "fruit and vegetables",
    "household electrical devices",
    "household furniture",
    "insects",
    "large carnivores",
    "large man-made outdoor things",
    "large natural outdoor scenes",
    "large omnivores and herbivores",
    "medium mammals",
    "non-insect invertebrates",
    "people",
    "reptiles",
    "small mammals",
    "trees",
    "vehicles 1",
    "vehicles 2",
];

/// Superclass of each class of CIFAR-100: the first label byte of every record beside the second.
const SUPERCLASS_OF: [u8; 100] = [
    4, 1, 14, 8, 0, 6, 7, 7, 18, 3, 3, 14, 9, 18, 7, 11, 3, 9, 7, 11, 6, 11, 5, 10, 7, 6, 13, 15,
    3, 15, 0, 11, 1, 10, 12, 14, 16, 9, 11, 5, 5, 19, 8, 8, 15, 13, 14, 17, 18, 10, 16, 4, 17, 4,
    2, 0, 17, 4, 18, 17, 10, 3, 2, 12, 12, 16, 12, 1, 9, 19, 2, 10, 0, 1, 16, 12, 9, 13, 15, 13,
    16, 19, 2, 4, 6, 19, 5, 5, 8, 19, 18, 1, 2, 15, 6, 0, 17, 8, 14, 13,
];

/// A row (and column) of the matrix: one class, or several that belong together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// For a reader.
    pub name: String,
    /// Its classes.
    pub classes: Vec<usize>,
}

/// The rows of the matrix of a data set: its classes, or the superclasses of CIFAR-100.
pub fn groups(kind: DatasetKind, classes: &[String]) -> Vec<Group> {
    if kind == DatasetKind::Cifar100 && classes.len() == SUPERCLASS_OF.len() {
        let of = |group: usize| {
            let inside = SUPERCLASS_OF.iter().enumerate();
            inside
                .filter(move |(_, own)| usize::from(**own) == group)
                .map(|(class, _)| class)
        };
        let group = |(index, name): (usize, &&str)| Group {
            name: (*name).to_owned(),
            classes: of(index).collect(),
        };
        return SUPERCLASSES.iter().enumerate().map(group).collect();
    }
    let one = |(class, name): (usize, &String)| Group {
        name: name.clone(),
        classes: vec![class],
    };
    classes.iter().enumerate().map(one).collect()
}

/// `counts[truth][said]` over groups.
pub fn folded(confusion: &[Vec<u32>], groups: &[Group]) -> Vec<Vec<u32>> {
    let count = |truth: &Group, said: &Group| {
        let cells = truth.classes.iter().flat_map(|&row| {
            said.classes
                .iter()
                .filter_map(move |&column| confusion.get(row)?.get(column))
        });
        cells.sum()
    };
    groups
        .iter()
        .map(|truth| groups.iter().map(|said| count(truth, said)).collect())
        .collect()
}

/// Share of a class's images that were named rightly; `None` without any.
pub fn recall(confusion: &[Vec<u32>], class: usize) -> Option<f64> {
    let row = confusion.get(class)?;
    let of: u32 = row.iter().sum();
    (of > 0).then(|| f64::from(row[class]) / f64::from(of))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(count: usize) -> Vec<String> {
        (0..count).map(|class| format!("class {class}")).collect()
    }

    #[test]
    fn a_hundred_classes_are_twenty_groups_of_five() {
        let groups = groups(DatasetKind::Cifar100, &names(100));
        assert_eq!(groups.len(), 20);
        let mut seen: Vec<usize> = groups.iter().flat_map(|one| one.classes.clone()).collect();
        assert!(groups.iter().all(|one| one.classes.len() == 5));
        seen.sort_unstable();
        assert_eq!(seen, (0..100).collect::<Vec<_>>());
        // beaver, dolphin, otter, seal, whale.
        assert_eq!(groups[0].classes, [4, 30, 55, 72, 95]);
    }

    #[test]
    fn ten_classes_stand_for_themselves() {
        for kind in [DatasetKind::Cifar10, DatasetKind::Synthetic] {
            let groups = groups(kind, &names(10));
            assert_eq!(groups.len(), 10);
            assert_eq!(
                (groups[3].name.as_str(), &groups[3].classes[..]),
                ("class 3", &[3][..])
            );
        }
    }

    #[test]
    fn folding_loses_no_image() {
        let confusion: Vec<Vec<u32>> = (0..100)
            .map(|row| (0..100).map(|column| (row * 7 + column * 3) % 5).collect())
            .collect();
        let folded = folded(&confusion, &groups(DatasetKind::Cifar100, &names(100)));
        let sum = |rows: &[Vec<u32>]| rows.iter().flatten().sum::<u32>();
        assert_eq!(sum(&folded), sum(&confusion));
        let beaver_to_whale: u32 = [4, 30, 55, 72, 95]
            .iter()
            .flat_map(|&row| [4, 30, 55, 72, 95].map(|column| confusion[row][column]))
            .sum();
        assert_eq!(folded[0][0], beaver_to_whale);
    }

    #[test]
    fn the_share_of_a_class_is_of_its_own_images() {
        let confusion = vec![vec![3, 1], vec![0, 0]];
        assert_eq!(recall(&confusion, 0), Some(0.75));
        assert_eq!(recall(&confusion, 1), None);
        assert_eq!(recall(&confusion, 2), None);
    }
}
