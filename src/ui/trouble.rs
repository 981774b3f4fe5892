//! What a broken engine means, from what it said last: words for the visitor and a way on.

/// Why an engine stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// The GPU or its process went away: a driver update, a crash, another GPU taking over.
    Lost,
    /// No memory, on the GPU or in WebAssembly.
    Memory,
    /// Anything else.
    Other,
}

/// How browsers, wgpu and burn say that the device is gone.
const LOST: [&str; 6] = [
    "gpu was lost",
    "device was lost",
    "device lost",
    "device is lost",
    "parent device is lost",
    "external instance",
];

/// How they say that memory is short. Panics of ours have words; what traps without any is the allocator giving up.
const MEMORY: [&str; 7] = [
    "runtimeerror: unreachable",
    "out of memory",
    "outofmemory",
    "out-of-memory",
    "memory allocation",
    "allocation failed",
    "not enough memory",
];

/// The cause behind an engine's last words.
pub fn cause(text: &str) -> Cause {
    let text = text.to_ascii_lowercase();
    let says = |words: &[&str]| words.iter().any(|words| text.contains(words));
    if says(&MEMORY) {
        Cause::Memory
    } else if says(&LOST) {
        Cause::Lost
    } else {
        Cause::Other
    }
}

/// What happened, in a sentence without its full stop.
pub fn what(text: &str) -> String {
    match cause(text) {
        Cause::Lost => "the graphics processor went away (its driver or process was restarted, or the machine switched to another)".to_owned(),
        Cause::Memory => format!("it ran out of memory ({})", first_line(text)),
        Cause::Other => first_line(text).to_owned(),
    }
}

/// The batch to try next where memory was short.
pub fn smaller_batch(text: &str, batch: usize) -> Option<usize> {
    (cause(text) == Cause::Memory && batch > 1).then_some(batch / 2)
}

/// A panic's text goes on with places in the source, which help nobody here; the console has them.
fn first_line(text: &str) -> &str {
    text.lines()
        .find(|line| !line.trim().is_empty() && !line.starts_with("panicked at"))
        .unwrap_or(text)
        .trim()
        .trim_end_matches('.')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lost_gpu_and_short_memory_are_told_apart() {
        for (text, expected) in [
            (
                "the GPU was lost (A valid external Instance reference no longer exists.)",
                Cause::Lost,
            ),
            ("panicked at wgpu:1:2:\nParent device is lost", Cause::Lost),
            ("wgpu error: Out of Memory", Cause::Memory),
            ("memory allocation of 4194304 bytes failed", Cause::Memory),
            ("RangeError: Array buffer allocation failed", Cause::Memory),
            ("Uncaught RuntimeError: unreachable", Cause::Memory),
            (
                "panicked at src/x.rs:1:2:\nindex out of range",
                Cause::Other,
            ),
        ] {
            assert_eq!(cause(text), expected, "{text}");
        }
    }

    #[test]
    fn words_have_no_source_places_and_no_full_stop() {
        assert_eq!(
            what("panicked at src/x.rs:1:2:\nindex out of range."),
            "index out of range"
        );
        assert!(what("Device is lost").contains("graphics processor"));
        assert!(what("Out of memory").contains("out of memory"));
    }

    #[test]
    fn short_memory_suggests_half_the_batch() {
        assert_eq!(smaller_batch("Out of Memory", 32), Some(16));
        assert_eq!(smaller_batch("Out of Memory", 1), None);
        assert_eq!(smaller_batch("device lost", 32), None);
    }
}
