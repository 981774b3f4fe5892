//! What must hold for any activity.

use gemst::config::*;
use gemst::energy::*;
use proptest::prelude::*;

const KINDS: [RulingKind; 3] = [
    RulingKind::ComputeOnly,
    RulingKind::WithMovement,
    RulingKind::BitMatched,
];

fn network(name: &str) -> Census {
    census(&preset(name, DatasetKind::Cifar10).expect("a preset").model)
}

/// Every layer at its own rate, one picture.
fn at_rates(census: &Census, rates: &[f64]) -> Activity {
    let mut activity = Activity::uniform(census, 1.0);
    for (layer, rate) in activity.layers.iter_mut().zip(rates.iter().cycle()) {
        let meeting = census
            .layers
            .iter()
            .any(|spec| spec.name == layer.name && spec.is_meeting());
        layer.spikes.iter_mut().for_each(|count| *count *= rate);
        layer.accumulates *= if meeting { rate * rate } else { *rate };
    }
    activity
}

fn assumptions() -> impl Strategy<Value = Assumptions> {
    let first = prop_oneof![Just(FirstConv::Once), Just(FirstConv::EveryStep)];
    let weights = prop_oneof![
        Just(WeightReads::PerOperation),
        Just(WeightReads::OncePerPicture)
    ];
    let membrane = prop_oneof![
        Just(MembraneAccess::PerStep),
        Just(MembraneAccess::PerEvent)
    ];
    let movement = prop_oneof![Just(Movement::PerOperation), Just(Movement::Multicast)];
    (
        first,
        weights,
        membrane,
        movement,
        any::<bool>(),
        1_u32..=32,
    )
        .prop_map(
            |(first_conv, dense_weights, membrane, movement, weights_from_dram, weight_bits)| {
                Assumptions {
                    first_conv,
                    dense_weights,
                    membrane,
                    movement,
                    weights_from_dram,
                    weight_bits,
                    ..Assumptions::default()
                }
            },
        )
}

fn preset_name() -> impl Strategy<Value = &'static str> {
    prop_oneof![
        Just("tiny"),
        Just("tiny-exp"),
        Just("small"),
        Just("card-cifar")
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn energy_is_monotone_in_every_rate(
        name in preset_name(),
        with in assumptions(),
        mut rates in prop::collection::vec(0.0..0.9_f64, 64),
        which in any::<prop::sample::Index>(),
        more in 0.01..0.1_f64,
    ) {
        let census = network(name);
        let dense = network("dense-tiny");
        let layers = census.layers.iter().filter(|spec| spec.is_spiking()).count();
        let before = compare(&census, &at_rates(&census, &rates), &dense, &with);
        rates[which.index(layers)] += more;
        let after = compare(&census, &at_rates(&census, &rates), &dense, &with);
        for kind in KINDS {
            let (before, after) = (before.ruling(kind), after.ruling(kind));
            prop_assert!(after.spiking_pj > before.spiking_pj, "{kind:?}");
            prop_assert_eq!(after.dense_pj, before.dense_pj, "{:?}", kind);
        }
    }

    #[test]
    fn rate_one_costs_the_dense_count_times_the_accumulate(name in preset_name(), with in assumptions()) {
        let census = network(name);
        let counted = account(&census, &Activity::uniform(&census, 1.0), &with);
        let dense: u64 = census.layers.iter().filter(|spec| spec.is_spiking()).map(LayerSpec::dense_ops).sum();
        prop_assert_eq!(counted.total.acs, dense as f64);
        let comparison = compare(&census, &Activity::uniform(&census, 1.0), &census, &with);
        let items = &comparison.ruling(RulingKind::ComputeOnly).breakdown_pj;
        let accumulates = items.iter().find(|item| item.name == "accumulates").expect("an item");
        prop_assert!((accumulates.spiking_pj / (dense as f64 * with.compute.ac_pj) - 1.0).abs() < 1e-12);
        prop_assert!(counted.warnings.is_empty(), "{:?}", counted.warnings);
    }

    #[test]
    fn silence_costs_state_and_the_layers_on_real_numbers(spiking_name in preset_name(), with in assumptions()) {
        let census = network(spiking_name);
        let comparison = compare(&census, &Activity::uniform(&census, 0.0), &network("dense-tiny"), &with);
        let ops = &comparison.spiking.total;
        prop_assert_eq!((ops.acs, ops.shifts, ops.spikes, ops.rate_acs), (0.0, 0.0, 0.0, 0.0));
        for layer in &comparison.spiking.layers {
            if layer.input != Signal::Real {
                prop_assert_eq!((layer.ops.weight_bytes, layer.ops.activation_bytes), (0.0, 0.0));
                prop_assert_eq!((layer.ops.addressing_adds, layer.ops.addressing_macs), (0.0, 0.0));
                let state = layer.ops.update_adds + layer.ops.adds;
                prop_assert!(state > 0.0 || layer.ops.updates == 0.0);
            }
        }
        // The first convolution and the head; behind the card's softmax, `out`.
        let real = comparison.spiking.layers.iter().filter(|layer| layer.input == Signal::Real);
        for layer in real.clone() {
            let card = spiking_name == "card-cifar" && layer.name.ends_with(".out");
            prop_assert!(card || ["stem.0", "head"].contains(&layer.name.as_str()), "{}", layer.name);
        }
        let real: f64 = real.map(|layer| layer.ops.macs).sum();
        prop_assert!((comparison.spiking_pj / (real * with.compute.mac_pj) - 1.0).abs() < 1e-12);
    }

    #[test]
    fn a_batch_costs_per_picture_what_its_pictures_cost(images in 1_u64..50, rate in 0.0..1.0_f64) {
        let census = network("tiny");
        let one = Activity::uniform(&census, rate);
        let mut many = one.clone();
        many.images = images;
        for layer in &mut many.layers {
            let times = images as f64;
            layer.spikes.iter_mut().for_each(|count| *count *= times);
            layer.sites *= times;
            layer.accumulates *= times;
        }
        let with = Assumptions::default();
        let (one, many) = (account(&census, &one, &with), account(&census, &many, &with));
        prop_assert!((one.total.acs - many.total.acs).abs() <= 1e-9 * one.total.acs);
        prop_assert!((one.total.weight_bytes - many.total.weight_bytes).abs() <= 1e-9 * one.total.weight_bytes);
        prop_assert!((one.firing_rate.unwrap() - many.firing_rate.unwrap()).abs() < 1e-12);
    }

    #[test]
    fn break_even_is_where_both_need_the_same(rate in 0.01..0.9_f64, name in preset_name()) {
        let census = network(name);
        let dense = network("dense-small");
        let with = Assumptions::default();
        let comparison = compare(&census, &Activity::uniform(&census, rate), &dense, &with);
        for kind in KINDS {
            let ruling = comparison.ruling(kind);
            match ruling.break_even_rate {
                None => prop_assert!(ruling.spiking_pj > ruling.dense_pj),
                Some(line) if line < 1.0 => {
                    prop_assert_eq!(rate < line, ruling.spiking_pj < ruling.dense_pj, "{:?}", kind);
                    let there = compare(&census, &Activity::uniform(&census, line), &dense, &with);
                    let there = there.ruling(kind);
                    prop_assert!((there.spiking_pj / there.dense_pj - 1.0).abs() < 1e-6, "{:?}", kind);
                }
                Some(_) => prop_assert!(ruling.spiking_pj <= ruling.dense_pj),
            }
        }
    }
}
