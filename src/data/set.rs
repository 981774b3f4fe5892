//! Pictures with labels, in one block of memory.

use super::{DataError, IMAGE_BYTES};

/// Pictures with labels. Pixels are planar RGB, `3·32·32` bytes a picture (the official CIFAR
/// layout without the label byte): `[len, 3, 32, 32]`, row major.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct ImageSet {
    /// `[len, 3, 32, 32]` bytes.
    pub pixels: Vec<u8>,
    /// `[len]` class indices.
    pub labels: Vec<u8>,
}

impl ImageSet {
    /// A set of these pixels and labels.
    ///
    /// # Errors
    /// [`DataError::Frame`] if the pixels are not `3072` bytes for each label.
    pub fn new(pixels: Vec<u8>, labels: Vec<u8>) -> Result<Self, DataError> {
        if pixels.len() != labels.len() * IMAGE_BYTES {
            return Err(DataError::Frame {
                why: format!(
                    "{} pixel bytes do not fit {} labels of {IMAGE_BYTES} bytes each",
                    pixels.len(),
                    labels.len()
                ),
            });
        }
        Ok(Self { pixels, labels })
    }

    /// An empty set with room for `images` pictures.
    pub fn with_capacity(images: usize) -> Self {
        Self {
            pixels: Vec::with_capacity(images * IMAGE_BYTES),
            labels: Vec::with_capacity(images),
        }
    }

    /// Number of pictures.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there is no picture.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// Picture `i`, `[3, 32, 32]` bytes.
    ///
    /// # Panics
    /// If `i >= len()`.
    pub fn image(&self, i: usize) -> &[u8] {
        &self.pixels[i * IMAGE_BYTES..(i + 1) * IMAGE_BYTES]
    }

    /// Class index of picture `i`.
    ///
    /// # Panics
    /// If `i >= len()`.
    pub fn label(&self, i: usize) -> u8 {
        self.labels[i]
    }

    /// Adds a picture `[3, 32, 32]`.
    ///
    /// # Panics
    /// If `image` is not [`IMAGE_BYTES`] long.
    pub fn push(&mut self, image: &[u8], label: u8) {
        assert_eq!(image.len(), IMAGE_BYTES, "a picture is [3, 32, 32] bytes");
        self.pixels.extend_from_slice(image);
        self.labels.push(label);
    }

    /// The first `n` pictures (all, if there are fewer); the other pictures' memory is freed.
    #[must_use]
    pub fn take(mut self, n: usize) -> Self {
        if n < self.len() {
            self.pixels.truncate(n * IMAGE_BYTES);
            self.labels.truncate(n);
            self.pixels.shrink_to_fit();
            self.labels.shrink_to_fit();
        }
        self
    }

    /// Splits off the pictures from `at` on; this set keeps the ones before.
    ///
    /// # Panics
    /// If `at > len()`.
    #[must_use]
    pub fn split_off(&mut self, at: usize) -> Self {
        Self {
            pixels: self.pixels.split_off(at * IMAGE_BYTES),
            labels: self.labels.split_off(at),
        }
    }

    /// Number of pictures of each of `classes` classes; labels beyond are not counted.
    pub fn class_counts(&self, classes: usize) -> Vec<usize> {
        let mut counts = vec![0; classes];
        for &label in &self.labels {
            if let Some(count) = counts.get_mut(usize::from(label)) {
                *count += 1;
            }
        }
        counts
    }
}

impl std::fmt::Debug for ImageSet {
    // A failing test must not print 150 MB of pixels.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ImageSet")
            .field("len", &self.len())
            .finish_non_exhaustive()
    }
}
