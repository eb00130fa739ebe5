//! Rights and NOT NULLs before and after: what of the catalogue decides about statements and isn't seen by planning them.

use std::collections::{BTreeMap, BTreeSet};

use postgres::Client;

use super::plan::Write;
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

pub(super) struct Rights(BTreeSet<Right>);

impl Rights {
    pub(super) fn read(client: &mut Client) -> Result<Self> {
        let rows = client.query(RIGHTS, &[]).doing("reading rights")?;
        Ok(Self(
            rows.iter()
                .map(|row| {
                    let place = (row.get(0), row.get(1), row.get(2));
                    (place, row.get(3), row.get(4), row.get(5))
                })
                .collect(),
        ))
    }

    /// What is no longer there: neither on the same thing, whatever its name, nor on another of its name.
    pub(super) fn lost(&self, after: &Self, service: impl Fn(&str) -> String) -> Vec<RightLost> {
        let things: BTreeSet<_> = after
            .0
            .iter()
            .flat_map(|(place, name, who, what)| {
                [
                    (Some(place), None, who, what),
                    (None, Some(name), who, what),
                ]
            })
            .collect();
        let places: BTreeSet<_> = after.0.iter().map(|(place, ..)| place).collect();
        let mut lost: Vec<_> = self
            .0
            .iter()
            .filter(|(place, name, who, what)| {
                !things.contains(&(Some(place), None, who, what))
                    && !things.contains(&(None, Some(name), who, what))
            })
            .map(|(place, name, who, what)| RightLost {
                service: service(who),
                role: who.clone(),
                privilege: what.clone(),
                object: name.clone(),
                dropped: !places.contains(place),
            })
            .collect();
        lost.sort();
        lost
    }
}

/// A column that takes no NULL.
struct Column {
    name: String,
    kind: String,
    /// Something fills it in before it is looked at: a stored expression, or maybe a trigger.
    filled: bool,
}

/// Columns that take no NULL, by table and number.
#[derive(Default)]
pub(super) struct NotNull(BTreeMap<String, BTreeMap<usize, Column>>);

const NOT_NULL: &str = "
select n.nspname || '.' || c.relname, a.attnum::int, a.attname::text, format_type(a.atttypid, a.atttypmod),
    a.attgenerated <> '' or exists (select from pg_trigger t where t.tgrelid = c.oid and not t.tgisinternal and t.tgtype & 7 = 7)
from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace
where c.oid >= 16384 and c.relkind in ('r', 'p') and a.attnum > 0 and a.attnotnull and not a.attisdropped";

impl NotNull {
    pub(super) fn read(client: &mut Client) -> Result<Self> {
        let mut all = Self::default();
        for row in client.query(NOT_NULL, &[]).doing("reading columns")? {
            let number: i32 = row.get(1);
            let column = Column {
                name: row.get(2),
                kind: row.get(3),
                filled: row.get(4),
            };
            all.0
                .entry(row.get(0))
                .or_default()
                .insert(usize::try_from(number).unwrap_or_default(), column);
        }
        Ok(all)
    }

    /// 23502 that planning doesn't find: the statement leaves a column out, or writes NULL to it, that takes none since the change.
    pub(super) fn refuses(&self, before: &Self, write: &Write) -> Option<Failure> {
        let columns = self.0.get(&write.table)?;
        let newly = |number: &usize| {
            before
                .0
                .get(&write.table)
                .is_none_or(|columns| !columns.contains_key(number))
        };
        let mut strict = columns
            .iter()
            .filter(|(number, column)| newly(number) && !column.filled);
        let (_, column) = strict.find(|(number, column)| {
            if write.insert {
                let expression = write.expressions.get(*number - 1);
                expression.is_some_and(|expression| expression.starts_with("NULL::"))
            } else {
                let null = format!("NULL::{}", column.kind);
                write.expressions.contains(&null)
            }
        })?;
        Some(Failure {
            sqlstate: "23502".into(),
            message: format!(
                "it writes NULL to column {} of {}, which takes none",
                column.name, write.table
            ),
            detail: None,
        })
    }
}
