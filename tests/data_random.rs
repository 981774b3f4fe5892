//! What is drawn: order, augmentation, mixup and generated pictures are reproducible and as meant.

mod data_support;

use data_support::*;
use gemst::config::{Augment, DatasetKind};
use gemst::data::augment::augment;
use gemst::data::{
    IMAGE_BYTES, ImageSet, PLANE, SIDE, Sampler, eval_batch, synthetic, train_batch,
};
use proptest::prelude::*;

const OFF: Augment = Augment {
    crop_padding: 0,
    flip: false,
    rand_augment: 0.0,
    erase: 0.0,
};
const ALL: Augment = Augment {
    crop_padding: 4,
    flip: true,
    rand_augment: 0.5,
    erase: 0.25,
};

fn photos(len: usize) -> ImageSet {
    synthetic::generate(3, len, 0).train
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_epoch_is_a_permutation(seed: u64, len in 1usize..200, batch in 1usize..70, epoch in 0usize..4) {
        let sampler = Sampler { seed, len, batch };
        // The endless sequence that the steps cut up.
        let steps = ((epoch + 1) * len).div_ceil(batch) as u64;
        let sequence: Vec<usize> = (0..steps).flat_map(|step| sampler.indices(step)).collect();
        let mut seen = sequence[epoch * len..(epoch + 1) * len].to_vec();
        seen.sort_unstable();
        prop_assert_eq!(seen, (0..len).collect::<Vec<_>>());
        prop_assert!((0..steps).all(|step| sampler.indices(step).len() == batch));
    }
}

#[test]
fn the_order_depends_on_seed_and_epoch_only() {
    let sampler = |seed, batch| Sampler {
        seed,
        len: 100,
        batch,
    };
    let first = sampler(7, 100).indices(0);
    assert_eq!(
        first,
        sampler(7, 100).indices(0),
        "a resumed run goes on as it would have"
    );
    let halves = [sampler(7, 50).indices(0), sampler(7, 50).indices(1)].concat();
    assert_eq!(first, halves, "the batch size cuts the same order");
    assert_ne!(
        first,
        sampler(7, 100).indices(1),
        "the next epoch has another order"
    );
    assert_ne!(first, sampler(8, 100).indices(0));
    assert_ne!(first, (0..100).collect::<Vec<_>>());
    let fixed: Vec<usize> = Sampler {
        seed: 1,
        len: 8,
        batch: 8,
    }
    .indices(0);
    assert_eq!(
        fixed, FIXED_ORDER,
        "the same on every machine and in every version"
    );
    assert!(
        Sampler {
            seed: 1,
            len: 0,
            batch: 8
        }
        .indices(3)
        .is_empty()
    );
    assert_eq!(sampler(7, 40).epoch_of(2), 0);
    assert_eq!(sampler(7, 40).epoch_of(3), 1);
}

/// From a separate ChaCha8 and Fisher-Yates, written in Python for this test.
const FIXED_ORDER: [usize; 8] = [5, 7, 6, 0, 4, 3, 1, 2];

#[test]
fn a_batch_without_changes_is_the_pictures() {
    let set = photos(12);
    let batch = train_batch(&set, &[5, 0, 5], &OFF, 0.0, 1, 1);
    assert_eq!((batch.size, batch.mix.is_none()), (3, true));
    assert_eq!(batch.labels, [set.label(5), set.label(0), set.label(5)]);
    assert_eq!(batch.images.len(), 3 * IMAGE_BYTES);
    for (slot, i) in [5, 0, 5].into_iter().enumerate() {
        for (value, &byte) in batch.images[slot * IMAGE_BYTES..].iter().zip(set.image(i)) {
            assert_eq!(*value, f32::from(byte) / 255.0);
        }
    }
    let plain = eval_batch(&set, 2..7);
    assert_eq!((plain.size, &plain.labels[..]), (5, &set.labels[2..7]));
    assert_eq!(
        plain.images[3 * IMAGE_BYTES..4 * IMAGE_BYTES],
        batch.images[..IMAGE_BYTES]
    );
}

#[test]
fn augmentation_is_a_function_of_seed_step_and_slot() {
    let set = photos(6);
    let indices = [0, 1, 2, 3, 4, 5];
    let batch = |seed, step| train_batch(&set, &indices, &ALL, 0.3, seed, step);
    assert_eq!(batch(1, 9), batch(1, 9));
    assert_ne!(batch(1, 9).images, batch(1, 10).images);
    assert_ne!(batch(1, 9).images, batch(2, 9).images);
    let twice = train_batch(&set, &[3, 3], &ALL, 0.0, 1, 9).images;
    assert_ne!(
        twice[..IMAGE_BYTES],
        twice[IMAGE_BYTES..],
        "a picture twice is changed twice"
    );
    for step in 0..200 {
        assert!(
            batch(1, step)
                .images
                .iter()
                .all(|value| (0.0..=1.0).contains(value))
        );
    }
}

/// One picture changed at `step`.
fn changed(image: &[u8], change: &Augment, step: u64) -> Vec<f32> {
    let mut out = vec![f32::NAN; IMAGE_BYTES];
    augment(image, change, 5, step, 0, &mut out);
    out
}

#[test]
fn crops_are_shifts_with_reflected_edges() {
    let set = photos(1);
    let pixel =
        |c: usize, y: usize, x: usize| f32::from(set.image(0)[c * PLANE + y * SIDE + x]) / 255.0;
    let reflect = |i: isize| {
        (if i < 0 {
            -i
        } else if i > 31 {
            62 - i
        } else {
            i
        }) as usize
    };
    let shifted = |dy: isize, dx: isize, mirror: bool| -> Vec<f32> {
        (0..IMAGE_BYTES)
            .map(|i| {
                let (c, y, x) = (i / PLANE, (i % PLANE / SIDE) as isize, (i % SIDE) as isize);
                let x = if mirror { 31 - x } else { x };
                pixel(c, reflect(y + dy), reflect(x + dx))
            })
            .collect()
    };
    let change = Augment {
        crop_padding: 2,
        flip: true,
        ..OFF
    };
    let mut seen = std::collections::BTreeMap::new();
    for step in 0..2000 {
        let out = changed(set.image(0), &change, step);
        let found = (-2..=2)
            .flat_map(|dy| (-2..=2).flat_map(move |dx| [(dy, dx, false), (dy, dx, true)]))
            .find(|&(dy, dx, mirror)| out == shifted(dy, dx, mirror));
        *seen
            .entry(found.expect("a shift of at most two pixels"))
            .or_insert(0) += 1;
    }
    assert_eq!(seen.len(), 50, "every shift, mirrored and not");
    // 40 of each expected, standard deviation 6.3.
    assert!(
        seen.values().all(|&count| (12..=70).contains(&count)),
        "{seen:?}"
    );
}

#[test]
fn rand_augment_grows_with_its_strength() {
    let set = photos(20);
    let distance = |strength: f32| -> f64 {
        let change = Augment {
            rand_augment: strength,
            ..OFF
        };
        let mut sum = 0.0;
        for i in 0..set.len() {
            for step in 0..20 {
                let out = changed(set.image(i), &change, step);
                sum += out
                    .iter()
                    .zip(set.image(i))
                    .map(|(a, &b)| f64::from((a - f32::from(b) / 255.0).abs()))
                    .sum::<f64>();
            }
        }
        sum / (set.len() * 20 * IMAGE_BYTES) as f64
    };
    let [none, weak, half, full] = [0.0, 0.1, 0.5, 1.0].map(distance);
    assert_eq!(none, 0.0);
    assert!(
        0.002 < weak && weak * 2.0 < half && half * 1.3 < full && full < 0.3,
        "{weak} {half} {full}"
    );
}

#[test]
fn erasing_covers_a_rectangle_as_often_as_asked() {
    let image = vec![0; IMAGE_BYTES];
    let mut covered = Vec::new();
    for step in 0..1000 {
        let out = changed(&image, &Augment { erase: 0.25, ..OFF }, step);
        let hit: Vec<usize> = (0..PLANE).filter(|&i| out[i] != 0.0).collect();
        if hit.is_empty() {
            continue;
        }
        let rows = hit.iter().map(|i| i / SIDE);
        let columns = hit.iter().map(|i| i % SIDE);
        let height = rows.clone().max().unwrap() - rows.min().unwrap() + 1;
        let width = columns.clone().max().unwrap() - columns.min().unwrap() + 1;
        // A drawn value may be exactly 0, once in 2^24.
        assert!(height * width - hit.len() <= 1, "a filled rectangle");
        covered.push(hit.len() as f64 / PLANE as f64);
    }
    // Binomial(1000, 0.25): standard deviation 13.7.
    assert!((190..=310).contains(&covered.len()), "{}", covered.len());
    assert!(
        covered.iter().all(|share| (0.015..0.36).contains(share)),
        "{covered:?}"
    );
}

#[test]
fn mixup_mixes_with_the_reversed_batch() {
    let set = photos(5);
    let indices = [0, 1, 2, 3, 4];
    let plain = train_batch(&set, &indices, &OFF, 0.0, 1, 0);
    let mut weights = Vec::new();
    for step in 0..400 {
        let batch = train_batch(&set, &indices, &OFF, 0.4, 1, step);
        let (second, weight) = batch.mix.unwrap();
        assert_eq!(second, set.labels.iter().rev().copied().collect::<Vec<_>>());
        assert!((0.0..=1.0).contains(&weight));
        weights.push(f64::from(weight));
        for (slot, p) in [(0, 0), (1, 700), (2, 1500), (4, 3071)] {
            let (a, b) = (
                plain.images[slot * IMAGE_BYTES + p],
                plain.images[(4 - slot) * IMAGE_BYTES + p],
            );
            let found = batch.images[slot * IMAGE_BYTES + p];
            assert!((found - (weight * a + (1.0 - weight) * b)).abs() < 1e-6);
        }
    }
    // Beta(0.4, 0.4): mean 1/2, variance 1 / (4 (2·0.4 + 1)) = 0.139.
    let mean = weights.iter().sum::<f64>() / 400.0;
    let variance = weights.iter().map(|w| (w - mean).powi(2)).sum::<f64>() / 400.0;
    assert!(
        (mean - 0.5).abs() < 0.08 && (variance - 0.139).abs() < 0.03,
        "{mean} {variance}"
    );
}

#[test]
fn generated_pictures_depend_on_seed_part_and_index_only() {
    let set = synthetic::generate(11, 60, 30);
    assert_eq!(set, synthetic::generate(11, 60, 30));
    assert_eq!(
        (set.kind, &*set.origin),
        (DatasetKind::Synthetic, "generated")
    );
    assert_eq!(
        set.train,
        synthetic::generate(11, 200, 0).train.take(60),
        "a longer set begins so"
    );
    assert_ne!(set.train.image(0), set.held_out.image(0));
    assert_ne!(
        set.train.image(0),
        synthetic::generate(12, 1, 0).train.image(0)
    );
    assert_eq!(set.train.class_counts(10), vec![6; 10]);
    // The value that tests/browser/data.rs expects of a browser.
    let first = synthetic::generate(0, 1, 0).train;
    let mean = first.image(0).iter().map(|&v| f64::from(v)).sum::<f64>() / IMAGE_BYTES as f64;
    assert!((mean - 126.479).abs() < 0.01, "{mean}");
    assert_eq!(set.classes.len(), 10);
    let cut = set.clone().limit(Some(25), 10);
    assert_eq!((cut.train.len(), cut.held_out.len()), (25, 10));
    assert_eq!(set.clone().limit(None, 999), set);
}

/// Share of `test` whose nearest neighbour in `train` (mean absolute difference of the features)
/// has its label.
fn nearest_neighbour(
    features: impl Fn(&[u8]) -> Vec<f32>,
    train: &ImageSet,
    test: &ImageSet,
) -> f64 {
    let known: Vec<Vec<f32>> = (0..train.len()).map(|i| features(train.image(i))).collect();
    let right = (0..test.len()).filter(|&i| {
        let x = features(test.image(i));
        let distance = |y: &[f32]| x.iter().zip(y).map(|(a, b)| (a - b).abs()).sum::<f32>();
        let best = (0..known.len())
            .min_by(|&a, &b| distance(&known[a]).total_cmp(&distance(&known[b])))
            .unwrap();
        train.label(best) == test.label(i)
    });
    right.count() as f64 / test.len() as f64
}

/// Strength of edges, blurred: form without colour.
fn edges(image: &[u8]) -> Vec<f32> {
    let grey: Vec<f32> = (0..PLANE)
        .map(|i| (0..3).map(|c| f32::from(image[c * PLANE + i])).sum())
        .collect();
    let mut cells = vec![0.0; 64];
    for y in 1..31 {
        for x in 1..31 {
            let i = y * SIDE + x;
            let strength = (grey[i + 1] - grey[i - 1]).hypot(grey[i + SIDE] - grey[i - SIDE]);
            cells[y / 4 * 8 + x / 4] += strength;
        }
    }
    let sum: f32 = cells.iter().sum::<f32>().max(1.0);
    cells.iter().map(|cell| cell / sum).collect()
}

fn mean_colour(image: &[u8]) -> Vec<f32> {
    image
        .chunks(PLANE)
        .map(|plane| plane.iter().map(|&v| f32::from(v)).sum::<f32>() / PLANE as f32)
        .collect()
}

#[test]
fn generated_classes_differ_in_form_not_in_colour() {
    let set = synthetic::generate(5, 2000, 500);
    let colour = nearest_neighbour(mean_colour, &set.train, &set.held_out);
    assert!(
        colour < 0.2,
        "colour tells the class in {colour}, chance is 0.1"
    );
    let form = nearest_neighbour(edges, &set.train, &set.held_out);
    assert!(
        (0.3..0.95).contains(&form),
        "edges tell the class in {form}"
    );
}

#[test]
fn pictures_of_the_official_layout_can_be_augmented() {
    let set = pictures(DatasetKind::Cifar100, 4, 0);
    let batch = train_batch(&set, &[3, 2, 1, 0], &ALL, 0.2, 0, 0);
    assert_eq!(
        batch.labels,
        set.labels.iter().rev().copied().collect::<Vec<_>>()
    );
}
