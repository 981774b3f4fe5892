//! The GPU memory pool that a run finds.
//!
//! cubecl's pool for the web has a page for each tensor. A tensor takes a free page of its own size class or else of any
//! larger one, before a new page is made for it. So a first training step, in which small pages are yet to be made and
//! large ones are free between two layers, puts the means, variances and gradients of vectors on pages of megabytes, and
//! as every step is like the one before, they stay there: 237 MB for `small` in batches of 64, whose tensors take 137.
//! With enough small pages at hand from the start it is 180 to 195.

use burn::tensor::{Device, Tensor};

/// Small tensors that a step of the largest preset holds at once, generously. What is not used is given back soon.
const PAGES: usize = 200;
/// Numbers on a page: the pool's smallest size class, 32 KiB.
const NUMBERS: usize = 8192;
/// The pool gives pages back that it finds free five times without a use between, the first time at once, and looks on
/// every thousandth allocation. A page used as often is still there when the first step needs it.
const USES: usize = 5;

/// Has the pool make small pages, so that no small tensor takes a large one.
pub fn make_small_pages(device: &Device) {
    for _ in 0..USES {
        let page = |_| Tensor::<1>::empty([NUMBERS], device);
        drop((0..PAGES).map(page).collect::<Vec<_>>());
    }
}
