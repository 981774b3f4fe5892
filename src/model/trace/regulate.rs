//! What a loss can ask of the spikes of a forward: fewer of them, or fewer where each costs much. Both figures stay on
//! the device and have gradients.

use super::{Code, FanOut, Trace, Train};
use crate::kernels::spike_count;
use burn::tensor::Tensor;

/// Spikes of one tensor of the trace.
#[derive(Debug, Clone)]
pub(super) struct Fired {
    /// All of them, `[1]`.
    spikes: Tensor<1>,
    /// Elements and steps they could have been at.
    places: usize,
    /// Accumulates of a spike, the mean over a picture, and the synapses of all pictures; `None` where spikes meet
    /// spikes.
    synapses: Option<(f32, f32)>,
}

/// Spikes of a batch as figures of a loss.
pub struct Regulation(Vec<Fired>);

impl Trace {
    /// Spikes of the batch; `None` for a dense network.
    pub fn regulation(&self) -> Option<Regulation> {
        if let Some(passing) = &self.passing {
            let all = passing.fired.clone();
            return (!all.is_empty()).then_some(Regulation(all));
        }
        let mut all = Vec::new();
        // Every train that was cut out of an attention layer's output is counted with it.
        for site in &self.sites {
            if let Train::Whole(spikes) = &site.spikes {
                let fan = Some(&site.fan_out);
                all.push(Fired::of(spikes, &site.code, fan));
            }
        }
        for pair in &self.pairs {
            for train in [&pair.left, &pair.right] {
                if let Train::Whole(spikes) = train {
                    all.push(Fired::of(spikes, &pair.code, None));
                }
            }
        }
        let mixed = self.mixed.iter();
        all.extend(mixed.map(|layer| Fired::of(&layer.spikes, &layer.code, None)));
        (!all.is_empty()).then_some(Regulation(all))
    }
}

impl Fired {
    pub fn of(spikes: &Tensor<2>, code: &Code, fan: Option<&FanOut>) -> Self {
        let [rows, features] = spikes.dims();
        let steps = code.tensor_steps();
        let (fired, steps_inside) = match code {
            Code::Binary { .. } => (spikes.clone(), 1),
            Code::Weighted {
                theta,
                bits,
                groups,
            } => {
                let spikes = spikes.clone();
                (
                    spike_count(spikes, theta.clone(), *bits, *groups),
                    bits * groups,
                )
            }
        };
        Self {
            spikes: fired.sum(),
            places: rows * features * steps_inside,
            synapses: fan.map(|fan| {
                let mean = fan.mean(features);
                (mean, mean * (rows / steps * features) as f32)
            }),
        }
    }
}

impl Fired {
    /// Both as one, by layers no longer told apart.
    pub fn and(self, other: Self) -> Self {
        Self {
            spikes: self.spikes + other.spikes,
            places: self.places + other.places,
            synapses: None,
        }
    }
}

impl Regulation {
    /// Mean firing rate over all elements and steps, `[1]`: the spike penalty of the loss.
    pub fn mean_rate(&self) -> Tensor<1> {
        let places: usize = self.0.iter().map(|fired| fired.places).sum();
        sum(self.0.iter().map(|fired| fired.spikes.clone())) / places.max(1) as f32
    }

    /// Spikes that arrive at a synapse during one picture, the mean over all synapses of layers with weights, `[1]`: the
    /// operation penalty of the loss. Times those synapses it is the picture's synaptic operations, but for three
    /// simplifications: a spike at the border of a convolution counts as one elsewhere, the products of attention are
    /// left out, and so is a layer whose input is no train of spikes.
    ///
    /// `None` where nothing has weights behind spikes.
    pub fn operations(&self) -> Option<Tensor<1>> {
        let behind = || {
            let all = self.0.iter();
            all.filter_map(|fired| Some((fired, fired.synapses?)))
        };
        let synapses: f32 = behind().map(|(_, (_, synapses))| synapses).sum();
        let spikes = behind().map(|(fired, (fan, _))| fired.spikes.clone() * fan);
        (synapses > 0.0).then(|| sum(spikes) / synapses)
    }
}

fn sum(figures: impl Iterator<Item = Tensor<1>>) -> Tensor<1> {
    figures
        .reduce(|sum, figure| sum + figure)
        .expect("a trace that regulates has spikes")
}

#[cfg(all(test, feature = "cpu"))]
mod tests {
    use super::super::Site;
    use super::*;
    use burn::tensor::Device;

    /// A trace of sites `(spikes of one picture, what each costs)`.
    fn trace(sites: &[(&[f32], FanOut)]) -> Trace {
        let mut trace = Trace::default();
        for (spikes, fan_out) in sites {
            let features = spikes.len();
            let spikes = Tensor::<1>::from_floats(*spikes, &Device::flex());
            trace.site(Site {
                name: "site".into(),
                spikes: Train::Whole(spikes.reshape([1, features])),
                code: Code::Binary { steps: 1 },
                fan_out: fan_out.clone(),
            });
        }
        trace
    }

    fn number(figure: Tensor<1>) -> f32 {
        figure.into_scalar::<f32>()
    }

    #[test]
    fn a_spike_weighs_in_operations_what_it_costs() {
        let [dear, cheap] = [FanOut::Every(6), FanOut::Every(2)];
        let all = trace(&[(&[1.0; 4], cheap), (&[0.0, 1.0], dear)]);
        let spikes = all.regulation().expect("it has sites");
        // 5 of 6 neurons fire; 4·2 + 1·6 of 4·2 + 2·6 synapses hear a spike.
        assert_eq!(number(spikes.mean_rate()), 5.0 / 6.0);
        assert_eq!(number(spikes.operations().expect("synapses")), 14.0 / 20.0);
        assert!(Trace::default().regulation().is_none());
    }

    #[test]
    fn a_convolution_costs_its_mean_over_the_map() {
        for (side, kernel, stride, padding) in
            [(4, 3, 1, 1), (6, 3, 2, 1), (5, 5, 1, 2), (4, 2, 2, 0)]
        {
            let fan = FanOut::Conv {
                side,
                kernel,
                stride,
                padding,
                per_tap: 3,
            };
            let features = 2 * side * side;
            let all: u64 = (0..features).map(|feature| fan.at(feature)).sum();
            assert_eq!(fan.mean(features), all as f32 / features as f32);
        }
    }
}
