//! The products of attention: which spikes meet in them, and what comes of it.

use super::super::trace::Cut;
use crate::energy::AttentionOrder;
use crate::kernels::{self, HeadGroups, HeadWindows, Windows, gw_ssa};
use burn::tensor::Tensor;
use std::sync::Arc;

/// Spikes in front of the products, and the products.
pub struct Products {
    /// `[R·N, 3C]`, q before k before v; `[R·N, C]` where nothing meets.
    spikes: Tensor<2>,
    form: Form,
    /// N.
    tokens: usize,
}

enum Form {
    /// The identity control has none.
    Nothing,
    Windows(HeadGroups),
    Card(Vec<HeadGroup>),
}

impl Products {
    pub(super) fn nothing(spikes: Tensor<2>) -> Self {
        Self {
            spikes,
            form: Form::Nothing,
            tokens: 0,
        }
    }

    pub(super) fn card(spikes: Tensor<2>, groups: Vec<HeadGroup>, tokens: usize) -> Self {
        Self {
            spikes,
            form: Form::Card(groups),
            tokens,
        }
    }

    /// Without softmax, of width `dim`.
    pub(super) fn windows(
        spikes: Tensor<2>,
        groups: &[HeadGroup],
        dim: usize,
        weighted: bool,
        tokens: usize,
    ) -> Self {
        Self {
            spikes,
            form: Form::Windows(head_windows(groups, dim, weighted)),
            tokens,
        }
    }

    /// Mixed potentials `[R·N, C]`.
    pub fn mixed(self) -> Tensor<2> {
        let Self {
            spikes,
            form,
            tokens,
        } = self;
        match form {
            Form::Nothing => spikes,
            Form::Windows(groups) => gw_ssa(spikes, groups, tokens),
            Form::Card(groups) => {
                let parts = groups.iter().map(|group| group.card(&spikes, tokens));
                let mut mixed: Vec<_> = parts.collect();
                match mixed.len() {
                    1 => mixed.remove(0),
                    _ => Tensor::cat(mixed, 1),
                }
            }
        }
    }

    /// Spikes and head groups of products without softmax.
    pub(in crate::model) fn of_windows(&self) -> Option<(Tensor<2>, HeadGroups)> {
        match &self.form {
            Form::Windows(groups) => Some((self.spikes.clone(), groups.clone())),
            _ => None,
        }
    }
}

/// Heads that share a window side.
pub(super) struct HeadGroup {
    pub order: AttentionOrder,
    /// Where q, k and v are.
    pub cuts: [Cut; 3],
}

impl HeadGroup {
    pub fn windows(&self) -> Windows {
        self.cuts[0].windows
    }

    /// `[windows, h, W, d]`.
    pub fn shape(&self) -> [usize; 4] {
        let (windows, cut) = (self.windows(), &self.cuts[0]);
        [windows.count(), cut.heads, windows.tokens(), cut.d]
    }

    /// How many accumulates a spike of v causes, by its place: it reaches every token of its region.
    pub fn meetings(&self) -> Vec<usize> {
        let [windows, heads, tokens, d] = self.shape();
        let regions = self.windows().regions();
        let size = |regions: &[usize], own: usize| {
            let same = regions.iter().filter(|&&other| other == own);
            same.count()
        };
        let mut table = Vec::with_capacity(windows * heads * tokens * d);
        for regions in &regions {
            let start = table.len();
            for &own in regions {
                table.extend(std::iter::repeat_n(size(regions, own), d));
            }
            let head = start..table.len();
            for _ in 1..heads {
                table.extend_from_within(head.clone());
            }
        }
        table
    }

    /// The card's product of the group's channels of `qkv [R·N, 3C]`, `[R·N, h·d]`.
    fn card(&self, qkv: &Tensor<2>, tokens: usize) -> Tensor<2> {
        let [q, ..] = &self.cuts;
        let width = q.heads * q.d;
        let own = if 3 * width == qkv.dims()[1] {
            qkv.clone()
        } else {
            let parts = self.cuts.iter();
            let parts = parts.map(|cut| qkv.clone().narrow(1, cut.from, width));
            Tensor::cat(parts.collect(), 1)
        };
        let shape = kernels::AttentionShape {
            tokens,
            heads: q.heads,
            windows: Some(q.windows),
        };
        let bias = Tensor::zeros([3 * width], &qkv.device());
        kernels::attention(own, bias, shape)
    }
}

/// What [`gw_ssa`] computes of `[R·N, 3·dim]`.
fn head_windows(groups: &[HeadGroup], dim: usize, weighted: bool) -> HeadGroups {
    let groups = groups.iter().map(|group| {
        let [q, ..] = &group.cuts;
        HeadWindows {
            windows: q.windows,
            linear: group.order == AttentionOrder::Linear,
            from: q.from % dim,
            heads: q.heads,
            d: q.d,
            scale: product_scale(q.windows.tokens(), q.d, weighted),
        }
    });
    Arc::new(groups.collect())
}

/// Power of two (a shift in hardware) that brings `(q kᵀ) v` over `tokens` tokens and `d` channels into the next
/// neuron's range: 1/8 at Spikformer's 64 tokens and 32 channels a head, and more for smaller windows, where fewer
/// spikes meet. Behind `weighted` spikes, whose trains carry some 0.4 on average where binary ones carry a rate of
/// 0.1 to 0.2 three times over, 2^-5 of that: at more, the neuron is saturated and nothing in front of it learns.
pub(in crate::model) fn product_scale(tokens: usize, d: usize, weighted: bool) -> f32 {
    let spikes = if weighted { 8.0 } else { 256.0 };
    (spikes / (tokens * d) as f32).log2().round().exp2()
}
