//! Messages as bytes. Postcard rather than JSON: a field costs its value alone, and the page's program holds fewer
//! names to compare. Numbers that are not finite stay what they are.

use serde::{Serialize, de::DeserializeOwned};

/// A [`Command`](super::Command) or an [`Event`](super::Event) as bytes.
///
/// # Errors
/// None for the types of this module; in words otherwise.
pub fn pack(message: &impl Serialize) -> Result<Vec<u8>, String> {
    postcard::to_allocvec(message).map_err(|error| error.to_string())
}

/// The message in `bytes`.
///
/// # Errors
/// In words, if the bytes are not such a message.
pub fn unpack<M: DeserializeOwned>(bytes: &[u8]) -> Result<M, String> {
    postcard::from_bytes(bytes).map_err(|error| error.to_string())
}
