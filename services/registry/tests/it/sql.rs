//! What a test asks the database itself.

use diesel::connection::SimpleConnection;
use diesel::deserialize::FromSqlRow;
use diesel::pg::Pg;
use diesel::sql_types::{BigInt, HasSqlType, SingleValue, Text};
use diesel::{PgConnection, RunQueryDsl};

/// The value of an expression.
pub fn value<S, T>(connection: &mut PgConnection, expression: &str) -> T
where
    S: SingleValue + 'static,
    Pg: HasSqlType<S>,
    T: FromSqlRow<S, Pg> + 'static,
{
    let expression = format!("({expression})");
    diesel::select(diesel::dsl::sql::<S>(&expression))
        .get_result(connection)
        .unwrap_or_else(|error| panic!("{expression}: {error}"))
}

/// A number.
pub fn number(connection: &mut PgConnection, expression: &str) -> i64 {
    value::<BigInt, i64>(connection, expression)
}

/// A text; empty where it is null.
pub fn text(connection: &mut PgConnection, expression: &str) -> String {
    value::<Text, String>(connection, &format!("select coalesce(({expression})::text, '')"))
}

/// Runs statements; the error's text where they fail.
pub fn run(connection: &mut PgConnection, sql: &str) -> Result<(), String> {
    connection.batch_execute(sql).map_err(|error| error.to_string())
}

/// The counters of all organisations that don't say what is there; empty: all do.
pub fn miscounted(connection: &mut PgConnection) -> String {
    text(
        connection,
        "select string_agg(u::text, '; ') from registry.usage u
        where u.apis <> (select count(*) from registry.apis a where a.organisation_id = u.organisation_id)
            or u.domains <> (select count(*) from registry.domains d where d.organisation_id = u.organisation_id)
            or u.sub_domains <> (select count(*) from registry.sub_domains s where s.organisation_id = u.organisation_id)",
    )
}
