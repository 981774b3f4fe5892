//! Random draws that are a pure function of where they are made.
//!
//! A stream is ChaCha8 keyed by purpose, seed and two positions. The draws below use integer
//! arithmetic on 32-bit words, so that a 32-bit browser and a 64-bit machine draw the same numbers.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// What a stream is for; streams of different purposes are independent.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Purpose {
    /// Order of the pictures in an epoch.
    Order = 1,
    /// Augmentation of one picture.
    Augment = 2,
    /// Mixup of a batch.
    Mix = 3,
    /// A generated training picture.
    GenerateTrain = 4,
    /// A generated held-out picture.
    GenerateTest = 5,
}

/// One stream.
pub(crate) struct Draws(pub(crate) ChaCha8Rng);

impl Draws {
    /// The stream of this purpose and seed at position (`a`, `b`), e.g. step and slot.
    pub(crate) fn new(purpose: Purpose, seed: u64, a: u64, b: u64) -> Self {
        let mut key = [0; 32];
        let words = [purpose as u64, seed, a, b];
        for (bytes, word) in key.chunks_exact_mut(8).zip(words) {
            bytes.copy_from_slice(&word.to_le_bytes());
        }
        Self(ChaCha8Rng::from_seed(key))
    }

    /// Uniform in `0..n` (bias below `n / 2^32`).
    pub(crate) fn below(&mut self, n: u32) -> u32 {
        ((u64::from(self.word()) * u64::from(n)) >> 32) as u32
    }

    /// 32 random bits.
    pub(crate) fn word(&mut self) -> u32 {
        self.0.next_u32()
    }

    /// Uniform in `[0, 1)`, 24 bits.
    pub(crate) fn unit(&mut self) -> f32 {
        (self.word() >> 8) as f32 / 16_777_216.0
    }

    /// Uniform in `[low, high)`.
    pub(crate) fn between(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * self.unit()
    }

    /// True with probability `p`.
    pub(crate) fn chance(&mut self, p: f32) -> bool {
        self.unit() < p
    }
}
