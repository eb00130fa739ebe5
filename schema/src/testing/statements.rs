//! What a service has sent to its database, from `pg_stat_statements`.

use super::db::TestDb;
use crate::session::Session;

/// Fewer calls than these prove nothing.
const HOT: i64 = 10;

/// A statement, as often as one login of a service has sent it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// The login.
    pub role: String,
    /// Its text, with parameters for its constants.
    pub query: String,
    /// How often it ran.
    pub calls: i64,
    /// How often it was planned; transactions and the like: never.
    pub plans: i64,
}

impl TestDb {
    /// Statements that the reader and the writer of a service have sent to this database so far. The server may have removed some.
    #[must_use]
    pub fn statements(&self, service: &str) -> Vec<Statement> {
        let roles = ["reader", "writer"].map(|side| format!("{service}_{side}"));
        let seen = Session::connect(&self.url("superuser")).map(|mut session| {
            session.client.query(
                "select r.rolname::text, s.query, s.calls, s.plans
                from dba.pg_stat_statements s
                join pg_catalog.pg_roles r on r.oid = s.userid
                where s.dbid = (select d.oid from pg_catalog.pg_database d where d.datname = $1) and r.rolname::text = any ($2)
                    and s.query not like '%' || $3",
                &[&self.name(), &&roles[..], &super::fixture::MARK],
            )
        });
        match seen {
            Ok(Ok(rows)) => rows
                .iter()
                .map(|row| Statement { role: row.get(0), query: row.get(1), calls: row.get(2), plans: row.get(3) })
                .collect(),
            Ok(Err(error)) => panic!("pg_stat_statements can't be read: {error}"),
            Err(error) => panic!("pg_stat_statements can't be read: {error}"),
        }
    }

    /// Panics if a hot statement of a service was planned about as often as it ran: planning costs ten times what running does.
    ///
    /// At least so many hot statements must have been seen, or nothing would be shown.
    #[track_caller]
    pub fn assert_plans_are_kept(&self, service: &str, at_least: usize) {
        let mut hot = self.statements(service);
        hot.retain(|one| one.calls >= HOT && one.plans > 0);
        assert!(hot.len() >= at_least, "only {} hot statements: {hot:#?}", hot.len());
        hot.retain(|one| one.plans * 2 >= one.calls);
        assert!(hot.is_empty(), "planned on every call: {hot:#?}");
    }
}
