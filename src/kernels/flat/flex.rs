//! On the CPU.

use super::{FlatOps, Place};
use crate::kernels::flex::contiguous;
use burn::backend::{Flex, flex::FlexTensor, tensor::FloatTensor};
use burn::tensor::TensorData;

impl FlatOps for Flex {
    fn flat_write(
        flat: FloatTensor<Self>,
        a: FloatTensor<Self>,
        b: FloatTensor<Self>,
        c: FloatTensor<Self>,
        d: FloatTensor<Self>,
        e: FloatTensor<Self>,
        f: FloatTensor<Self>,
        places: Vec<Place>,
    ) -> FloatTensor<Self> {
        let mut flat = contiguous(flat);
        let values: &mut [f32] = flat.storage_mut();
        for (part, place) in [a, b, c, d, e, f].into_iter().zip(places) {
            let part = contiguous(part);
            let room = &mut values[place.start..][..place.room];
            let (own, gap) = room.split_at_mut(place.length);
            own.copy_from_slice(part.storage());
            gap.fill(0.0);
        }
        flat
    }

    fn flat_view(flat: FloatTensor<Self>, start: usize, shape: Vec<usize>) -> FloatTensor<Self> {
        let values: &[f32] = flat.storage();
        let length = shape.iter().product::<usize>();
        let part = values[start..start + length].to_vec();
        FlexTensor::from_data(TensorData::new(part, shape))
    }
}
