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
use super::trace::{Code, FanOut, Meeting, Pair, Site, Trace};
use super::window::Windows;
use crate::config::{AttentionConfig, AttentionKind, NormKind};
use crate::energy::{AttentionOrder, attention_order};
use crate::kernels::{HeadGroups, HeadWindows, gw_ssa, has_gw_ssa};
use burn::module::Module;
use burn::tensor::{Tensor, activation::softmax};
use std::sync::Arc;

/// Widest heads, in channels, whose products [`gw_ssa`] computes: measured, a step of `tiny` (12) gains a fifth by it
/// on the CPU, one of `small` (32) nothing, since general matrix products are quick enough there.
const NARROW_HEAD: usize = 16;

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
                spikes: per_picture(&spikes),
                code: code.clone(),
                fan_out: FanOut::Every(outputs * dim / groups),
            });
        };
        let potentials = match (&self.v, self.config.kind) {
            (Some(v), _) => {
                projection("qk", 2);
                projection("v", 1);
                let qk = self.qkv.forward(spikes.clone());
                Tensor::cat(vec![qk, v.forward(spikes)], 1)
            }
            (None, AttentionKind::Identity) => {
                projection("v", 1);
                self.qkv.forward(spikes)
            }
            (None, _) => {
                projection("qkv", 3);
                self.qkv.forward(spikes)
            }
        };
        let kept = trace.keep(&potentials);
        let out = self.neuron.forward(potentials);
        if self.config.kind == AttentionKind::Identity {
            return out;
        }
        let scales = self.config.windows.len();
        let (heads, width) = (self.shape.heads / scales, dim / scales);
        let groups: Vec<HeadGroup> = self
            .config
            .windows
            .iter()
            .enumerate()
            .map(|(index, &window)| {
                let windows = Windows::new(self.shape.side, window, self.shape.shifted);
                let part = |of: &Tensor<2>, part: usize| {
                    let part = of.clone().narrow(1, part * dim + index * width, width);
                    windows.partition(part.reshape([rows, tokens, width]), heads)
                };
                let take = |of: &Tensor<2>| [0, 1, 2].map(|index| part(of, index));
                let masked = windows.shift > 0;
                let order =
                    attention_order(self.config.kind, windows.tokens(), width / heads, masked);
                let [q, k, v] = take(&out);
                HeadGroup {
                    windows,
                    order,
                    q,
                    k,
                    v,
                    inputs: kept.as_ref().map(take),
                }
            })
            .collect();
        let mut record = |group| self.record_products(group, trace);
        let products: Vec<usize> = groups.iter().map(&mut record).collect();
        for (group, product) in groups.iter().zip(products) {
            let context = self.record_context(group, trace);
            trace.attended(self.shape.block, group.windows, heads, [product, context]);
        }
        let weighted = matches!(self.neuron.code(), Code::Weighted { .. });
        let narrow = width / heads <= NARROW_HEAD;
        if narrow && self.config.kind != AttentionKind::Card && has_gw_ssa(&out.device()) {
            return gw_ssa(out, self.products(width, heads, weighted), tokens);
        }
        let mixed = groups.into_iter().map(|group| {
            let windows = group.windows;
            windows.reverse(group.mix(self.config.kind, weighted))
        });
        Tensor::cat(mixed.collect(), 2).reshape([all, dim])
    }

    /// What [`gw_ssa`] computes: for each window side, `heads` heads on `width` channels.
    fn products(&self, width: usize, heads: usize, weighted: bool) -> HeadGroups {
        let sides = self.config.windows.iter().enumerate();
        let groups = sides.map(|(index, &window)| {
            let windows = Windows::new(self.shape.side, window, self.shape.shifted);
            let (tokens, d, masked) = (windows.tokens(), width / heads, windows.shift > 0);
            HeadWindows {
                members: windows.members(),
                regions: if masked {
                    windows.regions()
                } else {
                    Vec::new()
                },
                linear: attention_order(self.config.kind, tokens, d, masked)
                    == AttentionOrder::Linear,
                from: index * width,
                heads,
                d,
                scale: product_scale(tokens, d, weighted),
            }
        });
        Arc::new(groups.collect())
    }

    fn record_products(&self, group: &HeadGroup, trace: &mut Trace) -> usize {
        let (name, left, right, meeting) = match group.order {
            AttentionOrder::Scores => {
                let regions = group.windows.regions();
                ("scores", &group.q, &group.k, Meeting::Tokens { regions })
            }
            AttentionOrder::Linear => ("kv", &group.k, &group.v, Meeting::Channels),
        };
        let rows = left.dims()[0];
        let input = group.inputs.as_ref().map(|[q, k, v]| match group.order {
            AttentionOrder::Scores => flat(&[q, k], rows),
            AttentionOrder::Linear => flat(&[k, v], rows),
        });
        let entry = trace.pair(Pair {
            name: self.name(name),
            left: left.clone(),
            right: right.clone(),
            code: self.neuron.code(),
            meeting,
        });
        trace.membrane(entry, input.map(|x| self.neuron.membrane(x, rows)));
        entry
    }

    fn record_context(&self, group: &HeadGroup, trace: &mut Trace) -> usize {
        let [rows, count, heads, tokens, d] = group.q.dims();
        let (train, fan_out) = match group.order {
            AttentionOrder::Scores => {
                // A spike of v reaches every token of its region.
                let regions = group.windows.regions();
                let size = |regions: &[usize], token: usize| {
                    let own = regions[token];
                    regions.iter().filter(|&&region| region == own).count()
                };
                let table = (0..count * heads * tokens).flat_map(|index| {
                    let regions = &regions[index / (heads * tokens)];
                    std::iter::repeat_n(size(regions, index % tokens), d)
                });
                (&group.v, FanOut::Table(table.collect()))
            }
            AttentionOrder::Linear => (&group.q, FanOut::Every(d)),
        };
        let entry = trace.site(Site {
            name: self.name("context"),
            spikes: train.clone().reshape([rows, count * heads * tokens * d]),
            code: self.neuron.code(),
            fan_out,
        });
        let input = group.inputs.as_ref().map(|[q, _, v]| match group.order {
            AttentionOrder::Scores => flat(&[v], rows),
            AttentionOrder::Linear => flat(&[q], rows),
        });
        trace.membrane(entry, input.map(|x| self.neuron.membrane(x, rows)));
        entry
    }

    fn name(&self, part: &str) -> String {
        format!("block.{}.{part}", self.shape.block)
    }
}

/// Heads that share a window side; q, k and v are `[R, windows, h, W, d]`.
struct HeadGroup {
    windows: Windows,
    order: AttentionOrder,
    q: Tensor<5>,
    k: Tensor<5>,
    v: Tensor<5>,
    /// What made the neurons of q, k and v emit them, where the trace watches.
    inputs: Option<[Tensor<5>; 3]>,
}

/// `[R, windows, h, W, d]`, one after the other, as `[R, F]`.
fn flat(parts: &[&Tensor<5>], rows: usize) -> Tensor<2> {
    let part = |part: &&Tensor<5>| {
        let numel: usize = part.dims().iter().product();
        (*part).clone().reshape([rows, numel / rows])
    };
    Tensor::cat(parts.iter().map(part).collect(), 1)
}

impl HeadGroup {
    /// The product, `[R, windows, h, W, d]`.
    fn mix(self, kind: AttentionKind, weighted: bool) -> Tensor<5> {
        let Self {
            windows,
            order,
            q,
            k,
            v,
            ..
        } = self;
        let scale = product_scale(windows.tokens(), q.dims()[4], weighted);
        match (kind, order) {
            (AttentionKind::Card, _) => card(&windows, q, k, v),
            (_, AttentionOrder::Linear) => q.matmul(k.swap_dims(3, 4).matmul(v)) * scale,
            (_, AttentionOrder::Scores) => {
                let scores = q.matmul(k.swap_dims(3, 4));
                let scores = match windows.mask(&scores.device()) {
                    Some(mask) => scores * mask,
                    None => scores,
                };
                scores.matmul(v) * scale
            }
        }
    }
}

/// Power of two (a shift in hardware) that brings `(q kᵀ) v` over `tokens` tokens and `d` channels into the next
/// neuron's range: 1/8 at Spikformer's 64 tokens and 32 channels a head, and more for smaller windows, where fewer
/// spikes meet. Behind `weighted` spikes, whose trains carry some 0.4 on average where binary ones carry a rate of
/// 0.1 to 0.2 three times over, 2^-5 of that: at more, the neuron is saturated and nothing in front of it learns.
pub(super) fn product_scale(tokens: usize, d: usize, weighted: bool) -> f32 {
    let spikes = if weighted { 8.0 } else { 256.0 };
    (spikes / (tokens * d) as f32).log2().round().exp2()
}

/// The card's formula on `[R, windows, h, W, d]`.
fn card(windows: &Windows, q: Tensor<5>, k: Tensor<5>, v: Tensor<5>) -> Tensor<5> {
    let d = q.dims()[4] as f32;
    // 0 for a window and head without any spike of q and k, 1 otherwise; it has no gradient.
    let active = (q.clone().detach() + k.clone().detach())
        .sum_dim(4)
        .sum_dim(3)
        .clamp(0.0, 1.0)
        .ceil();
    let scores = q.matmul(k.swap_dims(3, 4)) / d.sqrt();
    let scores = match windows.mask(&scores.device()) {
        Some(mask) => scores + (mask - 1.0) * 1e9,
        None => scores,
    };
    softmax(scores, 4).matmul(v) * active
}
