//! Prices: published constants with their source. Nothing here is measured by us, and none of it is a
//! browser's power.

use serde::{Deserialize, Serialize};

const HOROWITZ: &str = "M. Horowitz, Computing's energy problem (and what we can do about it), ISSCC 2014, \
    45 nm at 0.9 V; the pairs are SpikingJelly's ComputeEnergyCostConfig presets. Shift: a power of two \
    is an exponent addition, priced as the same paper's 8-bit integer addition (our reading)";

/// Energy of single operations, in picojoules.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PriceRow {
    /// Name in the page's list and on the command line.
    pub name: String,
    /// A multiply-accumulate.
    pub mac_pj: f64,
    /// An accumulate.
    pub ac_pj: f64,
    /// A multiplication by a power of two, for ExpG-IF's weighted spikes.
    pub shift_pj: f64,
    /// Where the numbers come from.
    pub citation: String,
}

impl PriceRow {
    /// Energy of so many multiply-accumulates, accumulates and shifts.
    pub fn pj(&self, macs: f64, acs: f64, shifts: f64) -> f64 {
        self.mac_pj * macs + self.ac_pj * acs + self.shift_pj * shifts
    }
}

/// The price rows to choose from: the published ones, then the user's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PriceTable {
    /// Rows; names are unique.
    pub rows: Vec<PriceRow>,
}

/// Why a row was not added to a [`PriceTable`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PriceError {
    /// A name that is taken.
    #[error("there is already a price row named {0}: choose another name")]
    Taken(String),
    /// An empty name.
    #[error("the price row has no name: give it one")]
    Nameless,
    /// A price that is no energy.
    #[error("{what} is {value} pJ: it must be a finite number, 0 or more")]
    NoEnergy {
        /// Which price.
        what: &'static str,
        /// Its value.
        value: String,
    },
    /// Nobody to ask about the numbers.
    #[error("the price row names no source: say where the numbers come from")]
    Uncited,
}

impl Default for PriceTable {
    fn default() -> Self {
        let row = |name: &str, mac_pj: f64, ac_pj: f64| PriceRow {
            name: name.into(),
            mac_pj,
            ac_pj,
            shift_pj: 0.03,
            citation: HOROWITZ.into(),
        };
        Self {
            rows: vec![
                row("45 nm FP32", 4.6, 0.9),
                row("45 nm FP16", 1.5, 0.4),
                row("45 nm INT8", 0.23, 0.03),
            ],
        }
    }
}

impl PriceTable {
    /// The row of that name.
    pub fn find(&self, name: &str) -> Option<&PriceRow> {
        self.rows.iter().find(|row| row.name == name)
    }

    /// Add a row of the user's.
    ///
    /// # Errors
    /// When the name is taken or empty, a price is not a finite number of at least 0, or no source is given; the
    /// table is unchanged then.
    pub fn add(&mut self, row: PriceRow) -> Result<(), PriceError> {
        if row.name.trim().is_empty() {
            return Err(PriceError::Nameless);
        }
        if self.find(&row.name).is_some() {
            return Err(PriceError::Taken(row.name));
        }
        for (what, value) in [
            ("the multiply-accumulate", row.mac_pj),
            ("the accumulate", row.ac_pj),
            ("the shift", row.shift_pj),
        ] {
            if !(value.is_finite() && value >= 0.0) {
                return Err(PriceError::NoEnergy {
                    what,
                    value: value.to_string(),
                });
            }
        }
        if row.citation.trim().is_empty() {
            return Err(PriceError::Uncited);
        }
        self.rows.push(row);
        Ok(())
    }
}

/// Lemaire et al.'s prices: integer operations and memory accesses by buffer size.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MemoryPrices {
    /// A 32-bit integer addition.
    pub add_pj: f64,
    /// A 32-bit integer multiplication; a multiply-accumulate is this plus an addition.
    pub mul_pj: f64,
    /// A 32-bit shift.
    pub shift_pj: f64,
    /// Energy of a byte by the size of the buffer it is in.
    pub curve: MemoryCurve,
    /// Where the numbers come from.
    pub citation: String,
}

impl Default for MemoryPrices {
    fn default() -> Self {
        Self {
            add_pj: 0.1,
            mul_pj: 3.1,
            shift_pj: 0.1,
            curve: MemoryCurve::default(),
            citation: "E. Lemaire et al., An Analytical Estimation of Spiking Neural Networks Energy Efficiency, \
                ICONIP 2022 (45 nm, 32-bit integers; 10, 20 and 100 pJ per 4-byte access at 8 KiB, 32 KiB and \
                1 MiB), with SpikingJelly's LemaireEnergyCostConfig constants. Shift: priced as an addition of \
                the same width (our reading)"
                .into(),
        }
    }
}

impl MemoryPrices {
    /// A multiply-accumulate.
    pub fn mac_pj(&self) -> f64 {
        self.mul_pj + self.add_pj
    }
}

/// Piecewise-linear energy of one byte's access against the size of its buffer, clamped at both ends.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MemoryCurve {
    /// (buffer bytes, pJ per byte), by ascending size.
    pub points: Vec<(f64, f64)>,
}

impl Default for MemoryCurve {
    fn default() -> Self {
        Self {
            points: vec![
                (0.0, 0.0),
                (8.0 * 1024.0, 2.5),
                (32.0 * 1024.0, 5.0),
                (1024.0 * 1024.0, 25.0),
            ],
        }
    }
}

impl MemoryCurve {
    /// pJ for one byte in a buffer of `bytes`.
    pub fn pj_per_byte(&self, bytes: f64) -> f64 {
        let after = self.points.partition_point(|point| point.0 < bytes);
        match (
            after.checked_sub(1).and_then(|at| self.points.get(at)),
            self.points.get(after),
        ) {
            (Some(&(x0, y0)), Some(&(x1, y1))) => y0 + (y1 - y0) * (bytes - x0) / (x1 - x0),
            (None, Some(&(_, y))) | (Some(&(_, y)), None) => y,
            (None, None) => 0.0,
        }
    }
}

/// Yan et al.'s prices for a spiking network beside a quantised one on the same 22 nm chip.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QuantisedPrices {
    /// An accumulate of a weight. A multiply-accumulate with a b-bit activation costs b of them, which is
    /// the paper's dense limit, T / ceil(log2(T+1)).
    pub accumulate_pj: f64,
    /// A comparison with the threshold.
    pub compare_pj: f64,
    /// A subtraction at reset.
    pub subtract_pj: f64,
    /// Moving one bit of a spike one hop.
    pub sparse_move_pj_per_bit: f64,
    /// Moving one bit of a dense activation one hop.
    pub dense_move_pj_per_bit: f64,
    /// Reading one bit from DRAM (1300 pJ for 64).
    pub dram_pj_per_bit: f64,
    /// Where the numbers come from.
    pub citation: String,
}

impl Default for QuantisedPrices {
    fn default() -> Self {
        Self {
            accumulate_pj: 0.05448,
            compare_pj: 0.05448,
            subtract_pj: 0.05448,
            sparse_move_pj_per_bit: 3.0,
            dense_move_pj_per_bit: 0.25,
            dram_pj_per_bit: 1300.0 / 64.0,
            citation: "Z. Yan, Z. Bai, K. Tang, W.-F. Wong, Reconsidering the Energy Efficiency of Spiking Neural \
                Networks, arXiv:2409.08290 (22 nm, 4-bit weights; sparse movement from Loihi). A b-bit \
                multiply-accumulate as b accumulates is our reading of its dense limit"
                .into(),
        }
    }
}
