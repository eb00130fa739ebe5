//! What a statement has written, in all tables together.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

/// What all tables hold, by table (OID and name) and column (number and type); for logins that may not read them.
pub const STATE: &str = r#"
create schema oracle; grant usage on schema oracle to public;
create function oracle.state() returns jsonb language plpgsql security definer set search_path = pg_catalog as $f$
declare t record; columns text; held jsonb; found jsonb := '{}'; begin
    for t in select c.oid, c.oid::regclass::text as name from pg_class c join pg_namespace n on n.oid = relnamespace
        where relkind = 'r' and c.oid >= 16384 and nspname in ('base', 'north', 'south', 'north2', 'south2') loop
        select string_agg(format('%L, %I::text', attnum || ':' || atttypid, attname), ', ') into columns from pg_attribute where attrelid = t.oid and attnum > 0 and not attisdropped;
        if columns is null then continue; end if;
        execute format('select coalesce(jsonb_agg(jsonb_build_object(%s)), ''[]'') from only %s', columns, t.name) into held;
        found := found || jsonb_build_object(t.oid || ' ' || t.name, held);
    end loop;
    return found;
end $f$"#;

/// By table: rows that are new, rows that are gone.
pub type Delta = BTreeMap<String, [Vec<BTreeMap<String, String>>; 2]>;

fn row(value: &Value) -> BTreeMap<String, String> {
    value.as_object().unwrap().iter().map(|(name, value)| (name.clone(), value.to_string())).collect()
}

/// What a statement has written: the difference of two states.
pub fn delta(was: &Value, is: &Value) -> Delta {
    let rows =
        |state: &Value, table: &str| -> Vec<_> { state[table].as_array().into_iter().flatten().map(row).collect() };
    let mut found = Delta::new();
    for table in is.as_object().unwrap().keys() {
        let (mut gone, mut new) = (rows(was, table), Vec::new());
        for one in rows(is, table) {
            match gone.iter().position(|other| *other == one) {
                Some(at) => drop(gone.swap_remove(at)),
                None => new.push(one),
            }
        }
        if !gone.is_empty() || !new.is_empty() {
            found.insert(table.clone(), [new, gone]);
        }
    }
    found
}

/// How what was written differs: in columns that are there before and after, with the same type. Partitions count as one.
pub fn differs(was: &Delta, is: &Delta) -> Option<String> {
    let (mut left, mut tables) = (is.clone(), Vec::new());
    for (table, rows) in was {
        let (oid, name) = table.split_once(' ').unwrap();
        let key = left
            .keys()
            .find(|key| key.starts_with(&format!("{oid} ")))
            .or_else(|| left.keys().find(|key| key.split_once(' ').unwrap().1 == name))
            .cloned();
        let Some(now) = key.and_then(|key| left.remove(&key)) else {
            return Some(format!("not to {table}"));
        };
        tables.push((table, rows, now));
    }
    for (table, was, is) in tables {
        for (side, (was, is)) in was.iter().zip(&is).enumerate() {
            let columns = |rows: &[BTreeMap<String, String>]| -> BTreeSet<String> {
                rows.first().into_iter().flat_map(|row| row.keys().cloned()).collect()
            };
            let mut both: BTreeSet<_> = columns(was).intersection(&columns(is)).cloned().collect();
            if side == 1 && both.iter().any(|name| name.starts_with("1:")) {
                // Which rows are gone, not what was in them.
                both.retain(|name| name.starts_with("1:"));
            }
            let cut = |rows: &[BTreeMap<String, String>]| {
                let mut all: Vec<Vec<_>> = rows
                    .iter()
                    .map(|row| {
                        row.iter()
                            .filter(|(name, _)| both.contains(*name))
                            .map(|(n, v)| (n.clone(), v.clone()))
                            .collect()
                    })
                    .collect();
                all.sort();
                all
            };
            if was.len() != is.len() || cut(was) != cut(is) {
                return Some(format!("{table}: {was:?} {is:?}"));
            }
        }
    }
    // To a table that the change makes: a log, say.
    None
}
