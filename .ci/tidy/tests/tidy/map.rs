//! The code map in `docs/ARCHITECTURE.md` against the tree, and the paths that the two documents for developers name.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::tree::root;

/// Each folder in one of these has a line in the map.
const PARENTS: [&str; 11] = [
    "",
    ".ci/",
    "benches/",
    "benches/rivals/",
    "benches/src/",
    "benches/src/experiments/",
    "docs/",
    "schema/",
    "schema/src/",
    "services/",
    "services/kit/src/",
];
/// Not kept in the repository, or cargo's own.
const IGNORED: [&str; 5] = [".cargo/", ".git/", "target/", "results/", "node_modules/"];

#[test]
fn the_map_names_every_folder() {
    let root = PathBuf::from(root());
    let mapped = mapped(&fs::read_to_string(root.join("docs/ARCHITECTURE.md")).unwrap());
    let there: BTreeSet<String> = PARENTS.iter().flat_map(|parent| folders(&root, parent)).collect();
    let missing: Vec<_> = there.iter().filter(|folder| !mapped.contains(*folder)).collect();
    assert!(missing.is_empty(), "no line in the code map of docs/ARCHITECTURE.md: {missing:?}");
    let gone: Vec<_> = mapped.iter().filter(|folder| folder.ends_with('/') && !there.contains(*folder)).collect();
    assert!(gone.is_empty(), "the code map of docs/ARCHITECTURE.md names what isn't there: {gone:?}");
}

#[test]
fn documents_name_what_is_there() {
    let root = PathBuf::from(root());
    for document in ["docs/ARCHITECTURE.md", "docs/CONTRIBUTING.md"] {
        let text = fs::read_to_string(root.join(document)).unwrap();
        let gone: Vec<_> = paths(&text).into_iter().filter(|path| !root.join(path).exists()).collect();
        assert!(gone.is_empty(), "{document} names what isn't there: {gone:?}");
    }
}

#[test]
fn a_map_is_read_from_the_first_column() {
    let map =
        "# X\n\n| where | what |\n| --- | --- |\n| `a/`, `b/c/` | uses `d/` |\n\nText with `e/`.\n| `<x>/y/` | any |\n";
    assert_eq!(mapped(map), ["a/", "b/c/"].map(str::to_owned).into());
    let text = "`benches/src/`, `schema/src/apply.rs`, `cargo test`, `docs/<x>/`, `services/*/src`, `apis::find`, `POST /apis`";
    assert_eq!(paths(text), ["benches/src/", "schema/src/apply.rs"]);
}

/// Paths in the first column of tables.
fn mapped(text: &str) -> BTreeSet<String> {
    let cells = text.lines().filter_map(|line| line.strip_prefix("| ")?.split(" | ").next());
    cells.flat_map(quoted).filter(|path| path.ends_with('/') && !path.contains('<')).map(str::to_owned).collect()
}

/// Paths from the root that stand in backquotes.
fn paths(text: &str) -> Vec<&str> {
    let is_path = |path: &&str| {
        let of_root =
            [".ci/", "benches/", "docs/", "schema/", "services/"].iter().any(|folder| path.starts_with(folder));
        of_root && !path.contains(['<', '*', ' ', '…'])
    };
    text.lines().flat_map(quoted).filter(is_path).collect()
}

fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

fn folders(root: &Path, parent: &str) -> Vec<String> {
    let entries = fs::read_dir(root.join(parent)).unwrap().map(Result::unwrap);
    let folders = entries.filter(|entry| entry.path().is_dir());
    let names = folders.map(|entry| format!("{parent}{}/", entry.file_name().to_string_lossy()));
    names.filter(|name| !IGNORED.contains(&name.as_str()) && !name.ends_with("__pycache__/")).collect()
}
