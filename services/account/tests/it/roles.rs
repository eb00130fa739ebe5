//! What Account's two logins may and may not do, tried as these logins.

use diesel::PgConnection;
use diesel::connection::SimpleConnection;
use schema::testing::TestDb;

const READER: &str = "account_reader";
const WRITER: &str = "account_writer";

fn granted(connection: &mut PgConnection, statement: &str) {
    // An error in a transaction that is rolled back: nothing stays, whatever was tried.
    let text = format!("begin; {statement}; rollback;");
    connection.batch_execute(&text).unwrap_or_else(|why| panic!("{statement}: {why}"));
}

/// Without its read-only default, which a role may change for itself, so that only rights are left to refuse.
fn refused(connection: &mut PgConnection, statement: &str, why: &str) {
    let Err(error) = connection.batch_execute(&format!("begin read write; {statement}")) else {
        panic!("granted: {statement}");
    };
    assert!(error.to_string().contains(why), "{statement}: {error}");
    connection.batch_execute("rollback").expect("rolled back");
}

#[test]
fn own_tables_are_written_by_the_writer_and_read_by_both() {
    let db = TestDb::new();
    let (mut reader, mut writer) = (db.connect(READER), db.connect(WRITER));
    let tables =
        ["plans", "organisations", "logins", "sign_in_failures", "signing_keys", "changes", "idempotency_keys"];
    for table in tables {
        for connection in [&mut reader, &mut writer] {
            granted(connection, &format!("select * from account.{table}"));
        }
    }
    granted(
        &mut writer,
        "insert into account.organisations values ('00000000-0000-0000-0000-000000000001', 'x', 'free', 1, '2026-01-01Z', '2026-01-01Z')",
    );
    refused(&mut reader, "insert into account.sign_in_failures values ('x', 1, '2026-01-01Z')", "permission denied");
}

#[test]
fn what_never_changes_cant_be_changed() {
    let db = TestDb::new();
    let mut writer = db.connect(WRITER);
    for statement in [
        "update account.organisations set id = id",
        "update account.organisations set created_at = created_at",
        "delete from account.organisations",
        "update account.logins set organisation_id = organisation_id",
        "delete from account.plans",
        "update account.plans set code = code",
        "update account.changes set kind = kind",
        "update account.signing_keys set public_key = public_key",
        "truncate account.changes",
    ] {
        refused(&mut writer, statement, "permission denied");
    }
}

#[test]
fn the_views_it_was_granted_and_no_others() {
    let db = TestDb::new();
    for role in [READER, WRITER] {
        let mut connection = db.connect(role);
        for view in ["standings", "usage", "head_counts", "persons", "signing_keys"] {
            granted(&mut connection, &format!("select * from published.{view}"));
        }
        for view in [
            "contacts",
            "responsibilities",
            "watchers",
            "login_contacts",
            "profile_changes",
            "registry_changes",
            "billing_changes",
        ] {
            refused(&mut connection, &format!("select * from published.{view}"), "permission denied");
        }
        let write = "update published.standings set standing = 'active'";
        refused(&mut connection, write, "permission denied");
    }
}

#[test]
fn nothing_of_the_others() {
    let db = TestDb::new();
    for role in [READER, WRITER] {
        let mut connection = db.connect(role);
        for table in ["profile.profiles", "registry.apis", "billing.invoices", "notification.notifications"] {
            refused(&mut connection, &format!("select * from {table}"), "permission denied for schema");
        }
    }
    let mut writer = db.connect(WRITER);
    for statement in [
        "insert into billing.standings (organisation_id) values (null)",
        "delete from profile.profiles",
        "update registry.usage set apis = 0",
        "create table account.mine (id int)",
        "create view account.mine as select 1",
        "create schema mine",
        "create temporary table mine (id int)",
        "create function account.f() returns int language sql as 'select 1'",
        "alter table account.logins add column mine int",
        "drop table account.logins",
        "set local role account_owner",
        "set local role account_publisher",
        "select pg_advisory_xact_lock(1)",
        "select pg_read_file('/etc/passwd')",
        "copy account.logins to program 'cat'",
        "select lo_create(0)",
    ] {
        let error = writer.batch_execute(&format!("begin; {statement}"));
        let error = error.expect_err(statement).to_string();
        let expected = ["permission denied", "must be owner", "must be superuser", "no privileges were granted"];
        assert!(expected.iter().any(|text| error.contains(text)), "{statement}: {error}");
        writer.batch_execute("rollback").expect("rolled back");
    }
}
