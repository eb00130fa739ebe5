//! What came out, as tables.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Plan;
use super::answer::answers;
use super::figures::{ArmFigure, Figure};
use super::text::{number, title};
use crate::result::text::interval;
use crate::result::{Outcome, Table};

/// Every figure of every architecture.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Architectures {
    /// Those that weren't run say so.
    pub figures: Vec<Figure>,
    /// Blocks that something else on the machine disturbed, by architecture.
    pub disturbed_blocks: BTreeMap<String, usize>,
    /// What must always hold and didn't, by architecture and the audit's name, over all blocks. Expected none.
    pub violations: BTreeMap<String, BTreeMap<String, i64>>,
    /// Whether it ran to its end.
    pub whole: bool,
}

impl ArmFigure {
    /// `1.20 (1.10–1.30)`, or `3 of 12`, or nothing.
    #[must_use]
    pub fn text(&self, unit: &str) -> String {
        match (self.value, self.interval) {
            (Some(value), Some([low, high])) => format!("{} ({}–{})", number(value), number(low), number(high)),
            (Some(value), None) if unit == "of" => format!("{value:.0} in {}", self.n),
            (Some(value), None) => format!("{value:.1}"),
            (None, _) => "not measured".into(),
        }
    }
}

impl Architectures {
    /// The figures with these ids as a table: a column for each architecture, and what the others are of the first.
    #[must_use]
    pub fn table(&self, wanted: impl Fn(&Figure) -> bool) -> Table {
        let figures: Vec<&Figure> = self.figures.iter().filter(|of| of.not_run.is_none() && wanted(of)).collect();
        let names = self.names();
        let compared = figures.iter().any(|of| !of.pairs.is_empty());
        let titles: Vec<String> = names.iter().map(|name| title(name)).collect();
        let ratios = titles.iter().skip(1).filter(|_| compared);
        let ratios: Vec<String> = ratios.map(|name| format!("{name} ÷ {}", titles[0])).collect();
        let numbers: Vec<&str> = titles.iter().map(String::as_str).collect();
        let ratios: Vec<&str> = ratios.iter().map(String::as_str).collect();
        let mut table = Table::new(&["figure"], &numbers, &ratios);
        for figure in figures {
            let unit = if figure.unit == "of" || figure.unit.is_empty() {
                String::new()
            } else {
                format!(", {}", figure.unit)
            };
            let values = figure.arms.iter().map(|arm| arm.text(&figure.unit));
            let ratios = names.iter().skip(1).filter(|_| compared).map(|name| {
                let pair = figure.pair(name, &names[0]);
                let ratio =
                    pair.as_ref().and_then(|pair| pair.estimate).map_or_else(|| "no interval".to_owned(), interval);
                let verdict = if pair.is_some_and(|pair| pair.differs()) { "" } else { ", no difference beyond noise" };
                ratio + verdict
            });
            table.row([figure.title.clone() + &unit].into_iter().chain(values).chain(ratios));
        }
        table
    }

    /// Whether everything held that must.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.violations.values().all(BTreeMap::is_empty)
    }

    /// Their names, in the order of the columns.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        let first = self.figures.iter().find(|of| !of.arms.is_empty());
        first.into_iter().flat_map(|of| of.arms.iter().map(|arm| arm.architecture.clone())).collect()
    }
}

/// Whether a figure is of the wrong answers, or of the stops.
pub(super) fn is_counted(of: &Figure) -> bool {
    of.id.starts_with("wrong-") || of.id.starts_with("good-without-")
}

impl Outcome<Plan> for Architectures {
    fn tables(&self, plan: &Plan) -> Vec<Table> {
        let mut answer = Table::new(&["architecture", ""], &[], &["what was measured"]).titled("Which one?");
        for of in answers(&self.figures) {
            for (why, all) in [("choose it for", &of.choose), ("its price", &of.price)] {
                for sentence in all {
                    answer.row([title(&of.architecture), why.to_owned(), sentence.replace("**", "")]);
                }
            }
        }
        let seen = format!(
            "Medians of {} blocks with their 95 % intervals (fewer than six: all blocks); ratios by paired t on the blocks' logarithms, adjusted \
             after Holm.",
            plan.rounds
        );
        let mut all = vec![
            answer,
            self.table(|of| of.decides).titled("What decides").note(seen),
            self.table(|of| !of.decides && !is_counted(of)).titled("More figures"),
            self.table(is_counted).titled("While each service was stopped in turn"),
        ];
        let not_run = self.figures.iter().filter_map(|of| Some([of.title.clone(), of.not_run.clone()?]));
        all.push(Table::new(&["not run", "why"], &[], &[]).rows(not_run));
        let mut disturbed =
            Table::new(&["architecture"], &["blocks that something disturbed"], &["expected none, found"]);
        for (name, count) in &self.disturbed_blocks {
            let found = self.violations.get(name).into_iter().flatten();
            let found: Vec<String> = found.map(|(what, count)| format!("{count} {what}")).collect();
            disturbed.row([title(name), count.to_string(), found.join(", ")]);
        }
        all.push(disturbed.titled("Trust"));
        all.retain(|table| !table.rows.is_empty());
        all
    }
}
