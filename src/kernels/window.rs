//! Spatial grouping: windows of `w×w` tokens, shifted by `w/2` in every second block, as in Swin
//! (arXiv:2103.14030 §3.2). `R` rows (time × batch), `S` side of the token grid, `h` heads, `d` channels a head.

use burn::tensor::{Device, Tensor, TensorData};

/// How one head group cuts the token grid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Windows {
    /// S, side of the token grid.
    pub side: usize,
    /// w, side of a window; divides S.
    pub window: usize,
    /// Cyclic shift in tokens, 0 or `w/2`.
    pub shift: usize,
}

impl Windows {
    /// Windows of `window` on a grid of `side`, shifted if asked and if there is more than one.
    pub fn new(side: usize, window: usize, shifted: bool) -> Self {
        let shift = if shifted && window < side {
            window / 2
        } else {
            0
        };
        Self {
            side,
            window,
            shift,
        }
    }

    /// Number of windows.
    pub fn count(&self) -> usize {
        (self.side / self.window).pow(2)
    }

    /// W, tokens of a window.
    pub fn tokens(&self) -> usize {
        self.window * self.window
    }

    /// `[R, S·S, h·d] -> [R, windows, h, W, d]`.
    pub fn partition(&self, x: Tensor<3>, heads: usize) -> Tensor<5> {
        let [rows, _, channels] = x.dims();
        let (n, w) = (self.side / self.window, self.window);
        let x = if self.shift > 0 {
            let by = -(self.shift as i64);
            x.reshape([rows, self.side, self.side, channels])
                .roll(&[by, by], &[1, 2])
        } else {
            x.reshape([rows, self.side, self.side, channels])
        };
        x.reshape([rows, n, w, n, w, heads, channels / heads])
            .permute([0, 1, 3, 5, 2, 4, 6])
            .reshape([rows, n * n, heads, w * w, channels / heads])
    }

    /// The inverse of [`Windows::partition`].
    pub fn reverse(&self, x: Tensor<5>) -> Tensor<3> {
        let [rows, _, heads, _, d] = x.dims();
        let (n, w) = (self.side / self.window, self.window);
        let x = x
            .reshape([rows, n, n, heads, w, w, d])
            .permute([0, 1, 4, 2, 5, 3, 6])
            .reshape([rows, self.side, self.side, heads * d]);
        let x = if self.shift > 0 {
            let by = self.shift as i64;
            x.roll(&[by, by], &[1, 2])
        } else {
            x
        };
        x.reshape([rows, self.side * self.side, heads * d])
    }

    /// Grid positions of each window's tokens, in the order of [`Windows::partition`].
    pub fn members(&self) -> Vec<Vec<usize>> {
        let (n, w) = (self.side / self.window, self.window);
        let at = |window: usize, token: usize| (window * w + token + self.shift) % self.side;
        (0..n * n)
            .map(|index| {
                let token =
                    |token: usize| at(index / n, token / w) * self.side + at(index % n, token % w);
                (0..w * w).map(token).collect()
            })
            .collect()
    }

    /// Region of each token of each window: tokens that the cyclic shift brought together across
    /// the border are in different regions and do not attend to each other.
    pub fn regions(&self) -> Vec<Vec<usize>> {
        let (n, w) = (self.side / self.window, self.window);
        // Along one axis only the last window holds two regions, cut where the shift wrapped.
        let part = |window: usize, at: usize| {
            usize::from(self.shift > 0 && window == n - 1 && at >= w - self.shift)
        };
        (0..n * n)
            .map(|index| {
                (0..w * w)
                    .map(|token| 2 * part(index / n, token / w) + part(index % n, token % w))
                    .collect()
            })
            .collect()
    }

    /// [`Windows::regions`]; empty where all tokens of a window may attend to each other.
    pub(super) fn parts(&self) -> Vec<Vec<usize>> {
        if self.shift > 0 {
            self.regions()
        } else {
            Vec::new()
        }
    }

    /// 1 where two tokens may attend to each other, 0 across the border: `[1, windows, 1, W, W]`;
    /// `None` when every pair may.
    pub fn mask(&self, device: &Device) -> Option<Tensor<5>> {
        (self.shift > 0).then(|| {
            let mut values = Vec::with_capacity(self.count() * self.tokens().pow(2));
            for regions in self.regions() {
                for a in &regions {
                    values.extend(regions.iter().map(|b| f32::from(u8::from(a == b))));
                }
            }
            let shape = [1, self.count(), 1, self.tokens(), self.tokens()];
            Tensor::from_data(TensorData::new(values, shape), device)
        })
    }
}
