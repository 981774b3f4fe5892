//! gemst
pub mod config;
pub mod energy;
pub mod protocol;
