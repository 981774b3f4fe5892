//! Windowed spiking self-attention, all formulas of [`AttentionKind`].
//!
//! - *Card* (design card): `softmax(q kᵀ / √d) v`, zero where a window holds no spike of q or k.
//! - *GW-SSA* (our reconstruction of the paper's abstract: multi-scale token groups, no multiplication by
//!   a softmax): heads split into groups with their own window side, `(q kᵀ) v` or `q (kᵀ v)`, whichever
//!   has fewer operations, times a power of two. Closest published formula: Spikformer's SSA
//!   (arXiv:2209.15425), `LIF((q kᵀ) v · 0.125)`.
//! - *Identity* and *FrozenQk*: the controls a referee asks for.
//!
//! `R` rows (time × batch), `N` tokens, `C` channels, `W` tokens of a window, `d = C/h`.

use super::init::Init;
use super::layer::SpikeLinear;
use super::neuron::Neuron;
use super::trace::{Code, Cut, FanOut, Meeting, Membrane, Pair, Site, Trace, Train};
use crate::config::{AttentionConfig, AttentionKind, NormKind};
use crate::energy::{AttentionOrder, attention_order};
use crate::kernels::{self, HeadGroups, HeadWindows, Windows, gw_ssa};
use burn::module::Module;
use burn::tensor::Tensor;
use std::sync::Arc;

/// Shape of one attention layer.
#[derive(Debug, Clone)]
pub struct AttentionShape {
    /// C.
    pub dim: usize,
    /// h.
    pub heads: usize,
    /// Side of the token grid.
    pub side: usize,
    /// Channel groups.
    pub groups: usize,
    /// Whether this block's windows are shifted.
    pub shifted: bool,
    /// Block index, for names in the trace.
    pub block: usize,
}

/// q, k, v projections with their neurons, and the product.
#[derive(Module, Debug)]
pub struct Attention {
    /// `C -> 3C`; only `v` for the identity control, only `q, k` (frozen) beside `v` for the frozen one.
    qkv: SpikeLinear,
    v: Option<SpikeLinear>,
    neuron: Neuron,
    #[module(skip)]
    config: AttentionConfig,
    #[module(skip)]
    shape: AttentionShape,
}

impl Attention {
    /// Projections in `shape.groups` channel groups, spiking through `neuron`.
    pub fn new(
        config: &AttentionConfig,
        shape: AttentionShape,
        neuron: Neuron,
        norm: NormKind,
        init: &mut Init,
    ) -> Self {
        let (dim, groups) = (shape.dim, shape.groups);
        let (qkv, v) = match config.kind {
            AttentionKind::Identity => (SpikeLinear::new(dim, dim, groups, norm, init), None),
            AttentionKind::FrozenQk => (
                SpikeLinear::new(dim, 2 * dim, groups, norm, init).freeze(),
                Some(SpikeLinear::new(dim, dim, groups, norm, init)),
            ),
            _ => (SpikeLinear::new(dim, 3 * dim, groups, norm, init), None),
        };
        Self {
            qkv,
            v,
            neuron,
            config: config.clone(),
            shape,
        }
    }

    /// Layers that take the spikes in front of the attention.
    pub(super) fn projections(&self) -> usize {
        1 + usize::from(self.v.is_some())
    }

    /// Random q and k stay as they were drawn.
    pub(super) fn freeze_controls(mut self) -> Self {
        if self.config.kind == AttentionKind::FrozenQk {
            self.qkv = self.qkv.freeze();
        }
        self
    }

    /// Spikes `[R·N, C]` to mixed potentials `[R·N, C]`. `code` says how `spikes` encodes them.
    pub fn forward(
        &self,
        spikes: Tensor<2>,
        rows: usize,
        code: Code,
        trace: &mut Trace,
    ) -> Tensor<2> {
        let [all, dim] = spikes.dims();
        let tokens = all / rows;
        let per_picture = |x: &Tensor<2>| x.clone().reshape([rows, tokens * dim]);
        let groups = self.shape.groups;
        let mut projection = |part: &str, outputs: usize| {
            trace.site(Site {
                name: self.name(part),
                spikes: Train::Whole(per_picture(&spikes)),
                code: code.clone(),
                fan_out: FanOut::Every(outputs * dim / groups),
            });
        };
        let (kept, out) = match (&self.v, self.config.kind) {
            (Some(v), _) => {
                projection("qk", 2);
                projection("v", 1);
                let qk = self.qkv.forward(spikes.clone());
                let potentials = Tensor::cat(vec![qk, v.forward(spikes)], 1);
                (trace.keep(&potentials), self.neuron.forward(potentials))
            }
            (None, AttentionKind::Identity) => {
                projection("v", 1);
                self.qkv.forward_into(spikes, &self.neuron, trace)
            }
            (None, _) => {
                projection("qkv", 3);
                self.qkv.forward_into(spikes, &self.neuron, trace)
            }
        };
        if self.config.kind == AttentionKind::Identity {
            return out;
        }
        let scales = self.config.windows.len();
        let (heads, width) = (self.shape.heads / scales, dim / scales);
        let layer = trace.mixed(out.clone(), rows, self.neuron.code());
        let groups: Vec<HeadGroup> = self
            .config
            .windows
            .iter()
            .enumerate()
            .map(|(index, &window)| {
                let windows = Windows::new(self.shape.side, window, self.shape.shifted);
                let d = width / heads;
                let masked = windows.shift > 0;
                HeadGroup {
                    order: attention_order(self.config.kind, windows.tokens(), d, masked),
                    cuts: [0, 1, 2].map(|part| Cut {
                        layer,
                        from: part * dim + index * width,
                        windows,
                        heads,
                        d,
                    }),
                }
            })
            .collect();
        let watch = |cuts: &[&Cut]| -> Option<Membrane> {
            let parts = |x| cuts.iter().map(|cut| cut.of(x, rows)).collect();
            let kept = kept.as_ref();
            kept.map(|x| self.neuron.membrane(Tensor::cat(parts(x), 1), rows))
        };
        let product = |group| self.record_product(group, &watch, trace);
        let products: Vec<usize> = groups.iter().map(product).collect();
        for (group, product) in groups.iter().zip(products) {
            let context = self.record_context(group, &watch, trace);
            let entries = [product, context];
            trace.attended(self.shape.block, group.windows(), heads, entries);
        }
        let weighted = matches!(self.neuron.code(), Code::Weighted { .. });
        if self.config.kind != AttentionKind::Card {
            return gw_ssa(out, head_windows(&groups, dim, weighted), tokens);
        }
        let mut mixed: Vec<_> = groups
            .iter()
            .map(|group| group.card(&out, tokens))
            .collect();
        match mixed.len() {
            1 => mixed.remove(0),
            _ => Tensor::cat(mixed, 1),
        }
    }

    /// Remember the two trains that meet first in a head group, and what `watch` says of them; the entry.
    fn record_product(
        &self,
        group: &HeadGroup,
        watch: &dyn Fn(&[&Cut]) -> Option<Membrane>,
        trace: &mut Trace,
    ) -> usize {
        let [q, k, v] = &group.cuts;
        let (name, pair, meeting) = match group.order {
            AttentionOrder::Scores => {
                let regions = group.windows().regions();
                ("scores", [q, k], Meeting::Tokens { regions })
            }
            AttentionOrder::Linear => ("kv", [k, v], Meeting::Channels),
        };
        let [left, right] = pair.map(|cut| Train::Cut(cut.clone()));
        let entry = trace.pair(Pair {
            name: self.name(name),
            left,
            right,
            shape: group.shape(),
            code: self.neuron.code(),
            meeting,
        });
        trace.membrane(entry, watch(&pair));
        entry
    }

    /// The same of the train that meets their product.
    fn record_context(
        &self,
        group: &HeadGroup,
        watch: &dyn Fn(&[&Cut]) -> Option<Membrane>,
        trace: &mut Trace,
    ) -> usize {
        let [q, _, v] = &group.cuts;
        let (train, fan_out) = match group.order {
            AttentionOrder::Scores => (v, FanOut::Table(group.meetings())),
            AttentionOrder::Linear => (q, FanOut::Every(q.d)),
        };
        let entry = trace.site(Site {
            name: self.name("context"),
            spikes: Train::Cut(train.clone()),
            code: self.neuron.code(),
            fan_out,
        });
        trace.membrane(entry, watch(&[train]));
        entry
    }

    fn name(&self, part: &str) -> String {
        format!("block.{}.{part}", self.shape.block)
    }
}

/// Heads that share a window side.
struct HeadGroup {
    order: AttentionOrder,
    /// Where q, k and v are.
    cuts: [Cut; 3],
}

impl HeadGroup {
    fn windows(&self) -> Windows {
        self.cuts[0].windows
    }

    /// `[windows, h, W, d]`.
    fn shape(&self) -> [usize; 4] {
        let (windows, cut) = (self.windows(), &self.cuts[0]);
        [windows.count(), cut.heads, windows.tokens(), cut.d]
    }

    /// How many accumulates a spike of v causes, by its place: it reaches every token of its region.
    fn meetings(&self) -> Vec<usize> {
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
pub(super) fn product_scale(tokens: usize, d: usize, weighted: bool) -> f32 {
    let spikes = if weighted { 8.0 } else { 256.0 };
    (spikes / (tokens * d) as f32).log2().round().exp2()
}
