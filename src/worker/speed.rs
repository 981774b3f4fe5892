//! Images per second over the last few seconds.

use std::collections::VecDeque;

/// Length of the window.
const WINDOW_MS: f64 = 3000.0;

/// A sliding window of finished steps.
#[derive(Debug, Default)]
pub struct Speed {
    /// End of a step and its images.
    steps: VecDeque<(f64, usize)>,
}

impl Speed {
    /// A pause: what came before says nothing about now.
    pub fn restart(&mut self, now_ms: f64) {
        self.steps.clear();
        self.steps.push_back((now_ms, 0));
    }

    /// A step of `images` ended.
    pub fn add(&mut self, now_ms: f64, images: usize) {
        self.steps.push_back((now_ms, images));
        while self.steps.len() > 2 && now_ms - self.steps[0].0 > WINDOW_MS {
            self.steps.pop_front();
        }
    }

    /// Images per second over the window; the first entry only marks its start.
    pub fn images_per_second(&self) -> f64 {
        let (Some(first), Some(last)) = (self.steps.front(), self.steps.back()) else {
            return 0.0;
        };
        let images: usize = self.steps.iter().skip(1).map(|step| step.1).sum();
        let ms = last.0 - first.0;
        if ms > 0.0 {
            images as f64 * 1000.0 / ms
        } else {
            0.0
        }
    }
}
