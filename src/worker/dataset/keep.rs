//! Keeping an opened archive in the browser's storage, and finding what was kept.

use super::super::storage::{StorageError, Store};
use super::{Front, Loaded, folder};
use crate::config::DatasetKind;
use crate::data::shards::{MANIFEST_FILE, Manifest, Shard, pack};
use crate::data::{DataError, Dataset, ImageSet, Split};

/// Writes an archive's pictures as shards, in place of those of the archive before. The manifest
/// comes last: until then the old set is the one that is found.
pub(super) async fn archive(
    dataset: &Dataset,
    progress: &impl Fn(&str, u64, u64),
) -> Result<(), StorageError> {
    let store = Store::open(&folder(dataset.kind, "archive")).await?;
    let before = manifest(&store, dataset.kind).await;
    let total = (dataset.train.pixels.len() + dataset.held_out.pixels.len()) as u64;
    let mut done = 0;
    let mut shards: Vec<Shard> = Vec::new();
    let mut written = Ok(());
    for (shard, bytes) in pack(dataset) {
        written = store.write(&shard.file, &bytes).await;
        if written.is_err() {
            break;
        }
        done += bytes.len() as u64;
        progress(
            "keeping the pictures for your next visit",
            done.min(total),
            total,
        );
        shards.push(shard);
    }
    let manifest = Manifest::new(dataset, shards);
    if written.is_ok() {
        written = store
            .write(MANIFEST_FILE, manifest.to_json().as_bytes())
            .await;
    }
    // Whichever set the manifest in the folder describes now stays; half of another would only
    // take space.
    let current = if written.is_ok() {
        Some(&manifest)
    } else {
        before.as_ref()
    };
    tidy(&store, current).await;
    written
}

/// Removes the files that a manifest does not name.
pub(super) async fn tidy(store: &Store, manifest: Option<&Manifest>) {
    let named = |file: &str| {
        manifest.is_some_and(|manifest| {
            file == MANIFEST_FILE || manifest.shards.iter().any(|shard| shard.file == file)
        })
    };
    store.retain(named).await;
}

/// The data set found in the storage: the archive opened last, else shards of an earlier visit.
pub(super) async fn find(kind: DatasetKind, front: Front) -> Option<Loaded> {
    for part in ["archive", "shards"] {
        let Ok(store) = Store::open(&folder(kind, part)).await else {
            return None;
        };
        let Some(manifest) = manifest(&store, kind).await else {
            continue;
        };
        let train = part_of(&store, &manifest, Split::Train, front.train).await;
        let held_out = part_of(&store, &manifest, Split::Test, front.held_out).await;
        if let (Some(train), Some(held_out)) = (train, held_out) {
            let dataset = Dataset {
                kind,
                train,
                held_out,
                origin: format!("browser storage, from {}", manifest.origin),
                classes: manifest.classes,
            };
            return Some(Loaded {
                dataset,
                note: None,
            });
        }
    }
    None
}

/// The manifest in a folder, if it is one of this set.
async fn manifest(store: &Store, kind: DatasetKind) -> Option<Manifest> {
    let json = store.read(MANIFEST_FILE).await?;
    let manifest = Manifest::from_json(MANIFEST_FILE, &json).ok()?;
    (manifest.kind == kind).then_some(manifest)
}

/// One part from the storage alone; `None` if a shard is missing or torn.
async fn part_of(
    store: &Store,
    manifest: &Manifest,
    split: Split,
    limit: Option<usize>,
) -> Option<ImageSet> {
    let shards = manifest.needed(split, limit);
    let mut set = ImageSet::with_capacity(shards.iter().map(|shard| shard.images).sum());
    for shard in shards {
        let bytes = store.read(&shard.file).await?;
        let parsed: Result<(), DataError> = manifest.parse(shard, &bytes, &mut set);
        parsed.ok()?;
    }
    Some(set)
}
