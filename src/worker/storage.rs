//! Files in the browser's own storage: the origin-private file system.
//!
//! Only a dedicated worker can write there in every browser (synchronous access handles). A file
//! can be torn when the tab is closed in the middle of a write, so whoever reads one checks it.

use js_sys::{Promise, Reflect, Uint8Array};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    Blob, FileSystemDirectoryHandle, FileSystemFileHandle, FileSystemGetDirectoryOptions,
    FileSystemGetFileOptions, FileSystemSyncAccessHandle, WorkerGlobalScope,
};

/// Why something could not be stored.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StorageError {
    /// The browser grants no more space.
    #[error("the browser's storage for this page is full")]
    Full,
    /// Another tab or worker is writing this very file.
    #[error("another tab is writing it")]
    Busy,
    /// There is no storage here, or it refuses.
    #[error("the browser gives this page no storage ({0})")]
    Unavailable(String),
}

/// A folder in the browser's storage.
#[derive(Debug, Clone)]
pub struct Store {
    folder: FileSystemDirectoryHandle,
}

impl Store {
    /// Opens a folder, and makes it if it is not there.
    ///
    /// # Errors
    /// [`StorageError::Unavailable`] without https, in some private windows, and in old browsers.
    pub async fn open(path: &[&str]) -> Result<Self, StorageError> {
        let navigator = js_sys::global()
            .unchecked_into::<WorkerGlobalScope>()
            .navigator();
        // An insecure page has no `navigator.storage` at all; a call on it would be a panic.
        let storage = Reflect::get(&navigator, &"storage".into()).unwrap_or_default();
        if !has(&storage, "getDirectory") {
            return Err(StorageError::Unavailable(
                "it needs https or localhost, and a browser of 2023 or later".into(),
            ));
        }
        let storage: web_sys::StorageManager = storage.unchecked_into();
        let mut folder: FileSystemDirectoryHandle = settle(storage.get_directory()).await?;
        let options = FileSystemGetDirectoryOptions::new();
        options.set_create(true);
        for name in path {
            folder = settle(folder.get_directory_handle_with_options(name, &options)).await?;
        }
        Ok(Self { folder })
    }

    /// The bytes of a file; `None` if it is not there or cannot be read.
    pub async fn read(&self, file: &str) -> Option<Vec<u8>> {
        let handle: FileSystemFileHandle = settle(self.folder.get_file_handle(file)).await.ok()?;
        let blob: Blob = settle(handle.get_file()).await.ok()?;
        let buffer = JsFuture::from(blob.array_buffer()).await.ok()?;
        Some(Uint8Array::new(&buffer).to_vec())
    }

    /// Writes a file, in place of one of that name.
    ///
    /// # Errors
    /// See [`StorageError`]; nothing of the file is left behind then.
    pub async fn write(&self, file: &str, bytes: &[u8]) -> Result<(), StorageError> {
        let options = FileSystemGetFileOptions::new();
        options.set_create(true);
        let handle: FileSystemFileHandle =
            settle(self.folder.get_file_handle_with_options(file, &options)).await?;
        if !has(&handle, "createSyncAccessHandle") {
            return Err(StorageError::Unavailable(
                "it cannot write from a worker".into(),
            ));
        }
        let access: FileSystemSyncAccessHandle = settle(handle.create_sync_access_handle()).await?;
        let written = write_all(&access, bytes);
        access.close();
        if written.is_err() {
            self.remove(file).await;
        }
        written
    }

    /// Removes every file that `keep` does not want; one that is in use elsewhere stays.
    pub async fn retain(&self, keep: impl Fn(&str) -> bool) {
        for name in self.names().await {
            if !keep(&name) {
                self.remove(&name).await;
            }
        }
    }

    /// Names of the files in the folder.
    pub async fn names(&self) -> Vec<String> {
        let keys = self.folder.keys();
        let mut names = Vec::new();
        while let Ok(next) = keys.next_iterator() {
            let Ok(step) = JsFuture::from(next).await else {
                break;
            };
            let value = Reflect::get(&step, &"value".into()).unwrap_or_default();
            match value.as_string() {
                Some(name) => names.push(name),
                None => break,
            }
        }
        names
    }

    async fn remove(&self, file: &str) {
        // Not there, or in use: either way there is nothing to be done about it.
        let _ = JsFuture::from(self.folder.remove_entry(file)).await;
    }
}

fn write_all(access: &FileSystemSyncAccessHandle, bytes: &[u8]) -> Result<(), StorageError> {
    access.truncate_with_u32(0).map_err(refused)?;
    let written = access.write_with_u8_array(bytes).map_err(refused)?;
    if written != bytes.len() as f64 {
        return Err(StorageError::Full);
    }
    access.flush().map_err(refused)
}

/// Whether a value has a property of that name.
fn has(value: &JsValue, property: &str) -> bool {
    value.is_object() && Reflect::has(value, &property.into()).unwrap_or(false)
}

/// The value of a promise whose type the standard fixes.
async fn settle<T: JsCast>(promise: Promise) -> Result<T, StorageError> {
    JsFuture::from(promise)
        .await
        .map(JsCast::unchecked_into)
        .map_err(refused)
}

fn refused(error: JsValue) -> StorageError {
    let name = Reflect::get(&error, &"name".into()).unwrap_or_default();
    match name.as_string().as_deref() {
        Some("QuotaExceededError") => StorageError::Full,
        Some("NoModificationAllowedError") => StorageError::Busy,
        _ => StorageError::Unavailable(message(&error)),
    }
}

/// What a JavaScript error says.
pub(super) fn message(error: &JsValue) -> String {
    Reflect::get(error, &"message".into())
        .ok()
        .and_then(|message| message.as_string())
        .filter(|message| !message.is_empty())
        .unwrap_or_else(|| format!("{error:?}"))
}
