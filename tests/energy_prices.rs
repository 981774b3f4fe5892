//! Prices, choices and their words.

use gemst::config::*;
use gemst::energy::*;

fn network(name: &str) -> Census {
    census(&preset(name, DatasetKind::Cifar10).expect("a preset").model)
}

#[test]
fn first_convolution_once_or_at_every_step() {
    let macs = |name: &str, first_conv| {
        let with = Assumptions {
            first_conv,
            ..Assumptions::default()
        };
        account(&network(name), &Activity::default(), &with).layers[0]
            .ops
            .macs
    };
    assert_eq!(
        macs("tiny", FirstConv::EveryStep),
        4.0 * macs("tiny", FirstConv::Once)
    );
    // ExpG-IF forms its potentials in one pass, rate coding has unrolled already.
    assert_eq!(
        macs("tiny-exp", FirstConv::EveryStep),
        macs("tiny-exp", FirstConv::Once)
    );
    assert_eq!(
        macs("card-cifar", FirstConv::EveryStep),
        macs("card-cifar", FirstConv::Once)
    );
}

#[test]
fn a_row_of_the_users() {
    let mut table = PriceTable::default();
    let row = |name: &str, ac_pj: f64, citation: &str| PriceRow {
        name: name.into(),
        mac_pj: 0.3,
        ac_pj,
        shift_pj: 0.0,
        citation: citation.into(),
    };
    assert_eq!(
        table.add(row("45 nm FP32", 0.1, "mine")),
        Err(PriceError::Taken("45 nm FP32".into()))
    );
    assert_eq!(table.add(row(" ", 0.1, "mine")), Err(PriceError::Nameless));
    assert_eq!(table.add(row("mine", 0.1, "")), Err(PriceError::Uncited));
    for bad in [f64::NAN, -0.1, f64::INFINITY] {
        let message = table
            .add(row("mine", bad, "mine"))
            .expect_err("no price")
            .to_string();
        assert!(
            message.contains("the accumulate") && message.contains("finite"),
            "{message}"
        );
    }
    assert_eq!(
        table,
        PriceTable::default(),
        "a refused row changes nothing"
    );
    table
        .add(row("mine", 0.1, "a chip of ours"))
        .expect("a good row");
    let with = Assumptions {
        compute: table.find("mine").expect("the row").clone(),
        ..Assumptions::default()
    };
    assert!(
        with.listed()
            .iter()
            .any(|line| line.contains("a chip of ours"))
    );
    let census = network("tiny");
    let comparison = compare(
        &census,
        &Activity::uniform(&census, 0.1),
        &network("dense-tiny"),
        &with,
    );
    assert_eq!(comparison.dense_pj, comparison.dense.total.macs * 0.3);
}

#[test]
fn every_choice_and_citation_is_listed() {
    let listed = |with: &Assumptions| with.listed().join("\n");
    let base = Assumptions::default();
    let text = listed(&base);
    for source in [
        "Horowitz",
        "Lemaire",
        "arXiv:2409.08290",
        "event-driven hardware",
    ] {
        assert!(text.contains(source), "{source}");
    }
    for changed in [
        Assumptions {
            first_conv: FirstConv::EveryStep,
            ..base.clone()
        },
        Assumptions {
            dense_weights: WeightReads::OncePerPicture,
            ..base.clone()
        },
        Assumptions {
            membrane: MembraneAccess::PerEvent,
            ..base.clone()
        },
        Assumptions {
            movement: Movement::Multicast,
            ..base.clone()
        },
        Assumptions {
            zero_skipping: ZeroSkipping::On,
            ..base.clone()
        },
        Assumptions {
            weights_from_dram: true,
            ..base.clone()
        },
        Assumptions {
            weight_bits: 8,
            ..base.clone()
        },
        Assumptions {
            activation_bits: 8,
            ..base.clone()
        },
        Assumptions {
            event_bits: 16,
            ..base.clone()
        },
        Assumptions {
            membrane_bits: 16,
            ..base.clone()
        },
        Assumptions {
            quantised_input_bits: 4,
            ..base.clone()
        },
    ] {
        assert_ne!(listed(&changed), text);
        let json = serde_json::to_string(&changed).expect("JSON");
        assert_eq!(
            serde_json::from_str::<Assumptions>(&json).expect("assumptions"),
            changed
        );
    }
    // What a user leaves out keeps its default; what nobody knows is refused.
    let partial: Assumptions = serde_json::from_str(r#"{"weight_bits": 4}"#).expect("a part");
    assert_eq!(
        partial,
        Assumptions {
            weight_bits: 4,
            ..base
        }
    );
    assert!(serde_json::from_str::<Assumptions>(r#"{"weight_bit": 4}"#).is_err());
}

/// The page gets a census and counts as text from the worker; the command line does not. Both must come to the
/// same picojoules.
#[test]
fn counts_survive_json_to_the_last_digit() {
    let (census, dense) = (network("small"), network("dense-small"));
    let mut activity = Activity::uniform(&census, 0.0837);
    activity.images = 1000;
    for layer in &mut activity.layers {
        layer
            .spikes
            .iter_mut()
            .for_each(|count| *count = (*count * 1000.0).round());
        layer.sites *= 1000.0;
        layer.accumulates = (layer.accumulates * 1000.0).round();
    }
    fn through_json<T: serde::Serialize + serde::de::DeserializeOwned>(value: &T) -> T {
        serde_json::from_str(&serde_json::to_string(value).expect("JSON")).expect("the same type")
    }
    let with = Assumptions::default();
    let native = compare(&census, &activity, &dense, &with);
    let page = compare(
        &through_json(&census),
        &through_json(&activity),
        &through_json(&dense),
        &through_json(&with),
    );
    assert_eq!(page, native);
}

#[test]
fn energies_in_words() {
    for (pj, text) in [
        (0.0, "0.00 pJ"),
        (5.4, "5.40 pJ"),
        (110.4, "110 pJ"),
        (13.658865e9, "13.7 mJ"),
        (23.0e4, "230 nJ"),
        (0.0432, "0.0432 pJ"),
        (1.5e12, "1.50 J"),
    ] {
        assert_eq!(energy_text(pj), text);
    }
}
