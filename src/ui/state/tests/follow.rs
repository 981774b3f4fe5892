//! Energy samples, runs that end, answers that are forgotten, stories.

use super::*;

fn sampled(state: &State, at: u64, rate: f64) -> Event {
    let networks = state.networks.as_ref().expect("networks are built");
    Event::Sampled {
        step: at,
        activity: Activity::uniform(&networks.spiking_census, rate),
    }
}

#[test]
fn a_sample_is_a_point_of_the_energy_curve_at_published_prices() {
    let mut state = started();
    state.apply(&step(10, 1.0), false);
    let (few, many) = (sampled(&state, 10, 0.1), sampled(&state, 20, 0.3));
    state.apply(&few, false);
    let low: f64 = value(&state, "sampled-energy-pj").parse().unwrap();
    state.reprice(|pricing| pricing.with.compute.mac_pj = 1000.0);
    state.apply(&step(20, 1.0), false);
    state.apply(&many, false);
    let high: f64 = value(&state, "sampled-energy-pj").parse().unwrap();
    let dense = state.history.column(Column::DenseEnergy);
    assert!(low < high && high < 1e9, "{low} {high}");
    assert_eq!(dense[0], dense[1], "the twin's energy is a closed form");
    assert_eq!(
        state.history.rows()[1].get(Column::SpikingEnergy),
        Some(high)
    );
    // Uniform spikes at 0.1 in every image cost what `compare` says they do.
    let networks = state.networks.as_ref().unwrap();
    let comparison = crate::energy::compare(
        &networks.spiking_census,
        &Activity::uniform(&networks.spiking_census, 0.1),
        &networks.dense_census,
        &crate::energy::Assumptions::default(),
    );
    assert_eq!(low, comparison.spiking_pj);
}

#[test]
fn a_run_is_kept_when_another_begins_and_a_crash_is_no_end() {
    let mut state = started();
    (1..=10).for_each(|at| state.apply(&step(at, 1.0), false));
    state.apply(&ready(&state, 8), true);
    assert!(state.runs.list().is_empty(), "it goes on after a crash");
    // A new preset: the visitor's setting changes first, the networks follow.
    state.apply(&step(9, 1.0), false);
    state.settings.preset = "tiny".to_owned();
    state.apply(&ready(&state, 0), false);
    let kept = state.runs.list().last().expect("a kept run").clone();
    assert_eq!((kept.settings.preset.as_str(), kept.steps), ("small", 9));
    assert!(state.history.rows().is_empty());
    // The same networks on other images: their figures do not continue the curve.
    (1..=3).for_each(|at| state.apply(&step(at, 1.0), false));
    state.apply(&dataset(DatasetKind::Synthetic), false);
    assert_eq!(state.runs.list().len(), 2);
    assert_eq!(state.runs.list()[1].settings.dataset, DatasetKind::Cifar10);
    state.apply(&dataset(DatasetKind::Synthetic), false);
    state.apply(&ready(&state, 0), false);
    assert_eq!(state.runs.list().len(), 2, "nothing was trained since");
    assert_eq!(value(&state, "kept-runs"), "2");
}

#[test]
fn answers_are_of_the_networks_and_images_in_force() {
    let mut state = started();
    let labels = Event::Labels {
        held_out: vec![3, 4],
        train: vec![1; 10],
    };
    state.apply(&labels, false);
    let predicted = Event::Predicted {
        step: 2,
        spiking: vec![3, 3],
        dense: vec![4, 4],
    };
    state.apply(&predicted, false);
    assert_eq!(state.images.step, Some(2));
    state.apply(&ready(&state, 2), true);
    assert_eq!(
        state.images.step,
        Some(2),
        "the same weights in another engine"
    );
    state.apply(&ready(&state, 0), false);
    assert_eq!(state.images.step, None);
    assert_eq!(state.images.truth, [3, 4]);
}

#[test]
fn a_story_follows_the_events() {
    let mut state = started();
    state.follow_story();
    state.telling = Some(Telling::new(3, &state.seen));
    (1..=40).for_each(|at| state.apply(&step(at, 1.0), false));
    state.follow_story();
    let done = |state: &State| state.telling.as_ref().map(|telling| telling.done);
    assert_eq!(done(&state), Some(1));
    let of = || Evaluation {
        images: 10,
        accuracy: 0.5,
        loss: 1.0,
        confusion: vec![],
        activity: None,
    };
    let evaluated = Event::Evaluated {
        step: 40,
        spiking: of(),
        dense: of(),
    };
    state.apply(&evaluated, false);
    state.follow_story();
    assert_eq!(done(&state), Some(2));
    state.settings.seed = 7;
    state.follow_story();
    assert_eq!(done(&state), Some(2), "the networks are still the old ones");
    state.apply(&ready(&state, 0), false);
    state.follow_story();
    assert_eq!(done(&state), Some(3));
}
