//! Locks by object, those on objects that the change drops included: their names are read before.

use std::collections::{BTreeMap, BTreeSet};

use postgres::Client;

use super::report::Lock;
use super::values::{Values, texts};

/// A table lock, the number of its mode: 1 ACCESS SHARE … 8 ACCESS EXCLUSIVE.
pub(super) type Mode = u8;

/// Who holds what.
pub(super) type Held = BTreeMap<u32, BTreeSet<Mode>>;

const MODES: [&str; 8] = [
    "AccessShareLock",
    "RowShareLock",
    "RowExclusiveLock",
    "ShareUpdateExclusiveLock",
    "ShareLock",
    "ShareRowExclusiveLock",
    "ExclusiveLock",
    "AccessExclusiveLock",
];

/// For each mode the modes that must wait for it, as bits: the table in chapter 13.3.1 of Postgres's manual.
const CONFLICTS: [u16; 8] = [
    0b1_0000_0000,
    0b1_1000_0000,
    0b1_1110_0000,
    0b1_1111_0000,
    0b1_1101_1000,
    0b1_1111_1000,
    0b1_1111_1100,
    0b1_1111_1110,
];

pub(super) fn name(mode: Mode) -> &'static str {
    MODES.get(usize::from(mode) - 1).copied().unwrap_or_default()
}

fn number(name: &str) -> Option<Mode> {
    let at = MODES.iter().position(|mode| *mode == name)?;
    u8::try_from(at + 1).ok()
}

/// Must one wait for the other?
pub(super) fn conflict(one: Mode, other: Mode) -> bool {
    CONFLICTS[usize::from(one) - 1] & (1 << other) != 0
}

/// A relation as it was before the change.
#[derive(Debug, Clone)]
pub(super) struct Relation {
    pub(super) name: String,
    pub(super) kind: &'static str,
    pub(super) file: u32,
}

/// Every relation that isn't the system's, by OID.
pub(super) type Map = BTreeMap<u32, Relation>;

const RELATIONS: &str = "
select c.oid, coalesce('toast of ' || t.oid::regclass::text, format('%s.%s', quote_ident(n.nspname), quote_ident(c.relname))), c.relkind::text, c.relfilenode
from pg_class c join pg_namespace n on n.oid = c.relnamespace left join pg_class t on t.reltoastrelid = c.oid
where c.oid >= 16384 and n.nspname not in ('pg_catalog', 'information_schema')";

pub(super) fn relations(client: &mut Client) -> Result<Map, postgres::Error> {
    let rows = client.query(RELATIONS, &[])?;
    Ok(rows
        .iter()
        .map(|row| {
            let relation = Relation { name: row.get(1), kind: kind(row.get(2)), file: row.get(3) };
            (row.get(0), relation)
        })
        .collect())
}

fn kind(letter: &str) -> &'static str {
    match letter {
        "r" | "p" => "table",
        "i" | "I" => "index",
        "S" => "sequence",
        "v" => "view",
        "m" => "materialized view",
        "c" => "type",
        "f" => "foreign table",
        "t" => "toast",
        _ => "relation",
    }
}

const LOCKS: &str = "select relation, mode from pg_locks where pid = $1 and granted and locktype = 'relation'
    and database = (select oid from pg_database where datname = current_database())";

/// SQL that asks what a session holds.
pub(super) fn asking(pid: i32) -> String {
    LOCKS.replace("$1", &pid.to_string())
}

/// What a session holds, of the relations in `map`.
pub(super) fn held(client: &mut Client, pid: i32, map: &Map) -> Result<Held, postgres::Error> {
    Ok(of_rows(&texts(client, &asking(pid))?.1, map))
}

/// The rows of that question.
pub(super) fn of_rows(rows: &[Values], map: &Map) -> Held {
    let mut held = Held::new();
    for row in rows {
        let [Some(relation), Some(mode)] = row.as_slice() else {
            continue;
        };
        let relation: u32 = relation.parse().unwrap_or_default();
        if let (true, Some(mode)) = (map.contains_key(&relation), number(mode)) {
            held.entry(relation).or_default().insert(mode);
        }
    }
    held
}

/// What `after` holds and `before` didn't: the strongest of each object.
pub(super) fn new_locks(before: &Held, after: &Held, map: &Map, is: &Map) -> Vec<Lock> {
    let mut locks: Vec<Lock> = after
        .iter()
        .filter_map(|(relation, modes)| {
            let had = before.get(relation);
            let mode = *modes.iter().filter(|mode| had.is_none_or(|had| !had.contains(mode))).max()?;
            let was = map.get(relation)?;
            Some(Lock {
                object: was.name.clone(),
                kind: was.kind.to_owned(),
                mode: name(mode).to_owned(),
                dropped: !is.contains_key(relation),
            })
        })
        .collect();
    locks.sort();
    locks
}

#[cfg(test)]
mod tests {
    use super::{conflict, name};

    #[test]
    fn conflicts_go_both_ways() {
        for one in 1..=8 {
            for other in 1..=8 {
                assert_eq!(conflict(one, other), conflict(other, one));
            }
            assert!(conflict(one, 8), "{} and ACCESS EXCLUSIVE", name(one));
        }
        assert!(!conflict(1, 7) && conflict(2, 7) && !conflict(3, 3) && conflict(4, 4));
        assert!(!conflict(5, 5) && conflict(3, 5) && conflict(6, 6));
    }
}
