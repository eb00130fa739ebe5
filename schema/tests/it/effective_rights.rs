//! `dba roles matrix` and `explain`: each reason is found, and what is reported is what Postgres does.

use schema::effective_rights::{explain, read};
use schema::session::Session;
use schema::testing::{TestCluster, TestDb};

use crate::attacks::attacker;
use crate::support::{attempt, connect};

#[test]
fn every_reason_is_reported() {
    let cluster = TestCluster::ephemeral();
    let mut superuser = connect(&cluster.url("govrnanza", "superuser"));
    superuser
        .batch_execute(
            // From 16 on a membership inherits as its member did when it was given.
            "grant account_owner to registry_reader; alter role billing_reader inherit; grant profile_owner to billing_reader;
             set role profile_publisher; grant select on published.persons to public; reset role",
        )
        .unwrap();
    let mut session = Session::connect(&cluster.url("govrnanza", "superuser")).unwrap();
    let reach = read(&mut session).unwrap();
    let why = |role: &str, object: &str| -> String {
        let (rights, columns) = explain(&reach, role, object);
        let rights = rights.iter().map(|can| format!("{} {}: {}", can.privilege, can.object, can.why));
        rights
            .chain(columns.iter().map(|column| format!("{}: {}", column.column, column.why)))
            .collect::<Vec<_>>()
            .join("\n")
    };
    for (role, object, part) in [
        ("registry_reader", "registry.apis", "SELECT table registry.apis: given by registry_owner"),
        ("registry_owner", "registry.apis", "DELETE table registry.apis: owner"),
        ("registry_reader", "account.logins", "SELECT table account.logins: may `set role` account_owner: owner"),
        ("billing_reader", "profile.profiles", "SELECT table profile.profiles: inherits from profile_owner: owner"),
        ("billing_writer", "published.persons", "SELECT table published.persons: given to PUBLIC"),
        (
            "notification_reader",
            "profile.profiles.email",
            "through published.contacts, which reads as profile_publisher",
        ),
        ("account_publisher", "account.logins.email", "SELECT table account.logins.email: given by account_owner"),
    ] {
        assert!(why(role, object).contains(part), "{role} {object}: {}", why(role, object));
    }
    assert_eq!(why("registry_writer", "account.logins.password_hash"), "");
}

/// What can be read by the matrix can be read, and nothing else: every login, every column of every table.
#[test]
fn the_matrix_is_what_postgres_does() {
    let db = TestDb::new();
    let mut session = Session::connect(&db.url("superuser")).unwrap();
    let reach = read(&mut session).unwrap();
    let tables = session
        .texts("select format('%I.%I', n.nspname, c.relname) from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.relkind in ('r', 'v') and c.oid >= 16384 and n.nspname <> 'dba'")
        .unwrap();
    let mut tried = 0;
    for login in ["registry_reader", "billing_writer", "notification_reader", "lab_monitor"] {
        let mut client = attacker(&db.url(login));
        for table in &tables {
            let object = format!("table {table}");
            let told =
                reach.rights.iter().any(|can| can.role == login && can.object == object && can.privilege == "SELECT");
            let so = attempt(&mut client, &format!("select * from {table} limit 0")).is_ok();
            assert_eq!(told, so, "{login} {table}");
            tried += 1;
        }
    }
    assert!(tried > 150, "{tried}");
}
