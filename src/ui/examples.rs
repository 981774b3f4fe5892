//! A visitor's own classes and their examples: plain data, what may be taught, and the words for what may not.

use crate::config::CLASS_NAME_MAX;
use std::ops::RangeInclusive;

/// How many classes can be taught.
pub const CLASSES: RangeInclusive<usize> = 2..=10;
/// Fewest examples of a class: with these one can be held back.
pub const FEWEST: usize = 5;
/// Most examples of a class that the page keeps.
pub const MOST: usize = 60;
/// Side of an example in pixels: what the networks see.
const SIDE: usize = 32;
/// Bytes of a pixel with alpha.
const RGBA: usize = 4;

/// A class and its examples.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnClass {
    /// Tells it from the others whatever is removed.
    pub id: u32,
    /// Its name, as typed.
    pub name: String,
    /// 32×32 RGB each, in the order they came.
    pub examples: Vec<Vec<u8>>,
}

/// Every class of the visitor's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Collection {
    classes: Vec<OwnClass>,
    next: u32,
    revision: u64,
}

/// What is sent to be taught: names, the class of each example, and the examples one after another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Material {
    /// Names, trimmed.
    pub classes: Vec<String>,
    /// Class of each example.
    pub labels: Vec<u8>,
    /// 32×32 RGB each.
    pub pixels: Vec<u8>,
}

impl Default for Collection {
    fn default() -> Self {
        let mut collection = Self {
            classes: Vec::new(),
            next: 1,
            revision: 0,
        };
        for _ in 0..*CLASSES.start() {
            collection.add();
        }
        collection
    }
}

impl Collection {
    /// The classes.
    pub fn classes(&self) -> &[OwnClass] {
        &self.classes
    }

    /// The class of that id.
    pub fn class(&self, id: u32) -> Option<&OwnClass> {
        self.classes.iter().find(|class| class.id == id)
    }

    /// Counts the changes, so that what shows the collection knows when to look again.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    fn class_mut(&mut self, id: u32) -> Option<&mut OwnClass> {
        self.revision += 1;
        self.classes.iter_mut().find(|class| class.id == id)
    }

    /// Whether another class fits.
    pub fn has_room(&self) -> bool {
        self.classes.len() < *CLASSES.end()
    }

    /// One more class; its id, or nothing if there are as many as there can be.
    pub fn add(&mut self) -> Option<u32> {
        self.has_room().then(|| {
            let id = self.next;
            self.next += 1;
            self.revision += 1;
            self.classes.push(OwnClass {
                id,
                name: format!("Class {id}"),
                examples: Vec::new(),
            });
            id
        })
    }

    /// Take a class out, with its examples.
    pub fn remove(&mut self, id: u32) {
        self.revision += 1;
        self.classes.retain(|class| class.id != id);
    }

    /// Another name for a class.
    pub fn rename(&mut self, id: u32, name: &str) {
        if let Some(class) = self.class_mut(id) {
            name.clone_into(&mut class.name);
        }
    }

    /// One more example.
    ///
    /// # Errors
    /// In words, if the class has as many as the page keeps.
    pub fn push(&mut self, id: u32, example: Vec<u8>) -> Result<(), String> {
        let Some(class) = self.class_mut(id) else {
            return Ok(());
        };
        if class.examples.len() >= MOST {
            return Err(format!(
                "{} has {MOST} examples, as many as this page keeps. Delete some to add others.",
                class.shown()
            ));
        }
        class.examples.push(example);
        Ok(())
    }

    /// Take one example out.
    pub fn delete(&mut self, id: u32, example: usize) {
        if let Some(class) = self.class_mut(id)
            && example < class.examples.len()
        {
            class.examples.remove(example);
        }
    }

    /// What is to be taught.
    ///
    /// # Errors
    /// What is missing or wrong, in words that say what to do.
    pub fn material(&self) -> Result<Material, String> {
        if let Some(why) = self.refusal() {
            return Err(why);
        }
        let mut material = Material {
            classes: Vec::new(),
            labels: Vec::new(),
            pixels: Vec::new(),
        };
        for (label, class) in self.classes.iter().enumerate() {
            material.classes.push(class.name.trim().to_owned());
            for example in &class.examples {
                material.labels.push(label as u8);
                material.pixels.extend(example);
            }
        }
        Ok(material)
    }

    fn refusal(&self) -> Option<String> {
        let shown: Vec<&OwnClass> = self
            .classes
            .iter()
            .filter(|class| !class.examples.is_empty())
            .collect();
        match shown[..] {
            [] => {
                return Some(format!(
                    "There are no examples yet. Hold a button below while the camera sees the thing, or add pictures: at least {FEWEST} of each class."
                ));
            }
            [only] => {
                return Some(format!(
                    "Only {} has examples. One class alone cannot be learned: collect examples of something else to tell it from.",
                    only.shown()
                ));
            }
            _ => {}
        }
        let few: Vec<String> = self
            .classes
            .iter()
            .filter(|class| class.examples.len() < FEWEST)
            .map(|class| format!("{} has {}", class.shown(), counted(class.examples.len())))
            .collect();
        if !few.is_empty() {
            return Some(format!(
                "Too few examples: {}. Each class needs at least {FEWEST}; a class that is not wanted can be removed.",
                few.join(", ")
            ));
        }
        self.bad_name()
    }

    fn bad_name(&self) -> Option<String> {
        for (index, class) in self.classes.iter().enumerate() {
            let name = class.name.trim();
            if name.is_empty() {
                return Some(format!(
                    "The class in place {} has no name. Give it one.",
                    index + 1
                ));
            }
            if name.chars().count() > CLASS_NAME_MAX || name.chars().any(char::is_control) {
                return Some(format!(
                    "The name in place {} is too long: at most {CLASS_NAME_MAX} characters, in one line.",
                    index + 1
                ));
            }
            let same = |other: &OwnClass| other.name.trim().to_lowercase() == name.to_lowercase();
            if self.classes[..index].iter().any(same) {
                return Some(format!(
                    "Two classes are called {}. Give one of them another name.",
                    class.shown()
                ));
            }
        }
        None
    }
}

impl OwnClass {
    /// Its name in a sentence.
    pub fn shown(&self) -> String {
        match self.name.trim() {
            "" => "the class without a name".to_owned(),
            name => format!("“{name}”"),
        }
    }
}

/// "1 example", "7 examples".
pub fn counted(count: usize) -> String {
    format!("{count} example{}", if count == 1 { "" } else { "s" })
}

/// What a lesson came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outcome {
    /// Examples learned from.
    pub learned: usize,
    /// Examples held back.
    pub held_back: usize,
    /// How many of those the spiking network got right.
    pub spiking_right: usize,
    /// How many the dense twin got right.
    pub dense_right: usize,
}

impl Outcome {
    /// The estimate, and what it is worth.
    pub fn words(&self) -> String {
        format!(
            "Learned from {}. The last {} collected were kept aside and not learned from: the spiking network gets {} of them right, the dense one {}. That is a rough estimate from few pictures much like the others; in another light or place expect less.",
            counted(self.learned),
            self.held_back,
            self.spiking_right,
            self.dense_right
        )
    }
}

/// A square RGBA picture as the 32×32 RGB that the networks see: the mean of each block of pixels, on white where it is
/// transparent. The worker's own rule (`data::frame`), for a side that 32 divides.
///
/// # Panics
/// If the bytes are not a square whose side 32 divides.
pub fn shrink(rgba: &[u8]) -> Vec<u8> {
    let side = (rgba.len() / RGBA).isqrt();
    let block = side / SIDE;
    assert!(
        block > 0 && side * side * RGBA == rgba.len() && block * SIDE == side,
        "a square of whole blocks"
    );
    let total = 255 * (block * block) as u32;
    let mut seen = Vec::with_capacity(SIDE * SIDE * 3);
    for at in 0..SIDE * SIDE {
        let (left, top) = (at % SIDE * block, at / SIDE * block);
        let mut sums = [0u32; 3];
        for y in top..top + block {
            let row = &rgba[(y * side + left) * RGBA..][..block * RGBA];
            for pixel in row.chunks_exact(RGBA) {
                let alpha = u32::from(pixel[3]);
                for (sum, &value) in sums.iter_mut().zip(pixel) {
                    *sum += u32::from(value) * alpha + 255 * (255 - alpha);
                }
            }
        }
        seen.extend(sums.map(|sum| ((sum + total / 2) / total) as u8));
    }
    seen
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(counts: &[usize]) -> Collection {
        let mut own = Collection::default();
        while own.classes().len() < counts.len() {
            own.add();
        }
        let ids: Vec<u32> = own.classes().iter().map(|class| class.id).collect();
        for (id, count) in ids.into_iter().zip(counts) {
            for example in 0..*count {
                own.push(id, vec![example as u8; 3072]).expect("room");
            }
        }
        own
    }

    #[test]
    fn what_cannot_be_learned_is_refused_in_words() {
        let why = |counts: &[usize]| with(counts).material().expect_err("refused");
        assert!(why(&[0, 0]).contains("no examples yet"));
        assert!(why(&[9, 0]).contains("Only “Class 1” has examples"));
        let few = why(&[9, 4, 1]);
        assert!(few.contains("“Class 2” has 4 examples, “Class 3” has 1 example."));
        assert!(with(&[5, 5]).material().is_ok());
    }

    #[test]
    fn one_class_that_is_left_is_refused() {
        let mut own = with(&[9, 9]);
        own.remove(2);
        assert!(own.material().expect_err("one").contains("One class alone"));
    }

    #[test]
    fn names_are_needed_and_must_differ() {
        let mut own = with(&[5, 5]);
        own.rename(1, " cup ");
        own.rename(2, "Cup");
        assert!(own.material().expect_err("same").contains("Two classes"));
        own.rename(2, "  ");
        assert!(own.material().expect_err("none").contains("place 2"));
        own.rename(2, &"x".repeat(CLASS_NAME_MAX + 1));
        assert!(own.material().expect_err("long").contains("too long"));
        own.rename(2, "pen");
        assert_eq!(own.material().expect("fine").classes, ["cup", "pen"]);
    }

    #[test]
    fn there_is_room_for_ten_classes_of_sixty_examples() {
        let mut own = with(&[MOST; 10]);
        assert_eq!(own.add(), None);
        let full = own.push(3, vec![0; 3072]).expect_err("full");
        assert!(full.contains("“Class 3” has 60 examples"), "{full}");
        own.delete(3, 0);
        own.push(3, vec![7; 3072]).expect("one was deleted");
        own.remove(1);
        assert_eq!(own.add(), Some(11), "an id is not used twice");
    }

    #[test]
    fn material_is_in_order() {
        let mut own = with(&[5, 6]);
        own.delete(1, 0);
        own.push(1, vec![9; 3072]).expect("room");
        let material = own.material().expect("enough");
        assert_eq!(material.labels, [0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1]);
        let firsts: Vec<u8> = material.pixels.chunks(3072).map(|one| one[0]).collect();
        assert_eq!(firsts, [1, 2, 3, 4, 9, 0, 1, 2, 3, 4, 5]);
    }

    #[test]
    fn the_estimate_says_what_it_rests_on() {
        let words = Outcome {
            learned: 40,
            held_back: 10,
            spiking_right: 9,
            dense_right: 8,
        }
        .words();
        assert!(words.contains("40 examples") && words.contains("rough estimate"));
        assert!(words.contains("gets 9 of them right, the dense one 8"));
    }
}
