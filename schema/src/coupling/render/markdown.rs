//! The report as Markdown, for the comment of a pull request: the graph and the figures of each service.

use std::fmt::Write as _;

use super::super::report::Report;
use super::mermaid::mermaid;
use super::text::heading;

/// The text has every column; here is what a reviewer looks at.
#[must_use]
pub fn markdown(report: &Report) -> String {
    let mut out = format!(
        "### `dba coupling`\n\n{}\n```mermaid\n{}```\n\n",
        heading(report).replace('\n', "  \n"),
        mermaid(report)
    );
    out.push_str("| service | Ca | Ce | instability | columns exposed | used | writes | unused columns |\n|---|---|---|---|---|---|---|---|\n");
    for one in &report.services {
        let instability = one.instability.map_or_else(String::new, |value| format!("{value:.2}"));
        let unused: Vec<_> = one.unused.iter().take(10).map(|column| format!("`{column}`")).collect();
        let more = if one.unused.len() > 10 { format!(" and {} more", one.unused.len() - 10) } else { String::new() };
        let _ = writeln!(
            out,
            "| {} | {} | {} | {instability} | {} | {} | {} | {}{more} |",
            one.name.replace('|', "\\|"),
            one.afferent,
            one.efferent,
            one.exposed,
            one.used,
            one.write_edges,
            unused.join(", ").replace('|', "\\|")
        );
    }
    out.trim_end().to_owned()
}
