//! Energies and ratios for a reader.

/// Picojoules in the unit that keeps the number short: `12.3 µJ`.
pub fn energy_text(pj: f64) -> String {
    let units = [
        ("pJ", 1.0),
        ("nJ", 1e3),
        ("µJ", 1e6),
        ("mJ", 1e9),
        ("J", 1e12),
    ];
    let (unit, size) = units
        .into_iter()
        .rev()
        .find(|(_, size)| pj.abs() >= *size)
        .unwrap_or(units[0]);
    format!("{} {unit}", short(pj / size))
}

/// Three significant digits without an exponent.
pub(crate) fn short(value: f64) -> String {
    let digits = match value.abs() {
        v if v >= 100.0 => 0,
        v if v >= 10.0 => 1,
        v if v >= 1.0 || v == 0.0 => 2,
        v => 2 + (-v.log10().floor()) as usize,
    };
    format!("{value:.digits$}")
}
