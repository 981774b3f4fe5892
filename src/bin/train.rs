//! The native command line: pretrain, eval, energy, bench, shards.

#[cfg(not(target_family = "wasm"))]
fn main() -> std::process::ExitCode {
    gemst::cli::main()
}

#[cfg(target_family = "wasm")]
fn main() {}
