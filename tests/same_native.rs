//! The native figures that the browser tests are compared with are the ones this build computes.
#![cfg(not(target_family = "wasm"))]

mod same_support;

use burn::tensor::Device;
use futures_lite::future::block_on;
use same_support::{Figures, PRESETS, difference, figures, native};

/// After a deliberate change of the networks: `GEMST_WRITE_NATIVE=1 cargo test --test same_native`.
#[test]
fn the_stored_native_figures_are_current() {
    let now: Vec<Figures> = PRESETS
        .iter()
        .map(|preset| block_on(figures(preset, &Device::flex())))
        .collect();
    if std::env::var_os("GEMST_WRITE_NATIVE").is_some() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/browser/native.json");
        let json = serde_json::to_string_pretty(&now).expect("figures are plain data");
        std::fs::write(path, json + "\n").expect("the repository can be written");
        return;
    }
    for (now, stored) in now.iter().zip(&native()) {
        assert_eq!(now.preset, stored.preset);
        let difference = difference(now, stored);
        assert!(
            difference < 1e-3,
            "{}: off by {difference}\nnow    {now:?}\nstored {stored:?}",
            now.preset
        );
    }
}

#[test]
fn a_difference_is_found() {
    let stored = native();
    for stored in &stored {
        let mut other = stored.clone();
        assert_eq!(difference(stored, &other), 0.0);
        other.losses[1] += 0.5;
        assert!((difference(stored, &other) - 0.5).abs() < 1e-9);
        other.losses[1] = f64::NAN;
        assert!(difference(stored, &other).is_nan());
    }
}
