//! The report for people: text, a Mermaid graph, a page.

use std::collections::BTreeMap;

use super::diff::kind;
use super::report::{Column, Kind, List, Report};

mod graph;
pub mod html;
pub mod markdown;
pub mod mermaid;
pub mod text;

/// Edges of a pair of services together.
#[derive(Debug, Default)]
struct Pair<'a> {
    kinds: Vec<Kind>,
    /// `reads views of: published.persons`.
    ways: Vec<String>,
    columns: Vec<&'a Column>,
    calls_per_second: f64,
}

fn pairs(report: &Report) -> BTreeMap<(&str, &str), Pair<'_>> {
    let mut pairs: BTreeMap<(&str, &str), Pair> = BTreeMap::new();
    for edge in &report.edges {
        let pair = pairs.entry((edge.from.as_str(), edge.to.as_str())).or_default();
        pair.kinds.push(edge.kind);
        pair.ways.push(format!("{}: {}", kind(edge.kind).trim_end_matches(" of"), edge.through.join(", ")));
        // A statement that reads a view and writes a table counts for both edges: the widest is how often they meet, at least.
        pair.calls_per_second = pair.calls_per_second.max(edge.calls_per_second);
    }
    for column in report.columns.iter().filter(|column| column.list != List::NeverUsed) {
        if let Some(pair) = pairs.get_mut(&(column.from.as_str(), column.to.as_str())) {
            pair.columns.push(column);
        }
    }
    pairs
}

/// `published.persons: id, name` for each relation.
fn by_relation<'a>(columns: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut relations: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for column in columns {
        let dot = column.match_indices('.').nth(1).map_or(column.len(), |(at, _)| at);
        let (relation, name) = column.split_at(dot);
        relations.entry(relation).or_default().push(name.trim_start_matches('.'));
    }
    relations.iter().map(|(relation, names)| format!("{relation}: {}", names.join(", "))).collect()
}
