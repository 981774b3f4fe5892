//! The native command line: pretrain, eval, energy, bench, shards.

#[cfg(not(target_family = "wasm"))]
fn main() -> std::process::ExitCode {
    keep_memory();
    gemst::cli::main()
}

/// Freed memory stays with the process. A training step allocates and frees the same hundreds of megabytes each
/// time; glibc's allocator would hand them back to the system and pay for every page anew: up to a third of a step.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn keep_memory() {
    for (option, value) in [
        (libc::M_MMAP_MAX, 0),
        (libc::M_TRIM_THRESHOLD, i32::MAX),
        (libc::M_TOP_PAD, 256 << 20),
    ] {
        // SAFETY: called before any other thread exists, with options and values that mallopt(3) allows.
        unsafe {
            libc::mallopt(option, value);
        }
    }
}

#[cfg(all(
    not(target_family = "wasm"),
    not(all(target_os = "linux", target_env = "gnu"))
))]
fn keep_memory() {}

#[cfg(target_family = "wasm")]
fn main() {}
