//! What came out, as tables.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Plan;
use super::answer::answers;
use super::counted::IN;
use super::figures::{ArmFigure, Figure, Pair};
use super::plant::Planted;
use super::text::{is_the_same, number, title};
use super::trust::{Fate, Trust};
use crate::result::text::interval;
use crate::result::{Outcome, SelfTest, Table};

/// Every figure of every architecture.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Architectures {
    /// Those that weren't run say so.
    pub figures: Vec<Figure>,
    /// What was found of each delay that was planted; empty but in a test of the comparison.
    pub planted: Vec<Planted>,
    /// Every block, also those that were run again or left out.
    pub blocks: Vec<Trust>,
    /// What the lab's own tests found on this machine.
    pub selftest: Vec<SelfTest>,
    /// When they last ran there; null: never.
    pub selftest_at: Option<String>,
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
            (Some(value), None) if is_count(unit) => {
                format!("{value:.0} {}", unit.replacen(IN, &format!("{IN} {}", self.n), 1))
            }
            (Some(value), None) => format!("{value:.1}"),
            (None, _) => "not measured".into(),
        }
    }
}

/// `in freezes`.
fn is_count(unit: &str) -> bool {
    unit.starts_with(IN)
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
            let unit = if is_count(&figure.unit) || figure.unit.is_empty() {
                String::new()
            } else {
                format!(", {}", figure.unit)
            };
            let values = figure.arms.iter().map(|arm| arm.text(&figure.unit));
            let ratios = names.iter().skip(1).filter(|_| compared).map(|name| {
                let pair = figure.pair(name, &names[0]);
                let estimate = pair.as_ref().and_then(|pair| pair.estimate);
                // Without an interval, of too few blocks or where the ratio is the very same in each, they aren't called alike.
                let verdict = match estimate {
                    None => "",
                    Some(_) if pair.is_some_and(|pair| pair.differs()) => "",
                    // Its own interval leaves 1 out; beside all other figures of the page that is too little.
                    Some(estimate) if estimate.excludes_one() => ", not certain among so many figures",
                    Some(_) => ", no difference beyond noise",
                };
                estimate.map_or_else(|| "no interval".to_owned(), interval) + verdict
            });
            table.row([figure.title.clone() + &unit].into_iter().chain(values).chain(ratios));
        }
        table
    }

    /// `left out: 1 of 24 blocks`: of those that weren't run again.
    #[must_use]
    pub fn left_out(&self) -> String {
        let last = || self.blocks.iter().filter(|of| of.fate != Fate::RunAgain);
        format!("left out: {} of {} blocks", last().filter(|of| of.fate == Fate::LeftOut).count(), last().count())
    }

    /// What the lab's own tests found on this machine, in a sentence.
    #[must_use]
    pub fn tested(&self) -> String {
        let Some(at) = &self.selftest_at else {
            return "The lab's own tests have not been run on this machine (`lab selftest --save`).".into();
        };
        let of = |pass: Option<bool>| {
            let those = self.selftest.iter().filter(move |test| test.pass == pass);
            those.map(|test| test.id.as_str()).collect::<Vec<_>>().join(", ")
        };
        let (passed, failed, noted) = (of(Some(true)), of(Some(false)), of(None));
        let mut all = format!("The lab's own tests on this machine, {at}: passed {passed}");
        for (what, ids) in [("failed", failed), ("not decided", noted)] {
            if !ids.is_empty() {
                all += &format!("; {what} {ids}");
            }
        }
        all + "."
    }

    /// Where two columns are of one architecture: of how many figures it is said that they differ. Whatever differs there is chance.
    #[must_use]
    pub fn nulls(&self) -> Vec<String> {
        let names = self.names();
        let pairs = names.iter().enumerate().flat_map(|(place, of)| names[..place].iter().map(move |than| (of, than)));
        let planted = |of: &str| self.planted.iter().any(|one| one.column == of);
        let the_same = pairs.filter(|(of, than)| is_the_same(of, than) && !planted(of) && !planted(than));
        let sentence = |(of, than): (&String, &String)| {
            let pairs = self.figures.iter().filter_map(|figure| Some((figure, figure.pair(of, than)?)));
            let compared: Vec<(&Figure, Pair)> = pairs.filter(|(_, pair)| pair.estimate.is_some()).collect();
            let different = compared.iter().filter(|(_, pair)| pair.differs()).map(|(figure, _)| figure.title.as_str());
            let different: Vec<&str> = different.collect();
            format!(
                "{} and {} are the same system: {} of {} figures are called different{}{}. On 1 page in 20 chance alone makes that more than none.",
                title(than),
                title(of),
                different.len(),
                compared.len(),
                if different.is_empty() { "" } else { ": " },
                different.join(", ")
            )
        };
        the_same.map(sentence).collect()
    }

    /// What was found of each delay that was planted.
    #[must_use]
    pub fn plants(&self) -> Table {
        let mut table = Table::new(&["planted", "in", "figure"], &["expected, ms"], &["found, ms", ""]);
        for of in &self.planted {
            let figure = self.figures.iter().find(|figure| figure.id == of.figure);
            let found = of.found_ms.map(|ms| format!("{:.1} ({:.1}–{:.1})", ms.mean, ms.low, ms.high));
            table.row([
                format!("{} {} ms", of.plant.at.name(), of.plant.ms),
                title(&of.column),
                figure.map_or_else(|| of.figure.clone(), |figure| figure.title.clone()),
                format!("{:.1}", of.expected_ms),
                found.unwrap_or_else(|| "no interval".into()),
                if of.is_found() { "found" } else { "NOT FOUND" }.into(),
            ]);
        }
        table.note("Found: the column and its control, the first column of the same architecture, are called different, by the planted size within 20 %.")
    }

    /// A line for each architecture: its blocks, and what must always hold and didn't.
    #[must_use]
    pub fn trust(&self) -> Table {
        let mut table = Table::new(
            &["architecture"],
            &["blocks", "run again", "left out"],
            &["what disturbed them", "expected none, found"],
        );
        for name in self.violations.keys() {
            let of = || self.blocks.iter().filter(move |of| of.architecture == *name);
            let count = |fate: Fate| of().filter(|of| of.fate == fate).count();
            let mut why: BTreeMap<&str, usize> = BTreeMap::new();
            for warning in of().flat_map(|of| &of.warnings) {
                // Without its number.
                *why.entry(warning.split(':').next().unwrap_or(warning)).or_default() += 1;
            }
            let why: Vec<String> = why.iter().map(|(what, times)| format!("{what} ({times}×)")).collect();
            let found = self.violations.get(name).into_iter().flatten();
            let found: Vec<String> = found.map(|(what, count)| format!("{count} {what}")).collect();
            table.row([
                title(name),
                of().filter(|of| of.fate != Fate::RunAgain).count().to_string(),
                count(Fate::RunAgain).to_string(),
                count(Fate::LeftOut).to_string(),
                why.join("; "),
                found.join(", "),
            ]);
        }
        self.nulls().into_iter().fold(table.note(self.tested()), Table::note)
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

/// Whether a figure is of another delay or mix.
pub(crate) fn is_varied(of: &Figure) -> bool {
    of.id.contains("-delay-") || of.id.contains("-mix-")
}

/// What a delay is.
pub(crate) const RELAYS: &str = "Delays are there and back, on every way between services, databases and the log, by relays that stand there in every block \
     of this run; not on the way from the lab to a service.";

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
            "Medians of {} blocks with their 95 % intervals (fewer than six: all blocks), {}; ratios by paired t on the blocks' logarithms, \
             adjusted after Holm.",
            plan.rounds,
            self.left_out()
        );
        let mut all = vec![
            answer,
            self.table(|of| of.decides).titled("What decides").note(seen),
            self.table(is_varied).titled("Under other circumstances").note(RELAYS),
            self.table(|of| !of.decides && !is_counted(of) && !is_varied(of)).titled("More figures"),
            self.table(is_counted).titled("While each service was stopped in turn"),
        ];
        let not_run = self.figures.iter().filter_map(|of| Some([of.title.clone(), of.not_run.clone()?]));
        all.push(Table::new(&["not run", "why"], &[], &[]).rows(not_run));
        all.push(self.plants().titled("What was planted"));
        all.push(self.trust().titled("Trust"));
        all.retain(|table| !table.rows.is_empty());
        all
    }
}
