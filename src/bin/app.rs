//! The page's main thread. Everything is in [`gemst::ui`].

#[cfg(target_family = "wasm")]
fn main() {
    gemst::ui::start();
}

#[cfg(not(target_family = "wasm"))]
fn main() {
    eprintln!(
        "This program is the page's; `cargo xtask serve` builds it for the browser and shows it."
    );
    std::process::exit(2);
}
