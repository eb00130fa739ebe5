//! Random schemas, statements and changes: what impact says of each statement, against what Postgres does with other rows, other parameters and real logins.
//!
//! A short run by itself. `IMPACT_CASES=3000 IMPACT_SEED=7` make a longer one: a case is one statement under one change.

mod changes;
mod effects;
mod made;
mod oracle;
mod statements;

use std::collections::BTreeMap;

use rand::SeedableRng as _;
use rand::rngs::StdRng;
use schema::impact::{Change, Options, Statement, Verdict, analyse};
use schema::testing::TestCluster;

use crate::support::connect;
use changes::Things;
use oracle::{Fate, Oracle};

/// So many changes of one schema.
const CHANGES_OF_ONE: usize = 12;

/// Of one kind of change.
#[derive(Default)]
struct Row {
    cases: usize,
    harmed: usize,
    false_safe: usize,
    false_breaks: usize,
    unknown: usize,
}

#[derive(Default)]
struct Table {
    kinds: BTreeMap<&'static str, Row>,
    wrong: Vec<String>,
    unseen_waits: Vec<String>,
    refused: usize,
}

impl Table {
    fn note(
        &mut self,
        kind: &'static str,
        change: &str,
        statement: &Statement,
        fate: &Fate,
        (verdict, reasons): (Verdict, &str),
    ) {
        let row = self.kinds.entry(kind).or_default();
        let harmed = !matches!(fate, Fate::Same);
        row.cases += 1;
        row.harmed += usize::from(harmed);
        row.unknown += usize::from(verdict == Verdict::Unknown);
        let wrong = if harmed && verdict < Verdict::Unknown {
            row.false_safe += 1;
            "false SAFE"
        } else if !harmed && verdict > Verdict::Unknown {
            row.false_breaks += 1;
            "false BREAKS"
        } else {
            return;
        };
        let (role, sql) = (&statement.role, &statement.sql);
        let line = format!("{wrong}: {change}\n    {role}: {sql}\n    {fate:?}, said {verdict} {reasons}");
        println!("{line}");
        self.wrong.push(line);
    }

    fn sum(&self, of: impl Fn(&Row) -> usize) -> usize {
        self.kinds.values().map(of).sum()
    }

    fn print(&self) {
        println!(
            "{:<22} {:>6} {:>7} {:>11} {:>13} {:>8}",
            "kind", "cases", "harmed", "false SAFE", "false BREAKS", "UNKNOWN"
        );
        for (kind, row) in &self.kinds {
            let Row { cases, harmed, false_safe, false_breaks, unknown } = row;
            println!("{kind:<22} {cases:>6} {harmed:>7} {false_safe:>11} {false_breaks:>13} {unknown:>8}");
        }
        let (cases, unknown) = (self.sum(|row| row.cases), self.sum(|row| row.unknown));
        let of = |n: usize| 100.0 * n as f64 / cases.max(1) as f64;
        println!(
            "{cases} cases, {} changes refused: {} false SAFE (none in n: at most {:.2} % with 95 % confidence), {} false BREAKS ({:.1} %), {unknown} UNKNOWN ({:.1} %)",
            self.refused,
            self.sum(|row| row.false_safe),
            300.0 / cases.max(1) as f64,
            self.sum(|row| row.false_breaks),
            of(self.sum(|row| row.false_breaks)),
            of(unknown)
        );
    }
}

fn number(variable: &str, otherwise: u64) -> u64 {
    std::env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

#[test]
fn what_is_called_safe_is_safe() {
    let (wanted, seed) = (number("IMPACT_CASES", 60) as usize, number("IMPACT_SEED", 20_261_130));
    let cluster = TestCluster::bare();
    let mut table = Table::default();
    let mut kind = seed as usize;
    for schema in 0.. {
        let mut rng = StdRng::seed_from_u64(seed.wrapping_mul(1_000).wrapping_add(schema));
        let made = made::schema(&mut rng);
        let database = format!("random_{schema}");
        connect(&cluster.url("postgres", "superuser")).batch_execute(&format!("create database {database}")).unwrap();
        let url = cluster.url(&database, "superuser");
        connect(&url).batch_execute(made::ROLES).unwrap();
        connect(&url).batch_execute(&made.sql(3, 6)).unwrap_or_else(|error| panic!("{error}\n{}", made.sql(3, 6)));
        let oracle = Oracle::new(&cluster, &made);
        let asked = statements::of(&mut rng, &made);
        for _ in 0..CHANGES_OF_ONE {
            let things = Things::of(&mut connect(&url));
            kind += 1;
            let Some((kind, sql)) = things.change(&mut rng, kind) else { continue };
            one(&url, &oracle, &asked, (kind, &sql), &mut table);
            if table.sum(|row| row.cases) >= wanted {
                break;
            }
        }
        connect(&cluster.url("postgres", "superuser"))
            .batch_execute(&format!("drop database {database} with (force)"))
            .unwrap();
        println!("{} cases of {} schemas", table.sum(|row| row.cases), schema + 1);
        if table.sum(|row| row.cases) >= wanted {
            break;
        }
    }
    table.print();
    let (cases, false_breaks) = (table.sum(|row| row.cases), table.sum(|row| row.false_breaks));
    assert!(table.unseen_waits.is_empty(), "{:#?}", table.unseen_waits);
    assert_eq!(table.sum(|row| row.false_safe), 0, "{}", table.wrong.join("\n"));
    assert!(false_breaks * 100 <= cases * 3, "{false_breaks} false BREAKS of {cases}");
}

fn one(
    url: &str,
    oracle: &Oracle<'_>,
    asked: &[statements::Asked],
    (kind, sql): (&'static str, &str),
    table: &mut Table,
) {
    let change = Change::new(sql);
    let Some(truth) = oracle.truth(&change, asked) else {
        table.refused += 1;
        return;
    };
    let all: Vec<_> =
        asked.iter().zip(&truth.fates).filter(|(_, fate)| fate.is_some()).map(|(one, _)| one.statement()).collect();
    let impact = match analyse(url, &change, &all, &Options::default()) {
        Ok(impact) if impact.refused.is_none() => impact,
        Ok(_) => {
            table.refused += 1;
            return;
        }
        Err(error) => panic!("{sql}: {error}"),
    };
    for (statement, fate) in all.iter().zip(truth.fates.iter().flatten()) {
        let mut told = impact.services.iter().flat_map(|one| &one.statements);
        let told = told.find(|one| one.role == statement.role && one.sql == statement.sql);
        let skipped = impact.skipped.iter().any(|one| one.sql == statement.sql && one.role == statement.role);
        if skipped && told.is_none() {
            continue;
        }
        let verdict = told.map_or(Verdict::Safe, |one| one.verdict);
        let reasons = told.map(|one| format!("{:?} {:?} {:?}", one.fresh, one.cached, one.rows)).unwrap_or_default();
        table.note(kind, sql, statement, fate, (verdict, &reasons));
    }
    for role in &truth.waiting {
        if !impact.conflicts.iter().any(|one| one.service == *role) {
            table.unseen_waits.push(format!("{role} waits for its locks, and no conflict says so: {sql}"));
        }
    }
}
