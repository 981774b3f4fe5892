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

mod products;

pub use products::Products;
pub(super) use products::product_scale;

use super::init::Init;
use super::layer::SpikeLinear;
use super::neuron::Neuron;
use super::trace::{Code, Cut, FanOut, Meeting, Membrane, Pair, Site, Trace, Train};
use crate::config::{AttentionConfig, AttentionKind, NormKind};
use crate::energy::{AttentionOrder, attention_order};
use crate::kernels::Windows;
use burn::module::Module;
use burn::tensor::Tensor;
use products::HeadGroup;

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

    /// See [`SpikeLinear::folded`].
    pub(super) fn folded(mut self) -> Self {
        self.qkv = self.qkv.folded();
        self.v = self.v.map(SpikeLinear::folded);
        self
    }

    /// Random q and k stay as they were drawn.
    pub(super) fn freeze_controls(mut self) -> Self {
        if self.config.kind == AttentionKind::FrozenQk {
            self.qkv = self.qkv.freeze();
        }
        self
    }

    /// Spikes `[R·N, C]` to those that meet in the attention's products. `code` says how `spikes` encodes them.
    pub fn products(
        &self,
        spikes: Tensor<2>,
        rows: usize,
        code: Code,
        trace: &mut Trace,
    ) -> Products {
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
            return Products::nothing(out);
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
        if self.config.kind == AttentionKind::Card {
            return Products::card(out, groups, tokens);
        }
        let weighted = matches!(self.neuron.code(), Code::Weighted { .. });
        Products::windows(out, &groups, dim, weighted, tokens)
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
