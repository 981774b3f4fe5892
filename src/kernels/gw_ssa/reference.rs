//! GW-SSA's products in burn's own differentiable operations.

use super::{HeadGroups, HeadWindows};
use burn::tensor::{Device, Int, Tensor, TensorData};

/// [`super::gw_ssa`] in plain operations, on any device.
pub fn gw_ssa_reference(qkv: Tensor<2>, groups: &HeadGroups, tokens: usize) -> Tensor<2> {
    let [all, channels] = qkv.dims();
    let (rows, device) = (all / tokens, qkv.device());
    let mixed = groups.iter().map(|group| {
        let width = group.heads * group.d;
        let order = group.windows.members().concat();
        let count = group.windows.count();
        // `[R·N, h·d] -> [R, windows, h, W, d]`.
        let part = |part: usize| {
            qkv.clone()
                .narrow(1, part * channels / 3 + group.from, width)
                .reshape([rows, tokens, width])
                .select(1, places(&order, &device))
                .reshape([rows, count, tokens / count, group.heads, group.d])
                .permute([0, 1, 3, 2, 4])
        };
        let (q, k, v) = (part(0), part(1).swap_dims(3, 4), part(2));
        let y = if group.linear {
            q.matmul(k.matmul(v))
        } else {
            (q.matmul(k) * meetings(group, &device)).matmul(v)
        };
        let mut back = vec![0; tokens];
        for (at, token) in order.iter().enumerate() {
            back[*token] = at;
        }
        (y * group.scale)
            .permute([0, 1, 3, 2, 4])
            .reshape([rows, tokens, width])
            .select(1, places(&back, &device))
            .reshape([all, width])
    });
    Tensor::cat(mixed.collect(), 1)
}

fn places(order: &[usize], device: &Device) -> Tensor<1, Int> {
    let values: Vec<i32> = order.iter().map(|place| *place as i32).collect();
    let count = values.len();
    Tensor::from_data(TensorData::new(values, [count]), device)
}

/// 1 where two tokens may meet, `[1, windows, 1, W, W]`.
fn meetings(group: &HeadWindows, device: &Device) -> Tensor<5> {
    let (count, side) = (group.windows.count(), group.windows.tokens());
    let mut values = vec![1.0; count * side * side];
    for (window, regions) in group.windows.parts().iter().enumerate() {
        for i in 0..side {
            for j in 0..side {
                if regions[i] != regions[j] {
                    values[(window * side + i) * side + j] = 0.0f32;
                }
            }
        }
    }
    Tensor::from_data(TensorData::new(values, [1, count, 1, side, side]), device)
}
