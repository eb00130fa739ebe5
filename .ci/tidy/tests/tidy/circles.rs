//! Circles among files.

use std::collections::{BTreeMap, BTreeSet};

use crate::modules::Arrow;

/// Groups of files of which each reaches each other by arrows, with those arrows.
pub fn circles(arrows: &BTreeSet<Arrow>) -> Vec<Vec<&Arrow>> {
    let mut next: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for arrow in arrows {
        next.entry(&arrow.from).or_default().insert(&arrow.to);
    }
    let reached: BTreeMap<&str, BTreeSet<&str>> = next.keys().map(|file| (*file, reach(&next, file))).collect();
    let mut circles: Vec<Vec<&Arrow>> = Vec::new();
    let mut seen = BTreeSet::new();
    for (file, after) in &reached {
        if !after.contains(file) || seen.contains(file) {
            continue;
        }
        let members: BTreeSet<&str> =
            after.iter().copied().filter(|other| reached.get(other).is_some_and(|back| back.contains(file))).collect();
        let within = |arrow: &&Arrow| members.contains(arrow.from.as_str()) && members.contains(arrow.to.as_str());
        circles.push(arrows.iter().filter(within).collect());
        seen.extend(members);
    }
    circles
}

/// Without the uses of a file by what it is the parent of, near or far.
pub fn beside_parents(arrows: &BTreeSet<Arrow>) -> BTreeSet<Arrow> {
    let is_child = |arrow: &&Arrow| {
        let folder = ["mod.rs", "lib.rs", "main.rs"].iter().find_map(|name| arrow.to.strip_suffix(name));
        let folder = folder.map_or_else(|| format!("{}/", arrow.to.trim_end_matches(".rs")), str::to_owned);
        arrow.from.starts_with(&folder)
    };
    arrows.iter().filter(|arrow| !is_child(arrow)).cloned().collect()
}

fn reach<'a>(next: &BTreeMap<&'a str, BTreeSet<&'a str>>, from: &str) -> BTreeSet<&'a str> {
    let mut reached = BTreeSet::new();
    let mut open = vec![from];
    while let Some(file) = open.pop() {
        for to in next.get(file).into_iter().flatten() {
            if reached.insert(*to) {
                open.push(to);
            }
        }
    }
    reached
}

/// `a.rs → b.rs: names`, a line for each pair.
pub fn list<'a>(arrows: impl IntoIterator<Item = &'a Arrow>) -> String {
    let mut pairs: BTreeMap<(&str, &str), BTreeSet<&str>> = BTreeMap::new();
    for arrow in arrows {
        pairs.entry((&arrow.from, &arrow.to)).or_default().insert(&arrow.name);
    }
    pairs
        .iter()
        .map(|((from, to), names)| {
            format!("    {from} → {to}: {}\n", names.iter().copied().collect::<Vec<_>>().join(", "))
        })
        .collect()
}
