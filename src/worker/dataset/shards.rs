//! Shards beside the page: loaded a few at a time, kept as they come.

use super::super::storage::{StorageError, Store, message};
use super::{Front, Loaded, folder, keep};
use crate::config::DatasetKind;
use crate::data::shards::{MANIFEST_FILE, Manifest, Shard};
use crate::data::{Dataset, ImageSet, Split};
use async_channel::Receiver;
use js_sys::Uint8Array;
use std::collections::VecDeque;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{RequestCache, RequestInit, Response, WorkerGlobalScope};

/// Shards under way at the same time: enough to hide the way to the server and back, few enough to
/// hold only some 12 MB beside the set.
const UNDER_WAY: usize = 4;

/// Loads the front of a set from `base`, or from the storage if nothing is there.
pub(super) async fn load(
    kind: DatasetKind,
    base: &str,
    front: Front,
    progress: &impl Fn(&str, u64, u64),
) -> Result<Loaded, String> {
    match manifest(kind, base).await {
        Ok(manifest) => from_page(&manifest, base, front, progress).await,
        Err(reason) => keep::find(kind, front).await.ok_or_else(|| {
            let archive = match kind {
                DatasetKind::Cifar100 => "cifar-100-binary.tar.gz",
                _ => "cifar-10-binary.tar.gz",
            };
            format!(
                "{} is not here yet: {reason}, and none is kept in this browser. Get {archive} from https://www.cs.toronto.edu/~kriz/cifar.html and open it with Open dataset; whoever runs this page can put it beside it with `cargo xtask data`.",
                kind.name()
            )
        }),
    }
}

/// The manifest beside the page, or why there is none.
async fn manifest(kind: DatasetKind, base: &str) -> Result<Manifest, String> {
    let url = format!("{base}{MANIFEST_FILE}");
    // The manifest is the one file whose name does not change with its content: always ask.
    let bytes = fetch(&url, RequestCache::NoCache)
        .await
        .map_err(|failure| failure.text(&url))?;
    // Servers of single-page applications answer any address with their page.
    if bytes.trim_ascii_start().starts_with(b"<") {
        return Err(format!("{url} is a web page"));
    }
    let manifest = Manifest::from_json(&url, &bytes).map_err(|error| error.to_string())?;
    if manifest.kind != kind {
        return Err(format!(
            "{url} describes {}, not {}",
            manifest.kind.name(),
            kind.name()
        ));
    }
    Ok(manifest)
}

/// Loads the shards of a manifest from the storage or the server, and keeps those that are new.
async fn from_page(
    manifest: &Manifest,
    base: &str,
    front: Front,
    progress: &impl Fn(&str, u64, u64),
) -> Result<Loaded, String> {
    let kind = manifest.kind;
    let mut store = Store::open(&folder(kind, "shards")).await;
    let needed = [(Split::Test, front.held_out), (Split::Train, front.train)]
        .map(|(split, limit)| manifest.needed(split, limit));
    let [held_out, train] = needed
        .each_ref()
        .map(|shards| ImageSet::with_capacity(shards.iter().map(|shard| shard.images).sum()));
    let mut dataset = Dataset {
        kind,
        classes: manifest.classes.clone(),
        train,
        held_out,
        origin: "browser storage".into(),
    };
    let label = format!("loading {}", kind.name());
    let total = needed.iter().flatten().map(|shard| shard.bytes).sum();
    let mut done = 0;
    let mut waiting = needed.iter().flatten();
    let mut under_way: VecDeque<(&Shard, Receiver<Arrival>)> = VecDeque::new();
    progress(&label, done, total);
    loop {
        while under_way.len() < UNDER_WAY
            && let Some(shard) = waiting.next()
        {
            let arrival = request(shard, base, store.as_ref().ok());
            under_way.push_back((shard, arrival));
        }
        let Some((shard, arrival)) = under_way.pop_front() else {
            break;
        };
        let arrived = arrival.recv().await;
        let (bytes, fresh) =
            arrived.unwrap_or_else(|_| Err(format!("{}: loading was cut off", shard.file)))?;
        let set = match shard.split {
            Split::Train => &mut dataset.train,
            Split::Test => &mut dataset.held_out,
        };
        manifest
            .parse(shard, &bytes, set)
            .map_err(|error| error.to_string())?;
        if fresh {
            dataset.origin = "shards beside the page".into();
            keep_file(&mut store, &shard.file, &bytes).await;
        }
        done += shard.bytes;
        progress(&label, done, total);
    }
    keep_file(&mut store, MANIFEST_FILE, manifest.to_json().as_bytes()).await;
    let note = match &store {
        Ok(store) => {
            keep::tidy(store, Some(manifest)).await;
            None
        }
        Err(error) => Some(format!(
            "{} is in use, but not all of it is kept for your next visit: {error}.",
            kind.name()
        )),
    };
    Ok(Loaded { dataset, note })
}

/// Stores a file; after a failure that will repeat itself no more are tried.
async fn keep_file(store: &mut Result<Store, StorageError>, file: &str, bytes: &[u8]) {
    if let Ok(open) = store {
        match open.write(file, bytes).await {
            Ok(()) | Err(StorageError::Busy) => {}
            Err(error) => *store = Err(error),
        }
    }
}

/// A shard's bytes and whether they came from the server, or what went wrong.
type Arrival = Result<(Vec<u8>, bool), String>;

/// Starts getting a shard; the answer waits until it is taken.
fn request(shard: &Shard, base: &str, store: Option<&Store>) -> Receiver<Arrival> {
    let (sender, receiver) = async_channel::bounded(1);
    let (shard, store) = (shard.clone(), store.cloned());
    let url = format!("{base}{}", shard.file);
    spawn_local(async move {
        // Nobody listens any more if another shard has failed; the answer is lost with reason then.
        let _ = sender.send(get(&shard, &url, store).await).await;
    });
    receiver
}

/// Gets a shard from the storage, else from the server.
async fn get(shard: &Shard, url: &str, store: Option<Store>) -> Arrival {
    if let Some(store) = store
        && let Some(bytes) = store.read(&shard.file).await
        && shard.verify(&bytes).is_ok()
    {
        return Ok((bytes, false));
    }
    let mut wrong = None;
    // A wrong answer may sit in a cache on the way: ask once more past all of them.
    for cache in [RequestCache::Default, RequestCache::Reload] {
        let bytes = fetch(url, cache).await.map_err(|failure| {
            format!(
                "{}. What arrived before is kept: choose the data set again to go on from there.",
                failure.text(url)
            )
        })?;
        match shard.verify(&bytes) {
            Ok(()) => return Ok((bytes, true)),
            Err(error) => wrong = Some(error.to_string()),
        }
    }
    Err(wrong.unwrap_or_default())
}

/// Why an address gave nothing.
enum Failure {
    /// The server's status.
    Status(u16),
    /// The connection's trouble.
    Connection(String),
}

impl Failure {
    fn text(&self, url: &str) -> String {
        match self {
            Self::Status(status) => format!("the server answers {status} for {url}"),
            Self::Connection(why) => format!("{url} cannot be reached ({why})"),
        }
    }
}

async fn fetch(url: &str, cache: RequestCache) -> Result<Vec<u8>, Failure> {
    let connection = |error: JsValue| Failure::Connection(message(&error));
    let init = RequestInit::new();
    init.set_cache(cache);
    let scope: WorkerGlobalScope = js_sys::global().unchecked_into();
    let response: Response = JsFuture::from(scope.fetch_with_str_and_init(url, &init))
        .await
        .map_err(connection)?
        .unchecked_into();
    if !response.ok() {
        return Err(Failure::Status(response.status()));
    }
    let body = response.array_buffer().map_err(connection)?;
    let buffer = JsFuture::from(body).await.map_err(connection)?;
    Ok(Uint8Array::new(&buffer).to_vec())
}
