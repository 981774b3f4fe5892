//! BatchNorm in burn's autodiff graph. Under gradient checkpointing its output is made again on the way back, from the
//! statistics of the way there.

use super::{BatchNormApply, BatchNormGrad, BatchNormOps};
use burn::backend::{
    Autodiff, AutodiffBackend,
    autodiff::{
        NodeId,
        checkpoint::{
            base::Checkpointer, retro_forward::RetroForward, state::BackwardStates,
            strategy::CheckpointStrategy,
        },
        grads::Gradients,
        ops::{Backward, Ops, OpsKind},
    },
    tensor::FloatTensor,
};

#[derive(Debug)]
struct Norm;

/// Onto a shortcut, whose gradient is that of the sum.
#[derive(Debug)]
struct NormOnto;

/// What both ways need beside x, gamma and beta.
#[derive(Debug, Clone)]
struct Known<T> {
    mean: T,
    var: T,
    epsilon: f32,
}

/// Where x and gamma are, and what is known.
type State<T> = ([NodeId; 2], Known<T>);

/// The output again.
#[derive(Debug)]
struct Again<B: AutodiffInner> {
    /// Where x, gamma and beta are.
    inputs: [NodeId; 3],
    known: Known<FloatTensor<B>>,
}

/// What the inner backend computes.
trait AutodiffInner: BatchNormOps + BatchNormGrad + BatchNormApply {}

impl<B: BatchNormOps + BatchNormGrad + BatchNormApply> AutodiffInner for B {}

impl<B: AutodiffInner> RetroForward for Again<B> {
    fn forward(&self, states: &mut BackwardStates, out: NodeId) {
        let [x, gamma, beta] = self.inputs.map(|input| states.get_state(&input));
        let Known { mean, var, epsilon } = self.known.clone();
        let y = B::fused_batch_norm_apply(x, gamma, beta, mean, var, epsilon);
        states.save(out, y);
    }
}

/// Gradients of x, gamma and beta, given that of y.
fn back<B: BatchNormGrad>(
    (inputs, known): State<FloatTensor<B>>,
    grad: FloatTensor<B>,
    checkpointer: &mut Checkpointer,
) -> [FloatTensor<B>; 3] {
    let [x, gamma] = inputs.map(|input| checkpointer.retrieve_node_output(input));
    let Known { mean, var, epsilon } = known;
    let (x, gamma, beta) = B::fused_batch_norm_backward(x, gamma, mean, var, grad, epsilon);
    [x, gamma, beta]
}

impl<B: BatchNormGrad> Backward<B, 3> for Norm {
    type State = State<FloatTensor<B>>;

    fn backward(
        self,
        ops: Ops<Self::State, 3>,
        grads: &mut Gradients,
        checkpointer: &mut Checkpointer,
    ) {
        let grad = grads.consume::<B>(&ops.node);
        let own = back::<B>(ops.state, grad, checkpointer);
        for (parent, grad) in ops.parents.into_iter().zip(own) {
            if let Some(parent) = parent {
                grads.register::<B>(parent.id, grad);
            }
        }
    }
}

impl<B: BatchNormGrad> Backward<B, 4> for NormOnto {
    type State = State<FloatTensor<B>>;

    fn backward(
        self,
        ops: Ops<Self::State, 4>,
        grads: &mut Gradients,
        checkpointer: &mut Checkpointer,
    ) {
        let grad = grads.consume::<B>(&ops.node);
        let [x, gamma, beta] = back::<B>(ops.state, grad.clone(), checkpointer);
        for (parent, grad) in ops.parents.into_iter().zip([grad, x, gamma, beta]) {
            if let Some(parent) = parent {
                grads.register::<B>(parent.id, grad);
            }
        }
    }
}

impl<B: AutodiffInner, C: CheckpointStrategy> BatchNormOps for Autodiff<B, C> {
    fn fused_batch_norm(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        epsilon: f32,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        let [own_x, own_gamma, own_beta] =
            [&x, &gamma, &beta].map(|input| input.primitive().clone());
        let (y, mean, var) = B::fused_batch_norm(own_x, own_gamma, own_beta, epsilon);
        let known = Known {
            mean: mean.clone(),
            var: var.clone(),
            epsilon,
        };
        let again = Again::<B> {
            inputs: [x.id(), gamma.id(), beta.id()],
            known: known.clone(),
        };
        let prep = Norm
            .prepare::<C>([x.node(), gamma.node(), beta.node()])
            .memory_bound()
            .retro_forward(again)
            .parents([&x, &gamma, &beta]);
        let y = match prep.stateful() {
            OpsKind::Tracked(mut prep) => {
                let inputs = [prep.checkpoint(&x), prep.checkpoint(&gamma)];
                prep.finish((inputs, known), y)
            }
            OpsKind::UnTracked(prep) => prep.finish(y),
        };
        (y, Self::from_inner(mean), Self::from_inner(var))
    }

    fn fused_batch_norm_onto(
        shortcut: FloatTensor<Self>,
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        epsilon: f32,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        // Nothing below holds on to the shortcut, so that the sum may take its place.
        let (shortcut, shortcut_node) = shortcut.into_parts();
        let nodes = [shortcut_node, x.node(), gamma.node(), beta.node()];
        let [own_x, own_gamma, own_beta] =
            [&x, &gamma, &beta].map(|input| input.primitive().clone());
        let (y, mean, var) =
            B::fused_batch_norm_onto(shortcut, own_x, own_gamma, own_beta, epsilon);
        // Not made again: a shortcut behind a shortcut behind a shortcut would be, too.
        let y = match NormOnto.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(mut prep) => {
                let inputs = [prep.checkpoint(&x), prep.checkpoint(&gamma)];
                let known = Known {
                    mean: mean.clone(),
                    var: var.clone(),
                    epsilon,
                };
                prep.finish((inputs, known), y)
            }
            OpsKind::UnTracked(prep) => prep.finish(y),
        };
        (y, Self::from_inner(mean), Self::from_inner(var))
    }
}
