//! Modelled energy on event-driven hardware, never the browser's power. Three separate kinds of type:
//! counts (what happened: [`Census`], [`Activity`], [`Account`]), prices (cited constants: [`PriceTable`],
//! [`MemoryPrices`], [`QuantisedPrices`]) and verdicts ([`Comparison`], under stated [`Assumptions`]).
//!
//! ```
//! use gemst::config::{DatasetKind, preset};
//! use gemst::energy::{Activity, Assumptions, RulingKind, census, compare};
//!
//! let spiking = census(&preset("tiny", DatasetKind::Cifar10).unwrap().model);
//! let dense = census(&preset("dense-tiny", DatasetKind::Cifar10).unwrap().model);
//! // A trace's counts in earnest; here every neuron fires in one step of ten.
//! let activity = Activity::uniform(&spiking, 0.1);
//! let comparison = compare(&spiking, &activity, &dense, &Assumptions::default());
//! println!("{}", comparison.ruling(RulingKind::BitMatched).sentence);
//! ```

mod account;
mod alternatives;
mod assumptions;
mod attention;
mod census;
mod counts;
mod geometry;
mod ops;
mod params;
mod price;
mod ruling;
mod text;
mod threshold;
mod uniform;
mod verdict;

pub use account::{Account, Buffers, LayerAccount, account};
pub use assumptions::{
    Assumptions, FirstConv, MembraneAccess, Movement, WeightReads, ZeroSkipping,
};
pub use attention::{AttentionOrder, attention_order, window_pairs, window_shift};
pub use census::census;
pub use counts::{Activity, Census, LayerActivity, LayerOp, LayerSpec, Signal, UpdateOps};
pub use ops::Ops;
pub use params::{Parameters, parameters};
pub use price::{MemoryCurve, MemoryPrices, PriceError, PriceRow, PriceTable, QuantisedPrices};
pub use ruling::{Item, LayerEnergy, RulingKind};
pub use text::energy_text;
pub use threshold::{Quantity, Side, Threshold};
pub use verdict::{Alternative, Comparison, Outcome, Ruling, compare, dense_pj};
