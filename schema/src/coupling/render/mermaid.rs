//! The graph for Markdown: services, and how they depend on each other.

use std::fmt::Write as _;

use super::super::report::{Kind, Report};
use super::pairs;

/// `graph LR`, one arrow for each pair; thick where one writes what is another's.
#[must_use]
pub fn mermaid(report: &Report) -> String {
    let mut out = "graph LR\n".to_owned();
    let id = |name: &str| report.services.iter().position(|service| service.name == name).unwrap_or(usize::MAX);
    for service in &report.services {
        let name = service.name.replace('"', "'");
        let _ = writeln!(
            out,
            "    s{}[\"{name}<br>{} of {} columns used\"]",
            id(&service.name),
            service.used,
            service.exposed
        );
    }
    for ((from, to), pair) in pairs(report) {
        let writes = pair.kinds.iter().any(|kind| matches!(kind, Kind::Write | Kind::CascadeWrite));
        let arrow = if writes { "==>" } else { "-->" };
        let mut label = Vec::new();
        if !pair.columns.is_empty() {
            label.push(format!("{} columns", pair.columns.len()));
        }
        if pair.kinds.contains(&Kind::Key) {
            label.push("keys".to_owned());
        }
        if writes {
            label.push("writes".to_owned());
        }
        let label = if label.is_empty() { "other".to_owned() } else { label.join(", ") };
        let _ = writeln!(out, "    s{} {arrow}|\"{label}\"| s{}", id(from), id(to));
    }
    out
}
