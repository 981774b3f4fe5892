//! Synapses on events: a spike adds one row of weights. Token-major: `[S·S, C]`. Weights and sums are `f64`: what
//! parts a potential from the training form's is then that form's rounding alone, not the order of two sums. A
//! potential is rounded to `f32` where the training form writes one to memory.

use super::{neuron::SpikeTrain, rounded};
use crate::model::fold::{NotConvertible, rounded_scale_and_shift, tensor};
use crate::train::params::NamedTensors;

/// A linear layer or convolution with BatchNorm and the threshold in front folded in.
#[derive(Debug, Clone)]
pub struct Synapses {
    c_in: usize,
    c_out: usize,
    kernel: usize,
    stride: usize,
    padding: usize,
    groups: usize,
    /// Whether output `j` of group `i` is channel `j·g + i` (linear layers shuffle) or `i·C_out/g + j`.
    shuffled: bool,
    /// `[C_in, k, k, C_out/g]`: what one spike sends lies together.
    weight: Vec<f64>,
    /// `[C_out]`.
    bias: Vec<f64>,
}

impl Synapses {
    /// The grouped linear layer at `path` behind neurons of threshold `theta`.
    pub fn linear(tensors: &NamedTensors, path: &str, theta: f32) -> Result<Self, NotConvertible> {
        let (shape, values) = tensor(tensors, &format!("{path}.weight"))?;
        let [groups, c_in, c_out] = shape[..] else {
            return Err(NotConvertible(format!("{path}.weight is {shape:?}")));
        };
        let (scale, mut shift) = rounded_scale_and_shift(tensors, &format!("{path}.norm"))?;
        if let Ok((_, bias)) = tensor(tensors, &format!("{path}.bias")) {
            for ((shift, scale), &bias) in shift.iter_mut().zip(&scale).zip(bias) {
                *shift += scale * f64::from(bias);
            }
        }
        let fold = |(index, &weight): (usize, &f32)| {
            let channel = index % c_out * groups + index / (c_in * c_out);
            f64::from(weight) * scale[channel] * f64::from(theta)
        };
        Ok(Self {
            c_in: groups * c_in,
            c_out: groups * c_out,
            kernel: 1,
            stride: 1,
            padding: 0,
            groups,
            shuffled: true,
            weight: values.iter().enumerate().map(fold).collect(),
            bias: shift,
        })
    }

    /// The convolution at `path` behind neurons of threshold `theta`.
    pub fn conv(
        tensors: &NamedTensors,
        path: &str,
        theta: f32,
        stride: usize,
        groups: usize,
    ) -> Result<Self, NotConvertible> {
        let (shape, values) = tensor(tensors, &format!("{path}.conv.weight"))?;
        let [c_out, per_group, kernel, _] = shape[..] else {
            return Err(NotConvertible(format!("{path}.conv.weight is {shape:?}")));
        };
        let (scale, shift) = rounded_scale_and_shift(tensors, &format!("{path}.norm"))?;
        let taps = kernel * kernel;
        let out_group = c_out / groups;
        let mut weight = vec![0.0; values.len()];
        for (index, &value) in values.iter().enumerate() {
            // From [C_out, C_in/g, k, k].
            let (tap, rest) = (index % taps, index / taps);
            let (input, output) = (rest % per_group, rest / per_group);
            let input = output / out_group * per_group + input;
            let to = (input * taps + tap) * out_group + output % out_group;
            weight[to] = f64::from(value) * scale[output] * f64::from(theta);
        }
        Ok(Self {
            c_in: per_group * groups,
            c_out,
            kernel,
            stride,
            padding: (kernel + 1 - stride) / 2,
            groups,
            shuffled: false,
            weight,
            bias: shift,
        })
    }

    /// The classifier over the mean of `tokens` tokens: every token's spikes reach every class.
    pub fn head(
        tensors: &NamedTensors,
        path: &str,
        theta: f32,
        tokens: usize,
    ) -> Result<Self, NotConvertible> {
        let (shape, values) = tensor(tensors, &format!("{path}.weight"))?;
        let (_, bias) = tensor(tensors, &format!("{path}.bias"))?;
        let share = f64::from(theta) / tokens as f64;
        let fold = |&weight: &f32| f64::from(weight) * share;
        Ok(Self {
            c_in: shape[0],
            c_out: shape[1],
            kernel: 1,
            stride: 1,
            padding: 0,
            groups: 1,
            shuffled: false,
            weight: values.iter().map(fold).collect(),
            bias: bias.iter().copied().map(f64::from).collect(),
        })
    }

    /// Potentials `[S'·S', C_out]` from spikes on `[S·S, C_in]`.
    pub fn integrate(&self, train: &SpikeTrain, side: usize) -> Vec<f64> {
        let side_out = (side + 2 * self.padding - self.kernel) / self.stride + 1;
        let place = |at: usize, tap: usize| {
            let ahead = (at + self.padding).checked_sub(tap)?;
            let out = ahead / self.stride;
            (ahead.is_multiple_of(self.stride) && out < side_out).then_some(out)
        };
        self.accumulate(train, side_out * side_out, |position, send| {
            let (y, x) = (position / side, position % side);
            for ky in 0..self.kernel {
                let Some(row) = place(y, ky) else { continue };
                for kx in 0..self.kernel {
                    if let Some(column) = place(x, kx) {
                        send(ky * self.kernel + kx, row * side_out + column);
                    }
                }
            }
        })
    }

    /// Potentials `[C_out]`, every position reaching the same outputs.
    pub fn pool(&self, train: &SpikeTrain) -> Vec<f64> {
        self.accumulate(train, 1, |_, send| send(0, 0))
    }

    /// In each group of steps the sums double from step to step while spikes add their weights, so that a spike
    /// of step k arrives `2^(K-k)` times: additions only.
    fn accumulate(
        &self,
        train: &SpikeTrain,
        outputs: usize,
        targets: impl Fn(usize, &mut dyn FnMut(usize, usize)),
    ) -> Vec<f64> {
        let (taps, out_group) = (self.kernel * self.kernel, self.c_out / self.groups);
        let mut total = vec![0.0f64; outputs * self.c_out];
        for group in train.fired.chunks(train.steps) {
            let mut sums = vec![0.0f64; outputs * self.c_out];
            for fired in group {
                sums.iter_mut().for_each(|sum| *sum += *sum);
                for &neuron in fired {
                    let (position, channel) =
                        (neuron as usize / self.c_in, neuron as usize % self.c_in);
                    let own = channel / (self.c_in / self.groups);
                    targets(position, &mut |tap, output| {
                        let weights =
                            &self.weight[(channel * taps + tap) * out_group..][..out_group];
                        let row = &mut sums[output * self.c_out..][..self.c_out];
                        if self.shuffled && self.groups > 1 {
                            let row = row[own..].iter_mut().step_by(self.groups);
                            row.zip(weights).for_each(|(sum, weight)| *sum += weight);
                        } else {
                            let row = row[own * out_group..].iter_mut();
                            row.zip(weights).for_each(|(sum, weight)| *sum += weight);
                        }
                    });
                }
            }
            total
                .iter_mut()
                .zip(&sums)
                .for_each(|(total, sum)| *total += sum);
        }
        for row in total.chunks_exact_mut(self.c_out) {
            row.iter_mut()
                .zip(&self.bias)
                .for_each(|(sum, bias)| *sum = rounded(*sum + bias));
        }
        total
    }
}
