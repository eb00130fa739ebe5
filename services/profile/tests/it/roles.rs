//! What the service's two logins may: their own, and what is granted by name.

use diesel::connection::SimpleConnection;
use schema::testing::TestDb;

/// Runs SQL as a login that has taken its default of reading only off (it may); the error's text, if any.
fn run(db: &TestDb, role: &str, sql: &str) -> Result<(), String> {
    let mut connection = db.connect(role);
    connection.batch_execute("set default_transaction_read_only = off").unwrap();
    connection.batch_execute(sql).map_err(|error| error.to_string())
}

#[track_caller]
fn refused(db: &TestDb, role: &str, sql: &str, why: &str) {
    let error = run(db, role, sql).expect_err(sql);
    assert!(error.contains(why), "{role}: {sql}: {error}");
}

const INSERT: &str = "insert into profile.head_counts (organisation_id, users) values (gen_random_uuid(), 1)";

#[test]
fn the_writer_writes_its_own_tables_and_the_reader_reads_them() {
    let db = TestDb::new();
    run(&db, "profile_writer", INSERT).unwrap();
    for role in ["profile_reader", "profile_writer"] {
        for table in ["profiles", "notification_settings", "head_counts", "changes", "idempotency_keys"] {
            run(&db, role, &format!("select * from profile.{table}")).unwrap();
        }
        for view in ["organisations", "plans", "responsibilities", "signing_keys"] {
            if role == "profile_writer" || view != "responsibilities" {
                run(&db, role, &format!("select * from published.{view}")).unwrap();
            }
        }
    }
}

#[test]
fn the_reader_writes_nothing() {
    let db = TestDb::new();
    let as_it_is = db.connect("profile_reader").batch_execute(INSERT).unwrap_err().to_string();
    assert!(as_it_is.contains("read-only transaction"), "{as_it_is}");
    refused(&db, "profile_reader", INSERT, "permission denied for table head_counts");
}

#[test]
fn others_tables_and_views_that_are_not_granted_are_closed() {
    let db = TestDb::new();
    for role in ["profile_reader", "profile_writer"] {
        for schema in ["account", "registry", "billing", "notification"] {
            refused(
                &db,
                role,
                &format!("select * from {schema}.changes"),
                &format!("permission denied for schema {schema}"),
            );
        }
        for view in
            ["login_contacts", "standings", "usage", "watchers", "account_changes", "registry_changes", "contacts"]
        {
            refused(
                &db,
                role,
                &format!("select * from published.{view}"),
                &format!("permission denied for view {view}"),
            );
        }
        refused(&db, role, "set role profile_owner", "permission denied to set role");
        refused(&db, role, "create temp table t (a int)", "permission denied to create temporary tables");
        refused(&db, role, "create table profile.t (a int)", "permission denied for schema profile");
    }
    let foreign = "update registry.domains set name = 'x'";
    refused(&db, "profile_writer", foreign, "permission denied for schema registry");
    refused(&db, "profile_writer", "update published.plans set user_limit = 1", "permission denied for view plans");
}

/// Columns that never change can't be, and people are never deleted.
#[test]
fn what_never_changes_is_not_the_writers_to_change() {
    let db = TestDb::new();
    refused(&db, "profile_writer", "delete from profile.profiles", "permission denied for table profiles");
    refused(
        &db,
        "profile_writer",
        "update profile.profiles set created_at = now()",
        "permission denied for table profiles",
    );
    refused(&db, "profile_writer", "update profile.changes set kind = 'x'", "permission denied for table changes");
    refused(&db, "profile_writer", "truncate profile.changes", "permission denied for table changes");
}
