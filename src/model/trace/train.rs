//! Spike trains in a trace. Those of an attention layer stay in the one tensor that its neurons wrote, and are cut into
//! windows by whoever reads them: in training nobody does.

use super::{Code, Trace, floats};
use crate::kernels::Windows;
use burn::tensor::{Int, Tensor, TensorData};

/// A train of a synaptic layer's input.
#[derive(Debug, Clone)]
#[allow(clippy::large_enum_variant)] // A few dozen per forward; the tensor inside is a handle.
pub enum Train {
    /// `[T·B, F]`, F elements per picture and step.
    Whole(Tensor<2>),
    /// q, k or v of a head group.
    Cut(Cut),
}

/// Output of an attention layer's neurons.
#[derive(Debug, Clone)]
pub(super) struct Mixed {
    /// `[T·B·N, P·C]`: the P of q, k and v that are there, side by side.
    pub spikes: Tensor<2>,
    /// T·B.
    pub rows: usize,
    pub code: Code,
}

/// Some channels of what [`Trace::mixed`] remembers, as `[T·B, windows, h, W, d]`.
#[derive(Debug, Clone)]
pub struct Cut {
    /// Its number.
    pub layer: usize,
    /// First channel.
    pub from: usize,
    /// How tokens fall into windows.
    pub windows: Windows,
    /// h, heads.
    pub heads: usize,
    /// d, channels of a head.
    pub d: usize,
}

impl Cut {
    /// Elements per picture and step.
    fn features(&self) -> usize {
        self.windows.side.pow(2) * self.heads * self.d
    }

    /// This part of `x [rows·N, P·C]`, `[rows, F]`.
    pub(in crate::model) fn of(&self, x: &Tensor<2>, rows: usize) -> Tensor<2> {
        let [all, channels] = x.dims();
        let places = self.places(channels).into_iter();
        let places = places.map(|place| place as i32).collect();
        let places = TensorData::new::<i32, _>(places, [self.features()]);
        let places = Tensor::<1, Int>::from_data(places, &x.device());
        let row = all / rows * channels;
        x.clone().reshape([rows, row]).select(1, places)
    }

    /// Places in a row `[N, channels]` of the layer, in the order of this train.
    fn places(&self, channels: usize) -> Vec<usize> {
        let mut places = Vec::with_capacity(self.features());
        for members in self.windows.members() {
            for head in 0..self.heads {
                for token in &members {
                    let first = token * channels + self.from + head * self.d;
                    places.extend(first..first + self.d);
                }
            }
        }
        places
    }
}

impl Trace {
    /// Remember the output `[rows·N, P·C]` of an attention layer's neurons, of which [`Cut`]s are made; its number.
    pub fn mixed(&mut self, spikes: Tensor<2>, rows: usize, code: Code) -> usize {
        let place = self.mixed.len();
        match &mut self.passing {
            None => self.mixed.push(Mixed { spikes, rows, code }),
            Some(passing) => passing.count(&spikes, &code, None),
        }
        place
    }

    /// `[T·B, F]` of a train.
    pub(super) fn dims(&self, train: &Train) -> [usize; 2] {
        match train {
            Train::Whole(spikes) => spikes.dims(),
            Train::Cut(cut) => [self.mixed[cut.layer].rows, cut.features()],
        }
    }

    /// A train as a tensor `[T·B, F]`.
    pub fn spikes(&self, train: &Train) -> Tensor<2> {
        match train {
            Train::Whole(spikes) => spikes.clone(),
            Train::Cut(cut) => {
                let layer = &self.mixed[cut.layer];
                cut.of(&layer.spikes, layer.rows)
            }
        }
    }

    /// Numbers of a train, `[T·B, F]`: out of `mixed`, the layers' numbers, or the next of `data`.
    pub(super) fn read(
        &self,
        train: &Train,
        mixed: &[Vec<f32>],
        data: &mut impl Iterator<Item = TensorData>,
    ) -> Vec<f32> {
        match train {
            Train::Whole(_) => floats(data.next()),
            Train::Cut(cut) => {
                let layer = &self.mixed[cut.layer];
                let [all, channels] = layer.spikes.dims();
                let places = cut.places(channels);
                let rows = mixed[cut.layer].chunks_exact(all / layer.rows * channels);
                rows.flat_map(|row| places.iter().map(|&place| row[place]))
                    .collect()
            }
        }
    }
}
