//! A trace that lets the spikes go as soon as they were counted: a step of training needs memory for its gradients, and
//! whatever a trace holds cannot be made again on the way back instead of being kept.

use super::regulate::Fired;
use super::{Code, FanOut, Pair, Site, Trace, Train};
use burn::tensor::Tensor;

/// What is counted of spikes that pass by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counting {
    /// Nothing.
    Nothing,
    /// The mean firing rate.
    Rate,
    /// All that [`Trace::regulation`] makes figures of a loss of, with gradients.
    Regulated,
}

/// Counted and gone.
#[derive(Debug, Clone)]
pub(super) struct Passing {
    counting: Counting,
    pub(super) fired: Vec<Fired>,
}

impl Trace {
    /// A trace that counts and holds on to no spikes.
    pub fn passing(counting: Counting) -> Self {
        Self {
            passing: Some(Passing {
                counting,
                fired: Vec::new(),
            }),
            ..Self::default()
        }
    }

    /// The mean firing rate, `[1]`, off the autodiff graph; `None` for a dense network, and where it was not counted.
    pub fn firing_rate(&self) -> Option<Tensor<1>> {
        Some(self.regulation()?.mean_rate().inner())
    }
}

impl Passing {
    pub(super) fn site(&mut self, site: &Site) {
        self.train(&site.spikes, &site.code, Some(&site.fan_out));
    }

    pub(super) fn pair(&mut self, pair: &Pair) {
        self.train(&pair.left, &pair.code, None);
        self.train(&pair.right, &pair.code, None);
    }

    /// Every train that is cut out of an attention layer's output is counted with it.
    fn train(&mut self, train: &Train, code: &Code, fan: Option<&FanOut>) {
        if let Train::Whole(spikes) = train {
            self.count(spikes, code, fan);
        }
    }

    pub(super) fn count(&mut self, spikes: &Tensor<2>, code: &Code, fan: Option<&FanOut>) {
        match self.counting {
            Counting::Nothing => {}
            Counting::Regulated => self.fired.push(Fired::of(spikes, code, fan)),
            Counting::Rate => {
                // On the autodiff graph the count would hold on to the spikes until the next step is under way.
                let fired = Fired::of(&spikes.clone().inner(), &code.detached(), None);
                // One figure, not one for each layer: on a GPU the smallest tensor can take the place of a large one.
                let sum = match self.fired.pop() {
                    Some(before) => before.and(fired),
                    None => fired,
                };
                self.fired.push(sum);
            }
        }
    }
}
