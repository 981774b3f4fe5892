//! Pictures as the numbers a step computes with.

use super::augment::augment;
use super::rng::{Draws, Purpose};
use super::{IMAGE_BYTES, ImageSet};
use crate::config::Augment;
use rand_distr::{Beta, Distribution};
use std::ops::Range;

/// A batch of `B` pictures.
#[derive(Debug, Clone, PartialEq)]
pub struct Batch {
    /// `[B, 3, 32, 32]` in `0..=1`, row major.
    pub images: Vec<f32>,
    /// `[B]` class indices.
    pub labels: Vec<u8>,
    /// Mixup: the second label of each picture, and the weight λ of the *first*; the pictures are
    /// already `λ·first + (1 - λ)·second`.
    pub mix: Option<(Vec<u8>, f32)>,
    /// B.
    pub size: usize,
}

impl Batch {
    /// The first pictures alone, `count` of them if there are as many.
    pub fn first(&self, count: usize) -> Self {
        let size = count.min(self.size);
        let each = self.images.len() / self.size.max(1);
        let mix = self.mix.as_ref();
        Self {
            images: self.images[..size * each].to_vec(),
            labels: self.labels[..size].to_vec(),
            mix: mix.map(|(labels, share)| (labels[..size].to_vec(), *share)),
            size,
        }
    }
}

/// The training batch of these pictures: each augmented by draws of `(seed, step, slot)`, then mixed
/// with the batch in reverse order if `mixup > 0` (λ from Beta(mixup, mixup), one for the batch).
///
/// # Panics
/// If an index is not in the set.
pub fn train_batch(
    set: &ImageSet,
    indices: &[usize],
    change: &Augment,
    mixup: f64,
    seed: u64,
    step: u64,
) -> Batch {
    let mut images = vec![0.0; indices.len() * IMAGE_BYTES];
    for (slot, (out, &i)) in images
        .chunks_exact_mut(IMAGE_BYTES)
        .zip(indices)
        .enumerate()
    {
        augment(set.image(i), change, seed, step, slot, out);
    }
    let labels: Vec<u8> = indices.iter().map(|&i| set.label(i)).collect();
    let mix = (mixup > 0.0 && labels.len() > 1)
        .then(|| Beta::new(mixup, mixup).ok())
        .flatten()
        .map(|beta| {
            let weight = beta.sample(&mut Draws::new(Purpose::Mix, seed, step, 0).0) as f32;
            mix_reversed(&mut images, weight);
            (labels.iter().rev().copied().collect(), weight)
        });
    Batch {
        images,
        size: labels.len(),
        labels,
        mix,
    }
}

/// `x[i] = weight·x[i] + (1 - weight)·x[B - 1 - i]`, in place, a pair of pictures at a time.
fn mix_reversed(images: &mut [f32], weight: f32) {
    let size = images.len() / IMAGE_BYTES;
    let (front, back) = images.split_at_mut(size.div_ceil(2) * IMAGE_BYTES);
    // With an odd number the picture in the middle would be mixed with itself: left alone.
    let pairs = front
        .chunks_exact_mut(IMAGE_BYTES)
        .zip(back.chunks_exact_mut(IMAGE_BYTES).rev());
    for (first, second) in pairs {
        for (a, b) in first.iter_mut().zip(second) {
            (*a, *b) = (
                weight * *a + (1.0 - weight) * *b,
                weight * *b + (1.0 - weight) * *a,
            );
        }
    }
}

/// Pictures `range` of the set as they are.
///
/// # Panics
/// If the range reaches beyond the set.
pub fn eval_batch(set: &ImageSet, range: Range<usize>) -> Batch {
    let labels = set.labels[range.clone()].to_vec();
    Batch {
        images: to_unit(&set.pixels[range.start * IMAGE_BYTES..range.end * IMAGE_BYTES]),
        size: labels.len(),
        labels,
        mix: None,
    }
}

/// Pixels as numbers in `0..=1`: `byte / 255`, in the same order.
pub fn to_unit(pixels: &[u8]) -> Vec<f32> {
    pixels.iter().map(|&byte| f32::from(byte) / 255.0).collect()
}
