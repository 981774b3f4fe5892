//! The two products of attention, summed over the head groups that chose the same order.

use crate::config::{AttentionKind, Ge2msTConfig};
use crate::energy::attention::{AttentionOrder, attention_order, window_pairs, window_shift};
use crate::energy::counts::LayerOp;

/// A product of spike trains in one block.
pub(super) struct Product {
    /// `scores`, `kv` or `context`.
    pub part: &'static str,
    pub op: LayerOp,
    /// Neurons of the trains that arrive.
    pub neurons: usize,
}

/// Products of block `block` with heads of `d` channels; none for the identity control.
pub(super) fn products(config: &Ge2msTConfig, block: usize, d: usize) -> Vec<Product> {
    let attention = &config.attention;
    if attention.kind == AttentionKind::Identity {
        return Vec::new();
    }
    let grid = config.grid();
    let heads = config.heads / attention.windows.len();
    let elements = heads * grid * grid * d;
    let shifted = attention.shift && block % 2 == 1;
    let [mut scores, mut kv, mut context] = [Sum::default(); 3];
    for &window in &attention.windows {
        let shift = window_shift(grid, window, shifted);
        let order = attention_order(attention.kind, window * window, d, shift > 0);
        let (pairs, between) = match order {
            AttentionOrder::Scores => {
                let pairs = heads as u64 * window_pairs(grid, window, shift);
                scores.add(pairs, 2 * elements, 0, pairs);
                (pairs, pairs)
            }
            AttentionOrder::Linear => {
                let between = (heads * (grid / window).pow(2) * d * d) as u64;
                kv.add(elements as u64, 2 * elements, 0, between);
                (elements as u64, between)
            }
        };
        context.add(pairs, elements, between, elements as u64);
    }
    [
        ("scores", scores, 2),
        ("kv", kv, 2),
        ("context", context, 1),
    ]
    .into_iter()
    .filter(|(_, sum, _)| sum.pairs > 0)
    .map(|(part, sum, trains)| Product {
        part,
        op: LayerOp::Product {
            pairs: sum.pairs,
            length: d,
            trains,
            inputs: sum.neurons as u64 + sum.operand,
            outputs: sum.outputs,
        },
        neurons: sum.neurons,
    })
    .collect()
}

/// One product summed over head groups.
#[derive(Clone, Copy, Default)]
struct Sum {
    pairs: u64,
    /// Elements of the spike trains.
    neurons: usize,
    /// Elements of the operand that is no spike train.
    operand: u64,
    outputs: u64,
}

impl Sum {
    fn add(&mut self, pairs: u64, neurons: usize, operand: u64, outputs: u64) {
        self.pairs += pairs;
        self.neurons += neurons;
        self.operand += operand;
        self.outputs += outputs;
    }
}
