//! A statement that is judged.

use postgres::Client;
use postgres::types::Type;

use super::execution;
use super::execution::Sample;
use super::input::Statement;
use super::locks::Held;
use super::plan::Plan;
use super::shape::Shape;
use super::utility::{CopyFrom, with_values};
use super::values::Values;
use crate::own_path::aside;

/// A statement that works before the change.
pub(super) struct Subject<'a> {
    pub(super) statement: &'a Statement,
    pub(super) service: String,
    /// Locks that it takes.
    pub(super) wants: Held,
    pub(super) sql: String,
    pub(super) shape: Shape,
    pub(super) plan: Plan,
    pub(super) name: String,
    /// Parameters to plan it with, as SQL.
    pub(super) arguments: Vec<String>,
    /// The server finds the types of its parameters by itself.
    pub(super) plain: bool,
    /// As it was executed before the change; none where it is only planned.
    pub(super) samples: Vec<Sample>,
    /// It can come into contact with what the change touches; else it is planned and not executed.
    pub(super) concerned: bool,
    /// Why it was not executed.
    pub(super) why_not: String,
    /// It is not planned, only executed.
    pub(super) utility: bool,
    /// A client may prepare it once, and execute it after the change.
    pub(super) kept: bool,
    /// The `copy` that its insert stands for.
    pub(super) copy: Option<CopyFrom>,
    /// Why the rows are not known that its values come from.
    pub(super) unsampled: Option<String>,
}

impl Subject<'_> {
    /// SQL that executes it with these values; `name`: as it was prepared.
    pub(super) fn call(&self, name: &str, values: &Values) -> String {
        if self.utility { with_values(&self.sql, values) } else { execution::call(name, values) }
    }

    /// `(int4, text)`, or nothing.
    pub(super) fn parameter_list(&self) -> String {
        if self.shape.parameters.is_empty() {
            return String::new();
        }
        // Quoted in any case: a schema may be named like a keyword.
        let quoted = |name: &str| format!("\"{}\"", name.replace('"', "\"\""));
        let name = |kind: &Type| format!("{}.{}", quoted(kind.schema()), quoted(kind.name()));
        let types: Vec<_> = self.shape.parameters.iter().map(name).collect();
        format!("({})", types.join(", "))
    }

    /// `(null, null)`, or nothing.
    pub(super) fn arguments(&self) -> String {
        if self.arguments.is_empty() {
            return String::new();
        }
        format!("({})", self.arguments.join(", "))
    }

    pub(super) fn parameters(&self) -> &[Type] {
        &self.shape.parameters
    }

    /// The list of parameters for `prepare`, by the names that their types have now: types are known by OID, so a new name harms nobody.
    pub(super) fn list_now(&self, client: &mut Client) -> Result<String, postgres::Error> {
        if self.plain || self.shape.parameters.is_empty() {
            return Ok(String::new());
        }
        let oids: Vec<u32> = self.shape.parameters.iter().map(Type::oid).collect();
        let sql = "select format('%I.%I', n.nspname, t.typname) from unnest($1::oid[]) with ordinality o(oid, at) join pg_type t on t.oid = o.oid join pg_namespace n on n.oid = t.typnamespace order by at";
        let rows = aside(client, |client| client.query(sql, &[&oids]))?;
        let names: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
        Ok(if names.len() == oids.len() { format!("({})", names.join(", ")) } else { self.parameter_list() })
    }
}
