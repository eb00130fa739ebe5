//! What could not be judged, and why. SAFE means judged: everything else is UNKNOWN.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use postgres::Client;
use serde::{Deserialize, Serialize};

use super::words::first_word;
use crate::error::{Doing, Result};

/// The kinds of reasons, as `--allow-unknown` names them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// `call`, `copy`, `refresh` and others that are neither planned nor executed here.
    Utility,
    /// Postgres doesn't plan it as we know it: a text that lost its constants, say.
    NotPlanned,
    /// No values are known with which it works before the change, so it was planned and not executed.
    NotExecuted,
    /// A function's body names what the change changes, and takes other ways with other values.
    Body,
    /// A function that it calls puts SQL together while it runs.
    DynamicSql,
    /// The change adds or changes what accepts or shows rows by their values, and the statement's values are not known.
    Values,
    /// The change writes rows itself, and the statement returns or writes other ones since: that may be meant so.
    OtherRows,
    /// Rows that aren't in the sample may decide it.
    Sample,
}

impl Reason {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Utility,
        Self::NotPlanned,
        Self::NotExecuted,
        Self::Body,
        Self::DynamicSql,
        Self::Values,
        Self::OtherRows,
        Self::Sample,
    ];
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Utility => "utility",
            Self::NotPlanned => "not-planned",
            Self::NotExecuted => "not-executed",
            Self::Body => "body",
            Self::DynamicSql => "dynamic-sql",
            Self::Values => "values",
            Self::OtherRows => "other-rows",
            Self::Sample => "sample",
        })
    }
}

/// Why a statement could not be judged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Unknown {
    /// Its kind.
    pub reason: Reason,
    /// In words, with the place: `trigger function shop.touch()`.
    pub why: String,
}

/// Objects by a key of ours: their name, and a digest of what they are.
pub(super) struct Objects(BTreeMap<String, (String, String)>);

const OBJECTS: &str = "
select 'c' || oid, relname::text, md5(concat_ws('|', relname, relnamespace, relkind, relowner, relacl::text, relrowsecurity, relforcerowsecurity, reloptions::text, relispartition, relhasrules))
from pg_class where oid >= 16384 and relkind in ('r', 'p', 'v', 'm', 'f', 'S')
union all select 'a' || attrelid || '.' || attnum, attname::text, md5(concat_ws('|', attname, atttypid, atttypmod, attnotnull, attacl::text, attgenerated, attidentity, atthasdef))
from pg_attribute a join pg_class c on c.oid = attrelid where attrelid >= 16384 and attnum > 0 and not attisdropped and relkind in ('r', 'p', 'v', 'm', 'f')
union all select 'p' || oid, proname::text, md5(concat_ws('|', proname, pronamespace, prosrc, prosqlbody::text, proacl::text, prosecdef, proconfig::text, proowner, proargtypes::text)) from pg_proc where oid >= 16384
union all select 't' || oid, typname::text, md5(concat_ws('|', typname, typnamespace, typnotnull, typdefault, typacl::text)) from pg_type where oid >= 16384 and typtype in ('d', 'e')
union all select 'e' || oid, enumlabel::text, enumlabel::text from pg_enum
union all select 'k' || oid, coalesce(conrelid::regclass::text, contypid::regtype::text), md5(pg_get_constraintdef(oid)) from pg_constraint where oid >= 16384
union all select 'g' || oid, tgrelid::regclass::text, md5(concat_ws('|', tgname, tgenabled, pg_get_triggerdef(oid))) from pg_trigger where not tgisinternal
union all select 'r' || oid, ev_class::regclass::text, md5(concat_ws('|', ev_enabled, pg_get_ruledef(oid))) from pg_rewrite where oid >= 16384
union all select 'y' || oid, polrelid::regclass::text, md5(concat_ws('|', polcmd, polpermissive, polroles::text, polqual::text, polwithcheck::text)) from pg_policy
union all select 'd' || oid, (select attname::text from pg_attribute where attrelid = adrelid and attnum = adnum), md5(pg_get_expr(adbin, adrelid)) from pg_attrdef
union all select 'n' || oid, nspname::text, md5(concat_ws('|', nspname, nspacl::text)) from pg_namespace where oid >= 16384";

impl Objects {
    pub(super) fn read(client: &mut Client) -> Result<Self> {
        let rows = client.query(OBJECTS, &[]).doing("reading the catalogue")?;
        Ok(Self(rows.iter().map(|row| (row.get(0), (row.get(1), row.get(2)))).collect()))
    }

    /// Does it change what treats rows by their values: functions, types, constraints, triggers, rules (views, too), policies?
    pub(super) fn treats_rows(&self, after: &Self) -> bool {
        let of_rows = |key: &&String| key.starts_with(['p', 't', 'e', 'k', 'g', 'r', 'y']);
        self.0.keys().chain(after.0.keys()).filter(of_rows).any(|key| self.0.get(key) != after.0.get(key))
    }

    /// Names of objects that differ afterwards, in lower case and without a schema. A column that is new is none: nothing can have named it.
    pub(super) fn changed(&self, after: &Self) -> BTreeSet<String> {
        let gone = self.0.iter().filter(|(key, was)| after.0.get(*key) != Some(*was)).map(|(_, was)| was);
        let new = after.0.iter().filter(|(key, _)| !self.0.contains_key(*key));
        let new = new.filter(|(key, _)| !key.starts_with('a') && !key.starts_with('d')).map(|(_, is)| is);
        gone.chain(new).map(|(name, _)| bare(name)).collect()
    }
}

/// A name without schema and quotes, in lower case.
fn bare(name: &str) -> String {
    name.rsplit('.').next().unwrap_or_default().trim_matches('"').to_lowercase()
}

/// Bodies that Postgres keeps as text, by OID: name and source, in lower case.
pub(super) struct Bodies(BTreeMap<u32, (String, String)>);

const BODIES: &str = "
select p.oid, p.oid::regprocedure::text, lower(p.prosrc) from pg_proc p join pg_language l on l.oid = p.prolang
where p.oid >= 16384 and p.prosqlbody is null and l.lanname not in ('c', 'internal')
    and not exists (select from pg_depend e where e.classid = 'pg_proc'::regclass and e.objid = p.oid and e.deptype = 'e')";

impl Bodies {
    pub(super) fn read(client: &mut Client) -> Result<Self> {
        let rows = client.query(BODIES, &[]).doing("reading functions")?;
        Ok(Self(rows.iter().map(|row| (row.get(0), (row.get(1), row.get(2)))).collect()))
    }

    /// The first of these tables that one of these functions names.
    pub(super) fn naming<'a>(
        &self,
        called: &BTreeSet<u32>,
        mut tables: impl Iterator<Item = &'a String>,
    ) -> Option<&'a String> {
        let words: BTreeSet<_> =
            called.iter().filter_map(|oid| self.0.get(oid)).flat_map(|(_, source)| words(source)).collect();
        tables.find(|name| words.contains(bare(name).as_str()))
    }

    /// Does executing it leave open what these functions do with other values?
    pub(super) fn open(&self, called: &BTreeSet<u32>, changed: &BTreeSet<String>) -> Option<Unknown> {
        if changed.is_empty() {
            return None;
        }
        called.iter().filter_map(|oid| self.0.get(oid)).find_map(|(name, source)| {
            let words = words(source);
            if words.contains("execute") {
                let why = format!("{name} puts SQL together while it runs (execute)");
                return Some(Unknown { reason: Reason::DynamicSql, why });
            }
            let branches = ["if", "case", "loop", "when", "exception"].iter().any(|word| words.contains(*word));
            let named = changed.iter().find(|name| words.contains(*name)).filter(|_| branches)?;
            let why = format!(
                "the body of {name} names {named}, which the change concerns, and does other things with other values"
            );
            Some(Unknown { reason: Reason::Body, why })
        })
    }
}

pub(super) fn words(source: &str) -> BTreeSet<String> {
    source.split(|c: char| !(c.is_alphanumeric() || c == '_')).map(str::to_owned).collect()
}

/// Labels of enums, by OID: the type's OID, the word.
pub(super) struct Labels(BTreeMap<u32, (u32, String)>);

impl Labels {
    pub(super) fn read(client: &mut Client) -> Result<Self> {
        let rows = client.query("select oid, enumtypid, enumlabel::text from pg_enum", &[]).doing("reading enums")?;
        Ok(Self(rows.iter().map(|row| (row.get(0), (row.get(1), row.get(2)))).collect()))
    }

    /// Types of which a label has another word afterwards, or none; and the relations with a column of one: by OID.
    pub(super) fn changed(&self, after: &Self, client: &mut Client) -> Result<BTreeSet<u32>> {
        let gone = self.0.iter().filter(|(label, was)| after.0.get(*label) != Some(*was));
        let mut all: BTreeSet<u32> = gone.map(|(_, (kind, _))| *kind).collect();
        if !all.is_empty() {
            let types: Vec<u32> = all.iter().copied().collect();
            let sql = "select attrelid from pg_attribute join pg_type t on t.oid = atttypid where t.oid = any ($1) or typelem = any ($1) or typbasetype = any ($1)";
            all.extend(
                client.query(sql, &[&types]).doing("reading columns of enums")?.iter().map(|row| row.get::<_, u32>(0)),
            );
        }
        Ok(all)
    }
}

/// Is this change about tables and indexes alone, so that statements on other tables, whatever their values, are not concerned?
pub(super) fn of_tables_alone(statements: &[String]) -> bool {
    statements.iter().all(|sql| {
        let lower = sql.to_ascii_lowercase();
        let second = lower.split_whitespace().nth(1).unwrap_or_default();
        match first_word(&lower) {
            "alter" => ["table", "index"].contains(&second),
            "create" | "drop" => ["index", "unique"].contains(&second),
            "comment" | "analyze" | "vacuum" | "reindex" | "set" => true,
            _ => false,
        }
    })
}

/// Does it write rows itself?
pub(super) fn writes_rows(statements: &[String]) -> bool {
    const WRITES: [&str; 9] = ["insert", "update", "delete", "merge", "with", "truncate", "refresh", "do", "call"];
    statements.iter().any(|sql| WRITES.contains(&first_word(&sql.to_ascii_lowercase())))
}

/// Tables whose statements run bodies, or that rewrite what is done to them.
pub(super) const FIRING: &str = "
select tgrelid from pg_trigger where not tgisinternal union select ev_class from pg_rewrite r join pg_class c on c.oid = ev_class where rulename <> '_RETURN' and c.oid >= 16384
union select polrelid from pg_policy union select conrelid from pg_constraint where contype = 'c' and conrelid >= 16384";
