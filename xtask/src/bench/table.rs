//! The benchmark's print-out.

use crate::site::{self, Download};

/// One engine's figures; times in milliseconds.
#[derive(Debug, Clone)]
pub struct Figures {
    /// `cpu` or `webgpu`.
    pub backend: &'static str,
    /// What the browser calls its device.
    pub adapter: String,
    /// From the start of the navigation to the page's word that it is ready.
    pub ready_ms: f64,
    /// The same at the second visit of that browser.
    pub cached_ready_ms: f64,
    /// A training step of the spiking network.
    pub spiking_step_ms: f64,
    /// A training step of the dense twin.
    pub dense_step_ms: f64,
    /// GPU dispatches of that spiking step.
    pub spiking_dispatches: f64,
    /// GPU dispatches of that dense step.
    pub dense_dispatches: f64,
    /// One picture through the spiking network.
    pub spiking_image_ms: f64,
    /// One picture through the dense twin.
    pub dense_image_ms: f64,
    /// Shader modules compiled until both networks have trained.
    pub modules: f64,
    /// Bytes of GPU buffers held while both networks train.
    pub buffers: f64,
}

/// One printed row: its name and the figure in it.
type Row = (&'static str, fn(&Figures) -> f64);

const ROWS: [Row; 10] = [
    ("navigation to ready, ms", |f| f.ready_ms),
    ("navigation to ready, cached, ms", |f| f.cached_ready_ms),
    ("training step, spiking, ms", |f| f.spiking_step_ms),
    ("training step, dense, ms", |f| f.dense_step_ms),
    ("one image, spiking, ms", |f| f.spiking_image_ms),
    ("one image, dense, ms", |f| f.dense_image_ms),
    ("dispatches a step, spiking", |f| f.spiking_dispatches),
    ("dispatches a step, dense", |f| f.dense_dispatches),
    ("shader modules, both networks", |f| f.modules),
    ("GPU buffers, both networks, MB", |f| f.buffers / 1e6),
];

/// Prints times, dispatches and sizes, which are brotli's best.
pub fn print(all: &[Figures], downloads: &[Download]) {
    println!("\n{}", render(all));
    site::print(downloads, site::BEST);
}

fn render(all: &[Figures]) -> String {
    let mut text = format!("{:<34}", "");
    for figures in all {
        text += &format!(" {:>12}", figures.backend);
    }
    for (name, figure) in ROWS {
        text += &format!("\n{name:<34}");
        for figures in all {
            text += &format!(" {:>12.1}", figure(figures));
        }
    }
    for figures in all {
        text += &format!("\n{}: {}", figures.backend, figures.adapter);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_has_a_column_for_each_engine() {
        let cpu = Figures {
            backend: "cpu",
            adapter: "flex, SIMD".into(),
            ready_ms: 812.0,
            cached_ready_ms: 812.0,
            spiking_step_ms: 400.25,
            dense_step_ms: 150.0,
            spiking_dispatches: 0.0,
            dense_dispatches: 0.0,
            spiking_image_ms: 9.5,
            dense_image_ms: 4.0,
            modules: 0.0,
            buffers: 0.0,
        };
        let webgpu = Figures {
            backend: "webgpu",
            spiking_dispatches: 331.0,
            buffers: 1.5e8,
            ..cpu.clone()
        };
        let text = render(&[cpu, webgpu]);
        let row = |name: &str| {
            let line = text.lines().find(|line| line.starts_with(name)).unwrap();
            line[34..]
                .split_whitespace()
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        assert_eq!(row("training step, spiking"), ["400.2", "400.2"]);
        assert_eq!(row("dispatches a step, spiking"), ["0.0", "331.0"]);
        assert_eq!(row("GPU buffers, both networks, MB"), ["0.0", "150.0"]);
        assert!(text.contains("cpu: flex, SIMD"));
    }
}
