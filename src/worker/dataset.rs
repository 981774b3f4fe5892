//! Data sets in the browser: shards beside the page, an archive that the visitor opens, generated
//! pictures. What was loaded once is kept in the browser's storage.
//!
//! The storage has `gemst/SET/shards/` for the page's own shards and `gemst/SET/archive/` for the
//! archive opened last; both hold shards and a manifest.

mod keep;
mod shards;

use super::storage::message;
use crate::config::DatasetKind;
use crate::data::archive::ArchiveReader;
use crate::data::{Dataset, synthetic};
use crate::protocol::DatasetSource;
use js_sys::{Reflect, Uint8Array};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::{File, ReadableStreamDefaultReader};

/// Generated pictures to train on, and to hold out.
const GENERATED: (usize, usize) = (5000, 1000);

/// Seed of the generated pictures; a visitor always sees the same ones.
const GENERATED_SEED: u64 = 0;

/// A data set, and something to tell the visitor about it.
#[derive(Debug)]
pub struct Loaded {
    /// The pictures.
    pub dataset: Dataset,
    /// What did not go as well as it could have, e.g. that nothing could be kept for the next visit.
    pub note: Option<String>,
}

/// How much of a data set is wanted: the first pictures of each part, `None` for all. Shards beyond
/// are not loaded; a set that is at hand anyway is cut.
#[derive(Debug, Clone, Copy, Default)]
pub struct Front {
    /// Training pictures.
    pub train: Option<usize>,
    /// Held-out pictures.
    pub held_out: Option<usize>,
}

/// Loads a whole data set. `payload` is the `File` of [`DatasetSource::Archive`]; `progress` is told
/// what is done, how far (bytes), and of how much.
///
/// # Errors
/// A text that says what is wrong and what to do; nothing has been replaced then.
pub async fn load(
    source: &DatasetSource,
    payload: JsValue,
    progress: impl Fn(&str, u64, u64),
) -> Result<Loaded, String> {
    load_front(source, payload, Front::default(), progress).await
}

/// As [`load`], but only the front of the set.
///
/// # Errors
/// As [`load`].
pub async fn load_front(
    source: &DatasetSource,
    payload: JsValue,
    front: Front,
    progress: impl Fn(&str, u64, u64),
) -> Result<Loaded, String> {
    let loaded = match source {
        DatasetSource::Shards { kind, base } => shards::load(*kind, base, front, &progress).await?,
        DatasetSource::Archive { name } => archive(name, payload, &progress).await?,
        DatasetSource::Synthetic => {
            progress("drawing pictures", 0, 0);
            Loaded {
                dataset: synthetic::generate(GENERATED_SEED, GENERATED.0, GENERATED.1),
                note: None,
            }
        }
    };
    let held_out = front.held_out.unwrap_or(usize::MAX);
    Ok(Loaded {
        dataset: loaded.dataset.limit(front.train, held_out),
        ..loaded
    })
}

/// Decodes a file of the visitor's piece by piece, and keeps the set.
async fn archive(
    name: &str,
    payload: JsValue,
    progress: &impl Fn(&str, u64, u64),
) -> Result<Loaded, String> {
    let unreadable = |error: JsValue| {
        format!(
            "{name} could not be read ({}). Was it moved or changed, or its disk removed? Open it once more.",
            message(&error)
        )
    };
    let file: File = payload
        .dyn_into()
        .map_err(|_| format!("{name} came without its content. Open it once more."))?;
    let label = format!("reading {name}");
    let (mut done, total) = (0, file.size() as u64);
    let stream: ReadableStreamDefaultReader = file.stream().get_reader().unchecked_into();
    let mut reader = ArchiveReader::new(name);
    loop {
        let step = JsFuture::from(stream.read()).await.map_err(unreadable)?;
        let value = Reflect::get(&step, &"value".into()).map_err(unreadable)?;
        if value.is_undefined() {
            break;
        }
        let piece = Uint8Array::new(&value).to_vec();
        done += piece.len() as u64;
        if let Err(error) = reader.push(&piece) {
            // The rest of the file is not needed; whether it can be given back does not matter.
            let _ = JsFuture::from(stream.cancel()).await;
            return Err(error.to_string());
        }
        progress(&label, done, total);
    }
    let dataset = reader.finish().map_err(|error| error.to_string())?;
    let note = keep::archive(&dataset, progress)
        .await
        .err()
        .map(|error| format!("{name} is in use, but it is not kept for your next visit: {error}."));
    Ok(Loaded { dataset, note })
}

/// Folder of a set in the browser's storage.
fn folder(kind: DatasetKind, part: &str) -> [&str; 3] {
    ["gemst", kind.name(), part]
}
