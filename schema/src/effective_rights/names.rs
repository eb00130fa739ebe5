//! What can be asked about. An unknown name is refused: "has no access" would be read as safe.

use crate::error::{Doing, Error, Result};
use crate::session::{Session, literals};
use crate::state::OBJECTS;
use crate::suggest::{nearest, unknown};

/// All roles: superuser or not, predefined or not.
const ROLES: &str = "select rolname::text, rolsuper, rolname ~ '^pg_' from pg_roles order by 2, 3, 1";

const COLUMNS: &str = "
select format('%I.%I', n.nspname, c.relname), format('%I', a.attname) from pg_class c join pg_namespace n on n.oid = c.relnamespace
join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
where c.relkind in ('r', 'p', 'f', 'm', 'v')";

/// The table or view that is named, or whose column is: `$1` as a whole, `$2` the part before its last dot, `$3` the part after it.
const RELATION: &str = "
select c.oid from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p', 'f', 'm', 'v') and (format('%I.%I', n.nspname, c.relname) = $1 or format('%I.%I', n.nspname, c.relname) = $2
    and exists (select from pg_attribute a where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and quote_ident(a.attname) = $3))";

/// The name as a whole, and what stands before and after its last dot.
fn parts(object: &str) -> (&str, &str, &str) {
    let bare = object.strip_prefix("table ").unwrap_or(object);
    let (table, column) = bare.rsplit_once('.').unwrap_or_default();
    (bare, table, column)
}

/// OID of the table or view that is asked about, itself or by one of its columns.
pub(super) fn relation(session: &mut Session, object: &str) -> Result<Option<u32>> {
    let (bare, table, column) = parts(object);
    let row = session.client.query_opt(RELATION, &[&bare, &table, &column]).doing("looking for a name")?;
    Ok(row.map(|row| row.get(0)))
}

/// Is it a role whose access depends on rights?
///
/// # Errors
/// [`Error::Usage`] for an unknown role, and for one whose access doesn't depend on rights.
pub fn check_role(session: &mut Session, name: &str) -> Result<()> {
    let rows = session.client.query(ROLES, &[]).doing("reading roles")?;
    let Some(row) = rows.iter().find(|row| row.get::<_, &str>(0) == name) else {
        let ours = rows.iter().filter(|row| !row.get::<_, bool>(2));
        let known: Vec<String> = ours.map(|row| row.get(0)).collect();
        return Err(unknown("role", name, &known));
    };
    match (row.get(1), row.get(2)) {
        (true, _) => Err(Error::Usage(format!("{name} is a superuser and may do everything: ask about another role"))),
        (_, true) => Err(Error::Usage(format!(
            "{name} is a predefined role of Postgres, which can do more than its rights say: ask about a role that is a member of it"
        ))),
        _ => Ok(()),
    }
}

/// Is there such a table, column, view, schema, or other object with rights?
///
/// # Errors
/// [`Error::Usage`] for an unknown name.
pub fn check_object(session: &mut Session, object: &str) -> Result<()> {
    if relation(session, object)?.is_some() {
        return Ok(());
    }
    let names = pairs(
        session,
        &format!("{OBJECTS} select distinct kind, name from object where kind <> 'default' order by 2, 1"),
    )?;
    let columns = pairs(session, &format!("{COLUMNS} order by 1, a.attnum"))?;
    let within = format!("{object}.");
    let named = names
        .iter()
        .any(|(kind, name)| name == object || name.starts_with(&within) || format!("{kind} {name}") == object);
    let bare = object.strip_prefix("table ").unwrap_or(object);
    let column = columns.iter().any(|(table, column)| format!("{table}.{column}") == bare);
    if named || column {
        return Ok(());
    }
    Err(refused(object, &names, &columns))
}

/// Suggests what exists at that place: columns of the table, tables of the schema, schemas.
fn refused(object: &str, names: &[(String, String)], columns: &[(String, String)]) -> Error {
    let all = |pairs: &[(String, String)], of: &str| -> Vec<String> {
        let of = pairs.iter().filter(|(table, _)| table == of);
        of.map(|(table, column)| format!("{table}.{column}")).collect()
    };
    let columns = object.rsplit_once('.').map_or(Vec::new(), |(table, _)| all(columns, table));
    if !columns.is_empty() {
        return unknown("column", object, &columns);
    }
    let system = |name: &str| name.starts_with("pg_") || name.starts_with("information_schema");
    let of_kind = |wanted: &str| -> Vec<String> {
        let of = names.iter().filter(|(kind, _)| kind == wanted);
        of.map(|(_, name)| name.clone()).filter(|name| !system(name)).collect()
    };
    let (tables, schemas) = (of_kind("table"), of_kind("schema"));
    let schema = object.split('.').next().unwrap_or_default();
    let inside: Vec<_> = tables.iter().filter(|table| table.split('.').next() == Some(schema)).cloned().collect();
    if !inside.is_empty() {
        return unknown("table", object, &inside);
    }
    match nearest(object, &tables) {
        Some(_) => unknown("table", object, &tables),
        None => unknown("schema or table", object, &schemas),
    }
}

fn pairs(session: &mut Session, sql: &str) -> Result<Vec<(String, String)>> {
    let rows = session.client.query(sql, &[]).doing("reading names")?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
}

/// The columns of this table or view, or the one column that is named.
pub(super) fn columns_of(session: &mut Session, object: &str) -> Result<Vec<String>> {
    let (whole, table, _) = parts(object);
    let sql = format!(
        "{COLUMNS} and format('%I.%I', n.nspname, c.relname) in ({}) order by 1, a.attnum",
        literals(&[whole, table])
    );
    let all = pairs(session, &sql)?;
    let of = all.into_iter().map(|(table, column)| (format!("{table}.{column}"), table));
    Ok(of.filter(|(column, table)| column == object || table == object).map(|(column, _)| column).collect())
}

/// What Postgres lets a role read of a view.
pub(super) struct ViewColumns {
    /// Is it one, or a column of one?
    pub(super) view: bool,
    /// `schema.view.column` of each that it may read.
    pub(super) columns: Vec<String>,
}

/// Asks Postgres.
pub(super) fn readable_view_columns(session: &mut Session, role: &str, object: &str) -> Result<ViewColumns> {
    let sql = "select format('%I.%I', n.nspname, c.relname), format('%I', a.attname), has_column_privilege($1, c.oid, a.attnum, 'SELECT') and has_schema_privilege($1, n.oid, 'USAGE')
        from pg_class c join pg_namespace n on n.oid = c.relnamespace join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped where c.relkind = 'v' and format('%I.%I', n.nspname, c.relname) = any ($2)";
    let (whole, table, _) = parts(object);
    let rows = session.client.query(sql, &[&role, &[whole, table].as_slice()]).doing("asking about views")?;
    let of = rows.iter().map(|row| (row.get::<_, String>(0), row.get::<_, String>(1), row.get::<_, bool>(2)));
    let here: Vec<_> = of
        .map(|(view, column, may)| (format!("{view}.{column}"), view, may))
        .filter(|(column, view, _)| column == object || view == object)
        .collect();
    Ok(ViewColumns {
        view: !here.is_empty(),
        columns: here.into_iter().filter(|(.., may)| *may).map(|(column, ..)| column).collect(),
    })
}
