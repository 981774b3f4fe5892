//! GW-SSA on the GPU: a thread for each token of each head, one dispatch for two head groups each way. Threads of a window
//! read the same keys at the same time, which caches serve. Both orders are computed as `(q kᵀ) v`: the numbers
//! are the same up to rounding, and no product has to wait for another.

use super::{GwSsaGrad, GwSsaOps, HeadGroups, HeadWindows};
use crate::kernels::cube::{dot, empty, grid, like};
use burn::backend::{TensorMetadata, tensor::FloatTensor};
use burn::tensor::Shape;
use burn_cubecl::{CubeBackend, kernel::into_contiguous, tensor::CubeTensor};
use cubecl::prelude::*;

/// A head group: where its windows lie (see [`crate::kernels::Windows`]), and its heads.
#[derive(CubeType, CubeLaunch, Clone, Copy)]
struct Geometry {
    side: u32,
    window: u32,
    shift: u32,
    from: u32,
    heads: u32,
    scale: f32,
}

/// The group that head `0..first.heads + second.heads` belongs to.
#[cube]
fn chosen(head: u32, first: &Geometry, second: &Geometry) -> Geometry {
    let in_first = head < first.heads;
    Geometry {
        side: first.side,
        window: select(in_first, first.window, second.window),
        shift: select(in_first, first.shift, second.shift),
        from: select(in_first, first.from, second.from),
        heads: select(in_first, first.heads, second.heads),
        scale: select(in_first, first.scale, second.scale),
    }
}

/// A window along one axis, and the part of it that the border cuts off: 1 behind the border.
#[cube]
fn part(at: u32, window: u32, geometry: &Geometry) -> u32 {
    let last = window == geometry.side / geometry.window - 1;
    let behind = at >= geometry.window - geometry.shift;
    select(last && behind, 1u32, 0u32)
}

/// Which of four regions of its window a place is in.
#[cube]
fn region(y: u32, x: u32, window_y: u32, window_x: u32, geometry: &Geometry) -> u32 {
    2 * part(y, window_y, geometry) + part(x, window_x, geometry)
}

/// A token's place on the grid before the shift moved it.
#[cube]
fn shifted(at: u32, geometry: &Geometry) -> u32 {
    (at + geometry.side - geometry.shift) % geometry.side
}

/// The token at place `inside` of a window; `none` where it is in another region.
#[cube]
fn partner(inside: u32, at: &Place, none: u32) -> u32 {
    let geometry = &at.geometry;
    let y = inside / geometry.window;
    let x = inside % geometry.window;
    let grid_y = (at.window_y * geometry.window + y + geometry.shift) % geometry.side;
    let grid_x = (at.window_x * geometry.window + x + geometry.shift) % geometry.side;
    let met = region(y, x, at.window_y, at.window_x, geometry) == at.own;
    select(met, grid_y * geometry.side + grid_x, none)
}

/// What a thread works on: a token of a head, and the window that the token is in.
#[derive(CubeType)]
struct Place {
    geometry: Geometry,
    /// Row of all tokens, and the first one of its picture.
    row: usize,
    picture: usize,
    /// First channel of the head.
    first: usize,
    window_y: u32,
    window_x: u32,
    /// Region of the token.
    own: u32,
}

/// Thread `row · heads + head`, so that neighbours read neighbouring channels.
#[cube]
fn place(thread: usize, first: &Geometry, second: &Geometry, #[comptime] d: usize) -> Place {
    let heads = (first.heads + second.heads) as usize;
    let head = (thread % heads) as u32;
    let geometry = chosen(head, first, second);
    let row = thread / heads;
    let head = select(head < first.heads, head, head - first.heads);
    let tokens = geometry.side * geometry.side;
    let token = row as u32 % tokens;
    let grid_y = shifted(token / geometry.side, &geometry);
    let grid_x = shifted(token % geometry.side, &geometry);
    let window_y = grid_y / geometry.window;
    let window_x = grid_x / geometry.window;
    let own = region(
        grid_y % geometry.window,
        grid_x % geometry.window,
        window_y,
        window_x,
        &geometry,
    );
    let first = (geometry.from + head * d as u32) as usize;
    Place {
        geometry,
        row,
        picture: row - token as usize,
        first,
        window_y,
        window_x,
        own,
    }
}

/// A thread for each [`Place`].
#[cube(launch)]
fn forward_kernel(
    qkv: &[f32],
    y: &mut [f32],
    first: &Geometry,
    second: &Geometry,
    units: u32,
    channels: u32,
    #[comptime] d: usize,
) {
    if ABSOLUTE_POS >= units as usize {
        terminate!();
    }
    let channels = channels as usize;
    let at = place(ABSOLUTE_POS, first, second, d);
    let (row, picture, first) = (at.row, at.picture, at.first);
    let scale = at.geometry.scale;
    let tokens = at.geometry.side * at.geometry.side;
    let mut q = Array::<f32>::new(d);
    let mut sums = Array::<f32>::new(d);
    #[unroll]
    for c in 0..d {
        q[c] = qkv[row * 3 * channels + first + c];
        sums[c] = 0.0;
    }
    for inside in 0..at.geometry.window * at.geometry.window {
        let other = partner(inside, &at, tokens);
        if other < tokens {
            let k = (picture + other as usize) * 3 * channels + channels + first;
            let score = dot(&q, qkv, k, d);
            #[unroll]
            for c in 0..d {
                sums[c] += score * qkv[k + channels + c];
            }
        }
    }
    #[unroll]
    for c in 0..d {
        y[row * channels + first + c] = sums[c] * scale;
    }
}

/// As forward; the thread's token is a query and a key at once, since tokens meet both ways.
#[cube(launch)]
fn backward_kernel(
    qkv: &[f32],
    grad: &[f32],
    out: &mut [f32],
    first: &Geometry,
    second: &Geometry,
    units: u32,
    channels: u32,
    #[comptime] d: usize,
) {
    if ABSOLUTE_POS >= units as usize {
        terminate!();
    }
    let channels = channels as usize;
    let at = place(ABSOLUTE_POS, first, second, d);
    let (row, picture, first) = (at.row, at.picture, at.first);
    let scale = at.geometry.scale;
    let tokens = at.geometry.side * at.geometry.side;
    let place = row * 3 * channels + first;
    let mut k = Array::<f32>::new(d);
    let mut v = Array::<f32>::new(d);
    let mut g = Array::<f32>::new(d);
    let mut dq = Array::<f32>::new(d);
    let mut dk = Array::<f32>::new(d);
    let mut dv = Array::<f32>::new(d);
    #[unroll]
    for c in 0..d {
        k[c] = qkv[place + channels + c];
        v[c] = qkv[place + 2 * channels + c];
        g[c] = grad[row * channels + first + c];
        dq[c] = 0.0;
        dk[c] = 0.0;
        dv[c] = 0.0;
    }
    for inside in 0..at.geometry.window * at.geometry.window {
        let other = partner(inside, &at, tokens);
        if other < tokens {
            let other = picture + other as usize;
            let query = other * 3 * channels + first;
            let line = other * channels + first;
            let as_query = dot(&g, qkv, query + 2 * channels, d);
            let as_key = dot(&v, grad, line, d);
            let score = dot(&k, qkv, query, d);
            #[unroll]
            for c in 0..d {
                dq[c] += as_query * qkv[query + channels + c];
                dk[c] += as_key * qkv[query + c];
                dv[c] += score * grad[line + c];
            }
        }
    }
    #[unroll]
    for c in 0..d {
        out[place + c] = dq[c] * scale;
        out[place + channels + c] = dk[c] * scale;
        out[place + 2 * channels + c] = dv[c] * scale;
    }
}

/// Groups that one launch serves: two, or one and nothing.
struct Launch {
    first: GeometryLaunch,
    second: GeometryLaunch,
    heads: usize,
    d: usize,
}

fn launches(groups: &HeadGroups) -> impl Iterator<Item = Launch> {
    let alike = groups.chunk_by(|a, b| a.d == b.d);
    alike
        .flat_map(|groups| groups.chunks(2))
        .map(|pair| Launch {
            first: geometry(&pair[0], pair[0].heads),
            second: match pair.get(1) {
                Some(second) => geometry(second, second.heads),
                None => geometry(&pair[0], 0),
            },
            heads: pair.iter().map(|group| group.heads).sum(),
            d: pair[0].d,
        })
}

fn geometry(group: &HeadWindows, heads: usize) -> GeometryLaunch {
    let windows = group.windows;
    GeometryLaunch::new(
        windows.side as u32,
        windows.window as u32,
        windows.shift as u32,
        group.from as u32,
        heads as u32,
        group.scale,
    )
}

/// Rows `R·N` and C of `qkv [R·N, 3C]`.
fn extent(qkv: &CubeTensor) -> [usize; 2] {
    [qkv.shape()[0], qkv.shape()[1] / 3]
}

impl GwSsaOps for CubeBackend {
    fn gw_ssa_forward(
        qkv: FloatTensor<Self>,
        groups: HeadGroups,
        _tokens: usize,
    ) -> FloatTensor<Self> {
        let qkv = into_contiguous(qkv);
        let [rows, channels] = extent(&qkv);
        let y = empty(&qkv, Shape::from([rows, channels]));
        for launch in launches(&groups) {
            let units = rows * launch.heads;
            let (count, dim) = grid(&qkv, units);
            forward_kernel::launch(
                &y.client,
                count,
                dim,
                qkv.clone().into_buffer_arg(),
                y.clone().into_buffer_arg(),
                launch.first,
                launch.second,
                units as u32,
                channels as u32,
                launch.d,
            );
        }
        y
    }
}

impl GwSsaGrad for CubeBackend {
    fn gw_ssa_backward(
        qkv: FloatTensor<Self>,
        grad: FloatTensor<Self>,
        groups: HeadGroups,
        _tokens: usize,
    ) -> FloatTensor<Self> {
        let [qkv, grad] = [qkv, grad].map(into_contiguous);
        let [rows, channels] = extent(&qkv);
        let out = like(&qkv);
        for launch in launches(&groups) {
            let units = rows * launch.heads;
            let (count, dim) = grid(&qkv, units);
            backward_kernel::launch(
                &out.client,
                count,
                dim,
                qkv.clone().into_buffer_arg(),
                grad.clone().into_buffer_arg(),
                out.clone().into_buffer_arg(),
                launch.first,
                launch.second,
                units as u32,
                channels as u32,
                launch.d,
            );
        }
        out
    }
}
