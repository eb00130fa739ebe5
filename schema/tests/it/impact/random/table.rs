//! What was found, by kind of change.

use std::collections::BTreeMap;

use schema::impact::{Statement, Verdict};

use super::oracle::Fate;

/// A kind of which no change is meant to harm.
pub const HARMLESS: &str = "harmless";

/// Of one kind of change.
#[derive(Default)]
struct Row {
    harmed: usize,
    spared: usize,
    false_safe: usize,
    false_breaks: usize,
    /// Of those harmed, of those spared.
    unknown: [usize; 2],
    /// Cases of recorded calls, and those of them that are UNKNOWN.
    recorded: [usize; 2],
}

impl Row {
    fn cases(&self) -> usize {
        self.harmed + self.spared
    }
}

#[derive(Default)]
pub struct Table {
    kinds: BTreeMap<&'static str, Row>,
    pub wrong: Vec<String>,
    pub unseen_waits: Vec<String>,
    /// Changes that Postgres refuses.
    pub refused: usize,
    /// Changes that harm none of the statements that were asked, of a kind that had enough of such cases.
    pub idle: usize,
}

/// With 95 % confidence, in percent, where none was found in `n`: the rule of three.
fn at_most(n: usize) -> f64 {
    if n < 3 { 100.0 } else { 300.0 / n as f64 }
}

fn percent(n: usize, of: usize) -> f64 {
    100.0 * n as f64 / of.max(1) as f64
}

impl Table {
    /// So many cases that are not harmed may be added to a kind, beside `harmed` that are: a third of all is harmed.
    pub fn room(&self, kind: &'static str, harmed: usize) -> usize {
        if kind == HARMLESS {
            return 4;
        }
        let (had, spared) = self.kinds.get(kind).map_or((0, 0), |row| (row.harmed, row.spared));
        (2 * (had + harmed)).saturating_sub(spared)
    }

    /// A case. `said`: none where the statement was left out, although it works before the change.
    pub fn note(&mut self, kind: &'static str, change: &str, statement: &Statement, fate: &Fate, said: Said<'_>) {
        let row = self.kinds.entry(kind).or_default();
        let harmed = !matches!(fate, Fate::Same);
        if harmed {
            row.harmed += 1
        } else {
            row.spared += 1
        }
        let unjudged = said.left_out || said.verdict == Verdict::Unknown;
        row.unknown[usize::from(!harmed)] += usize::from(unjudged);
        if statement.values.is_some() || !statement.sql.contains('$') {
            row.recorded[0] += 1;
            row.recorded[1] += usize::from(unjudged);
        }
        if unjudged {
            println!("UNKNOWN: {change}\n    {}: {}\n    {fate:?}, {}", statement.role, statement.sql, said.reasons);
        }
        let wrong = if harmed && said.verdict < Verdict::Unknown {
            row.false_safe += 1;
            "false SAFE"
        } else if !harmed && said.verdict > Verdict::Unknown {
            row.false_breaks += 1;
            "false BREAKS"
        } else {
            return;
        };
        let (role, sql) = (&statement.role, &statement.sql);
        let line =
            format!("{wrong}: {change}\n    {role}: {sql}\n    {fate:?}, said {} {}", said.verdict, said.reasons);
        println!("{line}");
        self.wrong.push(line);
    }

    fn sum(&self, of: impl Fn(&Row) -> usize) -> usize {
        self.kinds.values().map(of).sum()
    }

    pub fn cases(&self) -> usize {
        self.sum(Row::cases)
    }

    /// Cases of kinds that may harm, and how many are harmed.
    pub fn harmful(&self) -> (usize, usize) {
        let of = |row: &dyn Fn(&Row) -> usize| {
            self.kinds.iter().filter(|(kind, _)| **kind != HARMLESS).map(|(_, one)| row(one)).sum()
        };
        (of(&Row::cases), of(&|row| row.harmed))
    }

    pub fn false_safe(&self) -> usize {
        self.sum(|row| row.false_safe)
    }

    /// Cases that are not harmed, and how many of them are called worse than UNKNOWN.
    pub fn false_breaks(&self) -> (usize, usize) {
        (self.sum(|row| row.spared), self.sum(|row| row.false_breaks))
    }

    pub fn print(&self) {
        println!(
            "{:<20} {:>6} {:>7} {:>11} {:>9} {:>8} {:>13} {:>8} {:>9} {:>8}",
            "kind",
            "cases",
            "harmed",
            "false SAFE",
            "at most",
            "UNKNOWN",
            "false BREAKS",
            "UNKNOWN",
            "recorded",
            "UNKNOWN"
        );
        for (kind, row) in &self.kinds {
            let Row {
                harmed,
                false_safe,
                false_breaks,
                unknown: [of_harmed, of_spared],
                recorded: [recorded, open],
                ..
            } = row;
            let (cases, most) = (row.cases(), at_most(*harmed));
            println!(
                "{kind:<20} {cases:>6} {harmed:>7} {false_safe:>11} {most:>7.1} % {of_harmed:>8} {false_breaks:>13} {of_spared:>8} {recorded:>9} {open:>8}"
            );
        }
        let (harmed, spared) = (self.sum(|row| row.harmed), self.sum(|row| row.spared));
        let (false_safe, false_breaks) = (self.false_safe(), self.sum(|row| row.false_breaks));
        let unknown = [0, 1].map(|side| self.sum(|row| row.unknown[side]));
        println!(
            "{} cases; {} changes refused, {} harmed nobody who was asked and were not tried further",
            harmed + spared,
            self.refused,
            self.idle
        );
        println!(
            "of {harmed} harmed: {false_safe} false SAFE (none in n: at most {:.2} % with 95 % confidence), {} UNKNOWN ({:.1} %)",
            at_most(harmed),
            unknown[0],
            percent(unknown[0], harmed)
        );
        println!(
            "of {spared} not harmed: {false_breaks} false BREAKS ({:.1} %), {} UNKNOWN ({:.1} %)",
            percent(false_breaks, spared),
            unknown[1],
            percent(unknown[1], spared)
        );
        let recorded = [0, 1].map(|side| self.sum(|row| row.recorded[side]));
        println!(
            "of {} recorded calls: {} UNKNOWN ({:.1} %)",
            recorded[0],
            recorded[1],
            percent(recorded[1], recorded[0])
        );
    }
}

/// What impact said of a statement.
pub struct Said<'a> {
    pub verdict: Verdict,
    /// It was skipped.
    pub left_out: bool,
    pub reasons: &'a str,
}
