//! GW-SSA, the layer behind it and the ExpG-IF neurons of both, in one pass for inference on a GPU. A layer with as many
//! channel groups as there are heads needs of a token what its own head made of it, group by group:
//!
//! ```text
//! s[r, i d + c] = ExpG-IF(GW-SSA(qkv)[r, i d + c])                                       of head i
//! z[r, j g + i] = scale Σ_c s[r, i d + c] W[i, c, j] + shift + shortcut                  y = ExpG-IF(z)
//! ```

// Without a GPU's backend there is nothing to hand the arguments to.
#![cfg_attr(not(feature = "cube"), allow(unused_variables))]

#[cfg(feature = "cube")]
mod cube;

use super::flat::ALIGNMENT;
use super::{ExpGIfParams, Fired, FusedNorm, HeadGroups, Neurons};
use burn::backend::{Backend, Dispatch, backend_extension, tensor::FloatTensor};
use burn::tensor::Tensor;

/// Not differentiable.
#[backend_extension(Cube: cfg(feature = "cube"))]
pub(crate) trait AttendedOps: Backend {
    /// `qkv [R·N, 3C]`, `weight [h, d, d]`, `affine [2, C]`, `shortcut [R·N, C]` and the thetas `[1]` of the neurons
    /// between and behind to the spikes between, potentials and spikes behind, `[R·N, C]`.
    #[allow(clippy::too_many_arguments)] // The extension takes no vector of tensors.
    fn attended(
        qkv: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        affine: FloatTensor<Self>,
        shortcut: FloatTensor<Self>,
        theta_between: FloatTensor<Self>,
        theta_behind: FloatTensor<Self>,
        groups: HeadGroups,
        between: ExpGIfParams,
        behind: ExpGIfParams,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>);
}

/// A layer that takes what attention's products leave, and those products.
pub struct Attending {
    norm: FusedNorm,
    weight: Tensor<3>,
    qkv: Tensor<2>,
    groups: HeadGroups,
    between: Neurons,
    behind: Neurons,
}

/// What [`Attending::onto`] makes.
pub struct Attended {
    /// Spikes between the products and the layer, `[R·N, C]`.
    pub mixed: Tensor<2>,
    /// Behind the layer and its shortcut, `[R·N, C]`.
    pub fired: Fired<2>,
}

impl Attending {
    /// `weight [h, d, d]`, `qkv [R·N, 3C]`, and the neurons between products and layer and behind it. `None` where heads
    /// and channel groups are not the same, or one dispatch cannot serve all head groups.
    pub fn new(
        norm: FusedNorm,
        weight: Tensor<3>,
        qkv: Tensor<2>,
        groups: HeadGroups,
        [between, behind]: [Neurons; 2],
    ) -> Option<Self> {
        let [heads, d, columns] = weight.dims();
        let rows = qkv.dims()[0];
        let alike = groups.iter().all(|group| group.d == d);
        let fits = columns == d && alike && groups.len() <= 2;
        let covered = groups.iter().map(|group| group.heads).sum::<usize>() == heads;
        // Both spikes share a buffer, each from an allowed place on.
        let aligned = (rows * heads * d).is_multiple_of(ALIGNMENT);
        (fits && covered && aligned).then_some(Self {
            norm,
            weight,
            qkv,
            groups,
            between,
            behind,
        })
    }

    /// Added to `shortcut [R·N, C]`.
    pub fn onto(self, shortcut: Tensor<2>) -> Attended {
        let ((theta_between, between), (theta_behind, behind)) = (self.between, self.behind);
        let (mixed, potentials, spikes) = Dispatch::attended(
            self.qkv.into_dispatch(),
            self.weight.into_dispatch(),
            self.norm.affine.into_dispatch(),
            shortcut.into_dispatch(),
            theta_between.into_dispatch(),
            theta_behind.into_dispatch(),
            self.groups,
            between,
            behind,
        );
        let [mixed, potentials, spikes] = [mixed, potentials, spikes].map(Tensor::from_dispatch);
        Attended {
            mixed,
            fired: Fired { potentials, spikes },
        }
    }
}
