//! Random schemas, statements and changes: what impact says of each statement, against what Postgres does with other rows, other parameters and real logins.
//!
//! A short run by itself. `IMPACT_CASES=3000 IMPACT_SEED=7` make a longer one, `IMPACT_KIND=domain` one of a kind: a case is one statement under one change. Cases are chosen so that the change
//! harms a third of them or more: a SAFE that is wrong can only be found where there is harm, so it is these that the bound is computed from. A BREAKS that the
//! truth's own values don't show is tried there with the values that impact names: it counts as false where these show nothing either.

mod changes;
mod effects;
mod made;
mod oracle;
mod running;
mod statements;
mod table;

use rand::SeedableRng as _;
use rand::rngs::StdRng;
use schema::impact::{Change, Options, Verdict, analyse};
use schema::testing::TestCluster;

use crate::support::connect;
use changes::Things;
use oracle::{Fate, Oracle};
use table::{Said, Table};

/// So many changes of one schema.
const CHANGES_OF_ONE: usize = 30;

/// So many cases of one change that are harmed, and so many that are not.
const HARMED: usize = 5;
const SPARED: usize = 6;

/// Seeds of the rows that impact has: by the first they have every value of small domains, as a database in use has; by the second one value alone, so that
/// it can't know what others do.
const ROWS: [u32; 2] = [11, 3];

fn number(variable: &str, otherwise: u64) -> u64 {
    std::env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

#[test]
fn what_is_called_safe_is_safe() {
    let (wanted, seed) = (number("IMPACT_CASES", 60) as usize, number("IMPACT_SEED", 20_261_130));
    let cluster = TestCluster::bare();
    let mut table = Table::default();
    let only = std::env::var("IMPACT_KIND").unwrap_or_default();
    let mut turn = seed as usize;
    for schema in 0.. {
        let mut rng = StdRng::seed_from_u64(seed.wrapping_mul(1_000).wrapping_add(schema));
        let made = made::schema(&mut rng);
        let database = format!("random_{schema}");
        connect(&cluster.url("postgres", "superuser")).batch_execute(&format!("create database {database}")).unwrap();
        let url = cluster.url(&database, "superuser");
        connect(&url).batch_execute(made::ROLES).unwrap();
        let seed_of_rows = ROWS[schema as usize % ROWS.len()];
        let sql = made.sql(&[(seed_of_rows, 1..=6)]);
        connect(&url).batch_execute(&sql).unwrap_or_else(|error| panic!("{error}\n{sql}"));
        let asked = statements::of(&mut rng, &made);
        let oracle = Oracle::new(&cluster, (&made, seed_of_rows), &asked);
        for _ in 0..CHANGES_OF_ONE {
            let things = Things::of(&mut connect(&url));
            turn += 1;
            let Some((kind, sql)) = things.change(&mut rng, turn, &only) else { continue };
            let near = statements::near(&mut rng, &asked, &made, &sql);
            one(&url, &oracle, (&asked, &near), (kind, &sql), &mut table);
            if table.cases() >= wanted {
                break;
            }
        }
        connect(&cluster.url("postgres", "superuser"))
            .batch_execute(&format!("drop database {database} with (force)"))
            .unwrap();
        println!("{} cases of {} schemas, {} wrong", table.cases(), schema + 1, table.wrong.len());
        if table.cases() >= wanted {
            break;
        }
    }
    table.print();
    let ((cases, harmed), (spared, false_breaks)) = (table.harmful(), table.false_breaks());
    assert!(harmed * 3 >= cases, "only {harmed} of {cases} are harmed: a false SAFE could hardly be found");
    assert!(table.unseen_waits.is_empty(), "{:#?}", table.unseen_waits);
    assert_eq!(table.false_safe(), 0, "{}", table.wrong.join("\n"));
    assert!(false_breaks * 100 <= spared * 3, "{false_breaks} false BREAKS of {spared}\n{}", table.wrong.join("\n"));
}

fn one(
    url: &str,
    oracle: &Oracle<'_>,
    (asked, near): (&[statements::Asked], &[usize]),
    (kind, sql): (&'static str, &str),
    table: &mut Table,
) {
    let change = Change::new(sql);
    let Some(mut truth) = oracle.truth(&change, near) else {
        table.refused += 1;
        return;
    };
    // In the order of `near`, which is random.
    let (harmed, spared): (Vec<usize>, Vec<usize>) =
        near.iter().filter(|at| truth.fates.contains_key(at)).partition(|at| !matches!(truth.fates[at], Fate::Same));
    let mut cases: Vec<usize> = harmed.into_iter().take(HARMED).collect();
    let room = table.room(kind, cases.len()).min(SPARED);
    cases.extend(spared.into_iter().take(room));
    if cases.is_empty() {
        table.idle += 1;
        return;
    }
    // Those that wait are asked, too, but are no cases of their own.
    let waiting = truth.waiting.values().filter(|at| !cases.contains(at));
    let all: Vec<_> = cases.iter().chain(waiting).map(|at| asked[*at].statement()).collect();
    let impact = match analyse(url, &change, &all, &Options::default()) {
        Ok(impact) if impact.refused.is_none() => impact,
        Ok(_) => {
            table.refused += 1;
            return;
        }
        Err(error) => panic!("{sql}: {error}"),
    };
    for (at, statement) in cases.iter().zip(&all) {
        let mut told = impact.services.iter().flat_map(|one| &one.statements);
        let told = told.find(|one| one.role == statement.role && one.sql == statement.sql);
        let left_out =
            told.is_none() && impact.skipped.iter().any(|one| one.sql == statement.sql && one.role == statement.role);
        let verdict = told.map_or(Verdict::Safe, |one| one.verdict);
        let reasons = told
            .map(|one| format!("{:?} {:?} {:?} {:?} {:?}", one.fresh, one.cached, one.rows, one.values, one.unknown))
            .unwrap_or_default();
        if let (Fate::Same, true, Some(values)) =
            (&truth.fates[at], verdict > Verdict::Unknown, told.and_then(|one| one.values.as_ref()))
        {
            let fate = oracle.with(&mut truth, *at, values);
            truth.fates.insert(*at, fate);
        }
        table.note(kind, sql, statement, &truth.fates[at], Said { verdict, left_out, reasons: &reasons });
    }
    for role in truth.waiting.keys() {
        if !impact.conflicts.iter().any(|one| one.service == *role) {
            table.unseen_waits.push(format!("{role} waits for its locks, and no conflict says so: {sql}"));
        }
    }
}
