//! The GPU memory pool that a run finds.
//!
//! cubecl's pool for the web has a page for each tensor. A tensor takes a free page of its own size class or else of any
//! larger one, before a new page is made for it. So a first training step, in which small pages are yet to be made and
//! large ones are free between two layers, puts vectors on pages of megabytes and a block's potentials on those of its
//! hidden layer, and as every step is like the one before, they stay there. Pages made before the first step spare that.
//! How many there are need not be exact: what is not used is given back.

use crate::config::ModelConfig;
use burn::tensor::{Device, Tensor};

/// Vectors and sums that a step of the largest preset holds at once, generously.
const SMALL: usize = 200;
/// Numbers on a page of the pool's smallest size class, 32 KiB.
const SMALL_NUMBERS: usize = 8192;
/// The pool gives a page back that it finds free five times more often than it was used, a new one the first time, and
/// looks on every thousandth allocation. Pages used as often are still there when the first step needs them.
const USES: usize = 5;

/// Has the pool give back what is free, pages of other work, and make those that a training step of `model` on `batch`
/// images will ask for.
pub(super) fn prepare(device: &Device, model: &ModelConfig, batch: usize) {
    device.memory_cleanup();
    let mut pages = vec![(SMALL, SMALL_NUMBERS)];
    if let ModelConfig::Ge2msT(model) = model {
        // Potentials of all tokens: five of a block are kept for its gradients, and a few are at work.
        let numbers = batch * model.tensor_steps() * model.grid().pow(2) * model.dim();
        pages.push((5 * model.depth + 6, numbers));
    }
    for _ in 0..USES {
        let all = pages.iter().flat_map(|&(count, numbers)| {
            (0..count).map(move |_| Tensor::<1>::empty([numbers], device))
        });
        drop(all.collect::<Vec<_>>());
    }
}
