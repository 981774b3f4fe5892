//! What every forward leaves behind: the spikes in front of each synaptic layer, still on the device.
//! Nothing is computed until [`Trace::count`] reads them; the counting is plain arithmetic on the host
//! and exact.

mod count;
mod inspect;
mod passing;
mod regulate;
mod train;
mod watch;

pub use count::{LayerCount, SpikeCounts};
pub use inspect::{Inspected, SAMPLE};
pub use passing::Counting;
pub use regulate::Regulation;
pub use train::{Cut, Train};
pub use watch::Membrane;

use burn::tensor::{ExecutionError, Tensor, TensorData, Transaction};

/// How a tensor encodes spikes.
#[derive(Debug, Clone)]
#[allow(clippy::large_enum_variant)] // A handful per forward; the tensor inside is a handle.
pub enum Code {
    /// Zeros and ones over a leading time axis of `steps`.
    Binary {
        /// T.
        steps: usize,
    },
    /// ExpG-IF: `theta · n`, where the bits of n are the spikes of `groups` groups of `bits` steps.
    Weighted {
        /// Base threshold, `[1]`.
        theta: Tensor<1>,
        /// K, steps per group.
        bits: usize,
        /// G, groups.
        groups: usize,
    },
}

impl Code {
    /// Length of the leading time axis of the tensor.
    fn tensor_steps(&self) -> usize {
        match self {
            Self::Binary { steps } => *steps,
            Self::Weighted { .. } => 1,
        }
    }

    /// The same off the autodiff graph.
    fn detached(&self) -> Self {
        let mut detached = self.clone();
        if let Self::Weighted { theta, .. } = &mut detached {
            *theta = theta.clone().inner();
        }
        detached
    }
}

/// How many accumulates one spike causes, by its position in a picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FanOut {
    /// The same number everywhere.
    Every(usize),
    /// By element.
    Table(Vec<usize>),
    /// A convolution's, fewer at the border: padding receives nothing.
    Conv {
        /// Side of the input map.
        side: usize,
        /// Side of the kernel.
        kernel: usize,
        /// Stride.
        stride: usize,
        /// Zero padding.
        padding: usize,
        /// Output channels that one input channel reaches.
        per_tap: usize,
    },
}

/// Spikes at the input of one synaptic layer.
#[derive(Debug, Clone)]
pub struct Site {
    /// Name of the synaptic layer (`energy::counts` lists them).
    pub name: String,
    /// `[T·B, F]`, F elements per picture and step; channel-major `[C, S, S]` for a convolution.
    pub spikes: Train,
    /// What the numbers mean.
    pub code: Code,
    /// What a spike costs.
    pub fan_out: FanOut,
}

/// Two spike trains that meet in a product of activations.
#[derive(Debug, Clone)]
pub struct Pair {
    /// Name of the synaptic layer.
    pub name: String,
    /// `[T·B, windows, heads, W, d]`.
    pub left: Train,
    /// `[T·B, windows, heads, W, d]`.
    pub right: Train,
    /// `[windows, heads, W, d]`.
    pub shape: [usize; 4],
    /// What the numbers mean.
    pub code: Code,
    /// Which elements meet.
    pub meeting: Meeting,
}

/// Which elements of two spike trains meet in a [`Pair`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Meeting {
    /// `q kᵀ`: every token with every token of the same region of its window, channel by channel.
    /// `regions[window][token]` numbers the regions a shifted window is cut into.
    Tokens {
        /// Region of each token of each window.
        regions: Vec<Vec<usize>>,
    },
    /// `kᵀ v`: every channel with every channel, token by token.
    Channels,
}

/// Spikes of one forward, in forward order.
#[derive(Debug, Clone, Default)]
pub struct Trace {
    sites: Vec<Site>,
    pairs: Vec<Pair>,
    mixed: Vec<train::Mixed>,
    order: Vec<Entry>,
    /// More than the spikes, for a look inside; `None` in training and evaluation.
    watched: Option<watch::Watched>,
    /// Less than the spikes, in training.
    passing: Option<passing::Passing>,
}

#[derive(Debug, Clone, Copy)]
enum Entry {
    Site(usize),
    Pair(usize),
}

impl Trace {
    /// Remember the input of a synaptic layer; its place in the trace.
    pub fn site(&mut self, site: Site) -> usize {
        let place = self.order.len();
        match &mut self.passing {
            None => {
                self.order.push(Entry::Site(self.sites.len()));
                self.sites.push(site);
            }
            Some(passing) => passing.site(&site),
        }
        place
    }

    /// Remember two trains that meet; their place in the trace.
    pub fn pair(&mut self, pair: Pair) -> usize {
        let place = self.order.len();
        match &mut self.passing {
            None => {
                self.order.push(Entry::Pair(self.pairs.len()));
                self.pairs.push(pair);
            }
            Some(passing) => passing.pair(&pair),
        }
        place
    }

    /// Inputs of the synaptic layers, in forward order, products left out.
    pub fn sites(&self) -> &[Site] {
        &self.sites
    }

    /// Read everything back once and count.
    ///
    /// # Errors
    /// When the device fails to deliver the numbers.
    pub async fn count(self) -> Result<SpikeCounts, ExecutionError> {
        let mut reads = self.register_mixed(Transaction::default());
        for entry in &self.order {
            reads = self.register(entry, reads);
        }
        let mut data = reads.execute_async().await?.into_iter();
        let mixed = self.read_mixed(&mut data);
        let mut counts = SpikeCounts::default();
        for entry in &self.order {
            self.count_entry(entry, &mixed, &mut data, &mut counts);
        }
        Ok(counts)
    }

    fn register_mixed(&self, reads: Transaction) -> Transaction {
        let layers = self.mixed.iter();
        layers.fold(reads, |reads, layer| {
            reads.register(layer.spikes.clone().inner())
        })
    }

    fn read_mixed(&self, data: &mut impl Iterator<Item = TensorData>) -> Vec<Vec<f32>> {
        let layers = self.mixed.iter();
        layers.map(|_| floats(data.next())).collect()
    }

    /// What [`Trace::count_entry`] reads.
    fn register(&self, entry: &Entry, reads: Transaction) -> Transaction {
        let (code, trains) = self.trains(entry);
        let reads = match code {
            Code::Binary { .. } => reads,
            Code::Weighted { theta, .. } => reads.register(theta.clone().inner()),
        };
        trains.into_iter().fold(reads, |reads, train| match train {
            Train::Whole(spikes) => reads.register(spikes.clone().inner()),
            Train::Cut(_) => reads,
        })
    }

    /// Count an entry's spikes; its code and the numbers of its trains.
    fn count_entry(
        &self,
        entry: &Entry,
        mixed: &[Vec<f32>],
        data: &mut impl Iterator<Item = TensorData>,
        counts: &mut SpikeCounts,
    ) -> (count::HostCode, Vec<Vec<f32>>) {
        let (code, trains) = self.trains(entry);
        let code = count::HostCode::read(code, data);
        let trains = trains.into_iter();
        let trains: Vec<_> = trains.map(|train| self.read(train, mixed, data)).collect();
        match *entry {
            Entry::Site(index) => {
                let site = &self.sites[index];
                counts.add_site(site, self.dims(&site.spikes), code, &trains[0]);
            }
            Entry::Pair(index) => {
                let pair = &self.pairs[index];
                counts.add_pair(pair, code, &trains[0], &trains[1]);
            }
        }
        (code, trains)
    }

    fn trains(&self, entry: &Entry) -> (&Code, Vec<&Train>) {
        match *entry {
            Entry::Site(index) => {
                let site = &self.sites[index];
                (&site.code, vec![&site.spikes])
            }
            Entry::Pair(index) => {
                let pair = &self.pairs[index];
                (&pair.code, vec![&pair.left, &pair.right])
            }
        }
    }
}

/// The transaction answers in the order of registration, and everything registered is a float.
fn floats(data: Option<TensorData>) -> Vec<f32> {
    data.map(|data| data.iter::<f32>().collect())
        .unwrap_or_default()
}
