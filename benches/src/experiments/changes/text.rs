//! The outcome for people.

use std::collections::BTreeSet;

use super::evaluate::{Evaluated, World};
use super::outcome::{Agreement, Report, Sums};
use super::story::Story;
use crate::result::text::capital;
use crate::result::{Outcome, Table};

impl<P> Outcome<P> for Report {
    fn tables(&self, _: &P) -> Vec<Table> {
        let mut tables = vec![self.coupling(), self.reasons()];
        tables.extend(self.stories.iter().map(Story::table));
        tables
    }
}

impl Report {
    /// Which services must deploy together, change by change.
    #[must_use]
    pub fn coupling(&self) -> Table {
        let row = |of: &Evaluated| {
            let (with, without) = (together(&of.with_views), together(&of.without_views));
            [of.title.clone(), capital(&of.owner), with, without, names(&of.with_views.consent)]
        };
        let mut table =
            Table::new(&["change", "owner", "deploy together, with views", "without views", "must consent"], &[], &[])
                .titled(format!(
                    "Which services must deploy together with a change, against {} statements of five services",
                    self.statements
                ))
                .rows(self.changes.iter().map(row));
        let all = format!("all {} changes", self.changes.len());
        let mut sum = |what: &str, value: &dyn Fn(&Sums) -> String| {
            let (with, without) = (value(&self.with_views), value(&self.without_views));
            table.row([format!("{all}: {what}"), String::new(), with, without, String::new()]);
        };
        sum("deployments together", &|sums| sums.deployments.to_string());
        sum("at most for one change", &|sums| sums.most.to_string());
        sum("impossible for the owner alone", &|sums| sums.not_alone.to_string());
        let services: BTreeSet<&String> =
            self.with_views.blocked_s.keys().chain(self.without_views.blocked_s.keys()).collect();
        for service in services {
            let seconds = |sums: &Sums| sums.blocked_s.get(service).map_or_else(String::new, |s| format!("{s:.1} s"));
            sum(&format!("blocked: {}", capital(service)), &seconds);
        }
        table.notes.extend(self.agreement.iter().flat_map(Agreement::sentences));
        table
    }

    fn reasons(&self) -> Table {
        let row = |of: &Evaluated| [of.title.clone(), of.gain.clone(), of.loss.clone()];
        Table::new(&["change", "gain of the owner", "loss of the others"], &[], &[]).rows(self.changes.iter().map(row))
    }
}

/// `3: Account, Billing, Registry`.
fn together(world: &World) -> String {
    match (&world.refused, world.deploy_together.len()) {
        (Some(_), _) => "refused".to_owned(),
        (None, 0) => "0".to_owned(),
        (None, count) => format!("{count}: {}", names(&world.deploy_together)),
    }
}

fn names(services: &BTreeSet<String>) -> String {
    let names: Vec<String> = services.iter().map(|name| capital(name)).collect();
    names.join(", ")
}

impl Agreement {
    fn sentences(&self) -> Vec<String> {
        let mut sentences = vec![format!(
            "Each change was also made under the five running services: of {} pairs of change and service {} broke; {} of them were \
             evaluated as safe, and {} ({:.1} %) were evaluated as breaking but went on.",
            self.pairs,
            self.broke,
            self.false_safe.len(),
            self.false_breaks.len(),
            self.false_breaks_share() * 100.0
        )];
        let mut list = |what: &str, lines: &[String]| {
            sentences.extend((!lines.is_empty()).then(|| format!("{what}: {}.", lines.join("; "))));
        };
        list("Evaluated as safe, and broke", &self.false_safe);
        list("Evaluated as breaking, and went on", &self.false_breaks);
        sentences
    }
}

impl Story {
    /// What was done here, and what is estimated for other architectures.
    #[must_use]
    pub fn table(&self) -> Table {
        let step = |step: &super::story::Step| {
            let how = if step.extrapolated { ", extrapolated" } else { "" };
            let seconds = step.seconds.map_or_else(String::new, |seconds| format!(" ({seconds:.2} s{how})"));
            format!("{}{seconds}", step.what)
        };
        let steps: Vec<String> = self.here.iter().map(step).collect();
        let row = |name: String, files: usize, deployments: usize, how: String| {
            [name, files.to_string(), deployments.to_string(), how]
        };
        let elsewhere = self.elsewhere.iter().map(|of| {
            let how = format!("about {} minutes: {}", of.minutes, of.why);
            row(format!("{}, estimate", of.architecture), of.files, of.deployments, how)
        });
        Table::new(&["architecture"], &["files", "deployments"], &["how"])
            .titled(self.title.clone())
            .rows([row("here, done".to_owned(), self.files.len(), self.deployments, steps.join("; "))])
            .rows(elsewhere)
    }
}
