//! GW-SSA on events: the products of two spike trains are AND and popcount of packed bits, shifted by the
//! weights of their steps; the third train adds the counts it meets. No multiplication.
//!
//! ```text
//! q_i · k_j      = Σ_a Σ_b 2^(w_a + w_b) popcount(q_i^a & k_j^b)        bits along d      (q kᵀ) v
//! (kᵀ v)_ce      = Σ_a Σ_b 2^(w_a + w_b) popcount(k_c^a & v_e^b)        bits along tokens q (kᵀ v)
//! ```

use super::neuron::SpikeTrain;
use crate::energy::AttentionOrder;
use crate::kernels::Windows;

/// Heads that share a window side, on the host.
#[derive(Debug, Clone)]
pub struct HeadGroup {
    /// How the grid is cut.
    pub windows: Windows,
    /// Which product comes first.
    pub order: AttentionOrder,
    /// First channel of the group within C.
    pub from: usize,
    /// Heads in the group.
    pub heads: usize,
    /// d.
    pub d: usize,
}

/// A spike train as one bit per neuron and step.
struct Bits<'a> {
    train: &'a SpikeTrain,
    set: Vec<bool>,
}

impl<'a> Bits<'a> {
    fn new(train: &'a SpikeTrain) -> Self {
        let mut set = vec![false; train.fired.len() * train.neurons];
        for (step, fired) in train.fired.iter().enumerate() {
            for &neuron in fired {
                set[step * train.neurons + neuron as usize] = true;
            }
        }
        Self { train, set }
    }

    /// The neurons of `members` at `step`, packed into words.
    fn pack(&self, step: usize, members: impl Iterator<Item = usize>) -> Vec<u64> {
        let mut words = Vec::new();
        for (index, neuron) in members.enumerate() {
            if index % 64 == 0 {
                words.push(0);
            }
            let bit = u64::from(self.set[step * self.train.neurons + neuron]);
            if let Some(word) = words.last_mut() {
                *word |= bit << (index % 64);
            }
        }
        words
    }

    /// Packed members for every step.
    fn planes(&self, members: impl Iterator<Item = usize> + Clone) -> Vec<Vec<u64>> {
        let steps = 0..self.train.fired.len();
        steps.map(|step| self.pack(step, members.clone())).collect()
    }

    /// Σ_a Σ_b 2^(w_a + w_b) popcount(left^a & right^b).
    fn coincidences(&self, left: &[Vec<u64>], right: &[Vec<u64>]) -> i64 {
        let mut sum = 0;
        for (a, left) in left.iter().enumerate() {
            for (b, right) in right.iter().enumerate() {
                let met: u32 = left
                    .iter()
                    .zip(right)
                    .map(|(l, r)| (l & r).count_ones())
                    .sum();
                sum += i64::from(met) << (self.train.shift(a) + self.train.shift(b));
            }
        }
        sum
    }
}

impl HeadGroup {
    /// Adds `(q kᵀ) v`, in units of theta³ and without its scale, to `out [S·S, C]`; `train` holds q, k and v
    /// on `[S·S, 3C]`.
    pub fn mix(&self, train: &SpikeTrain, dim: usize, out: &mut [i64]) {
        let bits = Bits::new(train);
        let members = self.windows.members();
        for (tokens, regions) in members.iter().zip(self.windows.regions()) {
            for head in 0..self.heads {
                let first = self.from + head * self.d;
                match self.order {
                    AttentionOrder::Scores => self.scores(&bits, tokens, &regions, first, dim, out),
                    AttentionOrder::Linear => self.linear(&bits, tokens, first, dim, out),
                }
            }
        }
    }

    fn scores(
        &self,
        bits: &Bits<'_>,
        tokens: &[usize],
        regions: &[usize],
        first: usize,
        dim: usize,
        out: &mut [i64],
    ) {
        let planes = |part: usize| -> Vec<Vec<Vec<u64>>> {
            let of = |&token: &usize| {
                let from = token * 3 * dim + part * dim + first;
                bits.planes(from..from + self.d)
            };
            tokens.iter().map(of).collect()
        };
        let (q, k) = (planes(0), planes(1));
        for (i, &to) in tokens.iter().enumerate() {
            for (j, &token) in tokens.iter().enumerate() {
                if regions[i] != regions[j] {
                    continue;
                }
                let score = bits.coincidences(&q[i], &k[j]);
                let row = &mut out[to * dim + first..][..self.d];
                let from = token * 3 * dim + 2 * dim + first;
                for step in 0..bits.train.fired.len() {
                    let shift = bits.train.shift(step);
                    let set = &bits.set[step * bits.train.neurons + from..][..self.d];
                    let spikes = row.iter_mut().zip(set).filter(|(_, fired)| **fired);
                    spikes.for_each(|(sum, _)| *sum += score << shift);
                }
            }
        }
    }

    fn linear(&self, bits: &Bits<'_>, tokens: &[usize], first: usize, dim: usize, out: &mut [i64]) {
        let planes = |part: usize| -> Vec<Vec<Vec<u64>>> {
            let of = |channel: usize| {
                bits.planes(
                    tokens
                        .iter()
                        .map(move |token| token * 3 * dim + part * dim + first + channel),
                )
            };
            (0..self.d).map(of).collect()
        };
        let (k, v) = (planes(1), planes(2));
        let kv: Vec<i64> = k
            .iter()
            .flat_map(|k| v.iter().map(|v| bits.coincidences(k, v)))
            .collect();
        let train = bits.train;
        for &token in tokens {
            let row = &mut out[token * dim + first..][..self.d];
            for step in 0..train.fired.len() {
                for channel in 0..self.d {
                    let neuron = token * 3 * dim + first + channel;
                    if bits.set[step * train.neurons + neuron] {
                        let sent = &kv[channel * self.d..][..self.d];
                        let shift = train.shift(step);
                        row.iter_mut()
                            .zip(sent)
                            .for_each(|(sum, sent)| *sum += sent << shift);
                    }
                }
            }
        }
    }
}
