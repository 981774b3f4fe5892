//! Which tokens a thread of attention in windows works on, and which others they meet.

use crate::kernels::Windows;
use cubecl::prelude::*;

/// A head group: where its windows lie (see [`crate::kernels::Windows`]), and its heads.
#[derive(CubeType, CubeLaunch, Clone, Copy)]
pub(in crate::kernels) struct Geometry {
    pub side: u32,
    pub window: u32,
    pub shift: u32,
    pub from: u32,
    pub heads: u32,
    pub scale: f32,
}

impl Windows {
    /// What a kernel is told of `heads` heads from channel `from` on.
    pub(in crate::kernels) fn launch(
        &self,
        from: usize,
        heads: usize,
        scale: f32,
    ) -> GeometryLaunch {
        GeometryLaunch::new(
            self.side as u32,
            self.window as u32,
            self.shift as u32,
            from as u32,
            heads as u32,
            scale,
        )
    }

    /// Whether windows and the border's cut through them begin in even columns, so that a token there and the one right
    /// of it meet the same others.
    pub(in crate::kernels) fn in_pairs(&self) -> bool {
        [self.side, self.window, self.shift]
            .iter()
            .all(|n| n.is_multiple_of(2))
    }
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

/// Where place `inside` of a window is on the grid, y before x.
#[cube]
fn on_grid(inside: u32, at: &Place) -> (u32, u32) {
    let geometry = &at.geometry;
    let y = at.window_y * geometry.window + inside / geometry.window;
    let x = at.window_x * geometry.window + inside % geometry.window;
    (
        (y + geometry.shift) % geometry.side,
        (x + geometry.shift) % geometry.side,
    )
}

/// The token at place `inside` of a window.
#[cube]
pub(in crate::kernels) fn member(inside: u32, at: &Place) -> u32 {
    let (y, x) = on_grid(inside, at);
    y * at.geometry.side + x
}

/// Whether it is in the region of the thread's own.
#[cube]
pub(in crate::kernels) fn meets(inside: u32, at: &Place) -> bool {
    let geometry = &at.geometry;
    let y = inside / geometry.window;
    let x = inside % geometry.window;
    region(y, x, at.window_y, at.window_x, geometry) == at.own
}

/// The token at place `inside` of a window; `none` where it is in another region.
#[cube]
pub(in crate::kernels) fn partner(inside: u32, at: &Place, none: u32) -> u32 {
    select(meets(inside, at), member(inside, at), none)
}

/// What a thread works on: a token of a head, and the one right of it where it has two, in the same region of a window.
#[derive(CubeType)]
pub(in crate::kernels) struct Place {
    pub geometry: Geometry,
    /// Row of all tokens, and the first one of its picture.
    pub row: usize,
    pub picture: usize,
    /// First channel of the head.
    pub first: usize,
    window_y: u32,
    window_x: u32,
    /// Region of the token.
    own: u32,
}

/// Thread `group · heads + head`, so that neighbours read neighbouring channels.
#[cube]
pub(in crate::kernels) fn place(
    first: &Geometry,
    second: &Geometry,
    #[comptime] d: usize,
    #[comptime] each: usize,
) -> Place {
    let heads = (first.heads + second.heads) as usize;
    let head = (ABSOLUTE_POS % heads) as u32;
    let geometry = chosen(head, first, second);
    let row = ABSOLUTE_POS / heads * each;
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
