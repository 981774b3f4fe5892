//! The figures of what the dense twin and the optimiser are made of.

use super::{Figures, grid, push};
use burn::tensor::{Device, Tensor};
use gemst::kernels::{
    AdamWParams, AdamWState, AttentionShape, FlatLayout, FlatMatrix, NewtonSchulz, Patches,
    Windows, adamw, attention, bias_gelu, bias_residual, dense, dense_gelu, dense_residual,
    flat_pack, flat_view, layer_norm, muon_step,
};
use std::sync::Arc;

/// What the dense twin is made of, on `pictures` of `tokens` tokens, in `heads` heads of `d` channels.
pub async fn dense_figures(
    device: &Device,
    pictures: usize,
    [tokens, heads, d]: [usize; 3],
    figures: &mut Figures,
) {
    let (rows, channels) = (pictures * tokens, heads * d);
    let matrix = |columns: usize, stride: usize| {
        grid(rows * columns, stride, 160).reshape::<2>(device, [rows, columns])
    };
    let vector = |columns: usize, stride: usize| {
        grid(columns, stride, 64)
            .reshape::<1>(device, [columns])
            .require_grad()
    };
    let name = format!("dense {pictures} {tokens} {heads} {d}");
    let w = matrix(channels, 11);

    let (x, gamma, beta) = (
        matrix(channels, 37).require_grad(),
        vector(channels, 7),
        vector(channels, 5),
    );
    let y = layer_norm(x.clone(), gamma.clone(), beta.clone(), 1e-2);
    let grads = (y.clone() * w.clone()).sum().backward();
    push(figures, format!("{name} LayerNorm"), y).await;
    push(
        figures,
        format!("{name} LayerNorm x's"),
        x.grad(&grads).expect("tracked"),
    )
    .await;
    push(
        figures,
        format!("{name} LayerNorm gamma's"),
        gamma.grad(&grads).expect("tracked"),
    )
    .await;
    push(
        figures,
        format!("{name} LayerNorm beta's"),
        beta.grad(&grads).expect("tracked"),
    )
    .await;

    let (x, bias, other) = (
        matrix(channels, 23).require_grad(),
        vector(channels, 3),
        matrix(channels, 13),
    );
    let y = bias_residual(bias_gelu(x.clone(), bias.clone()), bias.clone(), other);
    let grads = (y.clone() * w.clone()).sum().backward();
    push(figures, format!("{name} GELU, residual"), y).await;
    push(
        figures,
        format!("{name} GELU, residual x's"),
        x.grad(&grads).expect("tracked"),
    )
    .await;
    push(
        figures,
        format!("{name} GELU, residual bias'"),
        bias.grad(&grads).expect("tracked"),
    )
    .await;

    let shape = AttentionShape {
        tokens,
        heads,
        windows: None,
    };
    let qkv = matrix(3 * channels, 41);
    attention_figures(device, &name, qkv, shape, figures).await;
}

/// A dense layer with each of its endings, without a gradient: on a GPU each is one dispatch then.
pub async fn layer_figures(
    device: &Device,
    [rows, c_in, c_out]: [usize; 3],
    figures: &mut Figures,
) {
    let device = &device.clone().inner();
    let matrix = |shape: [usize; 2], stride: usize| {
        grid(shape.iter().product(), stride, 160).reshape::<2>(device, shape)
    };
    let x = || matrix([rows, c_in], 37) * 0.25;
    // Turned: read in its own order, not in memory's.
    let w = || matrix([c_out, c_in], 23).transpose() * 0.25;
    let bias = || grid(c_out, 7, 64).reshape::<1>(device, [c_out]);
    let name = format!("layer {rows} {c_in} {c_out}");
    push(figures, name.clone(), dense(x(), w(), bias())).await;
    let y = dense_gelu(x(), w(), bias());
    push(figures, format!("{name} GELU"), y).await;
    let y = dense_residual(x(), w(), bias(), matrix([rows, c_out], 41));
    push(figures, format!("{name} residual"), y).await;
}

/// Two pictures in patches, some of them as large as the picture.
pub async fn patch_figures(device: &Device, figures: &mut Figures) {
    for (side, patch) in [(8, 4), (6, 6), (6, 3)] {
        let pixels = grid(6 * side * side, 37, 64).reshape::<4>(device, [2, 3, side, side]);
        let p = Patches {
            side: patch,
            mean: 0.5,
            deviation: 0.25,
        };
        let name = format!("patches {side} {patch}");
        push(figures, format!("{name} ="), p.cut(pixels.clone())).await;
        let noise = grid(18 * side * side, 41, 64).reshape::<4>(device, [6, 3, side, side]);
        push(
            figures,
            format!("noisy {name} ="),
            p.cut_noisy(pixels, noise),
        )
        .await;
    }
}

/// The design card's attention in windows of `pictures` of side², of spikes: some windows have none.
pub async fn card_attention_figures(
    device: &Device,
    pictures: usize,
    [side, window, heads, d]: [usize; 4],
    shifted: bool,
    figures: &mut Figures,
) {
    let shape = AttentionShape {
        tokens: side * side,
        heads,
        windows: Some(Windows::new(side, window, shifted)),
    };
    let (rows, columns) = (pictures * shape.tokens, 3 * heads * d);
    let spikes = grid(rows * columns, 41, 160).reshape::<2>(device, [rows, columns]);
    let spikes = spikes.greater_elem(1.4).float();
    let name = format!("card {pictures} {side} {window} {heads} {d} {shifted}");
    attention_figures(device, &name, spikes, shape, figures).await;
}

async fn attention_figures(
    device: &Device,
    name: &str,
    qkv: Tensor<2>,
    shape: AttentionShape,
    figures: &mut Figures,
) {
    let [rows, columns] = qkv.dims();
    let qkv = qkv.require_grad();
    let bias = grid(columns, 17, 64)
        .reshape::<1>(device, [columns])
        .require_grad();
    let w = grid(rows * columns / 3, 11, 160).reshape::<2>(device, [rows, columns / 3]);
    let y = attention(qkv.clone(), bias.clone(), shape);
    let grads = (y.clone() * w).sum().backward();
    push(figures, format!("{name} attention"), y).await;
    push(
        figures,
        format!("{name} attention qkv's"),
        qkv.grad(&grads).expect("tracked"),
    )
    .await;
    push(
        figures,
        format!("{name} attention bias'"),
        bias.grad(&grads).expect("tracked"),
    )
    .await;
}

/// Tensors of these lengths as one vector, three updates of it, and the tensors again.
pub async fn adamw_figures(device: &Device, lengths: &[usize], figures: &mut Figures) {
    let device = &device.clone().inner();
    let layout = FlatLayout::new(lengths.iter().copied());
    let part =
        |length: usize, stride: usize| grid(length, stride, 100).reshape::<1>(device, [length]);
    let pack =
        |stride: usize| flat_pack(lengths.iter().map(|n| part(*n, stride)).collect(), &layout);
    let rule = |stride: usize, low: f32, high: f32| {
        pack(stride).clamp(low, high).reshape([1, layout.len()])
    };
    // Shares of 0 to 1, decay on and off, least values around the weights.
    let rules = Tensor::cat(
        vec![rule(3, 0.0, 1.0), rule(7, 0.0, 0.0), rule(11, -9.0, -0.2)],
        0,
    );
    let mut state = AdamWState {
        weights: pack(37),
        first: Tensor::zeros([layout.len()], device),
        second: Tensor::zeros([layout.len()], device),
    };
    push(
        figures,
        format!("pack {lengths:?} ="),
        state.weights.clone(),
    )
    .await;
    for (time, clip_norm) in [(1, 0.0), (2, 1.0), (3, 1e6)] {
        let p = AdamWParams {
            lr: 0.05,
            weight_decay: 0.1,
            clip_norm,
            beta_1: 0.9,
            beta_2: 0.999,
            epsilon: 1e-8,
            time,
        };
        // Held by somebody else for once: it must not change under them.
        let held = (time == 2).then(|| state.clone());
        let (after, ahead) = adamw(state, pack(13 + time), rules.clone(), p);
        push(figures, format!("AdamW {lengths:?} ahead {time}"), ahead).await;
        state = after;
        if let Some(held) = held {
            push(figures, format!("AdamW {lengths:?} held"), held.first).await;
        }
    }
    for ((start, length), place) in layout.parts().zip(0..) {
        let part = flat_view::<1>(&state.weights, start, [length]);
        // Behind a view the next tensor begins: an operation on it must end where it ends.
        push(figures, format!("AdamW {lengths:?} {place}"), part * 2.0).await;
    }
    push(figures, format!("AdamW {lengths:?} first"), state.first).await;
    push(figures, format!("AdamW {lengths:?} second"), state.second).await;
}

/// Muon's step of matrices of these shapes `[count, rows, columns]`, with something between them that stays.
pub async fn muon_figures(device: &Device, shapes: &[[usize; 3]], figures: &mut Figures) {
    let device = &device.clone().inner();
    let mut matrices = Vec::new();
    let mut start = 3;
    for &[count, rows, columns] in shapes {
        for _ in 0..count {
            matrices.push(FlatMatrix {
                start,
                rows,
                columns,
            });
            start += rows * columns;
        }
        start += 5;
    }
    let [weights, momentum] = [(31, 160), (37, 20)]
        .map(|(stride, most)| grid(start, stride, most).reshape::<1>(device, [start]));
    let p = NewtonSchulz {
        coefficients: [3.4, -4.7, 2.0],
        steps: 2,
    };
    let after = muon_step(weights.clone(), momentum, &Arc::new(matrices), p, 0.5);
    push(figures, format!("Muon {shapes:?}"), after).await;
    push(figures, format!("Muon {shapes:?}, before"), weights).await;
}
