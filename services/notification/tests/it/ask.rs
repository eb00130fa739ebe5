//! Questions to the database.

use diesel::{PgConnection, QueryableByName, RunQueryDsl as _};

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    count: i64,
}

#[derive(QueryableByName)]
struct Line {
    #[diesel(sql_type = diesel::sql_types::Text)]
    line: String,
}

/// Lines of text; the query's one column is called `line`.
pub fn lines(connection: &mut PgConnection, sql: &str) -> Vec<String> {
    #[expect(clippy::disallowed_methods, reason = "a test's question")]
    let rows: Vec<Line> = diesel::sql_query(sql).load(connection).unwrap();
    rows.into_iter().map(|row| row.line).collect()
}

/// A number that a query gives.
pub fn count(connection: &mut PgConnection, sql: &str) -> i64 {
    let sql = format!("select ({sql})::bigint as count");
    #[expect(clippy::disallowed_methods, reason = "a test's question")]
    let row: Count = diesel::sql_query(sql).get_result(connection).unwrap();
    row.count
}
