//! What every forward leaves behind: the spikes in front of each synaptic layer, still on the device.
//! Nothing is computed until [`Trace::count`] reads them; the counting is plain arithmetic on the host
//! and exact.

mod count;
mod inspect;
mod watch;

pub use count::{LayerCount, SpikeCounts};
pub use inspect::{Inspected, SAMPLE};
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
    pub spikes: Tensor<2>,
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
    pub left: Tensor<5>,
    /// `[T·B, windows, heads, W, d]`.
    pub right: Tensor<5>,
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
    order: Vec<Entry>,
    /// More than the spikes, for a look inside; `None` in training and evaluation.
    watched: Option<watch::Watched>,
}

#[derive(Debug, Clone, Copy)]
enum Entry {
    Site(usize),
    Pair(usize),
}

impl Trace {
    /// Remember the input of a synaptic layer; its place in the trace.
    pub fn site(&mut self, site: Site) -> usize {
        self.order.push(Entry::Site(self.sites.len()));
        self.sites.push(site);
        self.order.len() - 1
    }

    /// Remember two trains that meet; their place in the trace.
    pub fn pair(&mut self, pair: Pair) -> usize {
        self.order.push(Entry::Pair(self.pairs.len()));
        self.pairs.push(pair);
        self.order.len() - 1
    }

    /// Inputs of the synaptic layers, in forward order, products left out.
    pub fn sites(&self) -> &[Site] {
        &self.sites
    }

    /// Mean firing rate over all elements and steps, `[1]`, differentiable: the spike penalty of the loss.
    /// `None` for a dense network.
    pub fn mean_rate(&self) -> Option<Tensor<1>> {
        let pairs = self.pairs.iter().flat_map(|pair| {
            let flat = |x: &Tensor<5>| x.clone().reshape([1, -1]);
            [
                (flat(&pair.left), &pair.code),
                (flat(&pair.right), &pair.code),
            ]
        });
        let sites = self
            .sites
            .iter()
            .map(|site| (site.spikes.clone(), &site.code));
        let mut elements = 0;
        let mut total: Option<Tensor<1>> = None;
        for (spikes, code) in sites.chain(pairs) {
            let [rows, features] = spikes.dims();
            let (fired, steps) = match code {
                Code::Binary { .. } => (spikes, 1),
                Code::Weighted {
                    theta,
                    bits,
                    groups,
                } => (
                    crate::kernels::spike_count(spikes, theta.clone(), *bits, *groups),
                    bits * groups,
                ),
            };
            elements += rows * features * steps;
            let fired = fired.sum();
            total = Some(match total {
                None => fired,
                Some(sum) => sum + fired,
            });
        }
        total.map(|sum| sum / elements.max(1) as f32)
    }

    /// The spikes of the first `images` pictures of the batch alone, off the autodiff graph.
    pub fn first(&self, images: usize) -> Self {
        let mut first = self.clone();
        for site in &mut first.sites {
            let steps = site.code.tensor_steps();
            let [rows, features] = site.spikes.dims();
            let batch = rows / steps;
            let kept = images.min(batch);
            let spikes = site.spikes.clone().inner();
            let spikes = spikes.reshape([steps, batch, features]);
            site.spikes = spikes
                .slice([0..steps, 0..kept])
                .reshape([steps * kept, features]);
        }
        for pair in &mut first.pairs {
            let steps = pair.code.tensor_steps();
            let [rows, windows, heads, tokens, d] = pair.left.dims();
            let batch = rows / steps;
            let kept = images.min(batch);
            let few = |spikes: &Tensor<5>| {
                let spikes = spikes.clone().inner();
                let spikes = spikes.reshape([steps, batch, windows * heads * tokens * d]);
                spikes
                    .slice([0..steps, 0..kept])
                    .reshape([steps * kept, windows, heads, tokens, d])
            };
            (pair.left, pair.right) = (few(&pair.left), few(&pair.right));
        }
        first
    }

    /// Read everything back once and count.
    ///
    /// # Errors
    /// When the device fails to deliver the numbers.
    pub async fn count(self) -> Result<SpikeCounts, ExecutionError> {
        let mut reads = Transaction::default();
        for entry in &self.order {
            reads = match *entry {
                Entry::Site(index) => {
                    let site = &self.sites[index];
                    register_code(reads, &site.code).register(site.spikes.clone().inner())
                }
                Entry::Pair(index) => {
                    let pair = &self.pairs[index];
                    register_code(reads, &pair.code)
                        .register(pair.left.clone().inner())
                        .register(pair.right.clone().inner())
                }
            };
        }
        let mut data = reads.execute_async().await?.into_iter();
        let mut counts = SpikeCounts::default();
        for entry in &self.order {
            match *entry {
                Entry::Site(index) => {
                    let site = &self.sites[index];
                    let code = count::HostCode::read(&site.code, &mut data);
                    counts.add_site(site, code, &floats(data.next()));
                }
                Entry::Pair(index) => {
                    let pair = &self.pairs[index];
                    let code = count::HostCode::read(&pair.code, &mut data);
                    counts.add_pair(pair, code, &floats(data.next()), &floats(data.next()));
                }
            }
        }
        Ok(counts)
    }
}

fn register_code(reads: Transaction, code: &Code) -> Transaction {
    match code {
        Code::Binary { .. } => reads,
        Code::Weighted { theta, .. } => reads.register(theta.clone().inner()),
    }
}

/// The transaction answers in the order of registration, and everything registered is a float.
fn floats(data: Option<TensorData>) -> Vec<f32> {
    data.map(|data| data.iter::<f32>().collect())
        .unwrap_or_default()
}
