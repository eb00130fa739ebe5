//! Rights, NOT NULL and constraints before and after: what the catalogue decides about statements and planning doesn't show.

use std::collections::{BTreeMap, BTreeSet};

use postgres::Client;

use super::plan::Write;
use super::probe::Probe;
use super::report::{Failure, RightLost};
use crate::error::{Doing, Result};

const RIGHTS: &str = "
with thing as (
    select 'pg_class'::regclass::oid as class, c.oid, 0::int as sub, format('%s.%s', quote_ident(n.nspname), quote_ident(c.relname)) as name, c.relowner as owner, c.relacl as acl
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where c.oid >= 16384 and c.relkind in ('r', 'p', 'v', 'm', 'f', 'S')
    union all
    select 'pg_attribute'::regclass, c.oid, a.attnum, format('%s.%s.%s', quote_ident(n.nspname), quote_ident(c.relname), quote_ident(a.attname)), c.relowner, a.attacl
    from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace
    where c.oid >= 16384 and a.attacl is not null and not a.attisdropped
    union all
    select 'pg_namespace'::regclass, n.oid, 0, 'schema ' || quote_ident(n.nspname), n.nspowner, n.nspacl from pg_namespace n where n.oid >= 16384
    union all
    select 'pg_proc'::regclass, p.oid, 0, 'function ' || p.oid::regprocedure, p.proowner, coalesce(p.proacl, acldefault('f', p.proowner)) from pg_proc p where p.oid >= 16384
)
select t.class, t.oid, t.sub, t.name, case a.grantee when 0 then 'public' else a.grantee::regrole::text end, a.privilege_type
from thing t cross join lateral aclexplode(t.acl) a where a.grantee <> t.owner";

/// Object, column; its name; who; what.
type Right = ((u32, u32, i32), String, String, String);

pub(super) struct Rights {
    held: BTreeSet<Right>,
    /// Everything that rights can be on.
    there: BTreeSet<(u32, u32, i32)>,
}

const THERE: &str = "
select 'pg_class'::regclass::oid, oid, 0 from pg_class where oid >= 16384 union all select 'pg_namespace'::regclass, oid, 0 from pg_namespace where oid >= 16384
union all select 'pg_proc'::regclass, oid, 0 from pg_proc where oid >= 16384
union all select 'pg_attribute'::regclass, attrelid, attnum::int from pg_attribute where attrelid >= 16384 and attnum > 0 and not attisdropped";

impl Rights {
    pub(super) fn read(client: &mut Client) -> Result<Self> {
        let rows = client.query(RIGHTS, &[]).doing("reading rights")?;
        let held =
            rows.iter().map(|row| ((row.get(0), row.get(1), row.get(2)), row.get(3), row.get(4), row.get(5))).collect();
        let rows = client.query(THERE, &[]).doing("reading objects")?;
        Ok(Self { held, there: rows.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect() })
    }

    /// Rights that no longer exist: neither on the same object, whatever its name, nor on another object of that name.
    pub(super) fn lost(&self, after: &Self, service: impl Fn(&str) -> String) -> Vec<RightLost> {
        let things: BTreeSet<_> = after
            .held
            .iter()
            .flat_map(|(place, name, who, what)| [(Some(place), None, who, what), (None, Some(name), who, what)])
            .collect();
        let mut lost: Vec<_> = self
            .held
            .iter()
            .filter(|(place, name, who, what)| {
                !things.contains(&(Some(place), None, who, what)) && !things.contains(&(None, Some(name), who, what))
            })
            .map(|(place, name, who, what)| RightLost {
                service: service(who),
                role: who.clone(),
                privilege: what.clone(),
                object: name.clone(),
                dropped: !after.there.contains(place),
            })
            .collect();
        lost.sort();
        lost
    }
}

/// A column that is NOT NULL.
struct Column {
    name: String,
    kind: String,
    /// Something fills it in before it is looked at: a stored expression, or maybe a trigger.
    filled: bool,
}

const UNPROVEN: &str = "
select k.oid, n.nspname || '.' || c.relname, format('alter table %I.%I validate constraint %I', n.nspname, c.relname, k.conname), k.conkey from pg_constraint k join pg_class c on c.oid = k.conrelid join pg_namespace n on n.oid = c.relnamespace
where not k.convalidated and k.contype in ('c', 'f') and c.relkind in ('r', 'p')";

/// NOT NULL columns, by table and number; constraints that are not validated.
#[derive(Default)]
pub(super) struct Strict {
    columns: BTreeMap<String, BTreeMap<usize, Column>>,
    /// OID; table, SQL that validates it, its columns.
    unproven: BTreeMap<u32, (String, String, Vec<usize>)>,
    /// Those that existing rows violate: by table, with their columns.
    refuted: BTreeMap<String, (Failure, Vec<usize>)>,
}

const NOT_NULL: &str = "
select n.nspname || '.' || c.relname, a.attnum::int, a.attname::text, format_type(a.atttypid, a.atttypmod),
    a.attgenerated <> '' or exists (select from pg_trigger t where t.tgrelid = c.oid and not t.tgisinternal and t.tgtype & 7 = 7)
from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace
where c.oid >= 16384 and c.relkind in ('r', 'p') and a.attnum > 0 and a.attnotnull and not a.attisdropped";

impl Strict {
    pub(super) fn read(client: &mut Client) -> Result<Self> {
        let mut all = Self::default();
        for row in client.query(NOT_NULL, &[]).doing("reading columns")? {
            let number: i32 = row.get(1);
            let column = Column { name: row.get(2), kind: row.get(3), filled: row.get(4) };
            all.columns.entry(row.get(0)).or_default().insert(usize::try_from(number).unwrap_or_default(), column);
        }
        for row in client.query(UNPROVEN, &[]).doing("reading constraints")? {
            let columns: Option<Vec<i16>> = row.get(3);
            let columns = columns.into_iter().flatten().filter_map(|number| usize::try_from(number).ok());
            all.unproven.insert(row.get(0), (row.get(1), row.get(2), columns.collect()));
        }
        Ok(all)
    }

    /// Validates every constraint that is `not valid` since the change: statements that wrote rows that violate it will be refused.
    pub(super) fn hold_rows(&mut self, before: &Self, probe: &mut Probe) -> Result<()> {
        for (constraint, (table, sql, columns)) in &self.unproven {
            if before.unproven.contains_key(constraint) {
                continue;
            }
            // Functions of the constraint may need the usual search path.
            let sql = format!("set local search_path to default; {sql}");
            if let Err(mut failure) = probe.tried(|client| client.batch_execute(&sql))? {
                failure.message.push_str("; statements that write such rows are refused");
                self.refuted.insert(table.clone(), (failure, columns.clone()));
            }
        }
        Ok(())
    }

    /// A refusal of this write that planning doesn't find.
    pub(super) fn refuses(&self, before: &Self, write: &Write) -> Option<Failure> {
        self.null(before, write).or_else(|| self.refuted(write))
    }

    /// A refusal of rows like those that are there. An insert that gives none of the constraint's columns a value of its own writes no such row.
    pub(super) fn refuted(&self, write: &Write) -> Option<Failure> {
        let (failure, columns) = self.refuted.get(&write.table)?;
        let given = |number: &usize| write.expressions.get(number - 1).is_none_or(|text| text.contains('$'));
        (!write.insert || columns.is_empty() || columns.iter().any(given)).then(|| failure.clone())
    }

    /// 23502 that planning doesn't find: the statement leaves out a column, or writes NULL to it, that is NOT NULL since the change.
    fn null(&self, before: &Self, write: &Write) -> Option<Failure> {
        let columns = self.columns.get(&write.table)?;
        let newly =
            |number: &usize| before.columns.get(&write.table).is_none_or(|columns| !columns.contains_key(number));
        let mut strict = columns.iter().filter(|(_, column)| !column.filled);
        let (_, column) = strict.find(|(number, column)| {
            if write.insert {
                // It is NOT NULL since the change, or has lost its default.
                let expression = write.expressions.get(*number - 1);
                expression.is_some_and(|expression| expression.starts_with("NULL::"))
            } else {
                newly(number) && write.expressions.iter().any(|expression| is_null_of(&column.kind, expression))
            }
        })?;
        Some(Failure {
            sqlstate: "23502".into(),
            message: format!("it writes NULL to column {} of {}, which is NOT NULL", column.name, write.table),
            detail: None,
        })
    }
}

/// Is this expression of a plan NULL of that type? The plan names the type as the statement's search path has it: with its schema, or without.
fn is_null_of(kind: &str, expression: &str) -> bool {
    let named = expression.strip_prefix("NULL::");
    named.and_then(|named| kind.strip_suffix(named)).is_some_and(|schema| schema.is_empty() || schema.ends_with('.'))
}

#[cfg(test)]
mod tests {
    use super::is_null_of;

    #[test]
    fn a_type_with_its_schema_or_without() {
        assert!(is_null_of("numeric(10,2)", "NULL::numeric(10,2)") && is_null_of("public.citext", "NULL::citext"));
        assert!(is_null_of("public.citext", "NULL::public.citext"));
        for (kind, other) in
            [("bigint", "NULL::int"), ("public.citext", "NULL::text"), ("text", "NULL::public.text"), ("text", "$1")]
        {
            assert!(!is_null_of(kind, other), "{kind} {other}");
        }
    }
}
