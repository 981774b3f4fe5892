//! Which engine, and why, in words.

use super::format::duration;

/// What the browser tells about its WebGPU adapter.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AdapterInfo {
    /// `GPUAdapterInfo.vendor`.
    pub vendor: String,
    /// `GPUAdapterInfo.architecture`.
    pub architecture: String,
    /// `GPUAdapterInfo.device`.
    pub device: String,
    /// `GPUAdapterInfo.description`.
    pub description: String,
    /// `isFallbackAdapter`: the browser itself says that this is software.
    pub fallback: bool,
}

/// What a look at `navigator.gpu` found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Gpu {
    /// The browser has no WebGPU.
    Missing,
    /// WebGPU is there, an adapter is not; the browser's words.
    NoAdapter(String),
    /// An adapter.
    Adapter(AdapterInfo),
}

/// Names under which software adapters go.
const SOFTWARE: [&str; 6] = [
    "swiftshader",
    "llvmpipe",
    "lavapipe",
    "software",
    "basic render",
    "cpu",
];

impl AdapterInfo {
    /// The adapter's name as far as the browser tells.
    pub fn name(&self) -> String {
        let parts = [
            &self.vendor,
            &self.architecture,
            &self.device,
            &self.description,
        ];
        let mut seen: Vec<&str> = Vec::new();
        for part in parts {
            if !part.is_empty() && !seen.contains(&part.as_str()) {
                seen.push(part);
            }
        }
        if seen.is_empty() {
            "unnamed adapter".to_owned()
        } else {
            seen.join(" ")
        }
    }

    /// Whether the adapter runs on the processor.
    pub fn is_software(&self) -> bool {
        let name = self.name().to_ascii_lowercase();
        self.fallback
            || SOFTWARE.iter().any(|word| {
                name.split(|c: char| !c.is_alphanumeric() && c != ' ')
                    .any(|part| part.contains(word) && *word != "cpu" || part.trim() == *word)
            })
    }
}

/// Whether the WebGPU engine is worth its download.
///
/// # Errors
/// Why not, for the visitor.
pub fn worth_trying(gpu: &Gpu) -> Result<(), String> {
    match gpu {
        Gpu::Missing => Err(
            "This browser has no WebGPU, so everything runs on the CPU engine. Recent Chrome, Edge, Safari and Firefox on most systems have it."
                .to_owned(),
        ),
        Gpu::NoAdapter(why) => Err(format!(
            "WebGPU found no graphics adapter{}, so everything runs on the CPU engine.",
            if why.is_empty() { String::new() } else { format!(" ({why})") }
        )),
        Gpu::Adapter(info) if info.is_software() => Err(format!(
            "WebGPU is only emulated in software here ({}), which is slower than the CPU engine; the WebGPU engine was not even downloaded.",
            info.name()
        )),
        Gpu::Adapter(_) => Ok(()),
    }
}

/// Compare mean milliseconds of a training step. `true` moves to WebGPU; the sentence says why.
pub fn compare(cpu_ms: f64, gpu_ms: f64) -> (bool, String) {
    let (cpu, gpu) = (duration(cpu_ms), duration(gpu_ms));
    if gpu_ms < cpu_ms {
        (
            true,
            format!(
                "WebGPU, because it is faster here: {gpu} a training step against {cpu} on the CPU."
            ),
        )
    } else {
        (
            false,
            format!(
                "CPU, because it is faster here: {cpu} a training step against {gpu} on WebGPU."
            ),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn adapter(vendor: &str, architecture: &str, description: &str) -> AdapterInfo {
        AdapterInfo {
            vendor: vendor.to_owned(),
            architecture: architecture.to_owned(),
            description: description.to_owned(),
            ..AdapterInfo::default()
        }
    }

    #[test]
    fn software_adapters_are_recognised() {
        for info in [
            adapter("google", "swiftshader", ""),
            adapter("mesa", "", "llvmpipe (LLVM 19.1.7, 256 bits)"),
            adapter("microsoft", "", "Microsoft Basic Render Driver"),
            adapter("", "cpu", ""),
            AdapterInfo {
                fallback: true,
                ..adapter("acme", "", "")
            },
        ] {
            assert!(info.is_software(), "{info:?}");
            let why = worth_trying(&Gpu::Adapter(info)).unwrap_err();
            assert!(why.contains("software"), "{why}");
        }
    }

    #[test]
    fn real_adapters_are_tried() {
        for info in [
            adapter("nvidia", "ampere", ""),
            adapter("apple", "common-3", ""),
            adapter("intel", "gen-12lp", "Intel(R) Iris(R) Xe"),
            adapter("", "", ""),
        ] {
            assert_eq!(worth_trying(&Gpu::Adapter(info)), Ok(()));
        }
    }

    #[test]
    fn without_webgpu_there_is_a_plain_sentence() {
        for gpu in [Gpu::Missing, Gpu::NoAdapter("blocklisted".to_owned())] {
            assert!(worth_trying(&gpu).unwrap_err().contains("CPU engine"));
        }
    }

    #[test]
    fn the_faster_engine_wins_and_both_times_are_named() {
        let (moved, why) = compare(200.0, 40.0);
        assert!(moved && why.contains("200") && why.contains("40.0"));
        let (moved, why) = compare(40.0, 40.0);
        assert!(!moved && why.starts_with("CPU"));
    }
}
