//! The explanations on the page: each has a drawing with a name and a description, says who says what, and loads
//! nothing from elsewhere.

use std::path::{Path, PathBuf};

/// The four voices of every explanation.
const VOICES: [&str; 4] = ["The paper", "The design card", "The field", "Ours"];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Name and text of each explanation.
fn explanations() -> Vec<(String, String)> {
    let mut all: Vec<_> = std::fs::read_dir(root().join("web/explain"))
        .expect("a folder of explanations")
        .map(|entry| entry.expect("an entry").path())
        .map(|path| {
            let name = path.file_stem().expect("a name").to_string_lossy();
            (name.into_owned(), read(&path))
        })
        .filter(|(name, _)| name != "sources")
        .collect();
    all.sort();
    all
}

/// What stands between two marks, for every time they occur.
fn between<'a>(text: &'a str, open: &'a str, close: &'a str) -> impl Iterator<Item = &'a str> {
    text.split(open)
        .skip(1)
        .filter_map(move |rest| rest.split(close).next())
}

#[test]
fn each_idea_has_words_a_drawing_and_four_voices() {
    let all = explanations();
    let names: Vec<_> = all.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        names,
        [
            "channels",
            "energy",
            "exponential",
            "spatial",
            "spike",
            "surrogate",
            "temporal",
            "twin"
        ]
    );
    for (name, text) in &all {
        for mark in ["<summary>", "<svg", "<title id=", "<desc id=", "<p>"] {
            assert_eq!(text.matches(mark).count(), 1, "{name}: {mark}");
        }
        let label = between(text, "aria-labelledby=\"", "\"")
            .next()
            .expect(name);
        for id in label.split(' ') {
            assert!(text.contains(&format!("id=\"{id}\"")), "{name}: no {id}");
        }
        let mut voices: Vec<_> = between(text, "<dt>", "</dt>").collect();
        voices.sort_unstable();
        let mut wanted = VOICES;
        wanted.sort_unstable();
        assert_eq!(voices, wanted, "{name}");
        // Drawn in the theme's colours.
        for fixed in ["#", "rgb(", "fill=\"", "stroke=\""] {
            assert!(
                !text.contains(fixed),
                "{name} has a colour of its own: {fixed}"
            );
        }
        let words = between(text, "<p>", "</p>").next().expect(name);
        let count = words.split_whitespace().count();
        assert!((40..130).contains(&count), "{name} takes {count} words");
    }
}

#[test]
fn the_page_holds_each_explanation_once_and_links_only_to_papers() {
    let page = read(&root().join("index.html"));
    for (name, text) in explanations() {
        let link = format!("rel=\"inline\" href=\"web/explain/{name}.html\"");
        assert_eq!(page.matches(&link).count(), 1, "{name}");
        for address in between(&text, "href=\"", "\"") {
            let id = address.strip_prefix("https://arxiv.org/abs/");
            assert!(
                id.is_some_and(|id| id.len() == 10 && id.as_bytes()[4] == b'.'),
                "{name} links to {address}"
            );
        }
        for loading in ["src=", "url(", "<script", "<style", "xlink"] {
            assert!(!text.contains(loading), "{name} loads something: {loading}");
        }
    }
}

#[test]
fn the_tour_points_at_what_is_on_the_page() {
    let page = read(&root().join("index.html"));
    let tour = read(&root().join("web/guide.html"));
    let targets: Vec<_> = between(&tour, "data-target=\"", "\"").collect();
    assert!((4..=6).contains(&targets.len()), "{targets:?}");
    for target in targets {
        let last = target.rsplit(' ').next().expect("a selector");
        let there = match last.strip_prefix('#') {
            Some(id) => page.contains(&format!("id=\"{id}\"")),
            None => {
                let class = last.trim_start_matches('.');
                between(&page, "class=\"", "\"").any(|list| list.split(' ').any(|one| one == class))
            }
        };
        assert!(there, "nothing on the page is {target}");
    }
}
