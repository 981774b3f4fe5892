//! The figures of the spiking network's attention and synapses.

use super::{Figures, grid, push};
use burn::module::Param;
use burn::nn::{BatchNorm, BatchNormConfig};
use burn::tensor::{Device, Tensor};
use gemst::kernels::{
    BiasNorm, ConvParams, ExpGIfParams, HeadWindows, LifParams, Windows, batch_norm_exp_g_if,
    batch_norm_layer, batch_norm_lif, batch_norm_onto, conv, gw_ssa, linear,
};
use std::sync::Arc;

/// Windows of `window` and of the whole grid, in `heads` heads of `d` channels each.
pub async fn gw_ssa_figures(
    device: &Device,
    pictures: usize,
    [side, window, heads, d]: [usize; 4],
    shifted: bool,
    figures: &mut Figures,
) {
    let group = |index: usize, window: usize, shifted: bool| HeadWindows {
        windows: Windows::new(side, window, shifted),
        linear: !shifted,
        from: index * heads * d,
        heads,
        d,
        scale: 0.25,
    };
    let groups = Arc::new(vec![group(0, window, shifted), group(1, side, false)]);
    let (tokens, channels) = (side * side, 2 * heads * d);
    let rows = pictures * tokens;
    let qkv = grid(rows * 3 * channels, 37, 40)
        .reshape::<2>(device, [rows, 3 * channels])
        .require_grad();
    let w = grid(rows * channels, 11, 40).reshape::<2>(device, [rows, channels]);
    let y = gw_ssa(qkv.clone(), groups, tokens);
    let grads = (y.clone() * w).sum().backward();
    let name = format!("GW-SSA {pictures} {side} {window} {heads} {d} {shifted}");
    push(figures, name.clone(), y).await;
    let gradient = qkv.grad(&grads).expect("tracked");
    push(figures, format!("{name} qkv's"), gradient).await;
}

/// BatchNorm, alone and onto a shortcut.
pub async fn batch_norm_figures(device: &Device, shape: [usize; 4], figures: &mut Figures) {
    let [count, channels] = [shape.iter().product(), shape[1]];
    let w = grid(count, 11, 64).reshape::<4>(device, shape);
    for onto in [false, true] {
        let x = (grid(count, 37, 300).reshape::<4>(device, shape) + 5.0).require_grad();
        let shortcut = grid(count, 13, 200)
            .reshape::<4>(device, shape)
            .require_grad();
        let norm = norm(device, channels, 0.0);
        let y = if onto {
            batch_norm_onto(&norm, x.clone(), shortcut.clone())
        } else {
            batch_norm_layer(&norm, x.clone())
        };
        let grads = (y.clone() * w.clone()).sum().backward();
        let name = format!("BatchNorm {shape:?} {onto}");
        push(figures, format!("{name} y"), y).await;
        for (which, running) in [("mean", &norm.running_mean), ("var", &norm.running_var)] {
            push(figures, format!("{name} {which}"), running.value_sync()).await;
        }
        for (which, gradient) in [
            ("x's", x.grad(&grads)),
            ("shortcut's", shortcut.grad(&grads)),
        ] {
            if let Some(gradient) = gradient {
                push(figures, format!("{name} {which}"), gradient).await;
            }
        }
        for (which, of) in [("gamma's", &norm.gamma), ("beta's", &norm.beta)] {
            let gradient = of.val().grad(&grads).expect("tracked");
            push(figures, format!("{name} {which}"), gradient).await;
        }
    }
}

/// BatchNorm with gammas around 1 and betas around `beta`.
fn norm(device: &Device, channels: usize, beta: f32) -> BatchNorm {
    let mut norm: BatchNorm = BatchNormConfig::new(channels).init(device);
    norm.gamma = Param::from_tensor(grid(channels, 7, 64).reshape(device, [channels]) + 1.0);
    norm.beta = Param::from_tensor(grid(channels, 5, 64).reshape(device, [channels]) + beta);
    norm
}

/// BatchNorm and smooth neurons over `steps` steps of `rows` rows: binary ones may be at a border.
pub async fn norm_lif_figures(
    device: &Device,
    p: &LifParams,
    [steps, rows, channels, group]: [usize; 4],
    figures: &mut Figures,
) {
    let norm = norm(device, channels, 1.0);
    let shape = [steps * rows, channels];
    let count = shape.iter().product();
    let x = grid(count, 37, 300)
        .reshape::<2>(device, shape)
        .require_grad();
    let w = grid(count, 11, 64).reshape::<2>(device, shape);
    let s = batch_norm_lif(&norm, x.clone(), p, steps, group);
    let grads = (s.clone() * w).sum().backward();
    let name = format!("BatchNorm and LIF {p:?}");
    push(figures, name.clone(), s).await;
    let gradients = [
        ("gamma's", norm.gamma.val().grad(&grads)),
        ("beta's", norm.beta.val().grad(&grads)),
    ];
    let gradient = x.grad(&grads).expect("tracked");
    push(figures, format!("{name} gradient"), gradient).await;
    for (which, gradient) in gradients {
        push(
            figures,
            format!("{name} {which}"),
            gradient.expect("tracked"),
        )
        .await;
    }
}

/// BatchNorm and ExpG-IF neurons, of maps.
pub async fn norm_exp_g_if_figures(device: &Device, shape: [usize; 4], figures: &mut Figures) {
    let [count, channels] = [shape.iter().product(), shape[1]];
    let norm = norm(device, channels, 1.0);
    let x = grid(count, 37, 300)
        .reshape::<4>(device, shape)
        .require_grad();
    let theta = Tensor::<1>::from_floats([0.21], device).require_grad();
    let w = grid(count, 11, 64).reshape::<4>(device, shape);
    let p = ExpGIfParams {
        steps: 3,
        groups: 1,
        lsq_scale: true,
    };
    let y = batch_norm_exp_g_if(&norm, x.clone(), theta.clone(), &p);
    let grads = (y.clone() * w).sum().backward();
    let name = format!("BatchNorm and ExpG-IF {shape:?}");
    push(figures, name.clone(), y).await;
    for (which, running) in [("mean", &norm.running_mean), ("var", &norm.running_var)] {
        push(figures, format!("{name} {which}"), running.value_sync()).await;
    }
    let gradient = x.grad(&grads).expect("tracked");
    push(figures, format!("{name} x's"), gradient).await;
    for (which, gradient) in [
        ("gamma's", norm.gamma.val().grad(&grads)),
        ("beta's", norm.beta.val().grad(&grads)),
        ("theta's", theta.grad(&grads)),
    ] {
        let gradient = gradient.expect("tracked");
        push(figures, format!("{name} {which}"), gradient).await;
    }
}

/// Bias and LayerNorm of `[steps · rows, channels]`, and smooth neurons over `steps` steps behind them.
pub async fn bias_norm_figures(
    device: &Device,
    p: &LifParams,
    [steps, rows, channels, group]: [usize; 4],
    figures: &mut Figures,
) {
    let shape = [steps * rows, channels];
    let count = shape.iter().product();
    let w = grid(count, 11, 64).reshape::<2>(device, shape);
    for neurons in [false, true] {
        let vector = |salt, offset: f32| {
            (grid(channels, salt, 64).reshape::<1>(device, [channels]) + offset).require_grad()
        };
        let [bias, gamma, beta] = [vector(3, 0.0), vector(7, 1.0), vector(5, 1.0)];
        let x = grid(count, 37, 300)
            .reshape::<2>(device, shape)
            .require_grad();
        let norm = BiasNorm {
            bias: bias.clone(),
            gamma: gamma.clone(),
            beta: beta.clone(),
            epsilon: 1e-2,
        };
        let (name, y) = if neurons {
            let name = format!("bias, LayerNorm and LIF {channels} {group} {p:?}");
            (name, norm.spikes(x.clone(), p, steps, group))
        } else {
            (
                format!("bias and LayerNorm {channels}"),
                norm.rows(x.clone()),
            )
        };
        let grads = (y.clone() * w.clone()).sum().backward();
        push(figures, name.clone(), y).await;
        let gradient = x.grad(&grads).expect("tracked");
        push(figures, format!("{name} gradient"), gradient).await;
        for (which, vector) in [("bias's", bias), ("gamma's", gamma), ("beta's", beta)] {
            let gradient = vector.grad(&grads).expect("tracked");
            push(figures, format!("{name} {which}"), gradient).await;
        }
    }
}

/// A linear layer of `[g, C_in/g, C_out/g]` in training.
pub async fn linear_figures(
    device: &Device,
    rows: usize,
    [groups, c_in, c_out]: [usize; 3],
    figures: &mut Figures,
) {
    let x = grid(rows * groups * c_in, 23, 160)
        .reshape::<2>(device, [rows, groups * c_in])
        .require_grad();
    let weight = grid(groups * c_in * c_out, 29, 64)
        .reshape::<3>(device, [groups, c_in, c_out])
        .require_grad();
    let w = grid(rows * groups * c_out, 11, 40).reshape::<2>(device, [rows, groups * c_out]);
    let y = linear(x.clone(), weight.clone());
    let grads = (y.clone() * w).sum().backward();
    let name = format!("linear {rows} {groups} {c_in} {c_out}");
    push(figures, name.clone(), y).await;
    let gradient = x.grad(&grads).expect("tracked");
    push(figures, format!("{name} x's"), gradient).await;
    let gradient = weight.grad(&grads).expect("tracked");
    push(figures, format!("{name} weight's"), gradient).await;
}

/// The same of one group whose weights lie in memory as `[C_out, C_in]`.
pub async fn turned_linear_figures(
    device: &Device,
    [rows, c_in, c_out]: [usize; 3],
    figures: &mut Figures,
) {
    let matrix = |shape: [usize; 2], stride| {
        grid(shape.iter().product(), stride, 64).reshape::<2>(device, shape)
    };
    let weight = matrix([c_out, c_in], 29).require_grad();
    let y = linear(matrix([rows, c_in], 23), weight.clone().transpose());
    let grads = (y.clone() * matrix([rows, c_out], 11)).sum().backward();
    let name = format!("turned linear {rows} {c_in} {c_out}");
    push(figures, name.clone(), y).await;
    let gradient = weight.grad(&grads).expect("tracked");
    push(figures, format!("{name} weight's"), gradient).await;
}

/// A convolution of maps `[rows, c_in, height, width]` and its gradients.
pub async fn conv_figures(
    device: &Device,
    [rows, c_in, c_out]: [usize; 3],
    [height, width]: [usize; 2],
    kernel: usize,
    p: ConvParams,
    figures: &mut Figures,
) {
    let x = grid(rows * c_in * height * width, 23, 160)
        .reshape::<4>(device, [rows, c_in, height, width])
        .require_grad();
    let shape = [c_out, c_in / p.groups, kernel, kernel];
    let weight = grid(shape.iter().product(), 29, 64)
        .reshape::<4>(device, shape)
        .require_grad();
    let y = conv(x.clone(), weight.clone(), p);
    let w = grid(y.dims().iter().product(), 11, 40).reshape::<4>(device, y.dims());
    let grads = (y.clone() * w).sum().backward();
    let name = format!("convolution {rows} {c_in} {c_out} {height} {width} {kernel} {p:?}");
    push(figures, name.clone(), y).await;
    let gradient = x.grad(&grads).expect("tracked");
    push(figures, format!("{name} x's"), gradient).await;
    let gradient = weight.grad(&grads).expect("tracked");
    push(figures, format!("{name} weight's"), gradient).await;
}
