//! The order of the lab's folders: each uses only what stands before it.

use std::collections::BTreeSet;
use std::iter;

use crate::modules::Arrow;

/// Folders of `benches/src`, from what uses nothing to what uses all.
pub const LAYERS: [&str; 18] = [
    "stats",
    "import",
    "data",
    "load",
    "design",
    "result",
    "system",
    "observe",
    "compare",
    "target",
    "measure",
    "experiments",
    "console",
    "sql",
    "selftest",
    "bench",
    "report",
    "cli",
];

const LAB: &str = "benches/src/";

/// The layer that a file of the lab belongs to: its first folder, or its own name where it stands beside it (`cli.rs`).
pub fn layer(file: &str) -> Option<&str> {
    let below = file.strip_prefix(LAB)?;
    Some(below.split_once('/').map_or_else(|| below.trim_end_matches(".rs"), |(folder, _)| folder))
}

/// Where it stands; files directly in `src` stand before all folders, `main.rs` after them.
fn place(file: &str) -> Option<usize> {
    let name = layer(file)?;
    let is_loose = !file[LAB.len()..].contains('/');
    match LAYERS.iter().position(|layer| *layer == name) {
        Some(place) => Some(place + 1),
        None if name == "main" => Some(usize::MAX),
        None if is_loose => Some(0),
        None => None,
    }
}

/// Folders that the order doesn't name.
pub fn strangers<'a>(files: impl Iterator<Item = &'a str>) -> BTreeSet<&'a str> {
    files.filter(|file| place(file).is_none()).filter_map(layer).collect()
}

/// Uses of something that stands after the user, or that a file after it hands on.
pub fn against(arrows: &BTreeSet<Arrow>) -> Vec<Arrow> {
    let mut against = Vec::new();
    for arrow in arrows {
        let Some(from) = place(&arrow.from) else { continue };
        let is_after = |to: &&String| place(to).is_some_and(|to| to > from);
        against.extend(
            iter::once(&arrow.to)
                .chain(&arrow.through)
                .find(is_after)
                .map(|to| Arrow { to: to.clone(), ..arrow.clone() }),
        );
    }
    against
}
