use super::*;

#[test]
fn defaults_have_an_empty_address() {
    assert_eq!(serialise(&Settings::default()), "");
    assert_eq!(parse(""), (Settings::default(), vec![]));
    assert_eq!(parse("?"), (Settings::default(), vec![]));
}

#[test]
fn every_parameter_survives_the_round_trip() {
    let settings = Settings {
        backend: Wanted::Webgpu,
        preset: "tiny".to_owned(),
        seed: u64::MAX,
        batch: 8,
        lr: 0.0005,
        dataset: DatasetKind::Cifar100,
        train_limit: Some(2000),
        freeze: Freeze::AllButLast { blocks: 2 },
        penalty: 0.25,
        twin: false,
        start: Some(Start::Fresh),
    };
    let query = serialise(&settings);
    for key in [
        "backend=webgpu",
        "preset=tiny",
        "seed=18446744073709551615",
        "batch=8",
        "lr=0.0005",
        "dataset=cifar100",
        "train_limit=2000",
        "freeze=all-but-last-2",
        "penalty=0.25",
        "twin=off",
        "start=fresh",
    ] {
        assert!(query.contains(key), "{query} lacks {key}");
    }
    assert_eq!(parse(&query), (settings, vec![]));
}

#[test]
fn values_out_of_range_clamp_and_say_so() {
    for (query, batch, lr) in [
        ("batch=0", 1, 1e-3),
        ("batch=-4", 1, 1e-3),
        ("batch=100000", 512, 1e-3),
        ("batch=99999999999999999999999", 512, 1e-3),
        ("lr=5", 32, 1.0),
        ("lr=0", 32, 1e-6),
        ("lr=inf", 32, 1.0),
    ] {
        let (settings, notices) = parse(query);
        assert_eq!((settings.batch, settings.lr), (batch, lr), "{query}");
        assert_eq!(notices.len(), 1, "{query}: {notices:?}");
        assert!(notices[0].contains("is used"), "{notices:?}");
    }
}

#[test]
fn blocks_clamp_to_the_depth_of_the_preset() {
    let (settings, notices) = parse("freeze=all-but-last-9&preset=tiny");
    assert_eq!(settings.freeze, Freeze::AllButLast { blocks: 2 });
    assert_eq!(notices.len(), 1);
}

#[test]
fn unknown_names_and_words_give_the_default_and_say_so() {
    for query in [
        "preset=huge",
        "preset=card-imagenet",
        "backend=cuda",
        "dataset=mnist",
        "freeze=some",
        "twin=maybe",
        "start=imagenet",
        "lr=NaN",
        "lr=quick",
        "batch=3.5",
        "seed=",
    ] {
        let (settings, notices) = parse(query);
        assert_eq!(settings, Settings::default(), "{query}");
        assert_eq!(notices.len(), 1, "{query}: {notices:?}");
    }
}

#[test]
fn encoded_values_and_foreign_parameters_are_no_trouble() {
    let (settings, notices) = parse("?utm_source=x%20y&lr=1e%2D4&seed=+7");
    assert_eq!((settings.lr, settings.seed), (1e-4, 7));
    assert!(notices.is_empty(), "{notices:?}");
}
