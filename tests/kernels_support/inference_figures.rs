//! The figures of the spiking network's layers at inference, where a GPU computes in one what a processor computes apart.

use super::{Figures, grid, push};
use burn::module::{Param, RunningState};
use burn::nn::{BatchNorm, BatchNormConfig};
use burn::tensor::{Device, Tensor};
use gemst::kernels::{
    Attended, Attending, ConvParams, ExpGIfParams, Fired, FusedNorm, HeadWindows, Neurons, Windows,
    batch_norm_layer, conv, exp_g_if_with, gw_ssa, linear,
};
use std::sync::Arc;

/// BatchNorm of `channels` channels that has seen something.
fn seasoned(device: &Device, channels: usize) -> BatchNorm {
    let vector = |stride: usize| grid(channels, stride, 64).reshape::<1>(device, [channels]);
    let mut norm = BatchNormConfig::new(channels)
        .with_epsilon(1e-2)
        .init(device);
    norm.gamma = Param::from_tensor(vector(5));
    norm.beta = Param::from_tensor(vector(7));
    norm.running_mean = RunningState::new(vector(3));
    norm.running_var = RunningState::new(vector(13).abs() + 0.5);
    norm
}

/// Neurons whose levels are no sums of the figures' numbers: no device is in doubt about a spike.
fn neurons(device: &Device, theta: f32, steps: usize) -> Neurons {
    let code = ExpGIfParams {
        steps,
        groups: 1,
        lsq_scale: true,
    };
    (Tensor::full([1], theta, device), code)
}

/// A grouped linear layer and a convolution with their norms: alone, onto a shortcut that is used again, onto one that
/// is not, and with neurons behind them.
pub async fn synapse_figures(
    device: &Device,
    rows: usize,
    [groups, c_in, c_out, side]: [usize; 4],
    kernel: usize,
    stride: usize,
    figures: &mut Figures,
) {
    let device = &device.clone().inner();
    let name = format!("synapse {rows} {groups} {c_in} {c_out} {side} {kernel} {stride}");
    let norm = seasoned(device, groups * c_out);
    let fused = || FusedNorm::new(&norm, device);
    assert_eq!(fused().is_some(), *device != Device::flex(), "{name}");
    let (theta, code) = neurons(device, 0.37, 3);
    let own = || (theta.clone(), code);

    let x = grid(rows * groups * c_in, 23, 160).reshape::<2>(device, [rows, groups * c_in]);
    let w = grid(groups * c_in * c_out, 29, 64).reshape::<3>(device, [groups, c_in, c_out]);
    let shortcut = || grid(rows * groups * c_out, 31, 160).reshape(device, [rows, groups * c_out]);
    let apart = |onto: Option<Tensor<2>>| {
        let y = batch_norm_layer(&norm, linear(x.clone(), w.clone()));
        onto.map_or(y.clone(), |onto| y + onto)
    };
    let layer = |onto: Option<Tensor<2>>| match fused() {
        Some(fused) => fused.linear(w.clone(), x.clone(), onto),
        None => apart(onto),
    };
    let kept: Tensor<2> = shortcut();
    push(figures, format!("{name} linear"), layer(None)).await;
    let onto = layer(Some(kept.clone()));
    push(figures, format!("{name} linear onto"), onto).await;
    push(figures, format!("{name} linear's shortcut"), kept.clone()).await;
    let onto = layer(Some(shortcut()));
    push(figures, format!("{name} linear in place"), onto).await;
    let spikes = match fused() {
        Some(fused) => fused.linear_spikes(w.clone(), x.clone(), own()),
        None => exp_g_if_with(apart(None), theta.clone(), &code),
    };
    push(figures, format!("{name} linear's spikes"), spikes).await;
    let fired = match fused() {
        Some(fused) => fused.linear_fired(w.clone(), x.clone(), kept, own()),
        None => fire(apart(Some(kept)), own()),
    };
    push_fired(figures, &format!("{name} linear fired"), fired).await;

    let p = ConvParams {
        stride,
        padding: (kernel + 1 - stride) / 2,
        groups,
    };
    let x = grid(rows * groups * c_in * side * side, 23, 160)
        .reshape::<4>(device, [rows, groups * c_in, side, side]);
    let w = grid(groups * c_out * c_in * kernel * kernel, 29, 64)
        .reshape::<4>(device, [groups * c_out, c_in, kernel, kernel]);
    let apart = || batch_norm_layer(&norm, conv(x.clone(), w.clone(), p));
    let layer = |onto: Option<Tensor<4>>| match fused() {
        Some(fused) => fused.conv(w.clone(), p, x.clone(), onto),
        None => onto.map_or(apart(), |onto| apart() + onto),
    };
    let y = layer(None);
    let shape = y.dims();
    push(figures, format!("{name} conv"), y).await;
    let shortcut = grid(shape.iter().product(), 31, 160).reshape::<4>(device, shape);
    let onto = layer(Some(shortcut.clone()));
    push(figures, format!("{name} conv onto"), onto).await;
    let onto = layer(Some(shortcut));
    push(figures, format!("{name} conv in place"), onto).await;
    let spikes = match fused() {
        Some(fused) => fused.conv_spikes(w.clone(), p, x.clone(), own()),
        None => exp_g_if_with(apart(), theta.clone(), &code),
    };
    push(figures, format!("{name} conv's spikes"), spikes).await;
    let fired = match fused() {
        Some(fused) => fused.conv_tokens(w.clone(), p, x.clone(), own()),
        None => {
            let [rows, channels, height, width] = shape;
            let maps = apart().reshape([rows, channels, height * width]);
            let tokens = maps.swap_dims(1, 2);
            fire(tokens.reshape([rows * height * width, channels]), own())
        }
    };
    push_fired(figures, &format!("{name} conv's tokens"), fired).await;
}

/// Attention without softmax and the layer behind it. See [`super::spiking::gw_ssa_figures`].
pub async fn attended_figures(
    device: &Device,
    pictures: usize,
    [side, window, heads, d]: [usize; 4],
    shifted: bool,
    figures: &mut Figures,
) {
    let device = &device.clone().inner();
    let group = |index: usize, window: usize, shifted: bool| HeadWindows {
        windows: Windows::new(side, window, shifted),
        linear: false,
        from: index * heads * d,
        heads,
        d,
        scale: 1.0,
    };
    let groups = Arc::new(vec![group(0, window, shifted), group(1, side, false)]);
    let (tokens, channels) = (side * side, 2 * heads * d);
    let rows = pictures * tokens;
    let qkv = grid(rows * 3 * channels, 37, 40).reshape::<2>(device, [rows, 3 * channels]);
    let w = grid(channels * d, 29, 64).reshape::<3>(device, [2 * heads, d, d]);
    let norm = seasoned(device, channels);
    let [between, behind] = [(0.23, 4), (0.37, 3)].map(|(theta, k)| neurons(device, theta, k));
    let shortcut: Tensor<2> = grid(rows * channels, 31, 160).reshape(device, [rows, channels]);
    let one = FusedNorm::new(&norm, device).and_then(|norm| {
        let own = [between.clone(), behind.clone()];
        Attending::new(norm, w.clone(), qkv.clone(), groups.clone(), own)
    });
    let fits = (rows * channels * 4).is_multiple_of(256);
    assert_eq!(one.is_some(), fits && *device != Device::flex());
    let Attended { mixed, fired } = match one {
        Some(attending) => attending.onto(shortcut),
        None => {
            let mixed = fire(gw_ssa(qkv, groups, tokens), between).spikes;
            let y = batch_norm_layer(&norm, linear(mixed.clone(), w));
            Attended {
                mixed,
                fired: fire(shortcut + y, behind),
            }
        }
    };
    let name = format!("attended {pictures} {side} {window} {heads} {d} {shifted}");
    push(figures, format!("{name}, between"), mixed).await;
    push_fired(figures, &name, fired).await;
}

fn fire<const D: usize>(potentials: Tensor<D>, (theta, code): Neurons) -> Fired<D> {
    let spikes = exp_g_if_with(potentials.clone(), theta, &code);
    Fired { potentials, spikes }
}

async fn push_fired<const D: usize>(figures: &mut Figures, name: &str, fired: Fired<D>) {
    push(figures, format!("{name}, potentials"), fired.potentials).await;
    push(figures, format!("{name}, spikes"), fired.spikes).await;
}
