//! Activity that nobody measured: a uniform firing rate, and measured activity made denser or thinner.
//! For break-even lines and tests, never a stand-in for a measurement.

use super::account::share;
use super::counts::{Activity, Census, LayerActivity};

impl Activity {
    /// Activity of one picture in which every neuron fires with probability `rate` at each step,
    /// independently: accumulates are `rate` times the dense count, `rate²` where two trains meet.
    /// A rate of one is the closed form itself.
    pub fn uniform(census: &Census, rate: f64) -> Self {
        let layers = census
            .layers
            .iter()
            .filter(|spec| spec.is_spiking())
            .map(|spec| {
                let sites = spec.neurons as f64;
                let share = if spec.is_meeting() { rate * rate } else { rate };
                LayerActivity {
                    name: spec.name.clone(),
                    spikes: vec![sites * rate; spec.steps],
                    sites,
                    accumulates: spec.dense_ops() as f64 * share,
                    dead: if rate > 0.0 { 0 } else { spec.neurons },
                    saturated: if rate < 1.0 { 0 } else { spec.neurons },
                    neurons: spec.neurons,
                }
            });
        Self {
            images: 1,
            layers: layers.collect(),
        }
    }

    /// Every layer's spikes times `scale`, no layer beyond a rate of one; accumulates follow, squared
    /// where two trains meet. The pattern over layers and steps stays.
    pub(super) fn scaled(&self, census: &Census, scale: f64) -> Self {
        let layers = self.layers.iter().map(|layer| {
            let spec = census.layers.iter().find(|spec| spec.name == layer.name);
            let steps = layer.spikes.len() as f64;
            let rate = share(layer.spikes.iter().sum(), layer.sites * steps).unwrap_or(0.0);
            let factor = if rate > 0.0 {
                scale.min(1.0 / rate)
            } else {
                scale
            };
            let meeting = spec.is_some_and(|spec| spec.is_meeting());
            let accumulates = layer.accumulates * if meeting { factor * factor } else { factor };
            let most = spec.map_or(f64::INFINITY, |spec| {
                spec.dense_ops() as f64 * self.images as f64
            });
            LayerActivity {
                spikes: layer.spikes.iter().map(|count| count * factor).collect(),
                accumulates: accumulates.min(most),
                ..layer.clone()
            }
        });
        Self {
            images: self.images,
            layers: layers.collect(),
        }
    }

    /// Spikes per neuron and step over all layers, each neuron counting the same; `None` without neurons.
    pub fn firing_rate(&self) -> Option<f64> {
        let possible = self
            .layers
            .iter()
            .map(|layer| layer.sites * layer.spikes.len() as f64)
            .sum();
        share(
            self.layers.iter().flat_map(|layer| &layer.spikes).sum(),
            possible,
        )
    }
}
