//! The GPU engine: burn's wgpu on WebGPU.

fn main() {
    #[cfg(target_family = "wasm")]
    {
        gemst::worker::run_constructors();
        gemst::worker::start(gemst::protocol::Backend::Webgpu);
    }
}
