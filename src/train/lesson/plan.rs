//! Which examples a lesson learns from, in which views, and which it holds back.

use super::BATCH;
use crate::data::{DataError, IMAGE_BYTES, ImageSet};

/// Views of all classes together, about; each example is seen once at least.
const VIEWS: usize = 320;
/// Views of one class at least.
const FEWEST_VIEWS: usize = 32;
/// One example in so many is held back.
const HELD_BACK: usize = 5;

/// What is learned from, and what is held back: the last fifth of each class, because frames that follow each other
/// are nearly the same, and frames in between would be known by heart. A class of fewer than five holds back nothing.
pub fn split(set: &ImageSet, classes: usize) -> (ImageSet, ImageSet) {
    let counts = set.class_counts(classes);
    let mut at = vec![0; classes];
    let (mut learned, mut held_back) = (ImageSet::default(), ImageSet::default());
    for index in 0..set.len() {
        let class = usize::from(set.label(index));
        let kept = counts[class] - counts[class] / HELD_BACK;
        let part = if at[class] < kept {
            &mut learned
        } else {
            &mut held_back
        };
        part.push(set.image(index), set.label(index));
        at[class] += 1;
    }
    (learned, held_back)
}

/// Which example each view is of, and how often it was seen before: class by class in turn, so that every class has
/// as many, and whole batches.
pub(super) fn views(learned: &ImageSet, classes: usize) -> Vec<(usize, u64)> {
    let mut of_class = vec![Vec::new(); classes];
    for index in 0..learned.len() {
        of_class[usize::from(learned.label(index))].push(index);
    }
    let most = of_class.iter().map(Vec::len).max().unwrap_or_default();
    let each = most.max(FEWEST_VIEWS).max(VIEWS / classes);
    let count = (each * classes).next_multiple_of(BATCH);
    (0..count)
        .map(|view| {
            let (own, time) = (&of_class[view % classes], view / classes);
            (own[time % own.len()], (time / own.len()) as u64)
        })
        .collect()
}

/// Pixels as a page keeps them, `[32, 32, 3]` one after another, with their classes.
///
/// # Errors
/// Bytes that are not one picture for each label.
pub fn from_interleaved(pixels: &[u8], labels: &[u8]) -> Result<ImageSet, DataError> {
    let planar = pixels
        .chunks(IMAGE_BYTES)
        .flat_map(|picture| (0..3).flat_map(move |c| picture.iter().skip(c).step_by(3)))
        .copied()
        .collect();
    ImageSet::new(planar, labels.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(labels: &[u8]) -> ImageSet {
        let pixels = (0..labels.len())
            .flat_map(|index| vec![index as u8; IMAGE_BYTES])
            .collect();
        ImageSet::new(pixels, labels.to_vec()).expect("they fit")
    }

    #[test]
    fn the_last_fifth_of_each_class_is_held_back() {
        let labels: Vec<u8> = (0..16).map(|index| u8::from(index >= 12)).collect();
        let (learned, held_back) = split(&set(&labels), 2);
        assert_eq!(held_back.labels, [0, 0]);
        assert_eq!(
            [held_back.pixels[0], held_back.pixels[IMAGE_BYTES]],
            [10, 11]
        );
        assert_eq!(learned.class_counts(2), [10, 4]);
    }

    #[test]
    fn every_example_is_seen_as_it_is_and_every_class_equally_often() {
        let labels: Vec<u8> = (0..60).map(|index| u8::from(index >= 57)).collect();
        let views = views(&set(&labels), 2);
        assert_eq!(views.len() % BATCH, 0);
        for example in 0..60 {
            assert!(
                views.contains(&(example, 0)),
                "{example} is not seen as it is"
            );
        }
        let rare = views.iter().filter(|(example, _)| *example >= 57).count();
        assert_eq!(rare * 2, views.len());
        let mut once = views.clone();
        once.sort_unstable();
        once.dedup();
        assert_eq!(once.len(), views.len(), "a view is repeated");
    }

    #[test]
    fn pixels_of_a_page_become_planes() {
        let pixels: Vec<u8> = (0..IMAGE_BYTES).map(|at| (at % 3) as u8).collect();
        let set = from_interleaved(&pixels, &[4]).expect("one picture");
        assert_eq!(set.pixels[..2], [0, 0]);
        assert_eq!(set.pixels[IMAGE_BYTES - 1], 2);
        assert_eq!(set.labels, [4]);
        assert!(from_interleaved(&pixels, &[0, 1]).is_err());
    }
}
