//! The optimiser's update against burn's own AdamW and by hand; the flat vector's places.

use burn::optim::{AdamWConfig, Optimizer};
use burn::tensor::{Device, Tensor, TensorData};
use gemst::kernels::{AdamWParams, AdamWState, FlatLayout, adamw, flat_pack, flat_view};

const PLAIN: AdamWParams = AdamWParams {
    lr: 0.01,
    weight_decay: 0.1,
    clip_norm: 0.0,
    beta_1: 0.9,
    beta_2: 0.999,
    epsilon: 1e-8,
    time: 1,
};

fn tensor(values: &[f32]) -> Tensor<1> {
    Tensor::from_data(TensorData::from(values), &Device::flex())
}

fn floats(x: &Tensor<1>) -> Vec<f32> {
    x.clone().into_data().iter::<f32>().collect()
}

fn state(weights: &[f32]) -> AdamWState {
    let zeros = vec![0.0; weights.len()];
    AdamWState {
        weights: tensor(weights),
        first: tensor(&zeros),
        second: tensor(&zeros),
    }
}

/// Share of the learning rate, decay and least value, each for all elements.
fn rules(rows: [&[f32]; 3]) -> Tensor<2> {
    let count = rows[0].len();
    Tensor::from_data(TensorData::new(rows.concat(), [3, count]), &Device::flex())
}

fn assert_close(ours: &[f32], theirs: &[f32]) {
    for (index, (a, b)) in ours.iter().zip(theirs).enumerate() {
        assert!((a - b).abs() < 1e-6, "[{index}]: {a} instead of {b}");
    }
}

#[test]
fn ten_updates_are_burns_own() {
    let mut weights = tensor(&[0.5, -1.0, 2.0, 0.0]);
    let mut ours = state(&floats(&weights));
    let rule = AdamWConfig::new()
        .with_epsilon(PLAIN.epsilon)
        .with_weight_decay(PLAIN.weight_decay)
        .build();
    let mut theirs = None;
    let everything = rules([&[1.0; 4], &[1.0; 4], &[f32::MIN; 4]]);
    for time in 1..=10 {
        let grad = tensor(&[0.3, -0.01 * time as f32, 5.0, (time as f32).sin()]);
        (weights, theirs) = rule.step(f64::from(PLAIN.lr), weights, grad.clone(), theirs);
        let p = AdamWParams { time, ..PLAIN };
        (ours, _) = adamw(ours, grad, everything.clone(), p);
        assert_close(&floats(&ours.weights), &floats(&weights));
    }
    let theirs = theirs.expect("it has made steps").momentum;
    assert_close(&floats(&ours.first), &floats(&theirs.moment_1));
    assert_close(&floats(&ours.second), &floats(&theirs.moment_2));
}

/// At the first update the corrected moments are g and g², so every weight moves by the learning rate against its sign.
#[test]
fn shares_decay_and_floors_by_hand() {
    let share = [1.0, 0.5, 0.0, 1.0, 1.0, 0.0];
    let decay = [0.0, 0.0, 0.0, 0.5, 0.0, 1.0];
    let floor = [f32::MIN, f32::MIN, f32::MIN, f32::MIN, 0.995, f32::MIN];
    let (after, _) = adamw(
        state(&[1.0; 6]),
        tensor(&[2.0, -2.0, 2.0, 2.0, 2.0, 2.0]),
        rules([&share, &decay, &floor]),
        PLAIN,
    );
    assert_close(
        &floats(&after.weights),
        &[0.99, 1.005, 1.0, 0.9895, 0.995, 0.999],
    );
}

/// A gradient of length 5 clipped to 1; the moments show it.
#[test]
fn the_global_norm_is_bounded() {
    let p = AdamWParams {
        clip_norm: 1.0,
        ..PLAIN
    };
    let everything = rules([&[1.0; 2], &[0.0; 2], &[f32::MIN; 2]]);
    let (after, ahead) = adamw(state(&[0.0; 2]), tensor(&[3.0, 4.0]), everything.clone(), p);
    assert_close(&floats(&after.first), &[0.06, 0.08]);
    assert_close(&floats(&after.second), &[0.000_36, 0.000_64]);
    // 0.9 times those of the first and a tenth of the clipped gradient.
    assert_close(&floats(&ahead), &[0.114, 0.152]);
    // A shorter one stays as it is.
    let (after, _) = adamw(state(&[0.0; 2]), tensor(&[0.3, 0.4]), everything, p);
    assert_close(&floats(&after.first), &[0.03, 0.04]);
}

#[test]
fn what_is_packed_comes_back() {
    let lengths = [3, 64, 1, 65, 7, 2, 130, 5];
    let layout = FlatLayout::new(lengths);
    let part = |index: usize| -> Vec<f32> {
        (0..lengths[index])
            .map(|i| (100 * index + i) as f32)
            .collect()
    };
    let flat = flat_pack((0..8).map(|index| tensor(&part(index))).collect(), &layout);
    for (index, (start, length)) in layout.parts().enumerate() {
        assert_eq!(start % 64, 0);
        assert_eq!(floats(&flat_view(&flat, start, [length])), part(index));
    }
    let compact = layout.compact(&floats(&flat));
    assert_eq!(compact, (0..8).flat_map(part).collect::<Vec<f32>>());
    assert_eq!(layout.pad(&compact), floats(&flat), "gaps are zeros");
}
