//! The two products of attention, summed over the head groups that chose the same order.

use crate::config::{AttentionKind, Ge2msTConfig};
use crate::energy::attention::{AttentionOrder, attention_order, window_pairs, window_shift};
use crate::energy::counts::LayerOp;

/// A product of spike trains in one block, summed over head groups.
#[derive(Debug, Clone, Copy)]
pub(super) struct Product {
    /// `scores`, `kv` or `context`.
    pub part: &'static str,
    /// Operands that are spike trains.
    trains: usize,
    pairs: u64,
    /// Neurons of the trains that arrive.
    pub neurons: usize,
    /// Elements of the operand that is no spike train.
    operand: u64,
    outputs: u64,
}

/// Products of block `block` with heads of `d` channels: where trains meet, in order of first occurrence, then
/// the context; none for the identity control.
pub(super) fn products(config: &Ge2msTConfig, block: usize, d: usize) -> Vec<Product> {
    let attention = &config.attention;
    let mut sums: Vec<Product> = Vec::new();
    if attention.kind == AttentionKind::Identity {
        return sums;
    }
    let grid = config.grid();
    let heads = config.heads / attention.windows.len();
    let elements = heads * grid * grid * d;
    let shifted = attention.shift && block % 2 == 1;
    let mut context = Product {
        part: "context",
        trains: 1,
        pairs: 0,
        neurons: 0,
        operand: 0,
        outputs: 0,
    };
    for &window in &attention.windows {
        let shift = window_shift(grid, window, shifted);
        let (part, pairs, between) =
            match attention_order(attention.kind, window * window, d, shift > 0) {
                AttentionOrder::Scores => {
                    let pairs = heads as u64 * window_pairs(grid, window, shift);
                    ("scores", pairs, pairs)
                }
                AttentionOrder::Linear => {
                    let between = (heads * (grid / window).pow(2) * d * d) as u64;
                    ("kv", elements as u64, between)
                }
            };
        let meeting = Product {
            part,
            trains: 2,
            pairs,
            neurons: 2 * elements,
            operand: 0,
            outputs: between,
        };
        match sums.iter_mut().find(|sum| sum.part == part) {
            Some(sum) => sum.add(meeting),
            None => sums.push(meeting),
        }
        context.add(Product {
            pairs,
            neurons: elements,
            operand: between,
            outputs: elements as u64,
            ..context
        });
    }
    sums.push(context);
    sums
}

impl Product {
    fn add(&mut self, other: Self) {
        self.pairs += other.pairs;
        self.neurons += other.neurons;
        self.operand += other.operand;
        self.outputs += other.outputs;
    }

    /// Geometry with heads of `d` channels.
    pub fn op(&self, d: usize) -> LayerOp {
        LayerOp::Product {
            pairs: self.pairs,
            length: d,
            trains: self.trains,
            inputs: self.neurons as u64 + self.operand,
            outputs: self.outputs,
        }
    }
}
