//! Many tensors as one vector: the optimiser works on all parameters at once. Every tensor starts at a multiple of
//! [`ALIGNMENT`] elements, so that on a GPU each is a window into the vector, not a copy of its part.

#[cfg(feature = "cube")]
mod cube;
#[cfg(feature = "cpu")]
mod flex;

use burn::backend::{Backend, Dispatch, backend_extension, tensor::FloatTensor};
use burn::tensor::Tensor;

/// 256 bytes: what WebGPU asks of a binding's offset.
pub(super) const ALIGNMENT: usize = 64;

/// Where each of a row of tensors starts in the vector, and the vector's length; gaps hold zeros.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlatLayout {
    starts: Vec<usize>,
    lengths: Vec<usize>,
    len: usize,
}

impl FlatLayout {
    /// For tensors of these lengths.
    pub fn new(lengths: impl IntoIterator<Item = usize>) -> Self {
        let lengths: Vec<usize> = lengths.into_iter().collect();
        let mut len = 0;
        let start = |&length: &usize| {
            let start = len;
            len += length.next_multiple_of(ALIGNMENT);
            start
        };
        let starts = lengths.iter().map(start).collect();
        Self {
            starts,
            lengths,
            len,
        }
    }

    /// Start and length of each tensor.
    pub fn parts(&self) -> impl Iterator<Item = (usize, usize)> + '_ {
        self.starts
            .iter()
            .copied()
            .zip(self.lengths.iter().copied())
    }

    /// Length of the vector.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// A vector without its gaps.
    pub fn compact(&self, padded: &[f32]) -> Vec<f32> {
        self.parts()
            .flat_map(|(start, length)| padded[start..start + length].iter().copied())
            .collect()
    }

    /// [`FlatLayout::compact`] undone.
    pub fn pad(&self, compact: &[f32]) -> Vec<f32> {
        let mut padded = vec![0.0; self.len];
        let mut at = 0;
        for (start, length) in self.parts() {
            padded[start..start + length].copy_from_slice(&compact[at..at + length]);
            at += length;
        }
        padded
    }
}

/// Vectors that are packed at once: with the flat one and the numbers eight bindings on a GPU, as many as WebGPU
/// promises.
const AT_ONCE: usize = 6;

/// Where a vector goes: its start, its length, and the room up to the next one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    start: usize,
    length: usize,
    room: usize,
}

/// On a backend; nothing here is differentiable.
#[backend_extension(Cube: cfg(feature = "cube"), Flex: cfg(feature = "cpu"))]
pub(crate) trait FlatOps: Backend {
    /// `flat` with vectors put in their places, and zeros in the gaps behind them. Those without a place are left out.
    /// At most [`AT_ONCE`] places.
    // One argument each: the attribute takes no list.
    #[allow(clippy::too_many_arguments)]
    fn flat_write(
        flat: FloatTensor<Self>,
        a: FloatTensor<Self>,
        b: FloatTensor<Self>,
        c: FloatTensor<Self>,
        d: FloatTensor<Self>,
        e: FloatTensor<Self>,
        f: FloatTensor<Self>,
        places: Vec<Place>,
    ) -> FloatTensor<Self>;

    /// The tensor of this shape that starts here; it may share the vector's memory.
    fn flat_view(flat: FloatTensor<Self>, start: usize, shape: Vec<usize>) -> FloatTensor<Self>;
}

/// Vectors end to end, `[layout.len()]`. They are not on an autodiff device.
///
/// # Panics
/// When there is no vector.
pub fn flat_pack(parts: Vec<Tensor<1>>, layout: &FlatLayout) -> Tensor<1> {
    let device = parts[0].device();
    let mut flat = Tensor::<1>::empty([layout.len()], &device).into_dispatch();
    let ends = layout.starts.iter().skip(1).copied().chain([layout.len()]);
    let places: Vec<Place> = layout
        .parts()
        .zip(ends)
        .map(|((start, length), end)| Place {
            start,
            length,
            room: end - start,
        })
        .collect();
    for (parts, places) in parts.chunks(AT_ONCE).zip(places.chunks(AT_ONCE)) {
        let mut parts = parts.iter().cloned();
        // Memory of its own for each that is missing: two writable bindings of one buffer are refused.
        let mut next = || {
            let part = parts.next();
            part.unwrap_or_else(|| Tensor::empty([1], &device))
                .into_dispatch()
        };
        let [a, b, c, d, e, f] = std::array::from_fn(|_| next());
        flat = Dispatch::flat_write(flat, a, b, c, d, e, f, places.to_vec());
    }
    Tensor::from_dispatch(flat)
}

/// The tensor of this shape that starts at `start`.
pub fn flat_view<const D: usize>(flat: &Tensor<1>, start: usize, shape: [usize; D]) -> Tensor<D> {
    let flat = flat.clone().into_dispatch();
    Tensor::from_dispatch(Dispatch::flat_view(flat, start, shape.to_vec()))
}
