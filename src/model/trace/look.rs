//! A trace that lets the spikes go as soon as they were counted: a step of training needs memory for its gradients, and
//! whatever a trace holds cannot be made again on the way back instead of being kept.

use super::regulate::Fired;
use super::train::{Mixed, first};
use super::{Code, FanOut, Pair, Site, Trace, Train};
use burn::tensor::Tensor;

/// What a step of training leaves of the spikes it makes. It has to be asked for in advance.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Look {
    /// The mean firing rate of the batch.
    pub firing_rate: bool,
    /// Pictures of the batch, the first ones, whose spikes are kept.
    pub images: usize,
}

/// What passes by is counted, and kept of a few pictures.
#[derive(Debug, Clone)]
pub(super) struct Passing {
    look: Look,
    /// The counts are part of a loss.
    regulated: bool,
    pub(super) fired: Vec<Fired>,
}

impl Trace {
    /// A trace that holds on to what `look` asks for and nothing else. `regulated`: [`Trace::regulation`] will be part of
    /// a loss; its figures have no gradient otherwise.
    pub fn passing(look: Look, regulated: bool) -> Self {
        Self {
            passing: Some(Passing {
                look,
                regulated,
                fired: Vec::new(),
            }),
            ..Self::default()
        }
    }

    /// The spikes of the pictures that a [`Look`] asked for, off the autodiff graph; `None` if it asked for none.
    pub fn sample(self) -> Option<Self> {
        let passing = self.passing.as_ref()?;
        (passing.look.images > 0).then_some(Self {
            passing: None,
            ..self
        })
    }

    /// The mean firing rate that a [`Look`] asked for, `[1]`; `None` if it did not, and for a dense network.
    pub fn firing_rate(&self) -> Option<Tensor<1>> {
        let asked = self.passing.as_ref()?.look.firing_rate;
        let spikes = self.regulation().filter(|_| asked)?;
        Some(spikes.mean_rate().inner())
    }
}

impl Passing {
    pub(super) fn site(&mut self, mut site: Site) -> Option<Site> {
        self.take(&mut site.spikes, &site.code, Some(&site.fan_out));
        self.keeps().then_some(site)
    }

    pub(super) fn pair(&mut self, mut pair: Pair) -> Option<Pair> {
        for train in [&mut pair.left, &mut pair.right] {
            self.take(train, &pair.code, None);
        }
        self.keeps().then_some(pair)
    }

    pub(super) fn mixed(&mut self, mut layer: Mixed) -> Option<Mixed> {
        self.count(&layer.spikes, &layer.code, None);
        if !self.keeps() {
            return None;
        }
        let steps = layer.code.tensor_steps();
        let batch = layer.rows / steps;
        let kept = self.look.images.min(batch);
        layer.spikes = first(&layer.spikes, steps, batch, kept);
        layer.rows = steps * kept;
        Some(layer)
    }

    fn keeps(&self) -> bool {
        self.look.images > 0
    }

    /// Count a train, and of its pictures keep the first.
    fn take(&mut self, train: &mut Train, code: &Code, fan: Option<&FanOut>) {
        // Every train that is cut out of an attention layer's output is counted, and kept, with it.
        if let Train::Whole(spikes) = train {
            self.count(spikes, code, fan);
            if self.keeps() {
                let steps = code.tensor_steps();
                let batch = spikes.dims()[0] / steps;
                *spikes = first(spikes, steps, batch, self.look.images.min(batch));
            }
        }
    }

    fn count(&mut self, spikes: &Tensor<2>, code: &Code, fan: Option<&FanOut>) {
        if self.regulated {
            self.fired.push(Fired::of(spikes, code, fan));
        } else if self.look.firing_rate {
            // On the autodiff graph the count would hold on to the spikes until the next step is under way.
            let spikes = spikes.clone().inner();
            self.fired.push(Fired::of(&spikes, &code.detached(), fan));
        }
    }
}
