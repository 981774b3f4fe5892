//! The CPU engine: burn's flex with WebAssembly SIMD.

fn main() {
    #[cfg(target_family = "wasm")]
    {
        gemst::worker::run_constructors();
        gemst::worker::start(gemst::protocol::Backend::Cpu);
    }
}
