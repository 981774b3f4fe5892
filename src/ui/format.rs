//! Numbers as a reader wants them.

/// Three significant digits at most, without trailing noise: 1234, 12.3, 1.23, 0.0123.
pub fn figure(value: f64) -> String {
    let size = value.abs();
    if !value.is_finite() {
        "not a number".to_owned()
    } else if size >= 100.0 || size == 0.0 {
        grouped(value.round())
    } else if size >= 10.0 {
        format!("{value:.1}")
    } else if size >= 0.1 {
        format!("{value:.2}")
    } else if size >= 1e-4 {
        let digits = 2 - size.log10().floor() as i32;
        format!("{value:.*}", digits.max(0) as usize)
            .trim_end_matches('0')
            .to_owned()
    } else {
        format!("{value:.1e}")
    }
}

/// A whole number with thin spaces between thousands.
pub fn grouped(value: f64) -> String {
    let digits = format!("{:.0}", value.abs());
    let mut out = String::new();
    if value < 0.0 {
        out.push('−');
    }
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index) % 3 == 0 && digits.len() > 4 {
            out.push('\u{202f}');
        }
        out.push(digit);
    }
    out
}

/// A share in `[0, 1]` as a percentage.
pub fn percent(share: f64) -> String {
    let value = share * 100.0;
    if value != 0.0 && value.abs() < 9.95 {
        format!("{value:.1}\u{202f}%")
    } else {
        format!("{value:.0}\u{202f}%")
    }
}

/// Bytes in decimal units.
pub fn bytes(count: f64) -> String {
    scaled(count, &[("B", 1.0), ("kB", 1e3), ("MB", 1e6), ("GB", 1e9)])
}

/// Milliseconds, or seconds from ten seconds on.
pub fn duration(ms: f64) -> String {
    if ms >= 10_000.0 {
        format!("{}\u{202f}s", figure(ms / 1000.0))
    } else {
        format!("{}\u{202f}ms", figure(ms))
    }
}

/// A ratio of two amounts: `2.4×`.
pub fn times(ratio: f64) -> String {
    format!("{}×", figure(ratio))
}

fn scaled(value: f64, units: &[(&str, f64)]) -> String {
    let (unit, size) = units
        .iter()
        .rev()
        .find(|(_, size)| value.abs() >= *size)
        .unwrap_or(&units[0]);
    format!("{}\u{202f}{unit}", figure(value / size))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_keep_three_digits() {
        for (value, text) in [
            (0.0, "0"),
            (1234.4, "1234"),
            (12_345.0, "12\u{202f}345"),
            (12.34, "12.3"),
            (1.234, "1.23"),
            (0.012_34, "0.0123"),
            (0.001, "0.001"),
            (0.000_012, "1.2e-5"),
            (f64::NAN, "not a number"),
        ] {
            assert_eq!(figure(value), text);
        }
    }

    #[test]
    fn units_follow_the_amount() {
        assert_eq!(bytes(170_498_071.0), "170\u{202f}MB");
        assert_eq!(duration(41.26), "41.3\u{202f}ms");
        assert_eq!(duration(18_000.0), "18.0\u{202f}s");
        assert_eq!(percent(0.0573), "5.7\u{202f}%");
        assert_eq!(percent(1.0), "100\u{202f}%");
    }
}
