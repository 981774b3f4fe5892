//! The bill of the picture shown: counts and prices come from [`crate::energy`], the page only shows them.

use super::state::State;

/// One way to count, for both networks.
#[derive(Debug, Clone, PartialEq)]
pub struct Ruling {
    /// What is counted.
    pub title: String,
    /// Who wins, and under which assumptions.
    pub words: String,
    /// Picojoules of the spiking network.
    pub spiking_pj: f64,
    /// Picojoules of the network it is compared with.
    pub other_pj: f64,
    /// What it is compared with.
    pub other: String,
}

/// Picojoules of the headline figures, spiking and dense.
pub fn headline(state: &State) -> Option<(f64, f64)> {
    let _ = state;
    None
}

/// Every ruling on the picture shown.
pub fn rulings(state: &State) -> Vec<Ruling> {
    let _ = state;
    Vec::new()
}
