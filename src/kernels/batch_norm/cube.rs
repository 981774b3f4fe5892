//! BatchNorm on the GPU: partial sums, their totals per channel, and the elements; three dispatches each
//! way.

pub(in crate::kernels) mod kernels;

use self::kernels::{
    GeometryLaunch, gradient_kernel, gradient_sums_kernel, moments_kernel, moved_kernel,
    normalise_kernel, normalise_onto_kernel, parameter_gradients_kernel, statistics_kernel,
};
use super::{BatchNormApply, BatchNormGrad, BatchNormOps, Extent};
use crate::kernels::cube::{empty, grid, like};
use burn::backend::{TensorMetadata, tensor::FloatTensor};
use burn::tensor::Shape;
use burn_cubecl::{CubeBackend, kernel::into_contiguous, tensor::CubeTensor};

/// Upper bound of the partial sums of one channel.
const PARTS: usize = 256;
/// Threads side by side on the positions of a map.
const LANES: usize = 32;

/// How the samples of a channel are dealt to threads: `lanes` neighbours share `slabs` slabs of rows.
#[derive(Clone, Copy)]
pub(in crate::kernels) struct Deal {
    extent: Extent,
    lanes: usize,
    slabs: usize,
}

impl Deal {
    pub fn new(extent: Extent) -> Self {
        let lanes = extent.positions.min(LANES);
        let slabs = extent.rows.min(PARTS / lanes).max(1);
        Self {
            extent,
            lanes,
            slabs,
        }
    }

    /// Partial sums per channel.
    fn parts(self) -> usize {
        self.lanes * self.slabs
    }

    pub fn launch(self) -> GeometryLaunch {
        let Extent {
            rows,
            channels,
            positions,
        } = self.extent;
        GeometryLaunch::new(
            rows as u32,
            channels as u32,
            positions as u32,
            self.lanes as u32,
            rows.div_ceil(self.slabs) as u32,
            self.parts() as u32,
        )
    }
}

/// Mean and variance of each channel of x, of gamma's shape `[C]`.
pub(in crate::kernels) fn moments(
    x: &CubeTensor,
    gamma: &CubeTensor,
    deal: Deal,
) -> [CubeTensor; 2] {
    let (mean, var) = (like(gamma), like(gamma));
    let (parts, channels) = (deal.parts(), deal.extent.channels);
    let sums = empty(x, Shape::from([2 * parts * channels]));
    let (count, dim) = grid(x, parts * channels);
    moments_kernel::launch(
        &x.client,
        count,
        dim,
        x.clone().into_buffer_arg(),
        sums.clone().into_buffer_arg(),
        deal.launch(),
    );
    let (count, dim) = grid(x, channels);
    statistics_kernel::launch(
        &x.client,
        count,
        dim,
        x.clone().into_buffer_arg(),
        sums.into_buffer_arg(),
        mean.clone().into_buffer_arg(),
        var.clone().into_buffer_arg(),
        deal.launch(),
    );
    [mean, var]
}

impl BatchNormOps for CubeBackend {
    fn fused_batch_norm(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        epsilon: f32,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        let [x, gamma, beta] = [x, gamma, beta].map(into_contiguous);
        let deal = Deal::new(Extent::of(&x.shape()));
        let [mean, var] = moments(&x, &gamma, deal);
        let [own_mean, own_var] = [&mean, &var].map(Clone::clone);
        let y = Self::fused_batch_norm_apply(x, gamma, beta, own_mean, own_var, epsilon);
        (y, mean, var)
    }

    fn fused_batch_norm_onto(
        shortcut: FloatTensor<Self>,
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        epsilon: f32,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        let [shortcut, x, gamma, beta] = [shortcut, x, gamma, beta].map(into_contiguous);
        let deal = Deal::new(Extent::of(&x.shape()));
        let [mean, var] = moments(&x, &gamma, deal);
        let y = like(&x);
        let (count, dim) = grid(&x, x.shape().num_elements());
        normalise_onto_kernel::launch(
            &y.client,
            count,
            dim,
            shortcut.into_buffer_arg(),
            x.into_buffer_arg(),
            gamma.into_buffer_arg(),
            beta.into_buffer_arg(),
            mean.clone().into_buffer_arg(),
            var.clone().into_buffer_arg(),
            y.clone().into_buffer_arg(),
            epsilon,
            deal.launch(),
        );
        (y, mean, var)
    }
}

impl BatchNormApply for CubeBackend {
    fn batch_norm_moved(
        old_mean: FloatTensor<Self>,
        old_var: FloatTensor<Self>,
        mean: FloatTensor<Self>,
        var: FloatTensor<Self>,
        kept: f32,
        share: f32,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        let [old_mean, old_var, mean, var] = [old_mean, old_var, mean, var].map(into_contiguous);
        let (new_mean, new_var) = (like(&mean), like(&var));
        let (count, dim) = grid(&mean, mean.shape().num_elements());
        moved_kernel::launch(
            &new_mean.client,
            count,
            dim,
            old_mean.into_buffer_arg(),
            old_var.into_buffer_arg(),
            mean.into_buffer_arg(),
            var.into_buffer_arg(),
            new_mean.clone().into_buffer_arg(),
            new_var.clone().into_buffer_arg(),
            kept,
            share,
        );
        (new_mean, new_var)
    }

    fn fused_batch_norm_apply(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        mean: FloatTensor<Self>,
        var: FloatTensor<Self>,
        epsilon: f32,
    ) -> FloatTensor<Self> {
        let [x, gamma, beta, mean, var] = [x, gamma, beta, mean, var].map(into_contiguous);
        let y = like(&x);
        let deal = Deal::new(Extent::of(&x.shape()));
        let (count, dim) = grid(&x, x.shape().num_elements());
        normalise_kernel::launch(
            &y.client,
            count,
            dim,
            x.into_buffer_arg(),
            gamma.into_buffer_arg(),
            beta.into_buffer_arg(),
            mean.into_buffer_arg(),
            var.into_buffer_arg(),
            y.clone().into_buffer_arg(),
            epsilon,
            deal.launch(),
        );
        y
    }
}

impl BatchNormGrad for CubeBackend {
    fn fused_batch_norm_backward(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        mean: FloatTensor<Self>,
        var: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        epsilon: f32,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        let (x, gamma, grad) = (
            into_contiguous(x),
            into_contiguous(gamma),
            into_contiguous(grad),
        );
        let (x_grad, gamma_grad, beta_grad) = (like(&x), like(&gamma), like(&gamma));
        let deal = Deal::new(Extent::of(&x.shape()));
        let (parts, channels) = (deal.parts(), deal.extent.channels);
        let sums = empty(&x, Shape::from([2 * parts * channels]));
        let factors = empty(&x, Shape::from([3 * channels]));
        let client = x.client.clone();
        let (count, dim) = grid(&x, parts * channels);
        gradient_sums_kernel::launch(
            &client,
            count,
            dim,
            x.clone().into_buffer_arg(),
            grad.clone().into_buffer_arg(),
            mean.clone().into_buffer_arg(),
            sums.clone().into_buffer_arg(),
            deal.launch(),
        );
        let (count, dim) = grid(&x, channels);
        parameter_gradients_kernel::launch(
            &client,
            count,
            dim,
            sums.into_buffer_arg(),
            gamma.into_buffer_arg(),
            var.into_buffer_arg(),
            gamma_grad.clone().into_buffer_arg(),
            beta_grad.clone().into_buffer_arg(),
            factors.clone().into_buffer_arg(),
            epsilon,
            deal.launch(),
        );
        let (count, dim) = grid(&x, x.shape().num_elements());
        gradient_kernel::launch(
            &client,
            count,
            dim,
            x.into_buffer_arg(),
            grad.into_buffer_arg(),
            mean.into_buffer_arg(),
            factors.into_buffer_arg(),
            x_grad.clone().into_buffer_arg(),
            deal.launch(),
        );
        (x_grad, gamma_grad, beta_grad)
    }
}
