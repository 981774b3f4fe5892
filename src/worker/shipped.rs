//! Shipped networks: loaded once from beside the page, kept in the browser's storage, checked before use.

use super::storage::{Store, message};
use crate::data::shards::checksum;
use crate::report::shipped::ShippedFile;
use js_sys::{Reflect, Uint8Array};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::{ReadableStreamDefaultReader, Response, WorkerGlobalScope};

/// Folder in the browser's storage.
const FOLDER: [&str; 2] = ["gemst", "model"];

/// The bytes of the files.
///
/// # Errors
/// What is wrong, in words; no file that differs from its index is used.
pub async fn get(
    base: &str,
    files: &[ShippedFile],
    progress: impl Fn(&str, u64, u64),
) -> Result<Vec<Vec<u8>>, String> {
    let store = Store::open(&FOLDER).await.ok();
    let total: u64 = files.iter().map(|file| file.bytes).sum();
    let mut done: u64 = 0;
    let mut all = Vec::new();
    for file in files {
        let label = format!("loading the trained network {}", file.file);
        progress(&label, done, total);
        let kept = match &store {
            Some(store) => store.read(&key(file)).await,
            None => None,
        };
        let bytes = match kept.filter(|bytes| verify(file, bytes).is_ok()) {
            Some(bytes) => bytes,
            None => {
                let address = format!("{base}{}?v={}", file.file, file.crc32);
                let report = |bytes: u64| progress(&label, done + bytes, total);
                let bytes = fetch(&address, file.bytes, report).await?;
                verify(file, &bytes)?;
                if let Some(store) = &store {
                    // Kept or not, it is in use; the next visit loads it again at worst.
                    let _ = store.write(&key(file), &bytes).await;
                }
                bytes
            }
        };
        done += file.bytes;
        progress(&label, done, total);
        all.push(bytes);
    }
    Ok(all)
}

/// Name in the storage: another version has another one.
fn key(file: &ShippedFile) -> String {
    format!("{}-{}", file.crc32, file.file)
}

fn verify(file: &ShippedFile, bytes: &[u8]) -> Result<(), String> {
    let name = &file.file;
    if bytes.len() as u64 != file.bytes {
        return Err(format!(
            "{name} has {} bytes, its index says {}; it arrived incomplete or is another file",
            bytes.len(),
            file.bytes
        ));
    }
    if checksum(bytes) != file.crc32 {
        return Err(format!(
            "{name} is not the file that its index describes (its checksum differs)"
        ));
    }
    Ok(())
}

/// Reads an address piece by piece; stops where more comes than should.
async fn fetch(url: &str, most: u64, progress: impl Fn(u64)) -> Result<Vec<u8>, String> {
    let unreachable = |error: JsValue| format!("{url} cannot be read ({})", message(&error));
    let scope: WorkerGlobalScope = js_sys::global().unchecked_into();
    let response: Response = JsFuture::from(scope.fetch_with_str(url))
        .await
        .map_err(unreachable)?
        .unchecked_into();
    if !response.ok() {
        return Err(format!(
            "the server answers {} for {url}",
            response.status()
        ));
    }
    let Some(body) = response.body() else {
        return Err(format!("{url} is empty"));
    };
    let reader: ReadableStreamDefaultReader = body.get_reader().unchecked_into();
    let mut bytes = Vec::new();
    while bytes.len() as u64 <= most {
        let step = JsFuture::from(reader.read()).await.map_err(unreachable)?;
        let value = Reflect::get(&step, &"value".into()).map_err(unreachable)?;
        if value.is_undefined() {
            return Ok(bytes);
        }
        bytes.extend(Uint8Array::new(&value).to_vec());
        progress(bytes.len() as u64);
    }
    let _ = JsFuture::from(reader.cancel()).await;
    Ok(bytes)
}
