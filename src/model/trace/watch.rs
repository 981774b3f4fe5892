//! What a trace remembers beside the spikes when somebody looks inside: membrane inputs and windows. In training and
//! evaluation it remembers none of it, so that no tensor lives longer than the network needs it.

use super::{Code, Entry, Trace};
use crate::kernels::LifParams;
use crate::kernels::Windows;
use burn::tensor::Tensor;
use std::collections::BTreeMap;

/// What arrives at the neurons whose spikes an entry of the trace holds.
#[derive(Debug, Clone)]
pub struct Membrane {
    /// X or z, `[T·B, F]`, element for element behind the spikes; of a pair the left train's, then the right one's.
    pub input: Tensor<2>,
    /// LIF and IF; ExpG-IF's threshold stands in the entry's code.
    pub params: LifParams,
    /// Steps after which membranes start anew.
    pub group: usize,
}

/// One head group of one block: where its q, k and v are in the trace.
#[derive(Debug, Clone)]
pub(super) struct Attended {
    pub block: usize,
    pub windows: Windows,
    pub heads: usize,
    /// The pair of trains and the third one.
    pub entries: [usize; 2],
}

#[derive(Debug, Clone, Default)]
pub(super) struct Watched {
    /// By entry.
    pub membranes: BTreeMap<usize, Membrane>,
    pub attended: Vec<Attended>,
}

impl Trace {
    /// A trace that remembers membrane inputs and windows too.
    pub fn watching() -> Self {
        Self {
            watched: Some(Watched::default()),
            ..Self::default()
        }
    }

    /// Number of entries.
    pub fn len(&self) -> usize {
        self.order.len()
    }

    /// Whether nothing was remembered.
    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// Names of the entries' layers, and how their spikes are encoded.
    pub fn names(&self) -> Vec<(String, Code)> {
        let name = |entry: &Entry| match *entry {
            Entry::Site(index) => {
                let site = &self.sites[index];
                (site.name.clone(), site.code.clone())
            }
            Entry::Pair(index) => {
                let pair = &self.pairs[index];
                (pair.name.clone(), pair.code.clone())
            }
        };
        self.order.iter().map(name).collect()
    }

    /// Whether more than spikes is remembered.
    pub fn watches(&self) -> bool {
        self.watched.is_some()
    }

    /// A handle of neurons' input, if this trace watches.
    pub fn keep<const D: usize>(&self, input: &Tensor<D>) -> Option<Tensor<D>> {
        self.watched.as_ref().map(|_| input.clone())
    }

    /// Remember what made the neurons of `entry` fire.
    pub fn membrane(&mut self, entry: usize, membrane: Option<Membrane>) {
        if let (Some(watched), Some(membrane)) = (&mut self.watched, membrane) {
            watched.membranes.insert(entry, membrane);
        }
    }

    /// What arrives at the neurons of an entry, if this trace watches.
    pub fn membrane_of(&self, entry: usize) -> Option<&Membrane> {
        self.watched.as_ref()?.membranes.get(&entry)
    }

    /// Remember a head group of attention block `block`.
    pub fn attended(&mut self, block: usize, windows: Windows, heads: usize, entries: [usize; 2]) {
        if let Some(watched) = &mut self.watched {
            watched.attended.push(Attended {
                block,
                windows,
                heads,
                entries,
            });
        }
    }
}
