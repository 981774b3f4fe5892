//! Every kernel's figures on a device, and the comparison of two devices. Shared by the native GPU test
//! and the browser test.

#[path = "dense_figures.rs"]
mod dense;
#[path = "inference_figures.rs"]
mod inference;
#[path = "spiking_figures.rs"]
mod spiking;

use burn::tensor::{Device, Tensor, TensorData};
use dense::{
    adamw_figures, card_attention_figures, dense_figures, layer_figures, muon_figures,
    patch_figures,
};
use gemst::config::Surrogate;
use gemst::kernels::{
    ConvParams, ExpGIfParams, LifParams, exp_g_if_spikes, exp_g_if_with, lif,
    softmax_cross_entropy, spike_count,
};
use inference::{attended_figures, synapse_figures};
use spiking::{
    batch_norm_figures, bias_norm_figures, conv_figures, gw_ssa_figures, linear_figures,
    norm_exp_g_if_figures, norm_lif_figures, turned_linear_figures,
};

/// Named numbers, in the same order on every device.
pub type Figures = Vec<(String, Vec<f32>)>;

/// What each kernel says on `device`. Potentials are multiples of 1/64 and time constants powers of two
/// wherever spikes are binary, so that every device must give the same spikes, whatever it fuses.
pub async fn figures(device: &Device) -> Figures {
    let device = device.clone().autodiff();
    let mut figures = Figures::new();
    for (index, p) in lif_cases().iter().enumerate() {
        // 5 steps in groups of 2 leave a short group; 300 neurons are no multiple of a workgroup.
        lif_figures(
            &device,
            &format!("lif {index}"),
            p,
            [5, 300, 2],
            &mut figures,
        )
        .await;
    }
    for (steps, groups, theta) in [(4, 1, 0.3), (1, 4, 0.7), (3, 3, 0.11), (8, 1, 0.013)] {
        let p = ExpGIfParams {
            steps,
            groups,
            lsq_scale: groups == 1,
        };
        exp_g_if_figures(&device, &p, theta, [7, 100], &mut figures).await;
    }
    // Rows, few and many; maps with fewer and with more positions than threads side by side.
    for shape in [[3, 5, 1, 1], [700, 48, 1, 1], [6, 5, 3, 3], [9, 4, 8, 8]] {
        batch_norm_figures(&device, shape, &mut figures).await;
    }
    cross_entropy_figures(&device, [30, 10], &mut figures).await;
    // 16 tokens in 4 heads of 12; rows and columns that are no multiple of a workgroup.
    dense_figures(&device, 3, [16, 4, 12], &mut figures).await;
    // Tokens enough for two a thread.
    dense_figures(&device, 130, [16, 1, 6], &mut figures).await;
    // Small blocks, small and large ones that threads share, and large ones.
    for shape in [[7, 5, 9], [64, 600, 20], [9, 1100, 20], [2053, 12, 40]] {
        layer_figures(&device, shape, &mut figures).await;
    }
    patch_figures(&device, &mut figures).await;
    // Windows of one and of several regions, a token and two a thread.
    card_attention_figures(&device, 2, [4, 2, 2, 5], true, &mut figures).await;
    card_attention_figures(&device, 33, [8, 4, 1, 8], true, &mut figures).await;
    adamw_figures(&device, &[1, 64, 700, 65, 3, 128, 9], &mut figures).await;
    // Wide and tall; sums that few and many threads share, and large blocks.
    muon_figures(&device, &[[3, 5, 6], [1, 48, 30]], &mut figures).await;
    let shapes = [[2, 17, 300], [1, 12, 600], [2, 700, 9], [1, 64, 1100]];
    muon_figures(&device, &shapes, &mut figures).await;
    // `small`'s: windows of 4 and 8 on a grid of 8, two heads of 32 each.
    gw_ssa_figures(&device, 2, [8, 4, 2, 32], true, &mut figures).await;
    // Two tokens a thread.
    gw_ssa_figures(&device, 9, [8, 4, 2, 6], true, &mut figures).await;
    for shape in [[30, 12, 1, 1], [4, 6, 5, 7]] {
        norm_exp_g_if_figures(&device, shape, &mut figures).await;
    }
    for p in lif_cases().iter().filter(|p| p.smooth) {
        norm_lif_figures(&device, p, [4, 30, 12, 3], &mut figures).await;
        // Rows of vectors, and of single numbers; a short group.
        for shape in [[4, 30, 12, 3], [3, 50, 7, 3]] {
            bias_norm_figures(&device, p, shape, &mut figures).await;
        }
    }
    // Threads share sums of the weights' gradient, of 601 rows in small blocks, of 2,053 in large ones, as y's are then.
    for (rows, layer) in [
        (150, [1, 8, 12]),
        (150, [4, 8, 12]),
        (601, [3, 5, 7]),
        (2053, [1, 5, 31]),
    ] {
        linear_figures(&device, rows, layer, &mut figures).await;
    }
    for layer in [[7, 5, 3], [300, 48, 64]] {
        turned_linear_figures(&device, layer, &mut figures).await;
    }
    synapse_figures(&device, 3, [4, 8, 12, 8], 3, 2, &mut figures).await;
    // Large blocks, of one group, and sums that threads share.
    synapse_figures(&device, 130, [1, 6, 70, 12], 3, 1, &mut figures).await;
    synapse_figures(&device, 5, [1, 600, 7, 2], 1, 1, &mut figures).await;
    // A token a thread; two; and heads whose spikes cannot share a buffer, which stay apart.
    attended_figures(&device, 1, [8, 4, 2, 32], true, &mut figures).await;
    attended_figures(&device, 9, [8, 4, 2, 8], false, &mut figures).await;
    attended_figures(&device, 1, [3, 3, 1, 3], false, &mut figures).await;
    // No side and no number of channels is a multiple of a thread's block; a stride that leaves pixels out; sums that
    // threads share, in the first, in large blocks in the last but one, and sums that each has for itself; blocks that
    // are large, of maps and of weights.
    for (channels, sides, kernel, [stride, padding, groups]) in [
        ([9, 6, 10], [9, 7], 3, [1, 1, 1]),
        ([5, 6, 10], [9, 7], 3, [2, 1, 1]),
        ([5, 6, 10], [9, 7], 2, [3, 0, 1]),
        ([5, 6, 10], [9, 7], 3, [1, 1, 2]),
        ([8, 2, 10], [24, 23], 3, [1, 1, 1]),
        ([2, 184, 40], [3, 3], 3, [1, 1, 1]),
    ] {
        let p = ConvParams {
            stride,
            padding,
            groups,
        };
        conv_figures(&device, channels, sides, kernel, p, &mut figures).await;
    }
    drawn_figures(&device, &mut figures).await;
    figures
}

/// Every kernel at [`DRAWN`] shapes and parameters from a fixed seed: small ones, since WebGPU may be a processor,
/// and hardly ever a multiple of a workgroup or of a SIMD lane.
async fn drawn_figures(device: &Device, figures: &mut Figures) {
    let mut draw = Draw(0x6765_6d73_7421);
    let lif = lif_cases();
    for index in 0..DRAWN {
        let p = &lif[draw.below(lif.len())];
        // Groups of one step: no drawn potential reaches a threshold of 1 while half of it leaks in.
        let shape = [draw.within(3, 9), draw.within(20, 400), draw.within(2, 4)];
        let name = format!("lif drawn {index} {shape:?}");
        lif_figures(device, &name, p, shape, figures).await;

        let groups = draw.within(1, 3);
        let p = ExpGIfParams {
            steps: draw.within(1, 5),
            groups,
            lsq_scale: draw.below(2) == 0,
        };
        let theta = draw.within(1, 100) as f32 * 0.0113;
        let shape = [draw.within(1, 9), draw.within(20, 300)];
        exp_g_if_figures(device, &p, theta, shape, figures).await;

        // At least eight samples: a channel that hardly varies has an arbitrarily large gradient.
        // And at most some hundred: the devices add in other orders, and a gradient is a sum of all of them.
        let side = draw.within(2, 4);
        let shape = [draw.within(8, 40), draw.within(1, 70), side, side];
        batch_norm_figures(device, shape, figures).await;

        cross_entropy_figures(device, [draw.within(1, 70), draw.within(2, 130)], figures).await;

        let shape = [draw.within(1, 30), draw.within(1, 3), draw.within(3, 20)];
        dense_figures(device, draw.within(1, 3), shape, figures).await;
        layer_figures(device, [shape[0], shape[2], shape[1] + 4], figures).await;
        let lengths: Vec<usize> = (0..draw.within(1, 14))
            .map(|_| draw.within(1, 300))
            .collect();
        adamw_figures(device, &lengths, figures).await;

        let [side, window] = [[2, 1], [4, 2], [6, 3], [9, 3], [8, 4]][draw.below(5)];
        let shape = [side, window, draw.within(1, 3), draw.within(1, 18)];
        card_attention_figures(device, 1, shape, draw.below(2) == 0, figures).await;
        gw_ssa_figures(
            device,
            draw.within(1, 3),
            shape,
            draw.below(2) == 0,
            figures,
        )
        .await;
        let shape = [draw.within(1, 4), draw.within(1, 9), draw.within(1, 9)];
        linear_figures(device, draw.within(1, 40), shape, figures).await;
        let [kernel, stride] = [[1, 1], [2, 2], [3, 1], [3, 2], [4, 2]][draw.below(5)];
        let shape = [
            draw.within(1, 4),
            draw.within(1, 9),
            draw.within(1, 9),
            2 * draw.within(1, 5),
        ];
        synapse_figures(device, draw.within(1, 4), shape, kernel, stride, figures).await;
    }
}

/// Shapes drawn for each kernel.
const DRAWN: usize = 8;

/// SplitMix64.
struct Draw(u64);

impl Draw {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % end as u64) as usize
    }

    fn within(&mut self, low: usize, high: usize) -> usize {
        low + self.below(high + 1 - low)
    }
}

/// Panics with the first figure that differs by more than `tolerance` (relative, absolute below 1).
/// Spikes, levels and counts must be equal.
pub fn assert_agree(ours: &Figures, theirs: &Figures, tolerance: f32) {
    assert_eq!(ours.len(), theirs.len());
    for ((name, ours), (other, theirs)) in ours.iter().zip(theirs) {
        assert_eq!(name, other);
        assert_eq!(ours.len(), theirs.len(), "{name}");
        let tolerance = if name.ends_with('=') { 0.0 } else { tolerance };
        for (index, (a, b)) in ours.iter().zip(theirs).enumerate() {
            let close = (a - b).abs() <= tolerance * b.abs().max(1.0);
            assert!(close, "{name}[{index}]: {a} instead of {b}");
        }
    }
}

fn lif_cases() -> Vec<LifParams> {
    let lif = LifParams {
        tau: 2.0,
        v_threshold: 1.0,
        hard_reset: true,
        decay_input: true,
        detach_reset: true,
        leak: true,
        surrogate: Surrogate::Atan { alpha: 2.0 },
        smooth: false,
    };
    let sigmoid = Surrogate::Sigmoid { alpha: 4.0 };
    let rectangle = Surrogate::Rectangle { width: 1.5 };
    let triangle = Surrogate::Triangle { width: 1.25 };
    let smooth = LifParams {
        smooth: true,
        tau: 2.5,
        ..lif
    };
    vec![
        lif,
        LifParams {
            hard_reset: false,
            decay_input: false,
            tau: 4.0,
            surrogate: sigmoid,
            ..lif
        },
        LifParams {
            detach_reset: false,
            surrogate: rectangle,
            ..lif
        },
        LifParams {
            hard_reset: false,
            detach_reset: false,
            surrogate: triangle,
            ..lif
        },
        LifParams {
            leak: false,
            v_threshold: 0.75,
            ..lif
        },
        smooth,
        LifParams {
            surrogate: sigmoid,
            detach_reset: false,
            ..smooth
        },
        LifParams {
            surrogate: rectangle,
            hard_reset: false,
            ..smooth
        },
        LifParams {
            surrogate: triangle,
            leak: false,
            detach_reset: false,
            ..smooth
        },
    ]
}

/// `n` neurons over `steps` steps in groups of `group`.
async fn lif_figures(
    device: &Device,
    name: &str,
    p: &LifParams,
    [steps, n, group]: [usize; 3],
    figures: &mut Figures,
) {
    let x = grid(steps * n, 37, 160)
        .reshape(device, [steps, n])
        .require_grad();
    let w = grid(steps * n, 11, 64).reshape(device, [steps, n]);
    let s = lif(x.clone(), p, group);
    let grads = (s.clone() * w).sum().backward();
    let exact = if p.smooth { "" } else { "=" };
    push(figures, format!("{name} spikes {exact}"), s).await;
    push(
        figures,
        format!("{name} gradient"),
        x.grad(&grads).expect("tracked"),
    )
    .await;
}

async fn exp_g_if_figures(
    device: &Device,
    p: &ExpGIfParams,
    theta: f32,
    shape: [usize; 2],
    figures: &mut Figures,
) {
    let name = format!("ExpG-IF K {} G {} {shape:?}", p.steps, p.groups);
    let count = shape[0] * shape[1];
    let z = grid(count, 37, 300).reshape(device, shape).require_grad();
    let w = grid(count, 11, 64).reshape(device, shape);
    let theta = Tensor::<1>::from_data(TensorData::from([theta]), device).require_grad();
    let y = exp_g_if_with(z.clone(), theta.clone(), p);
    let spikes: Tensor<3> = exp_g_if_spikes(z.clone(), theta.clone(), p.steps, p.groups);
    let count = spike_count(y.clone(), theta.clone(), p.steps, p.groups);
    let loss = (y.clone() * w).sum() + count.clone().mean();
    let grads = loss.backward();
    push(figures, format!("{name} y ="), y).await;
    push(figures, format!("{name} spikes ="), spikes).await;
    push(figures, format!("{name} count ="), count).await;
    push(
        figures,
        format!("{name} gradient"),
        z.grad(&grads).expect("tracked"),
    )
    .await;
    push(
        figures,
        format!("{name} theta's"),
        theta.grad(&grads).expect("tracked"),
    )
    .await;
}

async fn cross_entropy_figures(device: &Device, shape: [usize; 2], figures: &mut Figures) {
    let count = shape[0] * shape[1];
    let logits = grid(count, 37, 200).reshape(device, shape).require_grad();
    let targets = grid(count, 11, 64).reshape(device, shape).abs();
    let loss = softmax_cross_entropy(logits.clone(), targets);
    let grads = (loss.clone() * 2.0).backward();
    push(figures, format!("cross-entropy {shape:?}"), loss).await;
    push(
        figures,
        format!("cross-entropy {shape:?} gradient"),
        logits.grad(&grads).expect("tracked"),
    )
    .await;
}

async fn push<const D: usize>(figures: &mut Figures, name: String, x: Tensor<D>) {
    let data = x.into_data_async().await.expect("the device reads back");
    figures.push((name, data.iter::<f32>().collect()));
}

/// `count` multiples of 1/64, spread over `range/64` around a little above zero.
struct Grid(Vec<f32>);

fn grid(count: usize, stride: usize, range: usize) -> Grid {
    let value = |i: usize| ((i * stride + 3 * i * i) % (range + 1)) as f32 - 0.35 * range as f32;
    Grid((0..count).map(|i| value(i).round() / 64.0).collect())
}

impl Grid {
    fn reshape<const D: usize>(self, device: &Device, shape: [usize; D]) -> Tensor<D> {
        Tensor::from_data(TensorData::new(self.0, shape), device)
    }
}
