//! What the service's two logins may: their own, and what is granted by name.

use diesel::connection::SimpleConnection as _;
use schema::testing::TestDb;
use uuid::Uuid;

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

const TABLES: [&str; 7] =
    ["feed_cursors", "invitations", "notifications", "deliveries", "rollups", "reminders", "places"];
const VIEWS: [&str; 8] = [
    "login_contacts",
    "persons",
    "contacts",
    "watchers",
    "account_changes",
    "profile_changes",
    "registry_changes",
    "billing_changes",
];

#[test]
fn the_writer_writes_its_own_tables_and_both_read_what_is_granted() {
    let db = TestDb::new();
    let id = Uuid::now_v7();
    let insert =
        format!("insert into notification.places (organisation_id, id, name, version) values ('{id}', '{id}', 'x', 1)");
    run(&db, "notification_writer", &insert).unwrap();
    run(&db, "notification_writer", "update notification.places set name = 'y'; delete from notification.places")
        .unwrap();
    refused(&db, "notification_reader", &insert, "permission denied for table places");
    let as_it_is = db.connect("notification_reader").batch_execute(&insert).unwrap_err().to_string();
    assert!(as_it_is.contains("read-only transaction"), "{as_it_is}");
    for role in ["notification_reader", "notification_writer"] {
        for table in TABLES {
            run(&db, role, &format!("select * from notification.{table}")).unwrap();
        }
        for view in VIEWS {
            run(&db, role, &format!("select * from published.{view}")).unwrap();
        }
    }
}

#[test]
fn everything_else_is_closed() {
    let db = TestDb::new();
    for role in ["notification_reader", "notification_writer"] {
        for schema in ["account", "profile", "registry", "billing"] {
            let why = format!("permission denied for schema {schema}");
            refused(&db, role, &format!("select * from {schema}.changes"), &why);
            refused(&db, role, &format!("delete from {schema}.changes"), &why);
        }
        for view in ["standings", "usage", "responsibilities", "head_counts", "plans"] {
            refused(
                &db,
                role,
                &format!("select * from published.{view}"),
                &format!("permission denied for view {view}"),
            );
        }
        refused(&db, role, "update published.persons set name = 'x'", "permission denied for view persons");
        refused(&db, role, "set role notification_owner", "permission denied to set role");
        refused(&db, role, "create table notification.t (a int)", "permission denied for schema notification");
        refused(&db, role, "create temp table t (a int)", "permission denied to create temporary tables");
    }
}

/// What was told stays as it was told: to whom, what, and of which change.
#[test]
fn what_never_changes_is_not_the_writers_to_change() {
    let db = TestDb::new();
    for column in ["title", "profile_id", "change_id", "created_at"] {
        let sql = format!("update notification.notifications set {column} = null");
        refused(&db, "notification_writer", &sql, "permission denied for table notifications");
    }
    refused(
        &db,
        "notification_writer",
        "update notification.deliveries set id = null",
        "permission denied for table deliveries",
    );
    refused(
        &db,
        "notification_writer",
        "delete from notification.feed_cursors",
        "permission denied for table feed_cursors",
    );
    refused(
        &db,
        "notification_writer",
        "truncate notification.notifications",
        "permission denied for table notifications",
    );
}
