//! `statement!` is planned once per connection, and so is the SQL of the shared tables.

use diesel::connection::SimpleConnection;
use diesel::{Connection, PgConnection, RunQueryDsl};
use kit::changes::{Change, Place, feed, record};
use kit::id::OrganisationId;
use kit::{Clock, Meta};
use schema::testing::TestDb;

use crate::store::{FindOrganisation, InsertOrganisation};

kit::statement! {
    /// What this session has prepared.
    pub struct Prepared<'a>(like: &'a str as Text) -> BigInt =
        "select count(*) from pg_catalog.pg_prepared_statements p where p.statement like $1"
}

fn prepared(connection: &mut PgConnection, like: &str) -> i64 {
    Prepared { like }.get_result(connection).unwrap()
}

#[test]
fn a_statement_is_prepared_once() {
    let db = TestDb::new();
    let mut connection = db.connect("account_writer");
    let now = Clock::default().now();
    for n in 0..20 {
        let id = OrganisationId::new(now);
        InsertOrganisation { name: &format!("org {n}"), id, now }.execute(&mut connection).unwrap();
        let (found, name, ..): (OrganisationId, String, i64, chrono::DateTime<chrono::Utc>) =
            FindOrganisation { id }.get_result(&mut connection).unwrap();
        assert_eq!((found, name), (id, format!("org {n}")));
    }
    assert_eq!(prepared(&mut connection, "insert into account.organisations%"), 1);
    assert_eq!(prepared(&mut connection, "select o.id, o.name%"), 1);
}

#[test]
fn the_shared_tables_are_prepared_once_per_schema() {
    let db = TestDb::new();
    let mut connection = db.connect("superuser");
    let meta = Meta::of_job("test", &Clock::default());
    for schema in ["account", "registry"] {
        for _ in 0..5 {
            let change = Change::of("X", None, "e", 1);
            connection.transaction(|connection| record(connection, schema, &meta, change)).unwrap();
            feed(&mut connection, schema, None, Place::default(), 10).unwrap();
        }
    }
    for schema in ["account", "registry"] {
        assert_eq!(prepared(&mut connection, &format!("insert into {schema}.changes%")), 1);
        assert_eq!(prepared(&mut connection, &format!("%from {schema}.changes c%")), 1);
    }
    connection.batch_execute("deallocate all").unwrap();
}
