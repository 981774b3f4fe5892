//! The page's colours, read from its style sheet: contrast (WCAG 2.2, level AA) in both themes, and the two networks'
//! accents told apart by people with any of the three kinds of colour blindness.

use std::collections::BTreeMap;

type Palette = BTreeMap<String, [f64; 3]>;

/// Linear RGB as a person without one kind of cone sees it: Machado, Oliveira, Fernandes 2009, severity 1.
const BLINDNESS: [(&str, [[f64; 3]; 3]); 4] = [
    ("none", [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]),
    (
        "protanopia",
        [
            [0.152_286, 1.052_583, -0.204_868],
            [0.114_503, 0.786_281, 0.099_216],
            [-0.003_882, -0.048_116, 1.051_998],
        ],
    ),
    (
        "deuteranopia",
        [
            [0.367_322, 0.860_646, -0.227_968],
            [0.280_085, 0.672_501, 0.047_413],
            [-0.011_820, 0.042_940, 0.968_881],
        ],
    ),
    (
        "tritanopia",
        [
            [1.255_528, -0.076_749, -0.178_779],
            [-0.078_411, 0.930_809, 0.147_602],
            [0.004_733, 0.691_367, 0.303_900],
        ],
    ),
];

/// Colours of the light and the dark theme, as linear RGB.
fn themes() -> [(&'static str, Palette); 2] {
    let css = include_str!("../web/css/base.css");
    let (light, rest) = css
        .split_once("@media (prefers-color-scheme: dark)")
        .expect("a dark theme");
    let dark = rest.split("*,").next().expect("an end of it");
    let light = palette(light);
    let mut both = light.clone();
    both.extend(palette(dark));
    assert!(
        light.len() >= 8,
        "the style sheet names its colours: {light:?}"
    );
    assert_ne!(light, both, "the dark theme changes nothing");
    [("light", light), ("dark", both)]
}

fn palette(css: &str) -> Palette {
    css.lines()
        .filter_map(|line| {
            let (name, value) = line.trim().strip_prefix("--")?.split_once(':')?;
            let hex = value.trim().strip_prefix('#')?.strip_suffix(';')?;
            let part = |at: usize| u8::from_str_radix(hex.get(at..at + 2)?, 16).ok();
            let channel = |at| Some(linear(f64::from(part(at)?) / 255.0));
            Some((name.to_owned(), [channel(0)?, channel(2)?, channel(4)?]))
        })
        .collect()
}

fn linear(channel: f64) -> f64 {
    if channel <= 0.040_45 {
        channel / 12.92
    } else {
        ((channel + 0.055) / 1.055).powf(2.4)
    }
}

fn times(matrix: &[[f64; 3]; 3], colour: [f64; 3]) -> [f64; 3] {
    matrix.map(|row| row.iter().zip(colour).map(|(m, c)| m * c).sum())
}

/// WCAG's relative luminance.
fn luminance(colour: [f64; 3]) -> f64 {
    0.2126 * colour[0] + 0.7152 * colour[1] + 0.0722 * colour[2]
}

fn contrast(one: [f64; 3], other: [f64; 3]) -> f64 {
    let (one, other) = (luminance(one), luminance(other));
    (one.max(other) + 0.05) / (one.min(other) + 0.05)
}

/// CIE L*a*b* of linear sRGB under D65.
fn lab(colour: [f64; 3]) -> [f64; 3] {
    const XYZ: [[f64; 3]; 3] = [
        [0.412_456_4, 0.357_576_1, 0.180_437_5],
        [0.212_672_9, 0.715_152_2, 0.072_175_0],
        [0.019_333_9, 0.119_192_0, 0.950_304_1],
    ];
    let clipped = colour.map(|channel| channel.clamp(0.0, 1.0));
    let xyz = times(&XYZ, clipped);
    let f = |value: f64, white: f64| {
        let t = value / white;
        if t > 0.008_856 {
            t.cbrt()
        } else {
            7.787 * t + 16.0 / 116.0
        }
    };
    let [x, y, z] = [f(xyz[0], 0.950_47), f(xyz[1], 1.0), f(xyz[2], 1.088_83)];
    [116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z)]
}

/// CIE 1976 difference; about 2 is just noticeable.
fn difference(one: [f64; 3], other: [f64; 3]) -> f64 {
    let (one, other) = (lab(one), lab(other));
    one.iter()
        .zip(other)
        .map(|(a, b)| (a - b).powi(2))
        .sum::<f64>()
        .sqrt()
}

#[test]
fn black_and_white_are_what_the_standards_say() {
    let (black, white) = ([0.0; 3], [1.0; 3]);
    assert!((contrast(black, white) - 21.0).abs() < 1e-12);
    assert!((difference(black, white) - 100.0).abs() < 1e-3);
    // WCAG's own example of the least grey on white.
    let grey = [linear(f64::from(0x76u8) / 255.0); 3];
    assert!((contrast(grey, white) - 4.54).abs() < 0.01);
    // Every matrix leaves greys grey: its rows sum to one.
    for (name, matrix) in &BLINDNESS {
        let seen = times(matrix, white);
        assert!(
            seen.iter().all(|c| (c - 1.0).abs() < 1e-5),
            "{name}: {seen:?}"
        );
    }
}

#[test]
fn every_text_and_border_has_the_contrast_of_level_aa() {
    // Text needs 4.5, what only marks a control or a line 3.
    let pairs = [
        (4.5, ["ink", "muted", "spiking", "dense"].as_slice()),
        (3.0, ["edge"].as_slice()),
    ];
    for (theme, colours) in themes() {
        for (least, fronts) in pairs {
            for front in fronts {
                for back in ["paper", "surface"] {
                    let got = contrast(colours[*front], colours[back]);
                    assert!(
                        got >= least,
                        "{theme}: {front} on {back} is {got:.2}, not {least}"
                    );
                }
            }
        }
        // Buttons are the other way round, and bars stand in their soft tone.
        assert!(contrast(colours["paper"], colours["ink"]) >= 4.5);
        for name in ["spiking", "dense"] {
            let got = contrast(colours[name], colours[&format!("{name}-soft")]);
            assert!(
                got >= 3.0,
                "{theme}: a {name} bar on its ground is {got:.2}"
            );
        }
    }
}

#[test]
fn spiking_and_dense_stay_apart_for_every_kind_of_colour_blindness() {
    for (theme, colours) in themes() {
        for (kind, matrix) in &BLINDNESS {
            let seen = |name: &str| times(matrix, colours[name]);
            let apart = difference(seen("spiking"), seen("dense"));
            println!("{theme}, {kind}: {apart:.0}");
            assert!(apart >= 40.0, "{theme}, {kind}: only {apart:.1} apart");
            for name in ["spiking", "dense"] {
                let ground = difference(seen(name), seen("surface"));
                assert!(ground >= 30.0, "{theme}, {kind}: {name} fades, {ground:.1}");
            }
        }
    }
}
