//! Runs in the browser's storage (IndexedDB). A run is written in one transaction: after a crash in the middle the one
//! before is there, whole. No https is needed, unlike for the file system that the data sets lie in.

use super::dom::{message, window};
use super::js::{call, get, set, text};
use super::kept::Trouble;
use js_sys::{Array, ArrayBuffer, Promise};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

/// What is said of a run, and its bytes: apart, so that a list of runs reads no networks.
const STORES: [&str; 2] = ["runs", "bytes"];

/// The open storage.
#[derive(Debug, Clone)]
pub struct Vault {
    database: JsValue,
}

impl Vault {
    /// Opens the storage of that name, and makes it if it is not there.
    ///
    /// # Errors
    /// [`Trouble::Denied`] where the browser keeps nothing for this page.
    pub async fn open(name: &str) -> Result<Self, Trouble> {
        // Reading the property alone throws where cookies are blocked.
        let factory = js_sys::Reflect::get(&window(), &"indexedDB".into()).map_err(trouble)?;
        if !factory.is_object() {
            return Err(Trouble::Denied("it has no IndexedDB".to_owned()));
        }
        let request = call(&factory, "open", &[name.into(), 1.into()]).map_err(trouble)?;
        let opening = request.clone();
        let make = Closure::once_into_js(move || {
            for store in STORES {
                // There is none yet: the database is new.
                let _ = call(
                    &get(&opening, "result"),
                    "createObjectStore",
                    &[store.into()],
                );
            }
        });
        set(&request, "onupgradeneeded", &make);
        let database = answer(&request).await?;
        Ok(Self { database })
    }

    /// What was said of every run: pairs of texts.
    ///
    /// # Errors
    /// When the storage does not answer.
    pub async fn list(&self) -> Result<Vec<[String; 2]>, Trouble> {
        let transaction = self.transaction("readonly")?;
        let all = answer(&request(&transaction, STORES[0], "getAll", &[])?).await?;
        let texts = |entry: JsValue| {
            let parts = entry.dyn_into::<Array>().ok()?;
            Some([parts.get(0).as_string()?, parts.get(1).as_string()?])
        };
        Ok(Array::from(&all).iter().filter_map(texts).collect())
    }

    /// A run's bytes.
    ///
    /// # Errors
    /// When the storage does not answer.
    pub async fn bytes(&self, id: &str) -> Result<Option<ArrayBuffer>, Trouble> {
        let transaction = self.transaction("readonly")?;
        let bytes = answer(&request(&transaction, STORES[1], "get", &[id.into()])?).await?;
        Ok(bytes.dyn_into().ok())
    }

    /// Writes a run in place of the one of that id, both parts or none.
    ///
    /// # Errors
    /// [`Trouble::Full`] when there is no room; the run of that id is as it was.
    pub async fn put(&self, id: &str, said: [&str; 2], bytes: &ArrayBuffer) -> Result<(), Trouble> {
        let transaction = self.transaction("readwrite")?;
        let said = Array::of2(&said[0].into(), &said[1].into());
        request(&transaction, STORES[0], "put", &[said.into(), id.into()])?;
        request(
            &transaction,
            STORES[1],
            "put",
            &[bytes.clone().into(), id.into()],
        )?;
        complete(&transaction).await
    }

    /// Removes a run.
    ///
    /// # Errors
    /// When the storage does not answer.
    pub async fn remove(&self, id: &str) -> Result<(), Trouble> {
        let transaction = self.transaction("readwrite")?;
        for store in STORES {
            request(&transaction, store, "delete", &[id.into()])?;
        }
        complete(&transaction).await
    }

    fn transaction(&self, mode: &str) -> Result<JsValue, Trouble> {
        let stores: Array = STORES.into_iter().map(JsValue::from).collect();
        call(&self.database, "transaction", &[stores.into(), mode.into()]).map_err(trouble)
    }
}

fn request(
    transaction: &JsValue,
    store: &str,
    method: &str,
    with: &[JsValue],
) -> Result<JsValue, Trouble> {
    let store = call(transaction, "objectStore", &[store.into()]).map_err(trouble)?;
    call(&store, method, with).map_err(trouble)
}

/// A request's result.
async fn answer(request: &JsValue) -> Result<JsValue, Trouble> {
    settled(request, "onsuccess", &["onerror"]).await?;
    Ok(get(request, "result"))
}

/// The end of a transaction: everything in it is written, or nothing.
async fn complete(transaction: &JsValue) -> Result<(), Trouble> {
    settled(transaction, "oncomplete", &["onabort", "onerror"]).await
}

async fn settled(of: &JsValue, good: &str, bad: &[&str]) -> Result<(), Trouble> {
    let promise = Promise::new(&mut |resolve, reject| {
        set(of, good, &resolve);
        for bad in bad {
            set(of, bad, &reject);
        }
    });
    match JsFuture::from(promise).await {
        Ok(_) => Ok(()),
        Err(event) => {
            // The error of a failed request inside stands on the request, that of a full disk on the transaction.
            let own = get(of, "error");
            let inner = get(&get(&event, "target"), "error");
            let error = if own.is_object() { own } else { inner };
            Err(trouble(error))
        }
    }
}

fn trouble(error: JsValue) -> Trouble {
    match text(&error, "name").as_deref() {
        Some("QuotaExceededError") => Trouble::Full,
        _ => Trouble::Denied(message(&error)),
    }
}

/// Name of this page's storage: two copies of the page on one host must not mix.
pub fn name() -> String {
    format!("gemst {}", super::dom::base_path())
}
