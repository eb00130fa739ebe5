//! Links to the sections of a page.

use maud::{Markup, PreEscaped, html};

use super::attachments::NOT_MEASURED;

/// What each group of links is called, and the sections in it. Those that are in none come last.
const GROUPS: [(&str, &[&str]); 4] = [
    (
        "What was found",
        &[
            "stress",
            "matrix",
            "statements",
            "problems",
            "control-workload",
            "pairs",
            "decides",
            "ratios",
            "stops",
            "wrong",
            "figures",
        ],
    ),
    ("Why", &["ledger", "activity", "closure", "timeline", "cost"]),
    ("How far to trust it", &["correctness", "freshness", "trust", "method"]),
    ("Other architectures and remedies", &[]),
];

/// By the headings of the sections that are there, in groups; what another command measures is apart.
pub fn contents(sections: &str) -> Markup {
    let found = sections.split("<section").skip(1).filter_map(|section| {
        let id = section.split_once("id=\"")?.1.split('"').next()?;
        let title = section.split_once("<h2>")?.1.split("</h2>").next()?;
        let group = if section.contains(NOT_MEASURED) {
            GROUPS.len()
        } else {
            GROUPS.iter().position(|(_, ids)| ids.contains(&id)).unwrap_or(GROUPS.len() - 1)
        };
        Some((group, id, title))
    });
    let found: Vec<(usize, &str, &str)> = found.collect();
    let names = GROUPS.iter().map(|(name, _)| *name).chain([NOT_MEASURED]);
    html! {
        nav.contents {
            @for (group, name) in names.enumerate().filter(|(group, _)| found.iter().any(|of| of.0 == *group)) {
                p {
                    b { (name) } " "
                    @for (_, id, title) in found.iter().filter(|of| of.0 == group) { a href={ "#" (id) } { (PreEscaped(title)) } " " }
                }
            }
        }
    }
}
