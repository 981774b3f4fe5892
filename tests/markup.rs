//! `index.html` and the program that fills it know each other's names: what the program looks up is there, what
//! can be pressed is listened to, every figure is written, and every reference inside the page leads somewhere.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// `index.html` with the files that trunk puts into it.
fn page() -> String {
    let mut page = read(&root().join("index.html"));
    let parts: Vec<String> = tags(&page, "link")
        .into_iter()
        .filter(|tag| tag.contains("rel=\"inline\""))
        .flat_map(|tag| values(tag, "href"))
        .map(str::to_owned)
        .collect();
    assert!(parts.len() > 5, "only {} parts were found", parts.len());
    for part in parts {
        page.push_str(&read(&root().join(part)));
    }
    page
}

/// The page's program, without its tests.
fn program() -> String {
    fn add(folder: &Path, all: &mut String) {
        for entry in std::fs::read_dir(folder).expect("a folder of sources") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                add(&path, all);
            } else if path.file_name().is_some_and(|name| name != "tests.rs") {
                let text = read(&path);
                all.push_str(text.split("#[cfg(test)]").next().unwrap_or_default());
            }
        }
    }
    let mut all = String::new();
    add(&root().join("src/ui"), &mut all);
    all
}

/// The values of an attribute, in order.
fn values<'a>(page: &'a str, attribute: &str) -> Vec<&'a str> {
    let open = format!(" {attribute}=\"");
    page.match_indices(&open)
        .filter_map(|(at, _)| page[at + open.len()..].split('"').next())
        .collect()
}

/// The opening tags of an element.
fn tags<'a>(page: &'a str, element: &str) -> Vec<&'a str> {
    let open = format!("<{element} ");
    page.match_indices(&open)
        .filter_map(|(at, _)| page[at..].split('>').next())
        .collect()
}

/// String literals that are the first argument of a function, spread over lines or not.
fn first_arguments<'a>(program: &'a str, function: &str) -> BTreeSet<&'a str> {
    program
        .match_indices(function)
        .filter_map(|(at, _)| {
            let rest = &program[at + function.len()..];
            // The type that `by_id::<T>` is asked for.
            let rest = match rest.strip_prefix("::<") {
                Some(rest) => rest.split_once('>')?.1,
                None => rest,
            };
            let literal = rest.strip_prefix('(')?.trim_start().strip_prefix('"')?;
            literal.split('"').next()
        })
        .collect()
}

fn ids(page: &str) -> BTreeSet<&str> {
    values(page, "id").into_iter().collect()
}

#[test]
fn an_id_stands_once() {
    let page = page();
    let mut count: BTreeMap<&str, u32> = BTreeMap::new();
    for id in values(&page, "id") {
        *count.entry(id).or_default() += 1;
    }
    assert!(count.len() > 100, "only {} ids were found", count.len());
    count.retain(|_, times| *times > 1);
    assert!(count.is_empty(), "more than once: {count:?}");
}

#[test]
fn what_the_program_looks_up_is_there() {
    let (page, program) = (page(), program());
    let ids = ids(&page);
    let mut asked = first_arguments(&program, "by_id");
    asked.append(&mut first_arguments(&program, "on_click"));
    assert!(
        asked.len() > 100,
        "only {} look-ups were found",
        asked.len()
    );
    let missing: Vec<_> = asked.difference(&ids).collect();
    assert!(missing.is_empty(), "not in index.html: {missing:?}");
}

#[test]
fn what_can_be_pressed_or_set_is_listened_to() {
    let (page, program) = (page(), program());
    let mut seen = 0;
    for element in ["button", "input", "select"] {
        for tag in tags(&page, element) {
            // The button of a dialog's form closes it without a program.
            if tag.contains("type=\"submit\"") {
                continue;
            }
            let id = values(tag, "id");
            let [id] = id[..] else {
                panic!("without an id nothing can listen: {tag}>");
            };
            assert!(
                program.contains(&format!("\"{id}\"")),
                "the program never names #{id}"
            );
            seen += 1;
        }
    }
    assert!(seen > 40, "only {seen} controls were found");
}

#[test]
fn every_figure_is_written() {
    let (page, program) = (page(), program());
    let mut seen = 0;
    for tag in page.split('<') {
        let tag = tag.split('>').next().unwrap_or_default();
        for name in values(tag, "data-metric") {
            // By the figure's name, or by the element's.
            let mut names = values(tag, "id").into_iter().chain([name]);
            assert!(
                names.any(|name| program.contains(&format!("\"{name}\""))),
                "the program never names the figure {name}"
            );
            seen += 1;
        }
    }
    assert!(seen > 40, "only {seen} figures were found");
}

#[test]
fn references_lead_somewhere() {
    let page = page();
    let ids = ids(&page);
    for attribute in [
        "for",
        "aria-labelledby",
        "aria-describedby",
        "aria-controls",
        "list",
    ] {
        for value in values(&page, attribute) {
            for id in value.split_whitespace() {
                assert!(ids.contains(id), "{attribute}=\"{value}\": no #{id}");
            }
        }
    }
    for link in values(&page, "href") {
        if let Some(id) = link.strip_prefix('#') {
            assert!(ids.contains(id), "a link to #{id}, which is not there");
        }
    }
}

#[test]
fn headings_begin_with_one_title_and_skip_no_level() {
    // The parts at the end of `page` stand elsewhere in the document: only the frame's own headings are in order.
    let page = read(&root().join("index.html"));
    let levels: Vec<u32> = page
        .match_indices("<h")
        .filter_map(|(at, _)| page[at + 2..].chars().next()?.to_digit(10))
        .collect();
    assert_eq!(levels.iter().filter(|level| **level == 1).count(), 1);
    assert_eq!(levels[0], 1);
    for pair in levels.windows(2) {
        assert!(pair[1] <= pair[0] + 1, "h{} after h{}", pair[1], pair[0]);
    }
}
