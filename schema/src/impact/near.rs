//! Which statements can come into contact with what a change touches: the others are planned before and after it, and not executed.
//!
//! The change is run once and rolled back. What it touched is what it has locked, and what it has written in the catalogue. Where it wrote to more of the
//! catalogue than what describes relations (roles, functions, types, schemas …), or can't be rolled back, every statement is executed.

use std::collections::{BTreeMap, BTreeSet};

use postgres::Client;

use super::input::{Change, On};
use super::locks::{Map, Mode};
use super::outside_clone;
use super::probe::Probe;
use super::steps;
use super::subject::Subject;
use super::ways::Ways;
use crate::error::{Doing, Error, Result};
use crate::session::literal;

/// From ROW EXCLUSIVE on. Who only reads a relation or locks its rows doesn't change what others do with it.
pub(super) const WRITES: Mode = 3;

/// What describes relations and nothing else; what is written there is found again at the relation. Of types and constraints, see [`OTHERS`].
const OF_RELATIONS: &str = "'pg_class', 'pg_attribute', 'pg_attrdef', 'pg_constraint', 'pg_index', 'pg_trigger', 'pg_rewrite', 'pg_policy', 'pg_inherits', 'pg_partitioned_table', \
    'pg_sequence', 'pg_statistic', 'pg_statistic_ext', 'pg_statistic_ext_data', 'pg_depend', 'pg_shdepend', 'pg_description', 'pg_shdescription', 'pg_type', 'pg_default_acl'";

/// Rows written to the rest of the catalogue.
const ELSEWHERE: &str = "
select coalesce(sum(pg_stat_get_xact_tuples_inserted(oid) + pg_stat_get_xact_tuples_updated(oid) + pg_stat_get_xact_tuples_deleted(oid)), 0)::bigint
from pg_class where oid < 16384 and relkind = 'r' and relnamespace = 'pg_catalog'::regnamespace and relname not in";

/// Types that are no table's rows, and constraints of domains: how many there are, and how many this transaction has written.
const OTHERS: &str = "
select (select count(*) from pg_type where typtype not in ('c', 'p') and typelem = 0), (select count(*) from pg_constraint where contypid <> 0),
    (select count(*) from pg_type where typtype not in ('c', 'p') and typelem = 0 and xmin::text::bigint >= $1) + (select count(*) from pg_constraint where contypid <> 0 and xmin::text::bigint >= $1)";

/// Relations that this transaction has described anew, a right on them included: OID, name, kind.
const WRITTEN: &str = "
select c.oid, n.nspname || '.' || c.relname, c.relkind::text from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.oid >= 16384 and (c.xmin::text::bigint >= $1 or c.oid in (select attrelid from pg_attribute where attrelid >= 16384 and xmin::text::bigint >= $1))";

/// Sequences as they are: taking a number from one is not rolled back.
const SEQUENCES: &str = "select seqrelid, seqrelid::regclass::text, case when has_sequence_privilege(seqrelid, 'select, usage') then pg_sequence_last_value(seqrelid) end, seqstart from pg_sequence";

/// What concerns a statement.
#[derive(Debug, Default)]
pub(super) struct Near {
    /// Relations, whatever a statement does with them.
    used: BTreeSet<u32>,
    /// Relations that it writes to.
    written: BTreeSet<u32>,
    /// Names in its text, in lower case, each with the schemas that may stand before it; none: any.
    names: BTreeMap<String, BTreeSet<String>>,
    /// Postgres refuses the change: none is concerned.
    refused: bool,
}

impl Near {
    /// Runs the change and rolls it back. `None`: all statements are concerned.
    pub(super) fn of(probe: &mut Probe, change: &Change, map: &Map, set: &str) -> Result<Option<Self>> {
        if change.per_statement {
            return Ok(None);
        }
        let ways = Ways::read(&mut probe.client)?;
        let sequences = sequences(&mut probe.client)?;
        probe.run("begin")?;
        let touched = touched(probe, change, map, set);
        probe.run("rollback")?;
        put_back(probe, &sequences)?;
        Ok(touched?.filter(|touched| touched.refused || !ways.unnamed).map(|touched| touched.near(&ways, map)))
    }

    /// Is the change refused, or not, as it was when it was run first?
    pub(super) fn agrees(&self, refused: bool) -> Result<()> {
        if !self.refused || refused {
            return Ok(());
        }
        Err(Error::Unavailable(
            "Postgres refused the change when it was first run, and not the second time: try it again".into(),
        ))
    }

    /// Can this statement come into contact with it?
    pub(super) fn concerns(&self, subject: &Subject<'_>) -> bool {
        let meets = |(relation, modes): (&u32, &BTreeSet<Mode>)| {
            self.used.contains(relation) || self.written.contains(relation) && modes.iter().any(|mode| *mode >= WRITES)
        };
        let text = subject.sql.to_lowercase();
        // A name may be written in escapes.
        let named = || text.contains("u&\"") || self.names.iter().any(|(name, schemas)| names(&text, name, schemas));
        !self.refused && (subject.utility || subject.wants.iter().any(meets) || named())
    }
}

/// As a word of its own; in quotes, too. `other.name` isn't `schema.name`.
fn names(text: &str, name: &str, schemas: &BTreeSet<String>) -> bool {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    let other = |before: &str| {
        let schema = before.strip_suffix('.').filter(|schema| schema.ends_with(part));
        let word = schema.map(|schema| schema.rsplit(|c| !part(c)).next().unwrap_or_default());
        !schemas.is_empty() && word.is_some_and(|word| !schemas.contains(word))
    };
    text.match_indices(name).any(|(at, _)| {
        let (before, after) = (&text[..at], &text[at + name.len()..]);
        !before.ends_with(part) && !after.starts_with(part) && !other(before)
    })
}

/// What it touched.
#[derive(Default)]
struct Touched {
    relations: BTreeSet<u32>,
    /// Names that are there since then, with their schemas.
    names: Vec<String>,
    refused: bool,
}

fn touched(probe: &mut Probe, change: &Change, map: &Map, set: &str) -> Result<Option<Touched>> {
    let elsewhere = format!("{ELSEWHERE} ({OF_RELATIONS})");
    let client = &mut probe.client;
    let asked = "reading what the change writes to the catalogue";
    let mark = "select (pg_current_xact_id()::text::bigint & 4294967295), current_setting('track_counts')::boolean";
    let row = client.query_one(mark, &[]).doing(asked)?;
    let (mark, counts): (i64, bool) = (row.get(0), row.get(1));
    let was: i64 = client.query_one(&elsewhere, &[]).doing(asked)?.get(0);
    let kinds = |client: &mut Client| -> Result<[i64; 3]> {
        let row = client.query_one(OTHERS, &[&mark]).doing(asked)?;
        Ok([row.get(0), row.get(1), row.get(2)])
    };
    let before = kinds(client)?;
    let ran = steps::in_transaction(probe, change, map, On::Clone, set)?;
    if let Some(refused) = ran.refused {
        let alone = refused.failure.sqlstate == outside_clone::NO_TRANSACTION;
        return Ok((!alone).then(|| Touched { refused: true, ..Touched::default() }));
    }
    if !counts {
        return Ok(None);
    }
    let client = &mut probe.client;
    let now: i64 = client.query_one(&elsewhere, &[]).doing(asked)?.get(0);
    if now != was || kinds(client)? != before {
        return Ok(None);
    }
    let of =
        ran.held.iter().filter(|(_, modes)| modes.keys().any(|mode| *mode >= WRITES)).map(|(relation, _)| *relation);
    let mut touched = Touched { relations: of.collect(), ..Touched::default() };
    for row in client.query(WRITTEN, &[&mark]).doing(asked)? {
        if row.get::<_, &str>(2) == "c" {
            return Ok(None);
        }
        touched.relations.insert(row.get(0));
        touched.names.push(row.get(1));
    }
    Ok(Some(touched))
}

impl Touched {
    fn near(self, ways: &Ways, map: &Map) -> Near {
        if self.refused {
            return Near { refused: true, ..Near::default() };
        }
        let mut names: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        let known = self.relations.iter().filter_map(|relation| Some(&map.get(relation)?.name));
        for name in self.names.iter().chain(known) {
            let lower = name.to_lowercase().replace('"', "");
            let (schema, name) = lower.split_once('.').unwrap_or(("", &lower));
            names.entry(name.to_owned()).or_default().insert(schema.to_owned());
        }
        for name in &ways.names {
            names.insert(name.clone(), BTreeSet::new());
        }
        let mut used = self.relations;
        used.extend(ways.running.iter().filter(|(kind, _)| kind == "read").map(|(_, relation)| *relation));
        ways.follow(&mut used, &["along"]);
        let mut written = used.clone();
        // The check of a key reads the other table, and runs nothing of it.
        for (_, parent, child) in ways.all.iter().filter(|(kind, ..)| kind == "key") {
            if used.contains(parent) {
                written.insert(*child);
            }
            if used.contains(child) {
                written.insert(*parent);
            }
        }
        written.extend(ways.running.iter().map(|(_, relation)| *relation));
        ways.follow(&mut written, &["along", "cascade"]);
        Near { used, written, names, refused: false }
    }
}

/// By OID: name, the last number taken, where it starts.
type Sequences = BTreeMap<u32, (String, Option<i64>, i64)>;

fn sequences(client: &mut Client) -> Result<Sequences> {
    let rows = client.query(SEQUENCES, &[]).doing("reading sequences")?;
    Ok(rows.iter().map(|row| (row.get(0), (row.get(1), row.get(2), row.get(3)))).collect())
}

/// Sets sequences back that the change has taken numbers from.
fn put_back(probe: &mut Probe, was: &Sequences) -> Result<()> {
    for (sequence, (_, last, _)) in sequences(&mut probe.client)? {
        let Some((name, before, start)) = was.get(&sequence).filter(|(_, before, _)| *before != last) else {
            continue;
        };
        let (value, called) = (before.unwrap_or(*start), before.is_some());
        let name = literal(name);
        probe.run(&format!("select pg_catalog.setval({name}, {value}, {called})"))?;
    }
    Ok(())
}
