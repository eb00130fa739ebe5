//! Coupling as a measured figure: the outcome of `lab changes --reference`, with published views and without.

use maud::{Markup, html};

use super::html::{details, section, table};
use crate::experiments::changes::outcome::Report;
use crate::result::Outcome as _;

/// The outcome that was committed: it has no times in it, so it doesn't depend on the machine.
const REFERENCE: &str = include_str!("../../results/reference/changes.json");

/// From the committed outcome; nothing where that is of another form.
pub fn changes() -> Markup {
    serde_json::from_str(REFERENCE).map_or_else(|_| Markup::default(), |report| of(&report))
}

fn of(report: &Report) -> Markup {
    let count = report.changes.len();
    let (with, without) = (&report.with_views, &report.without_views);
    let tables = report.tables(&());
    let body = html! {
        p {
            (count) " changes of the schema, each tried against " (report.statements) " statements of five services. An owner can't make "
            (with.not_alone) " of " (count) " alone with published views in between, " (without.not_alone) " of " (count)
            " where readers read tables; " (with.deployments) " and " (without.deployments)
            " services must deploy together with them, at most " (with.most) " and " (without.most) " at a time."
        }
        @for (place, one) in tables.iter().enumerate() {
            @match place {
                0 => (table(one)),
                1 => (details("What the owner gains, and what the others lose", &table(one))),
                _ => (table(one)),
            }
        }
    };
    section("coupling", "Coupling", &body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reference_is_shown() {
        let html = changes().into_string();
        assert!(html.contains("<h2>Coupling</h2><p>24 changes"), "{html}");
        // Changes, reasons, three stories.
        assert_eq!((html.matches("<table>").count(), html.matches("</table>").count()), (5, 5));
    }
}
