//! Looking: one picture through one network, timed.

use super::host::now_ms;
use crate::data::batch::Batch;
use crate::data::{IMAGE_BYTES, PLANE};
use crate::model::trace::SpikeCounts;
use crate::protocol::Classification;
use crate::train::{Session, eval::top};
use burn::tensor::ExecutionError;

/// Classes shown per picture.
const TOP: usize = 5;

/// One picture, planar RGB bytes, through one network; the time ends when the logits are on the host,
/// counting spikes comes after.
///
/// # Errors
/// When the device fails.
pub async fn look(
    session: &Session,
    planar: &[u8],
) -> Result<(Classification, SpikeCounts), ExecutionError> {
    let batch = Batch {
        images: crate::data::batch::to_unit(planar),
        labels: vec![0],
        mix: None,
        size: 1,
    };
    let start = now_ms();
    let (logits, trace) = session.infer(&batch).await?;
    let ms = now_ms() - start;
    let top = logits.first().map(|row| top(row, TOP)).unwrap_or_default();
    Ok((Classification { top, ms }, trace.count().await?))
}

/// `[3, 32, 32]` to `[32, 32, 3]`.
pub fn interleave(planar: &[u8]) -> Vec<u8> {
    let mut pixels = Vec::with_capacity(IMAGE_BYTES);
    for place in 0..PLANE {
        pixels.extend((0..3).map(|channel| planar[channel * PLANE + place]));
    }
    pixels
}
