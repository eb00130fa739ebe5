//! The documents: each page is in the site's table of contents, and what a page links to is there.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Component, Path, PathBuf};

use crate::tree::root;

/// The table of contents.
const SUMMARY: &str = "docs/SUMMARY.md";

/// Pages that lie outside of docs/: `.ci/docs` copies them.
const OUTSIDE: [&str; 5] = [
    "README.md",
    "CHANGELOG.md",
    "benches/data/README.md",
    "benches/results/reference/README.md",
    "benches/results/reference/bench/README.md",
];

#[test]
fn the_table_of_contents_names_every_page_once() {
    let root = PathBuf::from(root());
    let entries: Vec<String> = links(&read(&root, SUMMARY)).into_iter().map(|to| below(SUMMARY, to)).collect();
    let named: BTreeSet<&String> = entries.iter().collect();
    assert_eq!(named.len(), entries.len(), "{SUMMARY} names a page twice");
    let gone: Vec<_> = entries.iter().filter(|entry| !root.join(entry).is_file()).collect();
    assert!(gone.is_empty(), "{SUMMARY} names what isn't there: {gone:?}");
    let missing: Vec<_> = all_pages(&root).into_iter().filter(|page| !named.contains(page)).collect();
    assert!(missing.is_empty(), "no entry in {SUMMARY}: {missing:?}");
}

#[test]
fn links_lead_to_what_is_there() {
    let root = PathBuf::from(root());
    let copied = read(&root, ".ci/docs");
    for page in all_pages(&root) {
        let text = read(&root, &page);
        for link in links(&text) {
            let (file, place) = link.split_once('#').unwrap_or((link, ""));
            let to = if file.is_empty() { page.clone() } else { below(&page, file) };
            assert!(root.join(&to).is_file(), "{page}: {link} isn't a file");
            if !place.is_empty() {
                assert!(headings(&read(&root, &to)).contains(place), "{page}: {to} has no heading {place}");
            }
            let is_in_site = to.starts_with("docs/") || copied.contains(&to);
            assert!(is_in_site, "{page}: .ci/docs doesn't copy {to}, so that {link} is dead in the site");
        }
    }
}

#[test]
fn links_and_headings_are_read_from_what_people_write() {
    let text = "See [a](a.md), [b][x] and [`c`](../c/d.md#e-f).\n```sh\necho [no](no.md)\n```\n[out](https://example.org) `[no](no.md)`\n";
    assert_eq!(links(text), ["a.md", "../c/d.md#e-f"]);
    assert_eq!(below("docs/deploy/README.md", "../DBA.md"), "docs/DBA.md");
    assert_eq!(below("README.md", "docs/LAB.md"), "docs/LAB.md");
    let text =
        "# Ask: `lab run`, which?\n```sh\n# no\n```\n## What is *so*, and 1.5 more\n## What is *so*, and 1.5 more\n";
    let wanted = ["ask-lab-run-which", "what-is-so-and-15-more", "what-is-so-and-15-more-1"];
    assert_eq!(headings(text), wanted.map(str::to_owned).into());
}

fn read(root: &Path, file: &str) -> String {
    fs::read_to_string(root.join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// All below docs/ but the table of contents, and those outside.
fn all_pages(root: &Path) -> Vec<String> {
    let mut pages: Vec<String> = OUTSIDE.map(str::to_owned).into();
    let mut folders = vec!["docs".to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(root.join(&folder)).unwrap().map(Result::unwrap) {
            let path = format!("{folder}/{}", entry.file_name().to_string_lossy());
            if entry.path().is_dir() {
                folders.push(path);
            } else if path.ends_with(".md") && path != SUMMARY {
                pages.push(path);
            }
        }
    }
    pages
}

/// Lines outside of blocks of code.
fn prose(text: &str) -> impl Iterator<Item = &str> {
    let mut is_code = false;
    text.lines().filter(move |line| {
        let is_fence = line.trim_start().starts_with("```");
        is_code ^= is_fence;
        !is_code && !is_fence
    })
}

/// Where the links lead that stay within the repository.
fn links(text: &str) -> Vec<&str> {
    prose(text).flat_map(links_of_line).filter(|to| !to.contains("://")).collect()
}

fn links_of_line(line: &str) -> impl Iterator<Item = &str> {
    // What begins in code is an example, whereas code within a link's words is none.
    let is_link =
        |at: usize| line[..at].rfind('[').is_some_and(|open| line[..open].matches('`').count().is_multiple_of(2));
    line.match_indices("](").filter(move |(at, _)| is_link(*at)).filter_map(|(at, _)| line[at + 2..].split(')').next())
}

/// What a link of a page leads to, from the root.
fn below(page: &str, link: &str) -> String {
    let mut path = PathBuf::from(page);
    path.pop();
    for part in Path::new(link).components() {
        match part {
            Component::ParentDir => {
                path.pop();
            }
            part => path.push(part),
        }
    }
    path.to_string_lossy().into_owned()
}

/// The names by which links reach a page's headings: as GitHub and mdBook make them.
fn headings(text: &str) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    for line in prose(text).filter(|line| line.starts_with('#')) {
        let words = line.trim_start_matches('#').trim().to_lowercase();
        let kept = words.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
        let name: String = kept.map(|c| if c == ' ' { '-' } else { c }).collect();
        let again = (1..).map(|n| format!("{name}-{n}")).find(|again| !all.contains(again));
        let name = if all.contains(&name) { again.unwrap_or_default() } else { name };
        all.insert(name);
    }
    all
}
