//! The database as its superuser: to look behind the contract, and to be another team that changes its tables.

#![expect(clippy::disallowed_methods, reason = "a test's look behind the contract is no hot path")]

use diesel::connection::SimpleConnection as _;
use diesel::sql_types::{BigInt, Text};
use diesel::{Connection as _, PgConnection, QueryableByName, RunQueryDsl as _, sql_query};
use lab::Place;
use schema::testing::fixture::Rows;

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    count: i64,
}

#[derive(QueryableByName)]
struct Line {
    #[diesel(sql_type = Text)]
    line: String,
}

/// A connection as superuser.
pub fn connect(target: &Place) -> PgConnection {
    PgConnection::establish(target.database_url.as_ref().unwrap()).unwrap()
}

/// One number; `sql` names its column `count`.
pub fn count(connection: &mut PgConnection, sql: &str) -> i64 {
    sql_query(sql).get_result::<Count>(connection).unwrap().count
}

/// Texts; `sql` names its column `line`.
pub fn lines(connection: &mut PgConnection, sql: &str) -> Vec<String> {
    sql_query(sql).load::<Line>(connection).unwrap().into_iter().map(|row| row.line).collect()
}

/// Statements as a role that can't log in, in one transaction, as `dba apply` runs them.
pub fn run_as(connection: &mut PgConnection, role: &str, statements: &str) {
    connection.batch_execute(&format!("begin; set local role {role}; {statements}; commit")).unwrap();
}

/// As Billing's runs would, a year of invoices later.
pub fn set_standing(database: &str, organisation: uuid::Uuid, standing: &str) {
    Rows::of(&|_| database.to_owned()).standing(&organisation.to_string(), standing);
}

/// Every counter that differs from what it counts.
pub fn wrong_counters(connection: &mut PgConnection) -> Vec<String> {
    lines(
        connection,
        "with real as (
             select o.id,
                    (select count(*) from registry.apis a where a.organisation_id = o.id) as apis,
                    (select count(*) from registry.domains d where d.organisation_id = o.id) as domains,
                    (select count(*) from registry.sub_domains s where s.organisation_id = o.id) as sub_domains,
                    (select count(*) from profile.profiles p where p.organisation_id = o.id and p.deleted_at is null) as users
             from account.organisations o
         )
         select format('%s: apis %s of %s, domains %s of %s, sub domains %s of %s, users %s of %s', r.id,
                       coalesce(u.apis, 0), r.apis, coalesce(u.domains, 0), r.domains,
                       coalesce(u.sub_domains, 0), r.sub_domains, coalesce(h.users, 0), r.users) as line
         from real r
         left join registry.usage u on u.organisation_id = r.id
         left join profile.head_counts h on h.organisation_id = r.id
         where (coalesce(u.apis, 0), coalesce(u.domains, 0), coalesce(u.sub_domains, 0), coalesce(h.users, 0))
               is distinct from (r.apis, r.domains, r.sub_domains, r.users)",
    )
}
