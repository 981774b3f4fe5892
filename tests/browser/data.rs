//! Data sets in a browser's dedicated worker: the real storage, the real `fetch`, shards served by
//! the test server from `tests/browser/shards`.

use gemst::config::DatasetKind::{self, Cifar10, Cifar100};
use gemst::data::{IMAGE_BYTES, ImageSet};
use gemst::protocol::DatasetSource;
use gemst::worker::dataset::{Front, Loaded, load, load_front};
use gemst::worker::storage::Store;
use js_sys::{Function, Uint8Array};
use std::cell::RefCell;
use wasm_bindgen::prelude::*;
use wasm_bindgen_test::*;

/// The pictures of the served shards: the rule of `tests/data_support`.
fn pictures(len: usize, salt: usize) -> ImageSet {
    let mut set = ImageSet::default();
    for i in 0..len {
        let image: Vec<u8> = (0..IMAGE_BYTES)
            .map(|p| {
                let position = (salt * 1000 + i) * IMAGE_BYTES + p;
                ((position as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40) as u8
            })
            .collect();
        set.push(&image, ((i * 7 + salt) % 10) as u8);
    }
    set
}

fn run(script: &str) -> JsValue {
    Function::new_no_args(script).call0(&JsValue::NULL).unwrap()
}

/// An address on the test server.
fn address(path: &str) -> String {
    run("return location.origin").as_string().unwrap() + path
}

/// The shards the worker has asked the server for since the last call.
fn requests() -> Vec<String> {
    let names = run(
        "const all = performance.getEntriesByType('resource').map(entry => entry.name);
         performance.clearResourceTimings();
         return all.filter(name => name.endsWith('.bin')).join(' ')",
    );
    let names = names.as_string().unwrap();
    names
        .split_whitespace()
        .map(|name| name.rsplit('/').next().unwrap().to_owned())
        .collect()
}

async fn folder(kind: DatasetKind, part: &str) -> Store {
    Store::open(&["gemst", kind.name(), part]).await.unwrap()
}

async fn forget_everything() {
    for kind in [Cifar10, Cifar100] {
        for part in ["shards", "archive"] {
            folder(kind, part).await.retain(|_| false).await;
        }
    }
    requests();
}

fn shards(path: &str) -> DatasetSource {
    DatasetSource::Shards {
        kind: Cifar10,
        base: address(path),
    }
}

async fn from(path: &str) -> Result<Loaded, String> {
    load(&shards(path), JsValue::NULL, |_, _, _| {}).await
}

fn assert_whole(loaded: &Loaded) {
    assert_eq!(loaded.note, None);
    assert_eq!(loaded.dataset.kind, Cifar10);
    assert_eq!(loaded.dataset.classes[9], "truck");
    assert!(
        loaded.dataset.train == pictures(18, 0),
        "the training part differs"
    );
    assert!(
        loaded.dataset.held_out == pictures(8, 1),
        "the held-out part differs"
    );
}

#[wasm_bindgen_test]
async fn files_are_kept_replaced_and_removed() {
    let store = Store::open(&["gemst", "test", "files"]).await.unwrap();
    store.retain(|_| false).await;
    assert_eq!(store.read("a.bin").await, None);
    store.write("a.bin", &[7; 100_000]).await.unwrap();
    store.write("b.bin", b"other").await.unwrap();
    assert_eq!(store.read("a.bin").await.unwrap(), [7; 100_000]);
    store.write("a.bin", b"shorter").await.unwrap();
    assert_eq!(store.read("a.bin").await.unwrap(), b"shorter");
    let again = Store::open(&["gemst", "test", "files"]).await.unwrap();
    let mut names = again.names().await;
    names.sort();
    assert_eq!(names, ["a.bin", "b.bin"]);
    again.retain(|name| name == "b.bin").await;
    assert_eq!(store.names().await, ["b.bin"]);
}

#[wasm_bindgen_test]
async fn a_second_visit_asks_for_no_shard() {
    forget_everything().await;
    let steps = RefCell::new(Vec::new());
    let progress = |label: &str, done, total| {
        steps.borrow_mut().push((label.to_owned(), done, total));
    };
    let first = load(&shards("/shards/"), JsValue::NULL, progress)
        .await
        .unwrap();
    assert_whole(&first);
    assert_eq!(first.dataset.origin, "shards beside the page");
    assert_eq!(requests().len(), 7);
    let total = (18 + 8) * 3073;
    let steps = steps.take();
    assert_eq!(steps[0], ("loading cifar10".into(), 0, total));
    assert_eq!(steps.last().unwrap().1, total);
    assert!(steps.is_sorted_by_key(|step| step.1));

    let second = from("/shards/").await.unwrap();
    assert_whole(&second);
    assert_eq!(second.dataset.origin, "browser storage");
    assert_eq!(requests(), [""; 0]);
}

#[wasm_bindgen_test]
async fn a_torn_or_missing_file_is_loaded_again() {
    forget_everything().await;
    from("/shards/").await.unwrap();
    let store = folder(Cifar10, "shards").await;
    let names = store.names().await;
    let file = |start: &str| names.iter().find(|name| name.starts_with(start)).unwrap();
    let mut torn = store.read(file("train-02")).await.unwrap();
    torn.truncate(5000);
    store.write(file("train-02"), &torn).await.unwrap();
    let mut flipped = store.read(file("test-06")).await.unwrap();
    flipped[4000] ^= 1;
    store.write(file("test-06"), &flipped).await.unwrap();
    store.retain(|name| !name.starts_with("train-04")).await;
    store
        .write("left-behind.bin", b"of another version")
        .await
        .unwrap();
    requests();
    assert_whole(&from("/shards/").await.unwrap());
    let mut asked = requests();
    asked.sort();
    assert_eq!(
        asked,
        ["test-06", "train-02", "train-04"].map(|start| file(start).clone())
    );
    assert_eq!(
        store.names().await.len(),
        8,
        "seven shards and the manifest"
    );
    from("/shards/").await.unwrap();
    assert_eq!(requests(), [""; 0]);
}

#[wasm_bindgen_test]
async fn only_the_front_is_loaded() {
    forget_everything().await;
    let front = Front {
        train: Some(7),
        held_out: Some(5),
    };
    let loaded = load_front(&shards("/shards/"), JsValue::NULL, front, |_, _, _| {})
        .await
        .unwrap();
    assert!(loaded.dataset.train == pictures(7, 0));
    assert!(loaded.dataset.held_out == pictures(5, 1));
    assert_eq!(
        requests().len(),
        4,
        "three training shards and one held-out one"
    );
    assert_whole(&from("/shards/").await.unwrap());
    assert_eq!(requests().len(), 3, "the rest");
}

#[wasm_bindgen_test]
async fn no_data_beside_the_page_says_how_to_get_some() {
    forget_everything().await;
    let text = from("/nowhere/").await.unwrap_err();
    let url = address("/nowhere/manifest.json");
    assert!(
        text.starts_with(&format!(
            "cifar10 is not here yet: the server answers 404 for {url}"
        )),
        "{text}"
    );
    for part in ["cifar-10-binary.tar.gz", "Open dataset", "cargo xtask data"] {
        assert!(text.contains(part), "{part} is not in: {text}");
    }
    let closed = DatasetSource::Shards {
        kind: Cifar100,
        base: "http://localhost:1/".into(),
    };
    let text = load(&closed, JsValue::NULL, |_, _, _| {})
        .await
        .unwrap_err();
    assert!(
        text.contains("http://localhost:1/manifest.json cannot be reached"),
        "{text}"
    );
    assert!(text.contains("cifar-100-binary.tar.gz"), "{text}");
    // The wrong folder: shards of another set.
    let other = DatasetSource::Shards {
        kind: Cifar100,
        base: address("/shards/"),
    };
    let text = load(&other, JsValue::NULL, |_, _, _| {}).await.unwrap_err();
    assert!(text.contains("describes cifar10, not cifar100"), "{text}");
}

#[wasm_bindgen_test]
async fn what_an_earlier_visit_kept_serves_without_the_server() {
    forget_everything().await;
    from("/shards/").await.unwrap();
    requests();
    let loaded = from("/nowhere/").await.unwrap();
    assert_whole(&loaded);
    assert_eq!(
        loaded.dataset.origin,
        "browser storage, from generated for tests"
    );
}

#[wasm_bindgen_test]
async fn a_missing_shard_is_named_and_the_others_are_kept() {
    forget_everything().await;
    // The manifest of the whole set, in a folder with the test shard alone.
    let text = from("/shards/incomplete/").await.unwrap_err();
    let url = address("/shards/incomplete/train-00-cd779853.bin");
    assert!(
        text.starts_with(&format!("the server answers 404 for {url}.")),
        "{text}"
    );
    assert!(text.contains("choose the data set again"), "{text}");
    assert_eq!(
        folder(Cifar10, "shards").await.names().await,
        ["test-06-0448721b.bin"]
    );
}

/// A `File` as the page sends it.
fn file(name: &str, bytes: &[u8]) -> (DatasetSource, JsValue) {
    let make = Function::new_with_args("bytes, name", "return new File([bytes], name)");
    let file = make
        .call2(&JsValue::NULL, &Uint8Array::from(bytes), &name.into())
        .unwrap();
    (DatasetSource::Archive { name: name.into() }, file)
}

fn records(set: &ImageSet) -> Vec<u8> {
    (0..set.len())
        .flat_map(|i| [&[set.label(i)][..], set.image(i)].concat())
        .collect()
}

#[wasm_bindgen_test]
async fn an_opened_archive_is_found_again() {
    forget_everything().await;
    let set = pictures(1500, 3);
    let (source, payload) = file("data_batch_1.bin", &records(&set));
    let last = RefCell::new((String::new(), 0, 0));
    let progress = |label: &str, done, total| last.replace((label.into(), done, total));
    let loaded = load(&source, payload, |label, done, total| {
        drop(progress(label, done, total))
    })
    .await
    .unwrap();
    assert_eq!(loaded.note, None);
    assert_eq!(
        (loaded.dataset.train.len(), loaded.dataset.held_out.len()),
        (1350, 150)
    );
    assert_eq!(last.borrow().1, last.borrow().2, "{:?}", last.borrow());

    let again = from("/nowhere/").await.unwrap();
    assert!(again.dataset.train == loaded.dataset.train);
    assert!(again.dataset.held_out == loaded.dataset.held_out);
    let origin = "browser storage, from data_batch_1.bin, its last 150 pictures held out";
    assert_eq!(again.dataset.origin, origin);

    // A broken file is refused and takes nothing away.
    let (source, payload) = file("broken.tar.gz", &[0x1f, 0x8b, 8, 0, 0]);
    let text = load(&source, payload, |_, _, _| {}).await.unwrap_err();
    assert!(text.starts_with("broken.tar.gz ends early"), "{text}");
    let (source, payload) = file("data_batch_2.bin", &[11; 3073]);
    let text = load(&source, payload, |_, _, _| {}).await.unwrap_err();
    assert!(
        text.starts_with("data_batch_2.bin: record 0 has label 11"),
        "{text}"
    );
    assert!(from("/nowhere/").await.unwrap().dataset == again.dataset);

    // Another one takes its place, and its space.
    let (source, payload) = file("data_batch_3.bin", &records(&pictures(10, 4)));
    load(&source, payload, |_, _, _| {}).await.unwrap();
    assert_eq!(
        from("/nowhere/").await.unwrap().dataset.train,
        pictures(9, 4)
    );
    assert_eq!(folder(Cifar10, "archive").await.names().await.len(), 3);
    forget_everything().await;
}

/// Runs a script that changes the browser, and gives the script that changes it back.
fn sabotage(script: &str) -> impl Drop {
    struct Repair(JsValue);
    impl Drop for Repair {
        fn drop(&mut self) {
            let repair: &Function = self.0.unchecked_ref();
            repair.call0(&JsValue::NULL).unwrap();
        }
    }
    Repair(run(script))
}

#[wasm_bindgen_test]
async fn without_storage_the_set_is_used_and_the_visitor_told() {
    forget_everything().await;
    let repair = sabotage(
        "Object.defineProperty(navigator, 'storage', { value: undefined, configurable: true });
         return () => delete navigator.storage",
    );
    let loaded = from("/shards/").await.unwrap();
    assert!(loaded.dataset.train == pictures(18, 0));
    let note = loaded.note.unwrap();
    assert!(
        note.starts_with("cifar10 is in use, but not all of it is kept"),
        "{note}"
    );
    assert!(note.contains("https or localhost"), "{note}");
    let (source, payload) = file("data_batch_1.bin", &records(&pictures(10, 4)));
    let note = load(&source, payload, |_, _, _| {})
        .await
        .unwrap()
        .note
        .unwrap();
    assert!(
        note.starts_with("data_batch_1.bin is in use, but it is not kept"),
        "{note}"
    );
    let text = from("/nowhere/").await.unwrap_err();
    assert!(text.contains("none is kept"), "{text}");
    drop(repair);
    assert_eq!(from("/shards/").await.unwrap().note, None);
}

#[wasm_bindgen_test]
async fn full_storage_keeps_what_was_there_before() {
    forget_everything().await;
    let (source, payload) = file("data_batch_1.bin", &records(&pictures(10, 4)));
    load(&source, payload, |_, _, _| {}).await.unwrap();
    // The second file of every set meets the end of the quota.
    let repair = sabotage(
        "const prototype = FileSystemSyncAccessHandle.prototype, write = prototype.write;
         let left = 1;
         prototype.write = function (...all) {
             if (left-- <= 0) throw new DOMException('no space', 'QuotaExceededError');
             return write.apply(this, all);
         };
         return () => prototype.write = write",
    );
    let (source, payload) = file("data_batch_2.bin", &records(&pictures(2000, 5)));
    let loaded = load(&source, payload, |_, _, _| {}).await.unwrap();
    assert_eq!(loaded.dataset.train, pictures(1800, 5));
    let note = loaded.note.unwrap();
    assert!(
        note.contains("the browser's storage for this page is full"),
        "{note}"
    );
    drop(repair);
    assert_eq!(
        from("/nowhere/").await.unwrap().dataset.train,
        pictures(9, 4)
    );
    assert_eq!(
        folder(Cifar10, "archive").await.names().await.len(),
        3,
        "no half of a set"
    );
    forget_everything().await;
}

#[wasm_bindgen_test]
async fn a_command_without_its_file_is_refused() {
    let source = DatasetSource::Archive {
        name: "lost.tar.gz".into(),
    };
    let text = load(&source, JsValue::UNDEFINED, |_, _, _| {})
        .await
        .unwrap_err();
    assert!(
        text.contains("lost.tar.gz came without its content"),
        "{text}"
    );
}

#[wasm_bindgen_test]
async fn generated_pictures_are_the_same_for_everyone() {
    let first = load(&DatasetSource::Synthetic, JsValue::NULL, |_, _, _| {})
        .await
        .unwrap();
    assert_eq!(
        (first.dataset.train.len(), first.dataset.held_out.len()),
        (5000, 1000)
    );
    // A native build draws these too (tests/data_random.rs), up to the last bit of sine and cosine.
    let picture = first.dataset.train.image(0);
    let mean = picture.iter().map(|&value| f64::from(value)).sum::<f64>() / IMAGE_BYTES as f64;
    assert!((mean - FIRST_MEAN).abs() < 0.01, "{mean}");
}

/// Mean of the first generated picture, from a native build.
const FIRST_MEAN: f64 = 126.479;
