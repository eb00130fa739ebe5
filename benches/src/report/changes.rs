//! Coupling as a measured figure: what the catalogue of changes came to (`lab changes --reference`), with published views and without.

use std::collections::BTreeSet;
use std::fmt::Write;

use super::{capital, escape};
use crate::experiments::changes::outcome::{Agreement, Outcome};
use crate::experiments::changes::stories::Story;
use crate::experiments::changes::weigh::World;

/// The outcome that was committed: it has no times in it, so it doesn't depend on the machine.
const REFERENCE: &str = include_str!("../../results/reference/changes.json");

/// From the committed outcome; nothing where that is of another form.
pub fn section() -> String {
    serde_json::from_str(REFERENCE).map_or_else(|_| String::new(), |outcome| of(&outcome))
}

fn of(outcome: &Outcome) -> String {
    let count = outcome.changes.len();
    let (with, without) = (&outcome.with_views, &outcome.without_views);
    let mut out = format!(
        "<section><h2>Coupling</h2><p>{count} changes of the schema, each tried against {} statements of five services. \
         An owner can't do {} of {count} alone with published views in between, {} of {count} where readers read tables; \
         {} and {} services must deploy together with them, at most {} and {} at a time.</p>\n\
         <div class=\"scroll\"><table><tr><th>change</th><th>owner</th><th>deploy together, with views</th><th>without</th><th>must consent</th></tr>\n",
        outcome.statements,
        with.not_alone,
        without.not_alone,
        with.deployments,
        without.deployments,
        with.most,
        without.most
    );
    for change in &outcome.changes {
        let _ = writeln!(
            out,
            "<tr><td title=\"{}\">{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
            escape(&format!("Gain: {} Loss: {} {}", change.gain, change.loss, change.steady)),
            escape(&change.title),
            escape(&capital(&change.owner)),
            together(&change.with_views),
            together(&change.without_views),
            names(&change.with_views.consent),
        );
    }
    out.push_str("</table></div>\n");
    if let Some(agreement) = &outcome.agreement {
        out.push_str(&reality(agreement));
    }
    outcome.stories.iter().for_each(|story| out.push_str(&told(story)));
    out + "</section>\n"
}

/// `3: Account, Billing, Registry`.
fn together(world: &World) -> String {
    match world.deploy_together.len() {
        0 => "0".to_owned(),
        count => format!("{count}: {}", names(&world.deploy_together)),
    }
}

fn names(services: &BTreeSet<String>) -> String {
    let names: Vec<String> = services.iter().map(|name| capital(name)).collect();
    escape(&names.join(", "))
}

fn reality(agreement: &Agreement) -> String {
    format!(
        "<p class=\"legend\">Each change was also made under the five running services: of {} pairs of change and service {} broke; \
         {} of them had been called safe, and {} were called broken that went on.</p>\n",
        agreement.pairs,
        agreement.broke,
        agreement.false_safe.len(),
        agreement.false_breaks.len()
    )
}

fn told(story: &Story) -> String {
    let mut out = format!(
        "<h3>{}</h3><div class=\"scroll\"><table><tr><th></th><th>files</th><th>deployments</th><th></th></tr>\n\
         <tr><td>here, done</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td>{}</td></tr>\n",
        escape(&story.title),
        story.files.len(),
        story.deployments,
        escape(&story.here.iter().map(|step| step.what.as_str()).collect::<Vec<_>>().join("; ")),
    );
    for other in &story.elsewhere {
        let _ = writeln!(
            out,
            "<tr><td>{}, estimate</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td>about {} minutes: {}</td></tr>",
            escape(&other.architecture),
            other.files,
            other.deployments,
            other.minutes,
            escape(&other.why)
        );
    }
    out + "</table></div>\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reference_is_shown() {
        let html = section();
        assert!(html.starts_with("<section><h2>Coupling</h2><p>24 changes"), "{html}");
        assert_eq!(html.matches("<h3>").count(), 3);
        assert_eq!(html.matches("<table>").count(), html.matches("</table>").count());
    }
}
